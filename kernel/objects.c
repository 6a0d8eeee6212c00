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

void vacate(PyObject *object, bool *is_busy)
{
#ifdef Py_GIL_DISABLED
    Py_BEGIN_CRITICAL_SECTION(object);
#else
    (void)object;
#endif
    *is_busy = false;
#ifdef Py_GIL_DISABLED
    Py_END_CRITICAL_SECTION();
#endif
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

/* Return whether an argument is of a type; raise an error if not. Its `__class__` could be any. */
static bool check_type(PyObject *argument, PyObject *type, const char *name)
{
    if (PyObject_TypeCheck(argument, (PyTypeObject *)type))
        return true;
    PyErr_Format(PyExc_TypeError, "an argument must be a %s", name);
    return false;
}

const Dictionary *get_dictionary(PyTypeObject *type, PyObject *argument)
{
    const ModuleState *state = PyType_GetModuleState(type);
    if (state == NULL || !check_type(argument, state->dictionary, "Dictionary"))
        return NULL;
    return &((DictionaryObject *)argument)->dictionary;
}

KeyCounterObject *get_key_counter(PyTypeObject *type, PyObject *argument)
{
    const ModuleState *state = PyType_GetModuleState(type);
    return state != NULL && check_type(argument, state->key_counter, "KeyCounter") ? (KeyCounterObject *)argument
                                                                                   : NULL;
}

Py_ssize_t count_items(const Py_buffer *view, size_t item)
{
    bool is_aligned = view->len == 0 || (uintptr_t)view->buf % item == 0;
    if ((size_t)view->len % item == 0 && is_aligned)
        return (Py_ssize_t)((size_t)view->len / item);
    PyErr_Format(PyExc_ValueError, "the buffer is not an aligned array of items of %zu bytes", item);
    return -1;
}

const HashKey *get_hash_key(PyTypeObject *type)
{
    const ModuleState *state = PyType_GetModuleState(type);
    return &state->hash_key;
}

int add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    int failure = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return failure;
}
