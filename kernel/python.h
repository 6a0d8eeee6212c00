/* Python's limited API, the same for all faces of the kernel in Python: one wheel serves Python 3.11 and later. */
#ifndef KXCLI_PYTHON_H
#define KXCLI_PYTHON_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_GIL_DISABLED           /* free-threaded Python has no limited API before 3.15 */
#define Py_LIMITED_API 0x030B0000 /* 3.11, the first with the buffer protocol in it */
#endif
#include <Python.h>

/* Each adds a part of the kernel to the module; 0, or -1 with an exception. */
int add_key_types(PyObject *module);
int add_newwords_types(PyObject *module);
int add_run_functions(PyObject *module);
int add_segment_types(PyObject *module);
int add_counter_type(PyObject *module);

#endif
