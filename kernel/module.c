/* The extension module `kxcli._kernel`. */
#include "python.h"

#define INTERFACE 1 /* raised with every change of a signature, so that Python refuses an old build */

static int execute(PyObject *module)
{
    if (add_run_functions(module) || add_segment_types(module))
        return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

/* The state of the module is the type Dictionary, which other types check their arguments by. */
static int clear(PyObject *module)
{
    PyObject **state = PyModule_GetState(module);
    Py_CLEAR(*state);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#if defined(Py_GIL_DISABLED)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "kxcli._kernel", "Segmentation and counting in compiled code.", sizeof(PyObject *), NULL, slots, NULL, clear, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
