/* Python's face of gram_sums.h. */
#include "objects.h"

#include "gram_sums.h"

/* Return the number of parts with `n_items` items of 8 bytes; -1 with an exception if there is no such number. */
static Py_ssize_t count_parts(const Py_buffer *view, size_t n_items)
{
    Py_ssize_t n = count_items(view, 8);
    if (n < 0 || (size_t)n % n_items == 0)
        return n < 0 ? -1 : (Py_ssize_t)((size_t)n / n_items);
    PyErr_Format(PyExc_ValueError, "the buffer has %zd items, not a multiple of %zu", n, n_items);
    return -1;
}

/* Return the result for buffers; NULL with an exception if they do not match. */
static PyObject *make_sums(const Py_buffer *k, const Py_buffer *l, const Py_buffer *orders, Py_ssize_t n)
{
    if (n < 1 || (size_t)n >= UINT32_MAX || (size_t)n > SIZE_MAX / (size_t)n) {
        PyErr_SetString(PyExc_ValueError, "the number of rows is impossible");
        return NULL;
    }
    size_t size = (size_t)n * (size_t)n;
    Py_ssize_t n_k = count_parts(k, size), n_l = n_k < 0 ? -1 : count_parts(l, size);
    Py_ssize_t n_orders = n_l < 0 ? -1 : count_parts(orders, (size_t)n);
    if (n_orders < 0)
        return NULL;
    const Py_ssize_t max_sums = PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double);
    if (n_k > 0 && n_l > max_sums / n_k)
        return PyErr_NoMemory();
    Py_ssize_t n_pairs = n_k * n_l;
    if (n_pairs > 0 && n_orders > max_sums / n_pairs)
        return PyErr_NoMemory();
    PyObject *result = PyBytes_FromStringAndSize(NULL, n_orders * n_pairs * (Py_ssize_t)sizeof(double));
    if (result == NULL)
        return NULL;
    GramMatrices matrices = {k->buf, l->buf, (size_t)n_k, (size_t)n_l, (size_t)n};
    double *sums = (double *)PyBytes_AsString(result);
    GramStatus status;
    Py_BEGIN_ALLOW_THREADS
    status = sum_permuted_products(&matrices, orders->buf, (size_t)n_orders, sums);
    Py_END_ALLOW_THREADS
    if (status == GRAM_OK)
        return result;
    Py_DECREF(result);
    if (status == GRAM_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_Format(PyExc_ValueError, "an order is not a permutation of 0 to %zd", n - 1);
    return NULL;
}

static PyObject *py_sum_permuted_products(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer k, l, orders;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(arguments, "y*y*y*n:sum_permuted_products", &k, &l, &orders, &n))
        return NULL;
    PyObject *result = make_sums(&k, &l, &orders, n);
    PyBuffer_Release(&k);
    PyBuffer_Release(&l);
    PyBuffer_Release(&orders);
    return result;
}

static PyMethodDef functions[] = {
    {"sum_permuted_products", py_sum_permuted_products, METH_VARARGS, "Return sums of products of Gram matrices."},
    {NULL, NULL, 0, NULL},
};

int add_gram_functions(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
