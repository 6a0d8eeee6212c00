#include "runs.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 15
#define MAX_NUMBER ((uint64_t)INT64_MAX)
#define PYTHON_WIDTH 16 /* bytes of a number above 2^64 - 1 */

static uint64_t load_number(const uint8_t *data, size_t width)
{
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++)
        number |= (uint64_t)data[i] << 8 * i;
    return number;
}

static void store_number(uint8_t *data, size_t width, uint64_t number)
{
    for (size_t i = 0; i < width; i++)
        data[i] = (uint8_t)(number >> 8 * i);
}

static bool is_width(size_t width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

struct RunReader open_run(struct Span run)
{
    return (struct RunReader){.position = run.data, .end = run.data + run.length};
}

/* Read the head of the next block. */
static enum RunStatus open_block(struct RunReader *reader)
{
    size_t left = (size_t)(reader->end - reader->position);
    if (!left)
        return RUN_END;
    if (left < HEAD_BYTES)
        return RUN_DAMAGED;
    const uint8_t *head = reader->position;
    left -= HEAD_BYTES;
    uint64_t n = load_number(head, 4), key_bytes = load_number(head + 4, 8);
    size_t count_width = head[12], documents_width = head[13];
    bool is_json = head[14];
    if (count_width == PYTHON_WIDTH || documents_width == PYTHON_WIDTH)
        return RUN_OVERFLOW;
    if (!n || is_json || !is_width(count_width) || (documents_width && !is_width(documents_width)))
        return RUN_DAMAGED;
    if (key_bytes > left || n * (count_width + documents_width) > left - key_bytes)
        return RUN_DAMAGED;
    reader->n_rows = (size_t)n;
    reader->key = head + HEAD_BYTES;
    reader->keys_end = reader->key + key_bytes;
    reader->counts = reader->keys_end;
    reader->count_width = count_width;
    reader->documents = reader->counts + n * count_width;
    reader->documents_width = documents_width;
    reader->position = reader->documents + n * documents_width;
    return RUN_OK;
}

enum RunStatus read_row(struct RunReader *reader, struct Row *row)
{
    if (!reader->n_rows) {
        enum RunStatus status = open_block(reader);
        if (status != RUN_OK)
            return status;
    }
    reader->n_rows--;
    size_t left = (size_t)(reader->keys_end - reader->key);
    const uint8_t *key_end = left ? memchr(reader->key, 0, left) : NULL;
    if ((key_end == NULL) != (reader->n_rows == 0)) /* a NUL follows each key but the last */
        return RUN_DAMAGED;
    row->key = reader->key;
    row->key_length = key_end ? (size_t)(key_end - reader->key) : left;
    reader->key = key_end ? key_end + 1 : reader->keys_end;
    row->count = load_number(reader->counts, reader->count_width);
    row->documents = load_number(reader->documents, reader->documents_width);
    reader->counts += reader->count_width;
    reader->documents += reader->documents_width;
    return row->count > MAX_NUMBER || row->documents > MAX_NUMBER ? RUN_OVERFLOW : RUN_OK;
}

static size_t choose_width(uint64_t largest)
{
    return largest < 1u << 8 ? 1 : largest < 1u << 16 ? 2 : largest <= UINT32_MAX ? 4 : 8;
}

bool end_run(struct RunWriter *writer)
{
    size_t n = writer->n;
    if (!n)
        return true;
    uint64_t counts = 0, documents = 0; /* their bits together are as wide as the largest number */
    for (size_t i = 0; i < n; i++) {
        counts |= writer->rows[i].count;
        documents |= writer->rows[i].documents;
    }
    size_t count_width = choose_width(counts), documents_width = documents ? choose_width(documents) : 0;
    size_t key_bytes = writer->key_bytes + n - 1;
    uint8_t *at = extend_bytes(writer->out, HEAD_BYTES + key_bytes + n * (count_width + documents_width));
    if (!at)
        return false;
    store_number(at, 4, n);
    store_number(at + 4, 8, key_bytes);
    at[12] = (uint8_t)count_width;
    at[13] = (uint8_t)documents_width;
    at[14] = 0;
    at += HEAD_BYTES;
    for (size_t i = 0; i < n; i++) {
        if (i)
            *at++ = 0;
        if (writer->rows[i].key_length)
            memcpy(at, writer->rows[i].key, writer->rows[i].key_length);
        at += writer->rows[i].key_length;
    }
    for (size_t i = 0; i < n; i++, at += count_width)
        store_number(at, count_width, writer->rows[i].count);
    for (size_t i = 0; i < n; i++, at += documents_width)
        store_number(at, documents_width, writer->rows[i].documents);
    writer->n = 0;
    writer->key_bytes = 0;
    return true;
}

bool write_row(struct RunWriter *writer, const struct Row *row)
{
    if (row->key_length > SIZE_MAX / 4 - writer->key_bytes)
        return false;
    writer->rows[writer->n++] = *row;
    writer->key_bytes += row->key_length;
    return (writer->n < RUN_BLOCK_ROWS && writer->key_bytes < RUN_BLOCK_BYTES) || end_run(writer);
}

int compare_keys(const struct Row *left, const struct Row *right)
{
    size_t shorter = left->key_length < right->key_length ? left->key_length : right->key_length;
    int order = shorter ? memcmp(left->key, right->key, shorter) : 0;
    return order ? order : (left->key_length > right->key_length) - (left->key_length < right->key_length);
}

struct Source {
    struct RunReader reader;
    struct Row row;
};

/* Restore the order of a heap, smallest key first, after a change of the source at `i`. */
static void sift_down(struct Source **heap, size_t n, size_t i)
{
    struct Source *moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare_keys(&heap[child + 1]->row, &heap[child]->row) < 0)
            child++;
        if (compare_keys(&moved->row, &heap[child]->row) <= 0)
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

static bool is_selected(const struct Row *row, uint64_t min_count)
{
    return row->count >= min_count || (row->key_length && row->key[row->key_length - 1] == KEY_END);
}

/* Merge the sources of a heap. */
static enum RunStatus merge_sources(struct Source **heap, size_t n, uint64_t min_count, struct Bytes *out)
{
    struct RunWriter writer = {.out = out};
    struct Row sum = {0};
    bool has_sum = false;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, n, i);
    while (n) {
        const struct Row *row = &heap[0]->row;
        if (has_sum && !compare_keys(&sum, row)) {
            sum.count += row->count;
            sum.documents += row->documents;
            if (sum.count > MAX_NUMBER || sum.documents > MAX_NUMBER)
                return RUN_OVERFLOW;
        } else {
            if (has_sum && is_selected(&sum, min_count) && !write_row(&writer, &sum))
                return RUN_NO_MEMORY;
            sum = *row;
            has_sum = true;
        }
        enum RunStatus status = read_row(&heap[0]->reader, &heap[0]->row);
        if (status == RUN_END)
            heap[0] = heap[--n];
        else if (status != RUN_OK)
            return status;
        if (n)
            sift_down(heap, n, 0);
    }
    has_sum = has_sum && is_selected(&sum, min_count);
    return (!has_sum || write_row(&writer, &sum)) && end_run(&writer) ? RUN_OK : RUN_NO_MEMORY;
}

enum RunStatus merge_runs(const struct Span *runs, size_t n, uint64_t min_count, struct Bytes *out)
{
    struct Source *sources = calloc(n ? n : 1, sizeof *sources);
    struct Source **heap = calloc(n ? n : 1, sizeof *heap);
    size_t n_open = 0;
    enum RunStatus status = sources && heap ? RUN_OK : RUN_NO_MEMORY;
    for (size_t i = 0; i < n && status == RUN_OK; i++) {
        sources[i].reader = open_run(runs[i]);
        status = read_row(&sources[i].reader, &sources[i].row);
        if (status == RUN_OK)
            heap[n_open++] = &sources[i];
        else if (status == RUN_END)
            status = RUN_OK;
    }
    if (status == RUN_OK)
        status = merge_sources(heap, n_open, min_count, out);
    free(heap);
    free(sources);
    return status;
}
