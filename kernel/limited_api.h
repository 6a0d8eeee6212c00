/* Python's limited API, the same for all faces of the kernel in Python: one wheel serves Python 3.11 and later.

   The build defines `Py_LIMITED_API`, except for free-threaded Python, which has no such API before 3.15. */
#ifndef KXCLI_LIMITED_API_H
#define KXCLI_LIMITED_API_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Each adds a part of the kernel to the module; 0, or -1 with an exception. */
int add_key_types(PyObject *module);
int add_newwords_types(PyObject *module);
int add_text_run_types(PyObject *module);
int add_run_functions(PyObject *module);
int add_segment_types(PyObject *module);
int add_counter_type(PyObject *module);
int add_gram_functions(PyObject *module);
int add_lexicon_type(PyObject *module);

#endif
