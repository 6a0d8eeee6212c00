/* Python's face of keys.h. */
#include "objects.h"

static void dealloc(PyObject *self)
{
    key_counter_free(&((KeyCounterObject *)self)->counter);
    release(self);
}

static PyObject *add(PyObject *self, PyObject *arguments)
{
    KeyCounterObject *object = (KeyCounterObject *)self;
    Py_buffer keys, counts = {0};
    if (!PyArg_ParseTuple(arguments, "y*|y*:add", &keys, &counts))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t n = count_items(&keys, sizeof(uint64_t));
    Py_ssize_t n_counts = n < 0 || counts.obj == NULL ? n : count_items(&counts, sizeof(uint64_t));
    if (n >= 0 && n_counts >= 0 && n != n_counts) {
        PyErr_SetString(PyExc_ValueError, "the keys and counts differ in number");
    } else if (n >= 0 && n_counts >= 0 && occupy(self, &object->is_busy)) {
        bool is_done = key_counter_add(&object->counter, keys.buf, counts.obj != NULL ? counts.buf : NULL, (size_t)n);
        vacate(self, &object->is_busy);
        result = is_done ? Py_NewRef(Py_None) : PyErr_NoMemory();
    }
    PyBuffer_Release(&keys);
    if (counts.obj != NULL)
        PyBuffer_Release(&counts);
    return result;
}

static PyObject *drain(PyObject *self, PyObject *unused)
{
    (void)unused;
    KeyCounterObject *object = (KeyCounterObject *)self;
    KeyCounter *counter = &object->counter;
    if (!occupy(self, &object->is_busy))
        return NULL;
    Py_ssize_t n_bytes = (Py_ssize_t)(counter->n_keys * sizeof(uint64_t));
    PyObject *keys = PyBytes_FromStringAndSize(NULL, n_bytes), *counts = PyBytes_FromStringAndSize(NULL, n_bytes);
    PyObject *result = keys != NULL && counts != NULL ? PyTuple_Pack(2, keys, counts) : NULL;
    if (result) {
        key_counter_copy(counter, (uint64_t *)PyBytes_AsString(keys), (uint64_t *)PyBytes_AsString(counts));
        key_counter_clear(counter);
    }
    vacate(self, &object->is_busy);
    Py_XDECREF(keys);
    Py_XDECREF(counts);
    return result;
}

static Py_ssize_t get_length(PyObject *self)
{
    return (Py_ssize_t)((KeyCounterObject *)self)->counter.n_keys;
}

static PyObject *get_n_bytes(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((KeyCounterObject *)self)->counter.n_slots * sizeof(KeyCount));
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "Add counts of keys, or 1 for each."},
    {"drain", drain, METH_NOARGS, "Return the keys, in any order, and their counts; forget them."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"n_bytes", get_n_bytes, NULL, "Bytes of memory.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Counts of nonzero 64-bit keys."},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_sq_length, (void *)get_length},
    {0, NULL},
};

static PyType_Spec specification = {
    .name = "kxcli._kernel.KeyCounter",
    .basicsize = sizeof(KeyCounterObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int add_key_types(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    state->key_counter = PyType_FromModuleAndSpec(module, &specification, NULL);
    return state->key_counter == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)state->key_counter);
}
