/* What the types of the module share. */
#ifndef KXCLI_OBJECTS_H
#define KXCLI_OBJECTS_H

#include "limited_api.h"

#include "keys.h"
#include "segmenter.h"

typedef struct {
    PyObject_HEAD
    Py_buffer data;
    Dictionary dictionary;
} DictionaryObject;

typedef struct {
    PyObject_HEAD
    KeyCounter counter;
    bool is_busy;
} KeyCounterObject;

/* The state of the module: the types that arguments are checked by, and the key of hash tables. */
typedef struct {
    PyObject *dictionary;
    PyObject *key_counter;
    HashKey hash_key;
} ModuleState;

/* Return a new object of a type, all zero. */
PyObject *allocate(PyTypeObject *type);

/* Free the memory of an object. */
void release(PyObject *self);

/* Mark an object as busy; raise an error if it is in use by another thread. */
bool occupy(PyObject *object, bool *is_busy);

/* End what `occupy` began. */
void vacate(PyObject *object, bool *is_busy);

/* Return UTF-8, which may have surrogates, as a string. */
PyObject *make_text(const uint8_t *text, size_t size);

/* Find a mode by its name; raise an error if there is none. */
bool parse_mode(const char *name, Mode *mode);

/* Return the dictionary of an argument for a type; raise an error if it is none. */
const Dictionary *get_dictionary(PyTypeObject *type, PyObject *argument);

/* Return the key for the hash tables of an object of a type. */
const HashKey *get_hash_key(PyTypeObject *type);

/* Return an argument that must be a KeyCounter, for a type; raise an error if it is none. */
KeyCounterObject *get_key_counter(PyTypeObject *type, PyObject *argument);

/* Return the number of items of a buffer; -1 with an exception if it is not an aligned array of them. */
Py_ssize_t count_items(const Py_buffer *view, size_t item);

/* Add a type to the module. */
int add_type(PyObject *module, PyType_Spec *spec);

#endif
