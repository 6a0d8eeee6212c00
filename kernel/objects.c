#include "objects.h"

#include <string.h>

PyObject *allocate(PyTypeObject *type)
{
    allocfunc allocate_object = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return allocate_object(type, 0);
}

void release(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc free_object = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_object(self);
    Py_DECREF(type);
}

bool occupy(PyObject *object, bool *is_busy)
{
    bool was_free;
#ifdef Py_GIL_DISABLED /* else the lock of the interpreter is held here */
    Py_BEGIN_CRITICAL_SECTION(object);
#else
    (void)object;
#endif
    was_free = !*is_busy;
    *is_busy = true;
#ifdef Py_GIL_DISABLED
    Py_END_CRITICAL_SECTION();
#endif
    if (!was_free)
        PyErr_SetString(PyExc_RuntimeError, "this object is in use by another thread");
    return was_free;
}

PyObject *make_text(const uint8_t *text, size_t size)
{
    return PyUnicode_DecodeUTF8((const char *)text, (Py_ssize_t)size, "surrogatepass");
}

bool parse_mode(const char *name, Mode *mode)
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

const Dictionary *get_dictionary(PyTypeObject *type, PyObject *argument)
{
    PyObject **state = PyType_GetModuleState(type);
    if (state == NULL)
        return NULL;
    if (PyObject_TypeCheck(argument, (PyTypeObject *)*state))
        return &((DictionaryObject *)argument)->dictionary;
    PyErr_SetString(PyExc_TypeError, "dictionary must be a Dictionary");
    return NULL;
}

int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int failure = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return failure;
}
