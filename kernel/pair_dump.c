/* The counts of words and pairs as a sorted run.

   The key of a pair is its first word, KEY_END and its second word; that of a word by itself has no second word. Each
   word gets a rank, its position in the order of code points, so that rows are sorted by two numbers. Several passes
   over the table, each for a range of first words, collect them, because all together would take more memory than the
   table. */
#include "counter.h"
#include "runs.h"

#define MIN_ROWS ((size_t)1 << 16) /* of a pass */

typedef struct {
    Counter *counter;
    uint64_t min_count;
    struct Row *words; /* [n_words] by rank: characters as in keys, and the identifier as the count */
    size_t n_words;
    uint32_t *ranks;        /* by identifier */
    struct Bytes spellings; /* of the words */
    size_t *sizes;          /* [n_words]: rows that begin with the word */
    struct Row *rows;       /* [max_rows] of a pass */
    struct SortItem *items; /* [2 * max_rows] */
    size_t max_rows;
    uint8_t *keys; /* of the rows of a block */
    uint8_t *key;  /* the next one */
    struct RunWriter writer;
} PairDump;

/* Spell all words, and give each its rank. */
static bool rank_words(PairDump *dump)
{
    const PairTable *table = &dump->counter->pairs;
    size_t n = 0, start = 0;
    for (uint32_t number = 1; number < table->n; number++)
        if (table->pairs[number].second == NO_WORD) {
            uint32_t id = table->pairs[number].first;
            if (!counter_append_word(dump->counter, id, &dump->spellings))
                return false;
            dump->words[n++] = (struct Row){NULL, dump->spellings.length - start, id, 0};
            start = dump->spellings.length;
        }
    start = 0;
    for (size_t i = 0; i < n; i++) { /* now that the characters no longer move */
        dump->words[i].key = dump->spellings.data + start;
        start += dump->words[i].key_length;
    }
    if (!sort_rows(dump->words, n))
        return false;
    for (size_t rank = 0; rank < n; rank++)
        dump->ranks[dump->words[rank].count] = (uint32_t)rank;
    return true;
}

/* Return the rank of the first word of a row in the upper half, and below it that of the second plus 1, or 0. Rows of a
   symmetric window begin with the word of the lower rank. */
static uint64_t rank_pair(const PairDump *dump, Pair *pair)
{
    uint64_t first = dump->ranks[pair->first];
    if (pair->second == NO_WORD)
        return first << 32;
    uint64_t second = dump->ranks[pair->second];
    if (first <= second || !counter_is_symmetric(dump->counter))
        return first << 32 | (second + 1);
    pair->n_left = pair->count - pair->n_left;
    return second << 32 | (first + 1);
}

static bool is_dumped(const PairDump *dump, const Pair *pair)
{
    return pair->second == NO_WORD || pair->count >= dump->min_count;
}

/* Prepare the passes; false if memory ran out. */
static bool plan_passes(PairDump *dump)
{
    const PairTable *table = &dump->counter->pairs;
    size_t n = 0, max_length = 0;
    for (uint32_t number = 1; number < table->n; number++)
        if (is_dumped(dump, &table->pairs[number])) {
            Pair pair = table->pairs[number];
            dump->sizes[rank_pair(dump, &pair) >> 32]++;
            n++;
        }
    dump->max_rows = n / N_DUMP_PASSES > MIN_ROWS ? n / N_DUMP_PASSES : MIN_ROWS;
    for (size_t rank = 0; rank < dump->n_words; rank++) {
        if (dump->sizes[rank] > dump->max_rows)
            dump->max_rows = dump->sizes[rank];
        if (dump->words[rank].key_length > max_length)
            max_length = dump->words[rank].key_length;
    }
    dump->max_rows = dump->max_rows < n ? dump->max_rows : n;
    dump->rows = calloc(dump->max_rows + 1, sizeof *dump->rows);
    dump->items = calloc(2 * dump->max_rows + 1, sizeof *dump->items);
    dump->key = dump->keys = malloc(RUN_BLOCK_BYTES + 2 * max_length + 1);
    return dump->rows != NULL && dump->items != NULL && dump->keys != NULL;
}

static void append_key(PairDump *dump, const uint8_t *characters, size_t size)
{
    memcpy(dump->key, characters, size);
    dump->key += size;
}

/* Write a row; its key stays in memory until the block is written. */
static bool write_pair(PairDump *dump, const struct SortItem *item)
{
    struct Row row = *item->row;
    const struct Row *first = &dump->words[item->rank >> 32];
    uint32_t second = (uint32_t)item->rank;
    row.key = dump->key;
    append_key(dump, first->key, first->key_length);
    *dump->key++ = KEY_END;
    if (second > 0)
        append_key(dump, dump->words[second - 1].key, dump->words[second - 1].key_length);
    row.key_length = (size_t)(dump->key - row.key);
    if (!write_row(&dump->writer, &row))
        return false;
    if (dump->writer.n == 0)
        dump->key = dump->keys;
    return true;
}

/* Write the rows whose first word has a rank from `start` to before `stop`. */
static bool write_range(PairDump *dump, size_t start, size_t stop)
{
    const PairTable *table = &dump->counter->pairs;
    size_t n = 0;
    for (uint32_t number = 1; number < table->n; number++) {
        if (!is_dumped(dump, &table->pairs[number]))
            continue;
        Pair pair = table->pairs[number];
        uint64_t rank = rank_pair(dump, &pair);
        if (rank >> 32 < start || rank >> 32 >= stop)
            continue;
        dump->rows[n] = (struct Row){NULL, 0, pair.count, pair.n_left};
        dump->items[n] = (struct SortItem){rank, &dump->rows[n]};
        n++;
    }
    sort_by_rank(dump->items, dump->items + n, n);
    for (size_t i = 0; i < n; i++)
        if (!write_pair(dump, &dump->items[i]))
            return false;
    return true;
}

static bool write_all(PairDump *dump)
{
    for (size_t start = 0, stop; start < dump->n_words; start = stop) {
        size_t n = 0;
        for (stop = start; stop < dump->n_words && n + dump->sizes[stop] <= dump->max_rows; stop++)
            n += dump->sizes[stop];
        if (!write_range(dump, start, stop))
            return false;
    }
    return end_run(&dump->writer);
}

bool counter_dump_pairs(Counter *counter, uint64_t min_count, struct Bytes *out)
{
    PairDump *dump = calloc(1, sizeof *dump);
    if (dump == NULL)
        return false;
    dump->counter = counter;
    dump->min_count = min_count;
    dump->writer.out = out;
    for (uint32_t number = 1; number < counter->pairs.n; number++)
        dump->n_words += counter->pairs.pairs[number].second == NO_WORD;
    dump->words = calloc(dump->n_words + 1, sizeof *dump->words);
    dump->sizes = calloc(dump->n_words + 1, sizeof *dump->sizes);
    dump->ranks = calloc(first_string_id(&counter->segmenter) + counter->segmenter.vocabulary.n, sizeof *dump->ranks);
    bool is_done = dump->words != NULL && dump->sizes != NULL && dump->ranks != NULL && rank_words(dump) &&
                   plan_passes(dump) && write_all(dump);
    free(dump->words);
    free(dump->sizes);
    free(dump->ranks);
    free_bytes(&dump->spellings);
    free(dump->rows);
    free(dump->items);
    free(dump->keys);
    free(dump);
    return is_done;
}
