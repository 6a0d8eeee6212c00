/* Sorted runs: rows of a key and its counts, encoded block by block, as in kxcli/tally/string_runs.py.
 *
 * A block is:
 *   4 bytes   n, the number of rows, at least 1
 *   8 bytes   bytes of the keys
 *   1 byte    w, bytes of each count: 1, 2, 4 or 8
 *   1 byte    v, bytes of each number of documents: 0 if they are not counted, else 1, 2, 4 or 8
 *   1 byte    whether the keys are JSON; only Python writes and reads this, for keys with a NUL
 *             the keys in UTF-8, with a NUL between them
 *   n*w bytes the counts
 *   n*v bytes the numbers of documents
 * Numbers are little-endian. Keys ascend by their bytes, which is the order of code points, and are distinct.
 */
#ifndef KXCLI_RUNS_H
#define KXCLI_RUNS_H

#include "bytes.h"

#include <stdbool.h>

#define RUN_BLOCK_ROWS 1024
#define RUN_BLOCK_BYTES (1 << 16) /* of keys that fill a block of fewer rows */

/* They begin groups and words in keys, where they are escaped: KeyLayout in kxcli/mining/wordcount/counts.py. */
#define KEY_END 1    /* ends a group, and a word before its order */
#define KEY_ESCAPE 2 /* followed by the escaped character + 3 */

struct Row {
    const uint8_t *key; /* has no NUL */
    size_t key_length;
    uint64_t count;
    uint64_t documents;
};

enum RunStatus {
    RUN_OK,
    RUN_END,      /* there is no further row */
    RUN_DAMAGED,  /* this is not a run, or only Python can read it */
    RUN_OVERFLOW, /* a number is above 2^63 - 1 */
    RUN_NO_MEMORY,
};

/* An encoded run. */
struct Span {
    const uint8_t *data;
    size_t length;
};

/* Reads rows one after the other; their keys point into the run. */
struct RunReader {
    const uint8_t *position; /* of the next block */
    const uint8_t *end;
    size_t n_rows; /* left in the block */
    const uint8_t *key;
    const uint8_t *keys_end;
    const uint8_t *counts;
    const uint8_t *documents;
    size_t count_width;
    size_t documents_width;
};

/* Collects rows, and appends full blocks to `out`. All zero but `out` at the beginning. */
struct RunWriter {
    struct Bytes *out;
    size_t n;
    size_t key_bytes;
    struct Row rows[RUN_BLOCK_ROWS];
};

/* A row to sort, and what it is sorted by. */
struct SortItem {
    uint64_t rank;
    const struct Row *row;
};

struct RunReader open_run(struct Span run);

/* Read the next row; RUN_OK, RUN_END, RUN_DAMAGED or RUN_OVERFLOW. */
enum RunStatus read_row(struct RunReader *reader, struct Row *row);

/* Write a row whose key stays in memory until the end of the block; return whether there was memory. */
bool write_row(struct RunWriter *writer, const struct Row *row);

/* Write the last block, if there is a row left; return whether there was memory. */
bool end_run(struct RunWriter *writer);

int compare_keys(const struct Row *left, const struct Row *right);

/* Sort items by rising rank; equal ranks keep their order. `scratch` has room for n items. */
void sort_by_rank(struct SortItem *items, struct SortItem *scratch, size_t n);

/* Sort rows by key; return whether there was memory. */
bool sort_rows(struct Row *rows, size_t n);

/* Append rows, in any order, with distinct keys, to `out` as a run; return whether there was memory.
 * Takes 32 bytes of memory for each row, in addition to the run. */
bool encode_run(const struct Row *rows, size_t n, struct Bytes *out);

/* Append the rows of several runs to `out` as one run, with the sums for equal keys, and without rows of a count below
 * `min_count`. Rows of a group without a word stay: they are the words in counts of pairs. */
enum RunStatus merge_runs(const struct Span *runs, size_t n, uint64_t min_count, struct Bytes *out);

#endif
