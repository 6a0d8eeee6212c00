/* Python's face of counter.h. */
#include "objects.h"

#include "counter.h"

typedef struct {
    PyObject_HEAD
    PyObject *dictionary, *expand;
    Counter counter;
    bool is_busy;
    PyThreadState *thread; /* without the lock of the interpreter, while it counts */
} CounterObject;

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
            has_memory =
                counter_add_word(counter, (const uint8_t *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
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
    static char *names[] = {"dictionary", "mode",          "hmm",        "keeps_punctuation",
                            "orders",     "has_documents", "is_grouped", "expand",
                            "window",     "word",          "documents",  NULL};
    PyObject *dictionary, *function, *window = Py_None, *word = Py_None;
    const char *mode_name, *documents = NULL;
    int uses_hmm, keeps_punctuation, has_documents, is_grouped;
    Py_ssize_t min_order, max_order;
    Mode mode;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "Ospp(nn)ppO|OOz:Counter", names, &dictionary, &mode_name,
                                     &uses_hmm, &keeps_punctuation, &min_order, &max_order, &has_documents, &is_grouped,
                                     &function, &window, &word, &documents))
        return NULL;
    const Dictionary *words = get_dictionary(type, dictionary);
    if (words == NULL || !parse_mode(mode_name, &mode))
        return NULL;
    if (min_order < 1 || max_order < min_order || max_order > MAX_ORDER) {
        PyErr_SetString(PyExc_ValueError, "orders must be two numbers, the first from 1 on and at most the second");
        return NULL;
    }
    bool numbers_lines = documents != NULL && strcmp(documents, "lines") == 0;
    if (documents != NULL && !numbers_lines && strcmp(documents, "texts") != 0) {
        PyErr_SetString(PyExc_ValueError, "documents must be lines, texts or None");
        return NULL;
    }
    if (function != Py_None && !PyCallable_Check(function)) {
        PyErr_SetString(PyExc_TypeError, "expand must be a function or None");
        return NULL;
    }
    Py_ssize_t left = 0, right = 0;
    if (window != Py_None && !PyArg_ParseTuple(window, "nn:window", &left, &right))
        return NULL;
    if (left < 0 || right < 0 || left > MAX_WINDOW || right > MAX_WINDOW ||
        (left + right == 0) != (window == Py_None)) {
        PyErr_SetString(PyExc_ValueError, "window must be two numbers from 0 on, not both 0");
        return NULL;
    }
    PyObject *word_text = word == Py_None ? NULL : PyUnicode_AsEncodedString(word, "utf-8", "surrogatepass");
    if (word != Py_None && word_text == NULL)
        return NULL;
    if (word_text != NULL && PyBytes_Size(word_text) == 0) {
        Py_DECREF(word_text);
        PyErr_SetString(PyExc_ValueError, "word is empty");
        return NULL;
    }
    CounterObject *self = (CounterObject *)allocate(type);
    if (self == NULL) {
        Py_XDECREF(word_text);
        return NULL;
    }
    self->dictionary = Py_NewRef(dictionary);
    self->expand = Py_NewRef(function);
    const Counting counting = {
        .mode = mode,
        .uses_hmm = uses_hmm,
        .keeps_punctuation = keeps_punctuation,
        .min_order = (uint32_t)min_order,
        .max_order = (uint32_t)max_order,
        .has_documents = has_documents,
        .is_grouped = is_grouped,
        .by_document = documents != NULL && window == Py_None,
        .numbers_lines = numbers_lines,
        .expand = function == Py_None ? NULL : expand_token,
        .context = self,
        .has_window = window != Py_None,
        .left = (uint32_t)left,
        .right = (uint32_t)right,
        .word = word_text == NULL ? NULL : (const uint8_t *)PyBytes_AsString(word_text),
        .word_size = word_text == NULL ? 0 : (size_t)PyBytes_Size(word_text),
    };
    bool is_ready = counter_init(&self->counter, words, &counting, get_hash_key(type));
    Py_XDECREF(word_text);
    if (is_ready)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static int counter_traverse(PyObject *object, visitproc visit, void *arg)
{
    CounterObject *self = (CounterObject *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->dictionary);
    Py_VISIT(self->expand);
    return 0;
}

static int counter_clear(PyObject *object)
{
    Py_CLEAR(((CounterObject *)object)->expand);
    return 0;
}

static void counter_dealloc(PyObject *object)
{
    CounterObject *self = (CounterObject *)object;
    PyObject_GC_UnTrack(object);
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
    if (result == COUNTER_TOO_LARGE)
        PyErr_SetString(PyExc_OverflowError, "a text of 4 GB or more; count it in parts");
    return result >= COUNTER_OK;
}

static PyObject *counter_add_method(PyObject *object, PyObject *arguments)
{
    CounterObject *self = (CounterObject *)object;
    PyObject *data, *group, *text = NULL;
    int is_lines, has_continuation;
    unsigned long long number = 0;
    Py_buffer view;
    if (!PyArg_ParseTuple(arguments, "OUpp|K:add", &data, &group, &is_lines, &has_continuation, &number))
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
    if (occupy(object, &self->is_busy)) {
        const CountedText counted = {
            .text = view.buf,
            .size = (size_t)view.len,
            .allows_surrogates = is_text,
            .is_lines = is_lines,
            .has_continuation = has_continuation,
            .group = (const uint8_t *)PyBytes_AsString(group_text),
            .group_size = (size_t)PyBytes_Size(group_text),
            .number = number,
        };
        self->thread = PyEval_SaveThread();
        result = counter_add(&self->counter, &counted);
        PyEval_RestoreThread(self->thread);
        vacate(object, &self->is_busy);
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
        PyObject *row = NULL;
        if (name != NULL)
            row = Py_BuildValue("NIK", name, total->order, (unsigned long long)total->count);
        if (row == NULL || PyList_Append(list, row)) {
            Py_XDECREF(row);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(row);
    }
    return list;
}

static PyObject *counter_dump_method(PyObject *object, PyObject *arguments)
{
    CounterObject *self = (CounterObject *)object;
    struct Bytes out = {0};
    PyObject *run = NULL, *totals = NULL;
    unsigned long long min_count = 1;
    if (!PyArg_ParseTuple(arguments, "|K:dump", &min_count))
        return NULL;
    if (!occupy(object, &self->is_busy))
        return NULL;
    self->thread = PyEval_SaveThread();
    int64_t result = counter_dump(&self->counter, min_count, &out);
    PyEval_RestoreThread(self->thread);
    vacate(object, &self->is_busy);
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

static PyMethodDef counter_methods[] = {
    {"add", counter_add_method, METH_VARARGS, "Count a text; return -1, or the position of a bad byte."},
    {"dump", counter_dump_method, METH_VARARGS, "Return the counts as a run, and the totals."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef counter_properties[] = {
    {"weight", counter_get_weight, NULL, "Approximate bytes of memory.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot counter_slots[] = {
    {Py_tp_new, (void *)counter_new},
    {Py_tp_dealloc, (void *)counter_dealloc},
    {Py_tp_traverse, (void *)counter_traverse},
    {Py_tp_clear, (void *)counter_clear},
    {Py_tp_methods, counter_methods},
    {Py_tp_getset, counter_properties},
    {0, NULL},
};
static PyType_Spec counter_spec = {"kxcli._kernel.Counter", sizeof(CounterObject), 0,
                                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, counter_slots};

int add_counter_type(PyObject *module)
{
    return add_type(module, &counter_spec);
}
