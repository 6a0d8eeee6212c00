/* What the Python faces of keys.h and newwords.h share. */
#ifndef KXCLI_KEYS_MODULE_H
#define KXCLI_KEYS_MODULE_H

#include "python.h"

#include "keys.h"

/* Return the counter of a Python object, or NULL with an exception. */
struct KeyCounter *get_key_counter(PyObject *object);

/* Return the number of items of a buffer; -1 with an exception if it is not an aligned array of such items. */
Py_ssize_t count_items(const Py_buffer *view, size_t item);

#endif
