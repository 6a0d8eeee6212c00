/* The extension module `kxcli._kernel`. */
#include <string.h>

#include "layout.h"
#include "objects.h"

#define INTERFACE 11 /* raised with every change of a signature, so that Python refuses an old build */

/* Fill the key with random bytes; 0, or -1 with an exception. */
static int choose_hash_key(HashKey *key)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *bytes = os == NULL ? NULL : PyObject_CallMethod(os, "urandom", "i", (int)sizeof *key);
    Py_XDECREF(os);
    if (bytes == NULL)
        return -1;
    memcpy(key, PyBytes_AsString(bytes), sizeof *key);
    Py_DECREF(bytes);
    return 0;
}

static int execute(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    if (choose_hash_key(&state->hash_key) || add_run_functions(module) || add_segment_types(module) ||
        add_counter_type(module) || add_key_types(module) || add_newwords_types(module) || add_text_run_types(module) ||
        add_gram_functions(module) || add_lexicon_type(module))
        return -1;
    PyObject *layout = PyLong_FromUnsignedLongLong(LAYOUT_MARK);
    int failure = PyModule_AddObjectRef(module, "LAYOUT", layout);
    Py_XDECREF(layout);
    return failure ? -1 : PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    ModuleState *state = PyModule_GetState(module);
    Py_VISIT(state->dictionary);
    Py_VISIT(state->key_counter);
    return 0;
}

static int clear(PyObject *module)
{
    ModuleState *state = PyModule_GetState(module);
    Py_CLEAR(state->dictionary);
    Py_CLEAR(state->key_counter);
    return 0;
}

static void free_state(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#if defined(Py_GIL_DISABLED)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "kxcli._kernel",
    .m_doc = "Segmentation, counting and sums in compiled code.",
    .m_size = sizeof(ModuleState),
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
