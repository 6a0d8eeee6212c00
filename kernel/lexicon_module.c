/* Python's face of lexicon.h. */
#include "objects.h"

#include "lexicon.h"

#include <math.h>
#include <stdlib.h>

#include "doubles.h"

#define MAX_NODES ((size_t)1 << 31)

typedef struct {
    PyObject_HEAD
    UnigramLexicon lexicon;
    Py_buffer keys, weights, kinds; /* `obj` is NULL before they are filled */
} LexiconObject;

static void dealloc(PyObject *self)
{
    LexiconObject *object = (LexiconObject *)self;
    key_table_free(&object->lexicon.nodes);
    if (object->keys.obj != NULL)
        PyBuffer_Release(&object->keys);
    if (object->weights.obj != NULL)
        PyBuffer_Release(&object->weights);
    if (object->kinds.obj != NULL)
        PyBuffer_Release(&object->kinds);
    release(self);
}

/* Check the sizes and number the keys; return whether there is no exception. */
static bool fill(LexiconObject *object)
{
    Py_ssize_t n_keys = count_items(&object->keys, sizeof(uint64_t));
    Py_ssize_t n_weights = count_items(&object->weights, sizeof(double));
    if (n_keys < 0 || n_weights < 0)
        return false;
    if ((size_t)n_keys >= MAX_NODES || n_weights != n_keys + 1 || object->kinds.len != N_POINTS) {
        PyErr_SetString(PyExc_ValueError, "the keys, weights and kinds do not belong together");
        return false;
    }
    const double *weights = object->weights.buf;
    bool is_valid = weights[0] == -INFINITY && isfinite(object->lexicon.no_word);
    for (Py_ssize_t i = 0; i < n_weights; i++)
        is_valid &= weights[i] <= 0; /* no NaN */
    if (!is_valid) {
        PyErr_SetString(PyExc_ValueError, "the weights are no logarithms of probabilities");
        return false;
    }
    object->lexicon.weights = weights;
    object->lexicon.kinds = object->kinds.buf;
    if (key_table_init(&object->lexicon.nodes, object->keys.buf, NULL, (size_t)n_keys, 1))
        return true;
    PyErr_NoMemory();
    return false;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    if (named != NULL && PyDict_Size(named)) {
        PyErr_SetString(PyExc_TypeError, "UnigramLexicon takes no keyword arguments");
        return NULL;
    }
    LexiconObject *object = (LexiconObject *)allocate(type);
    if (object == NULL)
        return NULL;
    if (PyArg_ParseTuple(arguments, "y*y*y*d:UnigramLexicon", &object->keys, &object->weights, &object->kinds,
                         &object->lexicon.no_word) &&
        fill(object))
        return (PyObject *)object;
    Py_DECREF(object);
    return NULL;
}

static PyObject *find_word_ends(PyObject *self, PyObject *argument)
{
    const UnigramLexicon *lexicon = &((LexiconObject *)self)->lexicon;
    Py_buffer view;
    if (PyObject_GetBuffer(argument, &view, PyBUF_SIMPLE))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t length = count_items(&view, sizeof(uint32_t));
    bool is_valid = length >= 0 && (size_t)length < UINT32_MAX;
    for (Py_ssize_t i = 0; is_valid && i < length; i++)
        is_valid = ((const uint32_t *)view.buf)[i] < N_POINTS;
    uint32_t *ends = is_valid ? malloc(((size_t)length + 1) * sizeof *ends) : NULL;
    size_t n_ends = 0;
    if (ends != NULL && cut_by_lexicon(lexicon, view.buf, (size_t)length, ends, &n_ends))
        result = PyBytes_FromStringAndSize((const char *)ends, (Py_ssize_t)(n_ends * sizeof *ends));
    else if (is_valid)
        PyErr_NoMemory();
    else if (length >= 0)
        PyErr_SetString(PyExc_ValueError, "the text is too long, or has numbers that are no code points");
    free(ends);
    PyBuffer_Release(&view);
    return result;
}

static PyMethodDef methods[] = {
    {"find_word_ends", find_word_ends, METH_O, "Return the end of each word of the best cut of a text."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The most probable words of texts."},
    {Py_tp_new, (void *)new},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec specification = {
    .name = "kxcli._kernel.UnigramLexicon",
    .basicsize = sizeof(LexiconObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int add_lexicon_type(PyObject *module)
{
    return add_type(module, &specification);
}
