/* Python's face of newwords.h. */
#include "objects.h"

#include "newwords.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KEYS ((size_t)1 << 31)
#define MAX_ORDER 255
#define MIN_BUCKET_BITS 3
#define MAX_BUCKET_BITS 32

typedef struct {
    PyObject_HEAD
    NgramTree tree;
    uint32_t max_value;
} NgramTreeObject;

static void release_view(Py_buffer *view)
{
    if (view->obj != NULL)
        PyBuffer_Release(view);
}

static void dealloc(PyObject *self)
{
    NgramTreeObject *object = (NgramTreeObject *)self;
    free(object->tree.values);
    key_table_free(&object->tree.children);
    release(self);
}

/* Return whether a buffer has `n` aligned items; set an exception if not. */
static bool has_items(const Py_buffer *view, size_t item, size_t n)
{
    Py_ssize_t n_items = count_items(view, item);
    if (n_items < 0)
        return false;
    if ((size_t)n_items == n)
        return true;
    PyErr_Format(PyExc_ValueError, "an array has %zd items, not %zu", n_items, n);
    return false;
}

/* Check the arguments and copy them; return whether there is no exception. `values->obj` is NULL without values. */
static bool fill_tree(NgramTreeObject *object, unsigned long n_characters, const Py_buffer *keys,
                      const Py_buffer *values)
{
    Py_ssize_t n_keys = count_items(keys, sizeof(uint64_t));
    if (n_keys < 0)
        return false;
    if (n_characters >= 1 << CHARACTER_BITS || (size_t)n_keys >= MAX_KEYS) {
        PyErr_SetString(PyExc_ValueError, "there are too many characters or keys");
        return false;
    }
    NgramTree *tree = &object->tree;
    size_t n_first = 1 + n_characters;
    tree->n_characters = (uint32_t)n_characters;
    const uint32_t *given = NULL;
    if (values->obj != NULL) {
        if (!has_items(values, sizeof(uint32_t), n_first + (size_t)n_keys))
            return false;
        given = values->buf;
        tree->values = malloc(n_first * sizeof *tree->values);
        if (tree->values != NULL)
            memcpy(tree->values, given, n_first * sizeof *tree->values);
        for (size_t i = 0; i < n_first + (size_t)n_keys; i++)
            object->max_value = given[i] > object->max_value ? given[i] : object->max_value;
    }
    if ((given == NULL || tree->values != NULL) &&
        key_table_init(&tree->children, keys->buf, given != NULL ? given + n_first : NULL, (size_t)n_keys,
                       (uint32_t)n_first))
        return true;
    PyErr_NoMemory();
    return false;
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *named)
{
    if (named != NULL && PyDict_Size(named)) {
        PyErr_SetString(PyExc_TypeError, "Trie takes no keyword arguments");
        return NULL;
    }
    NgramTreeObject *object = (NgramTreeObject *)allocate(type);
    if (object == NULL)
        return NULL;
    unsigned long n_characters;
    Py_buffer keys = {0}, values = {0};
    bool is_done = PyArg_ParseTuple(arguments, "ky*|y*:Trie", &n_characters, &keys, &values) &&
                   fill_tree(object, n_characters, &keys, &values);
    release_view(&keys);
    release_view(&values);
    if (is_done)
        return (PyObject *)object;
    Py_DECREF(object);
    return NULL;
}

/* Make a text of a buffer; return whether all characters are known, with an exception if not. */
static bool get_text(const NgramTree *tree, const Py_buffer *view, Text *text)
{
    Py_ssize_t length = count_items(view, sizeof(uint32_t));
    if (length < 0)
        return false;
    *text = (Text){view->buf, (size_t)length};
    uint32_t max = 0;
    for (size_t i = 0; i < text->length; i++)
        if (text->characters[i] > max)
            max = text->characters[i];
    if (max <= tree->n_characters && text->length < UINT32_MAX)
        return true;
    PyErr_SetString(PyExc_ValueError, "the text is too long, or has unknown characters");
    return false;
}

/* Return whether a text and counts share no memory, as counts could change characters; set an exception if they do. */
static bool is_separate(const Py_buffer *text, const Py_buffer *counts)
{
    uintptr_t first = (uintptr_t)text->buf, second = (uintptr_t)counts->buf;
    if (first + (size_t)text->len <= second || second + (size_t)counts->len <= first)
        return true;
    PyErr_SetString(PyExc_ValueError, "the buffer of counts is that of the text");
    return false;
}

/* Return the counter of an argument and mark it as busy; NULL with an exception if it is none, or in use. */
static KeyCounter *occupy_counter(PyObject *self, PyObject *argument)
{
    KeyCounterObject *object = get_key_counter(Py_TYPE(self), argument);
    return object != NULL && occupy(argument, &object->is_busy) ? &object->counter : NULL;
}

static void vacate_counter(PyObject *argument)
{
    vacate(argument, &((KeyCounterObject *)argument)->is_busy);
}

static PyObject *finish(bool is_done)
{
    if (is_done)
        return Py_NewRef(Py_None);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

static PyObject *py_find_children(PyObject *self, PyObject *arguments)
{
    const NgramTree *tree = &((NgramTreeObject *)self)->tree;
    Py_buffer nodes, characters;
    if (!PyArg_ParseTuple(arguments, "y*y*:find_children", &nodes, &characters))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t n = count_items(&nodes, sizeof(uint32_t));
    if (n >= 0 && has_items(&characters, sizeof(uint32_t), (size_t)n))
        result = PyBytes_FromStringAndSize(NULL, nodes.len);
    if (result != NULL)
        find_children(tree, nodes.buf, characters.buf, (size_t)n, (uint32_t *)PyBytes_AsString(result));
    PyBuffer_Release(&nodes);
    PyBuffer_Release(&characters);
    return result;
}

/* Return the bits of the number of a bucket, given the number of buckets; 0 with an exception if it is impossible. */
static unsigned get_bucket_bits(size_t n)
{
    for (unsigned bits = MIN_BUCKET_BITS; bits <= MAX_BUCKET_BITS && bits < 8 * sizeof n; bits++)
        if ((size_t)1 << bits == n)
            return bits;
    PyErr_SetString(PyExc_ValueError, "there is an impossible number of buckets");
    return 0;
}

static PyObject *py_count_ngrams(PyObject *self, PyObject *arguments)
{
    NgramPass pass = {.tree = &((NgramTreeObject *)self)->tree};
    Py_buffer view, may_be, buckets;
    unsigned int order;
    unsigned long n_frequent;
    PyObject *counts;
    if (!PyArg_ParseTuple(arguments, "y*Ikz*w*O:count_ngrams", &view, &order, &n_frequent, &may_be, &buckets, &counts))
        return NULL;
    Text text;
    KeyCounter *counter = occupy_counter(self, counts);
    bool is_done = counter != NULL && get_text(pass.tree, &view, &text);
    if (is_done && (order < 2 || order > MAX_ORDER || (order > 2 && may_be.obj == NULL))) {
        PyErr_SetString(PyExc_ValueError, "the order is impossible");
        is_done = false;
    }
    pass.order = order;
    pass.n_frequent = n_frequent > UINT32_MAX ? UINT32_MAX : (uint32_t)n_frequent;
    if (is_done && order > 2) {
        pass.may_be = may_be.buf;
        is_done = (pass.may_be_bits = get_bucket_bits((size_t)may_be.len * 8)) != 0;
    }
    if (is_done && buckets.len) {
        pass.buckets = buckets.buf;
        is_done = (pass.bucket_bits = get_bucket_bits((size_t)buckets.len)) != 0;
    }
    is_done = is_done && count_ngrams(&pass, text, counter);
    if (counter != NULL)
        vacate_counter(counts);
    PyBuffer_Release(&view);
    release_view(&may_be);
    PyBuffer_Release(&buckets);
    return finish(is_done);
}

/* Return whether the nodes have values; set an exception if not. */
static bool has_values(const NgramTreeObject *object)
{
    if (object->tree.values == NULL)
        PyErr_SetString(PyExc_ValueError, "the trie has no words");
    return object->tree.values != NULL;
}

static PyObject *py_count_words(PyObject *self, PyObject *arguments)
{
    NgramTreeObject *object = (NgramTreeObject *)self;
    Py_buffer view, counts;
    unsigned int max_word, max_block;
    if (!PyArg_ParseTuple(arguments, "y*IIw*:count_words", &view, &max_word, &max_block, &counts))
        return NULL;
    Text text;
    bool is_done = has_values(object) && get_text(&object->tree, &view, &text) &&
                   has_items(&counts, sizeof(uint64_t), 2 * (1 + count_nodes(&object->tree))) &&
                   is_separate(&view, &counts);
    if (is_done && (!max_word || max_word > MAX_CUT_WORD || !max_block)) {
        PyErr_SetString(PyExc_ValueError, "a maximum length is impossible");
        is_done = false;
    }
    Cut cut = {&object->tree, max_word, max_block, counts.buf};
    is_done = is_done && count_words(&cut, text);
    PyBuffer_Release(&view);
    PyBuffer_Release(&counts);
    return finish(is_done);
}

static PyObject *py_count_neighbors(PyObject *self, PyObject *arguments)
{
    NgramTreeObject *object = (NgramTreeObject *)self;
    Py_buffer view, numbers, last, counts;
    PyObject *before, *after;
    if (!PyArg_ParseTuple(arguments, "y*y*w*w*OO:count_neighbors", &view, &numbers, &last, &counts, &before, &after))
        return NULL;
    Text text;
    size_t n_nodes = 1 + count_nodes(&object->tree);
    Documents documents = {numbers.buf, last.buf, counts.buf};
    KeyCounter *left = occupy_counter(self, before), *right = left != NULL ? occupy_counter(self, after) : NULL;
    bool is_done = right != NULL && has_values(object) && get_text(&object->tree, &view, &text) &&
                   has_items(&numbers, sizeof(uint32_t), text.length) && has_items(&last, sizeof(uint32_t), n_nodes) &&
                   has_items(&counts, sizeof(uint64_t), n_nodes) && is_separate(&view, &last) &&
                   is_separate(&view, &counts) && count_neighbors(&object->tree, text, &documents, left, right);
    if (left != NULL)
        vacate_counter(before);
    if (right != NULL)
        vacate_counter(after);
    PyBuffer_Release(&view);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&last);
    PyBuffer_Release(&counts);
    return finish(is_done);
}

static PyObject *py_count_segments(PyObject *self, PyObject *arguments)
{
    NgramTreeObject *object = (NgramTreeObject *)self;
    Py_buffer view, characters, words;
    unsigned int order, max_length;
    if (!PyArg_ParseTuple(arguments, "y*IIw*w*:count_segments", &view, &order, &max_length, &characters, &words))
        return NULL;
    Text text;
    bool is_done = has_values(object) && get_text(&object->tree, &view, &text) &&
                   has_items(&characters, sizeof(uint64_t), 1 + (size_t)object->tree.n_characters) &&
                   has_items(&words, sizeof(uint64_t), 1 + (size_t)object->max_value) &&
                   is_separate(&view, &characters) && is_separate(&view, &words);
    uint32_t *spans = is_done ? malloc((text.length + 1) * sizeof *spans) : NULL;
    size_t n_spans = 0;
    Segmentation segmentation = {&object->tree, order, max_length, characters.buf, words.buf};
    PyObject *result = NULL;
    if (spans != NULL && count_segments(&segmentation, text, spans, &n_spans))
        result = PyBytes_FromStringAndSize((const char *)spans, (Py_ssize_t)(n_spans * sizeof *spans));
    else if (is_done)
        PyErr_NoMemory();
    free(spans);
    PyBuffer_Release(&view);
    PyBuffer_Release(&characters);
    PyBuffer_Release(&words);
    return result;
}

static PyMethodDef methods[] = {
    {"find_children", py_find_children, METH_VARARGS, "Return the child of each node by a character."},
    {"count_ngrams", py_count_ngrams, METH_VARARGS, "Count the n-grams of an order that may be frequent."},
    {"count_words", py_count_words, METH_VARARGS, "Count the words of the best cut."},
    {"count_neighbors", py_count_neighbors, METH_VARARGS, "Count the characters before and after each word."},
    {"count_segments", py_count_segments, METH_VARARGS, "Count the segments between n-grams; return the long ones."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Words or n-grams by their characters."},
    {Py_tp_new, (void *)new},
    {Py_tp_dealloc, (void *)dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec specification = {
    .name = "kxcli._kernel.Trie",
    .basicsize = sizeof(NgramTreeObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int add_newwords_types(PyObject *module)
{
    return add_type(module, &specification);
}
