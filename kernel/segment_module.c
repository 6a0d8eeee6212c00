/* Python's face of dictionary.h, segmenter.h and counter.h. */
#include "python.h"

#include <stdlib.h>
#include <string.h>

#include "counter.h"

typedef struct {
    PyObject_HEAD
    Py_buffer data;
    Dictionary dictionary;
} DictionaryObject;

typedef struct {
    PyObject_HEAD
    PyObject *dictionary; /* which the segmenter reads */
    Segmenter segmenter;
    bool is_ready, is_busy; /* busy: in use by a thread */
} SegmenterObject;

typedef struct {
    PyObject_HEAD
    PyObject *dictionary, *expand;
    Counter counter;
    bool is_ready, is_busy;
    PyThreadState *thread; /* without the lock of the interpreter, while it counts */
} CounterObject;

static PyObject *allocate(PyTypeObject *type)
{
    allocfunc allocate_object = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate_object(type, 0);
}

static void release(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_object(self);
    Py_DECREF(type);
}

/* Mark an object as busy; raise an error if it is in use by another thread. */
static bool occupy(bool *is_busy)
{
    if (*is_busy)
        PyErr_SetString(PyExc_RuntimeError, "this object is in use by another thread");
    bool was_free = !*is_busy;
    *is_busy = true;
    return was_free;
}

static PyObject *make_text(const uint8_t *text, size_t size)
{
    return PyUnicode_DecodeUTF8((const char *)text, (Py_ssize_t)size, "surrogatepass");
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
        PyErr_SetString(PyExc_ValueError, "the words are not in order, or an argument is of another size");
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
    DictionaryObject *self = (DictionaryObject *)allocate(type);
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

static bool parse_mode(const char *name, Mode *mode)
{
    static const char *const names[] = {"jieba", "search", "full", "char", "space"};
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            *mode = (Mode)i;
            return true;
        }
    PyErr_Format(PyExc_ValueError, "the mode is jieba, search, full, char or space, not %s", name);
    return false;
}

/* Return the dictionary of an argument, which must be of the type of this module. */
static Dictionary *get_dictionary(PyTypeObject *type, PyObject *argument)
{
    PyObject **state = PyType_GetModuleState(type);
    if (state == NULL)
        return NULL;
    int is_dictionary = PyObject_IsInstance(argument, *state);
    if (is_dictionary == 0)
        PyErr_SetString(PyExc_TypeError, "dictionary must be a Dictionary");
    return is_dictionary == 1 ? &((DictionaryObject *)argument)->dictionary : NULL;
}

static PyObject *segmenter_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"dictionary", "mode", "hmm", NULL};
    PyObject *dictionary;
    const char *mode_name;
    int uses_hmm;
    Mode mode;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Osp:Segmenter", names, &dictionary, &mode_name, &uses_hmm))
        return NULL;
    const Dictionary *words = get_dictionary(type, dictionary);
    if (words == NULL || !parse_mode(mode_name, &mode))
        return NULL;
    SegmenterObject *self = (SegmenterObject *)allocate(type);
    if (self == NULL)
        return NULL;
    self->dictionary = Py_NewRef(dictionary);
    self->is_ready = true;
    if (segmenter_init(&self->segmenter, words, mode, uses_hmm))
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void segmenter_dealloc(PyObject *object)
{
    SegmenterObject *self = (SegmenterObject *)object;
    if (self->is_ready)
        segmenter_free(&self->segmenter);
    Py_XDECREF(self->dictionary);
    release(object);
}

/* Append the tokens of the batch to a list; jieba takes CR and LF together for one token. */
static bool append_tokens(Segmenter *segmenter, PyObject *list, bool *ends_with_cr)
{
    uint32_t cr = point_id(segmenter, '\r'), lf = point_id(segmenter, '\n');
    bool joins_line_end = segmenter->mode != MODE_CHAR && segmenter->mode != MODE_SPACE;
    for (size_t i = 0; i < segmenter->n_tokens; i++) {
        uint32_t id = segmenter->tokens[i].id;
        if (segmenter->mode == MODE_SPACE && id >= segmenter->dictionary->n_slots && id < first_string_id(segmenter) &&
            segmenter->dictionary->kinds[id - segmenter->dictionary->n_slots] == KIND_SPACE)
            continue;
        bool is_line_end = joins_line_end && *ends_with_cr && id == lf;
        size_t size = segmenter_spell(segmenter, id);
        PyObject *token = is_line_end ? PyUnicode_FromString("\r\n") : make_text(segmenter->utf8, size);
        if (token == NULL)
            return false;
        int failure = is_line_end ? PyList_SetItem(list, PyList_Size(list) - 1, Py_NewRef(token)) : PyList_Append(list, token);
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
    PyObject *text = PyUnicode_AsEncodedString(argument, "utf-8", "surrogatepass");
    if (text == NULL || !occupy(&self->is_busy)) {
        Py_XDECREF(text);
        return NULL;
    }
    PyObject *list = PyList_New(0);
    bool is_done = list != NULL, ends_with_cr = false;
    if (is_done)
        is_done = segmenter_load(segmenter, (const uint8_t *)PyBytes_AsString(text), (size_t)PyBytes_Size(text), true) ==
                  SEGMENTER_OK;
    while (is_done && segmenter_next(segmenter))
        is_done = append_tokens(segmenter, list, &ends_with_cr);
    if ((!is_done || segmenter->has_failed) && !PyErr_Occurred())
        PyErr_NoMemory();
    if (segmenter->vocabulary.n > MAX_VOCABULARY)
        segmenter_forget(segmenter);
    self->is_busy = false;
    Py_DECREF(text);
    if (PyErr_Occurred()) {
        Py_XDECREF(list);
        return NULL;
    }
    return list;
}

/* The expander: call the function of Python, with the lock of the interpreter. */
static bool expand_token(void *context, Counter *counter, const uint8_t *token, size_t size)
{
    CounterObject *self = context;
    PyEval_RestoreThread(self->thread);
    PyObject *text = make_text(token, size), *words = NULL, *iterator = NULL, *word;
    if (text != NULL)
        words = PyObject_CallFunctionObjArgs(self->expand, text, NULL);
    if (words != NULL)
        iterator = PyObject_GetIter(words);
    bool has_memory = true;
    while (iterator != NULL && has_memory && (word = PyIter_Next(iterator)) != NULL) {
        PyObject *bytes = word == Py_None ? NULL : PyUnicode_AsEncodedString(word, "utf-8", "surrogatepass");
        if (bytes != NULL)
            has_memory = counter_add_word(counter, (const uint8_t *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
        else if (word == Py_None)
            has_memory = counter_add_word(counter, NULL, 0);
        Py_XDECREF(bytes);
        Py_DECREF(word);
        if (PyErr_Occurred())
            break;
    }
    bool has_failed = PyErr_Occurred() != NULL || !has_memory;
    Py_XDECREF(iterator);
    Py_XDECREF(words);
    Py_XDECREF(text);
    self->thread = PyEval_SaveThread();
    return !has_failed;
}

static PyObject *counter_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"dictionary", "mode", "hmm", "keeps_punctuation", "orders", "has_documents", "is_grouped",
                            "expand", NULL};
    PyObject *dictionary, *function;
    const char *mode_name;
    int uses_hmm, keeps_punctuation, has_documents, is_grouped;
    unsigned int min_order, max_order;
    Mode mode;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Ospp(II)ppO:Counter", names, &dictionary, &mode_name,
                                     &uses_hmm, &keeps_punctuation, &min_order, &max_order, &has_documents,
                                     &is_grouped, &function))
        return NULL;
    const Dictionary *words = get_dictionary(type, dictionary);
    if (words == NULL || !parse_mode(mode_name, &mode))
        return NULL;
    if (min_order < 1 || max_order < min_order || max_order > MAX_ORDER) {
        PyErr_SetString(PyExc_ValueError, "orders must be two numbers, the first from 1 on and at most the second");
        return NULL;
    }
    CounterObject *self = (CounterObject *)allocate(type);
    if (self == NULL)
        return NULL;
    self->dictionary = Py_NewRef(dictionary);
    self->expand = Py_NewRef(function);
    self->is_ready = true;
    const Counting counting = {
        mode, uses_hmm, keeps_punctuation, min_order, max_order, has_documents, is_grouped,
        function == Py_None ? NULL : expand_token, self,
    };
    if (counter_init(&self->counter, words, &counting))
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void counter_dealloc(PyObject *object)
{
    CounterObject *self = (CounterObject *)object;
    if (self->is_ready)
        counter_free(&self->counter);
    Py_XDECREF(self->dictionary);
    Py_XDECREF(self->expand);
    release(object);
}

/* Raise the error of a result, if it is one. */
static bool check_result(int64_t result)
{
    if (result == COUNTER_NO_MEMORY)
        PyErr_NoMemory();
    return result != COUNTER_NO_MEMORY && result != COUNTER_ERROR;
}

static PyObject *counter_add_method(PyObject *object, PyObject *arguments)
{
    CounterObject *self = (CounterObject *)object;
    PyObject *data, *group, *text = NULL;
    int is_lines, has_continuation;
    Py_buffer view;
    if (!PyArg_ParseTuple(arguments, "OUpp:add", &data, &group, &is_lines, &has_continuation))
        return NULL;
    bool is_text = PyUnicode_Check(data);
    if (is_text && (text = PyUnicode_AsEncodedString(data, "utf-8", "surrogatepass")) == NULL)
        return NULL;
    PyObject *group_text = PyUnicode_AsEncodedString(group, "utf-8", "surrogatepass");
    if (group_text == NULL || PyObject_GetBuffer(is_text ? text : data, &view, PyBUF_SIMPLE)) {
        Py_XDECREF(group_text);
        Py_XDECREF(text);
        return NULL;
    }
    int64_t result = COUNTER_ERROR;
    if (occupy(&self->is_busy)) {
        const CountedText counted = {
            view.buf, (size_t)view.len, is_text, is_lines, has_continuation,
            (const uint8_t *)PyBytes_AsString(group_text), (size_t)PyBytes_Size(group_text),
        };
        self->thread = PyEval_SaveThread();
        result = counter_add(&self->counter, &counted);
        PyEval_RestoreThread(self->thread);
        self->is_busy = false;
    }
    PyBuffer_Release(&view);
    Py_DECREF(group_text);
    Py_XDECREF(text);
    return check_result(result) ? PyLong_FromLongLong(result) : NULL;
}

static PyObject *make_totals(const Counter *counter)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < counter->n_totals; i++) {
        const Total *total = &counter->totals[i];
        size_t size = 0;
        const uint8_t *group = counter->counting.is_grouped ? strings_get(&counter->groups, total->group, &size) : NULL;
        PyObject *name = size > 0 ? make_text(group, size) : PyUnicode_FromString("");
        PyObject *row = name == NULL ? NULL : Py_BuildValue("NIK", name, total->order, (unsigned long long)total->count);
        if (row == NULL || PyList_Append(list, row)) {
            Py_XDECREF(row);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(row);
    }
    return list;
}

static PyObject *counter_dump_method(PyObject *object, PyObject *ignored)
{
    (void)ignored;
    CounterObject *self = (CounterObject *)object;
    struct Bytes out = {0};
    PyObject *run = NULL, *totals = NULL;
    if (!occupy(&self->is_busy))
        return NULL;
    self->thread = PyEval_SaveThread();
    int64_t result = counter_dump(&self->counter, &out);
    PyEval_RestoreThread(self->thread);
    self->is_busy = false;
    if (check_result(result) && (totals = make_totals(&self->counter)) != NULL)
        run = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.length);
    free_bytes(&out);
    if (run == NULL) {
        Py_XDECREF(totals);
        return NULL;
    }
    return Py_BuildValue("NN", run, totals);
}

static PyObject *counter_get_weight(PyObject *object, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(counter_memory(&((CounterObject *)object)->counter));
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
    {NULL, NULL, 0, NULL},
};
static PyMethodDef counter_methods[] = {
    {"add", counter_add_method, METH_VARARGS, "Count a text; return -1, or the position of a bad byte."},
    {"dump", counter_dump_method, METH_NOARGS, "Return the counts as a run, and the totals."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef counter_properties[] = {
    {"weight", counter_get_weight, NULL, "Approximate bytes of memory.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot dictionary_slots[] = {
    {Py_tp_new, (void *)dictionary_new}, {Py_tp_dealloc, (void *)dictionary_dealloc},
    {Py_tp_methods, dictionary_methods}, {0, NULL},
};
static PyType_Slot segmenter_slots[] = {
    {Py_tp_new, (void *)segmenter_new}, {Py_tp_dealloc, (void *)segmenter_dealloc},
    {Py_tp_methods, segmenter_methods}, {0, NULL},
};
static PyType_Slot counter_slots[] = {
    {Py_tp_new, (void *)counter_new}, {Py_tp_dealloc, (void *)counter_dealloc}, {Py_tp_methods, counter_methods},
    {Py_tp_getset, counter_properties}, {0, NULL},
};
static PyType_Spec dictionary_spec = {
    "kxcli._kernel.Dictionary", sizeof(DictionaryObject), 0, Py_TPFLAGS_DEFAULT, dictionary_slots};
static PyType_Spec segmenter_spec = {
    "kxcli._kernel.Segmenter", sizeof(SegmenterObject), 0, Py_TPFLAGS_DEFAULT, segmenter_slots};
static PyType_Spec counter_spec = {
    "kxcli._kernel.Counter", sizeof(CounterObject), 0, Py_TPFLAGS_DEFAULT, counter_slots};

int add_segment_types(PyObject *module)
{
    PyObject **state = PyModule_GetState(module);
    *state = PyType_FromModuleAndSpec(module, &dictionary_spec, NULL);
    if (*state == NULL || PyModule_AddType(module, (PyTypeObject *)*state) || PyModule_AddFunctions(module, functions))
        return -1;
    PyType_Spec *specs[] = {&segmenter_spec, &counter_spec};
    for (int i = 0; i < 2; i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, specs[i], NULL);
        int failure = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
        Py_XDECREF(type);
        if (failure)
            return -1;
    }
    return 0;
}
