/* Python's face of text_runs.h. */
#include "objects.h"

#include "text_runs.h"

#include <stdlib.h>

typedef struct {
    PyObject_HEAD
    TextNumbers numbers;
    Py_buffer kinds; /* `obj` of each is NULL before it is filled */
    Py_buffer letters;
} TextNumbersObject;

static void release_view(Py_buffer *view)
{
    if (view->obj != NULL)
        PyBuffer_Release(view);
}

static void dealloc(PyObject *self)
{
    TextNumbersObject *object = (TextNumbersObject *)self;
    key_table_free(&object->numbers.runs);
    release_view(&object->kinds);
    release_view(&object->letters);
    release(self);
}

/* Check the arrays and number the runs; return whether there is no exception. */
static bool fill_numbers(TextNumbersObject *object, const Py_buffer *hashes, const Py_buffer *runs)
{
    Py_ssize_t n_letters = count_items(&object->letters, sizeof(uint32_t));
    Py_ssize_t n_hashes = n_letters < 0 ? -1 : count_items(hashes, sizeof(uint64_t));
    Py_ssize_t n_runs = n_hashes < 0 ? -1 : count_items(runs, sizeof(uint32_t));
    if (n_runs < 0)
        return false;
    if (n_runs != n_hashes || n_hashes >= (Py_ssize_t)1 << 30) {
        PyErr_SetString(PyExc_ValueError, "the hashes and runs differ in number, or there are too many");
        return false;
    }
    object->numbers.letters = object->letters.buf;
    object->numbers.n_letters = (size_t)n_letters;
    if (key_table_init(&object->numbers.runs, hashes->buf, runs->buf, (size_t)n_hashes, 1))
        return true;
    PyErr_NoMemory();
    return false;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    if (named != NULL && PyDict_Size(named)) {
        PyErr_SetString(PyExc_TypeError, "TextNumbers takes no keyword arguments");
        return NULL;
    }
    TextNumbersObject *object = (TextNumbersObject *)allocate(type);
    if (object == NULL)
        return NULL;
    Py_buffer hashes = {0}, runs = {0};
    bool is_done =
        PyArg_ParseTuple(arguments, "y*y*y*y*:TextNumbers", &object->kinds, &object->letters, &hashes, &runs) &&
        fill_numbers(object, &hashes, &runs);
    release_view(&hashes);
    release_view(&runs);
    if (is_done)
        return (PyObject *)object;
    Py_DECREF(object);
    return NULL;
}

/* Make a text of an argument; return whether there is no exception. */
static bool get_text(const TextNumbersObject *object, PyObject *arguments, const char *format, Py_buffer *view,
                     RunText *text)
{
    int is_wide;
    if (!PyArg_ParseTuple(arguments, format, view, &is_wide))
        return false;
    Py_ssize_t length = count_items(view, is_wide ? sizeof(uint32_t) : sizeof(uint16_t));
    if (length >= 0 && (size_t)length < UINT32_MAX - 1) {
        *text = (RunText){view->buf, (size_t)length, is_wide != 0, object->kinds.buf, (size_t)object->kinds.len};
        return true;
    }
    if (length >= 0)
        PyErr_SetString(PyExc_ValueError, "the text is too long");
    PyBuffer_Release(view);
    return false;
}

static PyObject *py_find_runs(PyObject *self, PyObject *arguments)
{
    Py_buffer view;
    RunText text;
    if (!get_text((TextNumbersObject *)self, arguments, "y*p:find_runs", &view, &text))
        return NULL;
    PyObject *result = NULL;
    TextRun *runs = malloc((text.length + 1) / 2 * sizeof *runs + 1);
    if (runs != NULL)
        result = PyBytes_FromStringAndSize((const char *)runs, (Py_ssize_t)(find_runs(&text, runs) * sizeof *runs));
    else
        PyErr_NoMemory();
    free(runs);
    PyBuffer_Release(&view);
    return result;
}

static PyObject *py_number(PyObject *self, PyObject *arguments)
{
    const TextNumbersObject *object = (TextNumbersObject *)self;
    Py_buffer view;
    RunText text;
    if (!get_text(object, arguments, "y*p:number", &view, &text))
        return NULL;
    PyObject *result = NULL;
    uint32_t *ids = malloc((text.length + 2) * sizeof *ids), *positions = malloc((text.length + 2) * sizeof *positions);
    if (ids != NULL && positions != NULL) {
        Py_ssize_t size = (Py_ssize_t)(number_text(&text, &object->numbers, ids, positions) * sizeof *ids);
        result = Py_BuildValue("(y#y#)", (const char *)ids, size, (const char *)positions, size);
    } else {
        PyErr_NoMemory();
    }
    free(ids);
    free(positions);
    PyBuffer_Release(&view);
    return result;
}

static PyMethodDef methods[] = {
    {"find_runs", py_find_runs, METH_VARARGS, "Return the hash, start and end of each run of a text."},
    {"number", py_number, METH_VARARGS, "Return the numbers of letters and runs, and their positions."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The numbers of characters and runs."},
    {Py_tp_new, (void *)new},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec specification = {
    .name = "kxcli._kernel.TextNumbers",
    .basicsize = sizeof(TextNumbersObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int add_text_run_types(PyObject *module)
{
    return add_type(module, &specification);
}
