#include "runs.h"

#include <stdlib.h>
#include <string.h>

#define RANK_BYTES 8
#define MIN_RADIX_ITEMS 32 /* fewer are sorted by insertion: 8 tables of 256 sums take longer */

/* Items from `start` to `stop` whose keys agree in the first `depth` bytes. */
struct Range {
    size_t start, stop, depth;
};

void sort_by_rank(struct SortItem *items, struct SortItem *scratch, size_t n)
{
    size_t sums[RANK_BYTES][256] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (size_t byte = 0; byte < RANK_BYTES; byte++)
            sums[byte][items[i].rank >> 8 * byte & 255]++;
    struct SortItem *from = items, *to = scratch;
    for (size_t byte = 0; byte < RANK_BYTES; byte++) {
        if (!n || sums[byte][items[0].rank >> 8 * byte & 255] == n) /* all are equal here */
            continue;
        size_t before = 0;
        for (size_t value = 0; value < 256; value++) {
            size_t count = sums[byte][value];
            sums[byte][value] = before;
            before += count;
        }
        for (size_t i = 0; i < n; i++)
            to[sums[byte][from[i].rank >> 8 * byte & 255]++] = from[i];
        struct SortItem *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
}

/* Return eight bytes as a number in the order of bytes; compilers load them all at once. */
static uint64_t load_bytes(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < RANK_BYTES; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* Return the eight bytes of a key from `depth` on; as no key has a NUL, a shorter one comes first. */
static uint64_t load_rank(const struct Row *row, size_t depth)
{
    if (row->key_length <= depth)
        return 0;
    size_t left = row->key_length - depth;
    if (left >= RANK_BYTES)
        return load_bytes(row->key + depth);
    if (row->key_length >= RANK_BYTES) /* the last eight bytes, without those before `depth` */
        return load_bytes(row->key + row->key_length - RANK_BYTES) << 8 * (RANK_BYTES - left);
    uint64_t rank = 0;
    for (size_t i = 0; i < RANK_BYTES; i++)
        rank = rank << 8 | (i < left ? row->key[depth + i] : 0u);
    return rank;
}

/* Sort a few items whose keys agree before `depth`. */
static void sort_by_insertion(struct SortItem *items, size_t n, size_t depth)
{
    for (size_t i = 0; i < n; i++)
        items[i].rank = load_rank(items[i].row, depth);
    for (size_t i = 1; i < n; i++) {
        struct SortItem moved = items[i];
        size_t at = i;
        for (; at > 0; at--) {
            const struct SortItem *before = &items[at - 1];
            if (moved.rank > before->rank || (moved.rank == before->rank && compare_keys(moved.row, before->row) >= 0))
                break;
            items[at] = *before;
        }
        items[at] = moved;
    }
}

/* Sort a range by its next eight bytes, and push the ranges of items that are equal in these. */
static bool sort_range(struct SortItem *items, struct SortItem *scratch, struct Range range, struct Bytes *ranges)
{
    for (size_t i = range.start; i < range.stop; i++)
        items[i].rank = load_rank(items[i].row, range.depth);
    sort_by_rank(items + range.start, scratch, range.stop - range.start);
    for (size_t start = range.start, stop; start < range.stop; start = stop) {
        stop = start + 1;
        while (stop < range.stop && items[stop].rank == items[start].rank)
            stop++;
        if (stop - start == 1)
            continue;
        if (stop - start < MIN_RADIX_ITEMS) {
            sort_by_insertion(items + start, stop - start, range.depth + RANK_BYTES);
        } else if (items[start].rank & 255) { /* the keys go on */
            struct Range equal = {start, stop, range.depth + RANK_BYTES};
            uint8_t *pushed = extend_bytes(ranges, sizeof equal);
            if (!pushed)
                return false;
            memcpy(pushed, &equal, sizeof equal);
        }
    }
    return true;
}

/* Sort items by key: radix sort by eight bytes at a time, with a stack of the ranges that are left. */
static bool sort_by_key(struct SortItem *items, struct SortItem *scratch, size_t n)
{
    struct Bytes ranges = {0};
    struct Range range = {0, n, 0};
    bool is_sorted = sort_range(items, scratch, range, &ranges);
    while (is_sorted && ranges.length) {
        ranges.length -= sizeof range;
        memcpy(&range, ranges.data + ranges.length, sizeof range);
        is_sorted = sort_range(items, scratch, range, &ranges);
    }
    free_bytes(&ranges);
    return is_sorted;
}

/* Return rows in the order of their keys; NULL if there is no memory. */
static struct SortItem *order_by_key(const struct Row *rows, size_t n)
{
    if (n > SIZE_MAX / 2 / sizeof(struct SortItem))
        return NULL;
    struct SortItem *items = malloc((n ? n : 1) * 2 * sizeof *items);
    if (!items)
        return NULL;
    for (size_t i = 0; i < n; i++)
        items[i] = (struct SortItem){0, &rows[i]};
    if (sort_by_key(items, items + n, n))
        return items;
    free(items);
    return NULL;
}

bool sort_rows(struct Row *rows, size_t n)
{
    struct Row *sorted = malloc((n ? n : 1) * sizeof *sorted);
    struct SortItem *items = order_by_key(rows, n);
    if (sorted && items) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = *items[i].row;
        memcpy(rows, sorted, n * sizeof *rows);
    }
    bool is_sorted = sorted && items;
    free(sorted);
    free(items);
    return is_sorted;
}

bool encode_run(const struct Row *rows, size_t n, struct Bytes *out)
{
    struct SortItem *items = order_by_key(rows, n);
    bool is_complete = items != NULL;
    struct RunWriter writer = {.out = out};
    for (size_t i = 0; i < n && is_complete; i++)
        is_complete = write_row(&writer, items[i].row);
    is_complete = is_complete && end_run(&writer);
    free(items);
    return is_complete;
}
