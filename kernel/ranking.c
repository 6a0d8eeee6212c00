#include "ranking.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DIGITS 20         /* of a number of 64 bits */
#define SURROGATE_LEAD 0xED   /* the first byte of U+D000 to U+DFFF */
#define SURROGATE_SECOND 0xA0 /* the lowest second byte of a surrogate, U+D800 to U+DFFF */

/* Return the end of a group: the position of its KEY_END, or NULL. */
static const uint8_t *find_group_end(const struct Row *row)
{
    return row->key_length ? memchr(row->key, KEY_END, row->key_length) : NULL;
}

/* Write the selected rows of a group, which are in the order of their keys. */
static bool write_group(const struct Row *rows, size_t n, const struct Ranking *ranking, struct RunWriter *writer)
{
    if (n > SIZE_MAX / 2 / sizeof(struct SortItem))
        return false;
    struct SortItem *items = malloc((n ? n : 1) * 2 * sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < n; i++)
        items[i] = (struct SortItem){~rows[i].count, &rows[i]};
    sort_by_rank(items, items + n, n);
    if (n > ranking->top)
        n = (size_t)ranking->top;
    if (ranking->by_word) {
        for (size_t i = 0; i < n; i++)
            items[i].rank = (uint64_t)(items[i].row - rows);
        sort_by_rank(items, items + n, n);
    }
    bool is_complete = true;
    for (size_t i = 0; i < n && is_complete; i++)
        is_complete = write_row(writer, items[i].row);
    free(items);
    return is_complete;
}

/* Whether a row is of the same group as the first row of a group. */
static bool is_in_group(const struct Row *row, const struct Row *first, size_t group_length)
{
    return row->key_length >= group_length && !memcmp(row->key, first->key, group_length);
}

/* Rank a run; `rows` collects those of a group. */
static enum RunStatus rank_groups(struct Span run, const struct Ranking *ranking, struct Bytes *rows,
                                  struct RunWriter *writer)
{
    struct RunReader reader = open_run(run);
    struct Row row, first = {0};
    size_t group_length = 0;
    enum RunStatus status;
    while ((status = read_row(&reader, &row)) == RUN_OK) {
        if (ranking->is_grouped && (!group_length || !is_in_group(&row, &first, group_length))) {
            const uint8_t *end = find_group_end(&row);
            if (!end)
                return RUN_DAMAGED;
            if (!write_group((struct Row *)(void *)rows->data, rows->length / sizeof(struct Row), ranking, writer))
                return RUN_NO_MEMORY;
            rows->length = 0;
            first = row;
            group_length = (size_t)(end - row.key) + 1;
        }
        if (row.count < ranking->min_count)
            continue;
        uint8_t *added = extend_bytes(rows, sizeof row);
        if (!added)
            return RUN_NO_MEMORY;
        memcpy(added, &row, sizeof row);
    }
    if (status != RUN_END)
        return status;
    if (!write_group((struct Row *)(void *)rows->data, rows->length / sizeof(struct Row), ranking, writer))
        return RUN_NO_MEMORY;
    return end_run(writer) ? RUN_OK : RUN_NO_MEMORY;
}

enum RunStatus rank_run(struct Span run, const struct Ranking *ranking, struct Bytes *out)
{
    struct Bytes rows = {0};
    struct RunWriter writer = {.out = out};
    enum RunStatus status = rank_groups(run, ranking, &rows, &writer);
    free_bytes(&rows);
    return status;
}

/* Write a word, or the cells of a group, from a key at `at`; return the end, or NULL if the text is damaged.
 * `separator` is written for each NUL. */
static uint8_t *write_cells(uint8_t *at, const uint8_t *text, const uint8_t *end, uint8_t separator)
{
    while (text < end) {
        uint8_t byte = *text++;
        if (byte == KEY_ESCAPE) {
            if (text == end || *text < 3 || *text > 5)
                return NULL;
            byte = (uint8_t)(*text++ - 3);
        } else if (byte == SURROGATE_LEAD && text < end && *text >= SURROGATE_SECOND) {
            return NULL;
        }
        if (byte == '\t' || byte == '\n' || byte == '\r') {
            *at++ = '\\';
            byte = byte == '\t' ? 't' : byte == '\n' ? 'n' : 'r';
        }
        *at++ = byte ? byte : separator;
    }
    return at;
}

static uint8_t *write_number(uint8_t *at, uint64_t number)
{
    uint8_t digits[MAX_DIGITS];
    size_t n = 0;
    do {
        digits[n++] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number);
    while (n)
        *at++ = digits[--n];
    return at;
}

static enum RunStatus write_line(const struct Row *row, const struct Columns *columns, struct Bytes *out)
{
    if (row->key_length > SIZE_MAX / 4)
        return RUN_NO_MEMORY;
    size_t before = out->length;
    /* An escape takes two bytes at most, and a line at most two numbers, three tabs and an LF. */
    uint8_t *start = extend_bytes(out, 2 * row->key_length + 2 * MAX_DIGITS + 4), *at = start;
    if (!at)
        return RUN_NO_MEMORY;
    const uint8_t *word = row->key, *end = row->key + row->key_length;
    if (columns->is_grouped) {
        const uint8_t *group_end = find_group_end(row);
        at = group_end ? write_cells(at, word, group_end, '\t') : NULL;
        if (!at)
            return RUN_DAMAGED;
        *at++ = '\t';
        word = group_end + 1;
    }
    if (columns->has_orders) {
        end = word < end ? memchr(word, KEY_END, (size_t)(end - word)) : NULL;
        if (!end)
            return RUN_DAMAGED;
    }
    at = write_cells(at, word, end, '\0');
    if (!at)
        return RUN_DAMAGED;
    *at++ = '\t';
    at = write_number(at, row->count);
    if (columns->has_documents) {
        *at++ = '\t';
        at = write_number(at, row->documents);
    }
    *at++ = '\n';
    out->length = before + (size_t)(at - start);
    return RUN_OK;
}

enum RunStatus format_tsv(struct Span blocks, const struct Columns *columns, struct Bytes *out)
{
    struct RunReader reader = open_run(blocks);
    struct Row row;
    enum RunStatus status;
    while ((status = read_row(&reader, &row)) == RUN_OK) {
        status = write_line(&row, columns, out);
        if (status != RUN_OK)
            return status;
    }
    return status == RUN_END ? RUN_OK : status;
}
