/* The extension module `kxcli._kernel`. */
#include "python.h"

#define INTERFACE 1 /* raised with every change of a signature, so that Python refuses an old build */

static int execute(PyObject *module)
{
    if (add_run_functions(module))
        return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#if defined(Py_GIL_DISABLED)
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "kxcli._kernel", "Segmentation and counting in compiled code.", 0, NULL, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
