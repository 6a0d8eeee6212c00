/* Python's face of dictionary.h and segmenter.h. */
#include <stdlib.h>

#include "objects.h"

#include "joined_tokens.h"

#define TOO_LARGE "a text of 4 GB or more; cut it in parts"

typedef struct {
    PyObject_HEAD
    PyObject *dictionary; /* which the segmenter reads */
    PyObject *change;     /* None, or what the tokens of `join` become */
    Segmenter segmenter;
    TokenForms forms;
    bool is_busy;          /* in use by a thread */
    PyThreadState *thread; /* without the lock of the interpreter, while it joins tokens */
} SegmenterObject;

/* The changer: call the function of Python, with the lock of the interpreter. */
static bool change_token(void *context, const uint8_t *token, size_t size, struct Bytes *form, bool *is_ok)
{
    SegmenterObject *self = context;
    PyEval_RestoreThread(self->thread);
    PyObject *text = make_text(token, size), *changed = NULL, *bytes = NULL;
    if (text != NULL)
        changed = PyObject_CallFunctionObjArgs(self->change, text, NULL);
    if (changed != NULL && changed != Py_None)
        bytes = PyUnicode_AsEncodedString(changed, "utf-8", "surrogatepass");
    if (bytes != NULL) {
        size_t n = (size_t)PyBytes_Size(bytes);
        uint8_t *at = extend_bytes(form, n);
        if (at == NULL)
            PyErr_NoMemory();
        else if (n > 0)
            memcpy(at, PyBytes_AsString(bytes), n);
    }
    *is_ok = PyErr_Occurred() == NULL;
    bool is_kept = *is_ok && bytes != NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(changed);
    Py_XDECREF(text);
    self->thread = PyEval_SaveThread();
    return is_kept;
}

static PyObject *py_compile_dictionary(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer words, splits, model, kinds;
    long long total;
    if (!PyArg_ParseTuple(arguments, "y*Ly*y*y*:compile_dictionary", &words, &total, &splits, &model, &kinds))
        return NULL;
    DictionarySource source = {
        words.buf, (size_t)words.len, splits.buf, (size_t)splits.len, total, model.buf, kinds.buf,
    };
    size_t n_numbers = N_STATES + N_STATES * N_STATES + (size_t)N_HAN * N_STATES, size = 0;
    uint8_t *data = NULL;
    CompileResult result = COMPILE_BAD_INPUT;
    if ((size_t)model.len == n_numbers * sizeof(double) && (uintptr_t)model.buf % sizeof(double) == 0 &&
        kinds.len == N_POINTS) {
        Py_BEGIN_ALLOW_THREADS
        result = dictionary_compile(&source, &data, &size);
        Py_END_ALLOW_THREADS
    }
    PyObject *compiled = NULL;
    if (result == COMPILE_OK)
        compiled = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
    else if (result == COMPILE_NO_MEMORY)
        PyErr_NoMemory();
    else if (result == COMPILE_TOO_LARGE)
        PyErr_SetString(PyExc_ValueError, "there are too many words or frequencies");
    else
        PyErr_SetString(PyExc_ValueError,
                        "the words are not lines `word frequency` in order, or an argument is of another size");
    free(data);
    PyBuffer_Release(&words);
    PyBuffer_Release(&splits);
    PyBuffer_Release(&model);
    PyBuffer_Release(&kinds);
    return compiled;
}

static PyObject *dictionary_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"data", NULL};
    Py_buffer data;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "y*:Dictionary", names, &data))
        return NULL;
    if (!data.readonly) /* the bytes are checked only once */
        PyErr_SetString(PyExc_ValueError, "the bytes of a dictionary must be read-only");
    DictionaryObject *self = data.readonly ? (DictionaryObject *)allocate(type) : NULL;
    if (self == NULL) {
        PyBuffer_Release(&data);
        return NULL;
    }
    self->data = data;
    bool is_whole = dictionary_open(&self->dictionary, data.buf, (size_t)data.len);
    if (is_whole && self->dictionary.weights != NULL)
        return (PyObject *)self;
    if (is_whole)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_ValueError, "the dictionary is damaged, or of another version");
    Py_DECREF(self);
    return NULL;
}

static void dictionary_dealloc(PyObject *object)
{
    DictionaryObject *self = (DictionaryObject *)object;
    dictionary_close(&self->dictionary);
    PyBuffer_Release(&self->data);
    release(object);
}

static PyObject *dictionary_is_word_method(PyObject *object, PyObject *word)
{
    DictionaryObject *self = (DictionaryObject *)object;
    PyObject *text = PyUnicode_AsEncodedString(word, "utf-8", "surrogatepass");
    if (text == NULL)
        return NULL;
    uint16_t codes[MAX_WORD];
    const uint8_t *at = (const uint8_t *)PyBytes_AsString(text), *end = at + PyBytes_Size(text);
    size_t n = 0;
    bool is_in_block = at < end;
    while (is_in_block && at < end) {
        uint32_t point = 0;
        at += utf8_decode(at, end, true, &point);
        is_in_block = n < MAX_WORD && (codes[n] = dictionary_code(&self->dictionary, point)) != 0;
        n++;
    }
    Py_DECREF(text);
    uint32_t slot = is_in_block ? dictionary_find(&self->dictionary, codes, n) : 0;
    return PyBool_FromLong(slot != 0 && dictionary_is_word(&self->dictionary, slot));
}

static PyObject *segmenter_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"dictionary", "mode", "hmm", "change", NULL};
    PyObject *dictionary, *change = Py_None;
    const char *mode_name;
    int uses_hmm;
    Mode mode;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Osp|O:Segmenter", names, &dictionary, &mode_name, &uses_hmm,
                                     &change))
        return NULL;
    const Dictionary *words = get_dictionary(type, dictionary);
    if (words == NULL || !parse_mode(mode_name, &mode))
        return NULL;
    if (change != Py_None && !PyCallable_Check(change)) {
        PyErr_SetString(PyExc_TypeError, "change must be a function or None");
        return NULL;
    }
    SegmenterObject *self = (SegmenterObject *)allocate(type);
    if (self == NULL)
        return NULL;
    self->dictionary = Py_NewRef(dictionary);
    self->change = Py_NewRef(change);
    self->forms = (TokenForms){.change = change == Py_None ? NULL : change_token, .context = self};
    if (segmenter_init(&self->segmenter, words, mode, uses_hmm, get_hash_key(type)))
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static int segmenter_traverse(PyObject *object, visitproc visit, void *arg)
{
    SegmenterObject *self = (SegmenterObject *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dictionary);
    Py_VISIT(self->change);
    return 0;
}

static int segmenter_clear(PyObject *object)
{
    ((SegmenterObject *)object)->forms.change = NULL; /* it calls the function */
    Py_CLEAR(((SegmenterObject *)object)->change);
    return 0;
}

static void segmenter_dealloc(PyObject *object)
{
    SegmenterObject *self = (SegmenterObject *)object;
    PyObject_GC_UnTrack(object);
    segmenter_free(&self->segmenter);
    token_forms_free(&self->forms);
    Py_XDECREF(self->dictionary);
    Py_XDECREF(self->change);
    release(object);
}

/* Append the tokens of the batch to a list; jieba takes CR and LF together for one token. */
static bool append_tokens(Segmenter *segmenter, PyObject *list, bool *ends_with_cr)
{
    uint32_t cr = point_id(segmenter, '\r'), lf = point_id(segmenter, '\n');
    bool joins_line_end = segmenter->mode != MODE_CHAR && segmenter->mode != MODE_SPACE;
    for (size_t i = 0; i < segmenter->n_tokens; i++) {
        uint32_t id = segmenter->tokens[i];
        if (segmenter->mode == MODE_SPACE && id >= segmenter->dictionary->n_slots && id < first_string_id(segmenter) &&
            segmenter->dictionary->kinds[id - segmenter->dictionary->n_slots] == KIND_SPACE)
            continue;
        bool is_line_end = joins_line_end && *ends_with_cr && id == lf;
        size_t size = segmenter_spell(segmenter, id);
        PyObject *token = is_line_end ? PyUnicode_FromString("\r\n") : make_text(segmenter->utf8, size);
        if (token == NULL)
            return false;
        int failure =
            is_line_end ? PyList_SetItem(list, PyList_Size(list) - 1, Py_NewRef(token)) : PyList_Append(list, token);
        Py_DECREF(token);
        if (failure)
            return false;
        *ends_with_cr = id == cr;
    }
    return true;
}

static PyObject *segmenter_cut(PyObject *object, PyObject *argument)
{
    SegmenterObject *self = (SegmenterObject *)object;
    Segmenter *segmenter = &self->segmenter;
    if (!PyUnicode_Check(argument)) {
        PyErr_SetString(PyExc_TypeError, "the text must be a string");
        return NULL;
    }
    PyObject *text = PyUnicode_AsEncodedString(argument, "utf-8", "surrogatepass");
    PyObject *list = text == NULL ? NULL : PyList_New(0);
    if (list == NULL || !occupy(object, &self->is_busy)) {
        Py_XDECREF(text);
        Py_XDECREF(list);
        return NULL;
    }
    bool ends_with_cr = false;
    int64_t result =
        segmenter_load(segmenter, (const uint8_t *)PyBytes_AsString(text), (size_t)PyBytes_Size(text), true);
    while (result == SEGMENTER_OK && segmenter_next(segmenter))
        if (!append_tokens(segmenter, list, &ends_with_cr))
            break;
    if (result == SEGMENTER_TOO_LARGE)
        PyErr_SetString(PyExc_OverflowError, TOO_LARGE);
    else if ((result != SEGMENTER_OK || segmenter->has_failed) && !PyErr_Occurred())
        PyErr_NoMemory();
    if (segmenter_memory(segmenter) + token_forms_memory(&self->forms) > MAX_SEGMENTER_BYTES) {
        segmenter_forget(segmenter);
        token_forms_free(&self->forms);
    }
    vacate(object, &self->is_busy);
    Py_DECREF(text);
    if (PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

/* Return the result of `join_tokens` in Python, with the bytes that it wrote; raise an error if it is one. */
static PyObject *make_joined(int64_t result, const struct Bytes *out)
{
    if (result >= 0)
        return PyLong_FromLongLong(result);
    if (result == SEGMENTER_OK)
        return PyBytes_FromStringAndSize((const char *)out->data, (Py_ssize_t)out->length);
    if (result == SEGMENTER_NO_MEMORY)
        return PyErr_NoMemory();
    if (result == SEGMENTER_TOO_LARGE)
        PyErr_SetString(PyExc_OverflowError, TOO_LARGE);
    return NULL;
}

static PyObject *segmenter_join(PyObject *object, PyObject *arguments)
{
    SegmenterObject *self = (SegmenterObject *)object;
    PyObject *data, *text = NULL, *joined = NULL;
    Py_buffer view, delimiter;
    int is_lines;
    if (!PyArg_ParseTuple(arguments, "Oy*p:join", &data, &delimiter, &is_lines))
        return NULL;
    bool is_text = PyUnicode_Check(data);
    if (is_text)
        text = PyUnicode_AsEncodedString(data, "utf-8", "surrogatepass");
    if ((is_text && text == NULL) || PyObject_GetBuffer(is_text ? text : data, &view, PyBUF_SIMPLE)) {
        PyBuffer_Release(&delimiter);
        Py_XDECREF(text);
        return NULL;
    }
    if (occupy(object, &self->is_busy)) {
        const JoinedText source = {
            .text = view.buf,
            .size = (size_t)view.len,
            .allows_surrogates = is_text,
            .is_lines = is_lines,
            .delimiter = delimiter.buf,
            .delimiter_size = (size_t)delimiter.len,
        };
        struct Bytes out = {0};
        self->thread = PyEval_SaveThread();
        int64_t result = join_tokens(&self->segmenter, &self->forms, &source, &out);
        PyEval_RestoreThread(self->thread);
        vacate(object, &self->is_busy);
        joined = make_joined(result, &out);
        free_bytes(&out);
    }
    PyBuffer_Release(&view);
    PyBuffer_Release(&delimiter);
    Py_XDECREF(text);
    return joined;
}

static PyMethodDef functions[] = {
    {"compile_dictionary", py_compile_dictionary, METH_VARARGS, "Return a dictionary and the model in compiled form."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef dictionary_methods[] = {
    {"is_word", dictionary_is_word_method, METH_O, "Return whether a text has a frequency over 0."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef segmenter_methods[] = {
    {"cut", segmenter_cut, METH_O, "Return the tokens of a text."},
    {"join", segmenter_join, METH_VARARGS, "Return the joined tokens of a text, or the position of a bad byte."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot dictionary_slots[] = {
    {Py_tp_new, (void *)dictionary_new},
    {Py_tp_dealloc, (void *)dictionary_dealloc},
    {Py_tp_methods, dictionary_methods},
    {0, NULL},
};
static PyType_Slot segmenter_slots[] = {
    {Py_tp_new, (void *)segmenter_new},           {Py_tp_dealloc, (void *)segmenter_dealloc},
    {Py_tp_traverse, (void *)segmenter_traverse}, {Py_tp_clear, (void *)segmenter_clear},
    {Py_tp_methods, segmenter_methods},           {0, NULL},
};
static PyType_Spec dictionary_spec = {"kxcli._kernel.Dictionary", sizeof(DictionaryObject), 0, Py_TPFLAGS_DEFAULT,
                                      dictionary_slots};
static PyType_Spec segmenter_spec = {"kxcli._kernel.Segmenter", sizeof(SegmenterObject), 0,
                                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, segmenter_slots};

int add_segment_types(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    state->dictionary = PyType_FromModuleAndSpec(module, &dictionary_spec, NULL);
    if (state->dictionary == NULL || PyModule_AddType(module, (PyTypeObject *)state->dictionary) ||
        PyModule_AddFunctions(module, functions))
        return -1;
    return add_type(module, &segmenter_spec);
}
