/* Python's face of runs.h and ranking.h. */
#include "limited_api.h"

#include "ranking.h"

#include <string.h>

/* Return the bytes as a Python object, and free them; set an exception for a status other than RUN_OK. */
static PyObject *take_result(enum RunStatus status, struct Bytes *out)
{
    PyObject *result = NULL;
    if (status == RUN_OK)
        result = PyBytes_FromStringAndSize((const char *)out->data, (Py_ssize_t)out->length);
    else if (status == RUN_OVERFLOW)
        PyErr_SetString(PyExc_OverflowError, "a number is above 2^63 - 1");
    else if (status == RUN_NO_MEMORY)
        PyErr_NoMemory();
    else
        PyErr_SetString(PyExc_ValueError, "the rows are damaged, or only Python can read them");
    free_bytes(out);
    return result;
}

static PyObject *py_merge_runs(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *argument;
    unsigned long long min_count = 0;
    if (!PyArg_ParseTuple(arguments, "O|K:merge_runs", &argument, &min_count))
        return NULL;
    PyObject *runs = PySequence_Tuple(argument);
    if (!runs)
        return NULL;
    size_t n = (size_t)PyTuple_Size(runs), n_open = 0;
    struct Bytes out = {0};
    Py_buffer *views = PyMem_Calloc(n ? n : 1, sizeof *views);
    struct Span *spans = PyMem_Calloc(n ? n : 1, sizeof *spans);
    PyObject *result = NULL;
    if (!views || !spans) {
        PyErr_NoMemory();
        goto end;
    }
    for (; n_open < n; n_open++) {
        PyObject *run = PyTuple_GetItem(runs, (Py_ssize_t)n_open);
        if (!run || PyObject_GetBuffer(run, &views[n_open], PyBUF_SIMPLE))
            goto end;
        spans[n_open] = (struct Span){views[n_open].buf, (size_t)views[n_open].len};
    }
    enum RunStatus status;
    Py_BEGIN_ALLOW_THREADS
    status = merge_runs(spans, n, min_count, &out);
    Py_END_ALLOW_THREADS
    result = take_result(status, &out);
end:
    while (n_open)
        PyBuffer_Release(&views[--n_open]);
    PyMem_Free(views);
    PyMem_Free(spans);
    Py_DECREF(runs);
    return result;
}

static PyObject *py_rank_run(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer run;
    int is_grouped, by_word;
    long long top, min_count;
    if (!PyArg_ParseTuple(arguments, "y*ppLL:rank_run", &run, &is_grouped, &by_word, &top, &min_count))
        return NULL;
    struct Ranking ranking = {
        .is_grouped = is_grouped,
        .by_word = by_word,
        .top = top < 0 ? UINT64_MAX : (uint64_t)top,
        .min_count = min_count < 0 ? 0 : (uint64_t)min_count,
    };
    struct Bytes out = {0};
    enum RunStatus status;
    Py_BEGIN_ALLOW_THREADS
    status = rank_run((struct Span){run.buf, (size_t)run.len}, &ranking, &out);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&run);
    return take_result(status, &out);
}

static PyObject *py_format_tsv(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer rows;
    int is_grouped, has_orders, has_documents;
    if (!PyArg_ParseTuple(arguments, "y*ppp:format_tsv", &rows, &is_grouped, &has_orders, &has_documents))
        return NULL;
    struct Columns columns = {is_grouped, has_orders, has_documents};
    struct Bytes out = {0};
    enum RunStatus status;
    Py_BEGIN_ALLOW_THREADS
    status = format_tsv((struct Span){rows.buf, (size_t)rows.len}, &columns, &out);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&rows);
    return take_result(status, &out);
}

static PyMethodDef functions[] = {
    {"merge_runs", py_merge_runs, METH_VARARGS, "Return the rows of several runs as one run."},
    {"rank_run", py_rank_run, METH_VARARGS, "Return the selected rows of a run in the order of a ranking."},
    {"format_tsv", py_format_tsv, METH_VARARGS, "Return blocks of rows as TSV."},
    {NULL, NULL, 0, NULL},
};

int add_run_functions(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
