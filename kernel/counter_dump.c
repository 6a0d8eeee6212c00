/* The counts of a counter as a sorted run.

   The key of a row is its group, KEY_END, the words joined by spaces, KEY_END and the order as a character from U+0020
   on; the group and the order are absent if there are no groups, or only one order. If documents have counts of their
   own, KEY_END always follows the words, and the number of the document comes last; each document also has a row
   without words for each order, with their sum. pair_dump.c has the keys of pairs. */
#include "counter.h"
#include "memory.h"
#include "model.h"
#include "runs.h"

#define CHUNK_BYTES ((size_t)1 << 20)
#define FIRST_ORDER 32

/* Bytes of keys, in chunks that never move. */
typedef struct Chunk {
    struct Chunk *before;
    size_t used, capacity;
    uint8_t bytes[];
} Chunk;

typedef struct {
    Counter *counter;
    struct Bytes key; /* the one under construction */
    Chunk *chunk;
    struct Row *rows;
    size_t n_rows, rows_capacity;
    uint32_t *words;        /* of an n-gram */
    struct Bytes spellings; /* of words, escaped, each after its length */
    uint32_t *spelled;      /* [n_spelled] by identifier: where its spelling begins, plus 1; or 0 */
    size_t n_spelled;
} Dump;

static bool append(struct Bytes *bytes, const uint8_t *text, size_t size)
{
    uint8_t *out = extend_bytes(bytes, size);
    if (out == NULL)
        return false;
    memcpy(out, text, size);
    return true;
}

static bool append_byte(struct Bytes *bytes, uint8_t byte)
{
    return append(bytes, &byte, 1);
}

/* Append text with NUL, KEY_END and KEY_ESCAPE escaped. */
static bool append_escaped(struct Bytes *bytes, const uint8_t *text, size_t size)
{
    for (size_t i = 0, start = 0; i <= size; i++) {
        if (i < size && text[i] > KEY_ESCAPE)
            continue;
        if (i > start && !append(bytes, text + start, i - start))
            return false;
        start = i + 1;
        if (i < size && (!append_byte(bytes, KEY_ESCAPE) || !append_byte(bytes, text[i] + 3)))
            return false;
    }
    return true;
}

bool counter_append_word(Counter *counter, uint32_t id, struct Bytes *out)
{
    size_t size = segmenter_spell(&counter->segmenter, id);
    return !counter->segmenter.has_failed && append_escaped(out, counter->segmenter.utf8, size);
}

/* Append the characters of a word of an n-gram; each word is spelled once. */
static bool append_spelled(Dump *dump, uint32_t id)
{
    struct Bytes *spellings = &dump->spellings;
    uint32_t length;
    if (!segmenter_cover_ids(&dump->counter->segmenter, &dump->spelled, &dump->n_spelled, sizeof *dump->spelled))
        return false;
    if (dump->spelled[id] == 0) {
        size_t start = spellings->length, before = dump->key.length;
        if (start >= UINT32_MAX || extend_bytes(spellings, sizeof length) == NULL ||
            !counter_append_word(dump->counter, id, &dump->key))
            return false;
        length = (uint32_t)(dump->key.length - before);
        memcpy(spellings->data + start, &length, sizeof length);
        if (length > 0 && !append(spellings, dump->key.data + before, length))
            return false;
        dump->spelled[id] = (uint32_t)start + 1;
        return true;
    }
    const uint8_t *spelling = spellings->data + dump->spelled[id] - 1;
    memcpy(&length, spelling, sizeof length);
    return length == 0 || append(&dump->key, spelling + sizeof length, length);
}

/* Add a row with the key under construction. */
static bool add_row(Dump *dump, uint64_t count, uint64_t documents)
{
    size_t size = dump->key.length;
    if (dump->chunk == NULL || dump->chunk->capacity - dump->chunk->used < size) {
        size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        Chunk *chunk = malloc(sizeof *chunk + capacity);
        if (chunk == NULL)
            return false;
        *chunk = (Chunk){dump->chunk, 0, capacity};
        dump->chunk = chunk;
    }
    if (!RESERVE(dump->rows, dump->rows_capacity, dump->n_rows + 1))
        return false;
    uint8_t *key = dump->chunk->bytes + dump->chunk->used;
    if (size > 0)
        memcpy(key, dump->key.data, size);
    dump->chunk->used += size;
    dump->key.length = 0;
    dump->rows[dump->n_rows++] = (struct Row){key, size, count, documents};
    return true;
}

static bool add_total(Counter *counter, uint32_t group, size_t order, uint64_t count)
{
    if (!RESERVE(counter->totals, counter->totals_capacity, counter->n_totals + 1))
        return false;
    counter->totals[counter->n_totals++] = (Total){group, (uint32_t)order, count};
    return true;
}

/* Counts of words; nearly all are 0, so `words` has those that are not, and most of `counts` is never touched. */
typedef struct {
    uint64_t *counts; /* [n_counts] by identifier */
    size_t n_counts;
    uint32_t *words; /* [n_words] */
    size_t n_words, words_capacity;
} WordCounts;

static bool add_count(Dump *dump, WordCounts *found, uint32_t word, uint64_t count)
{
    if (!segmenter_cover_ids(&dump->counter->segmenter, &found->counts, &found->n_counts, sizeof *found->counts) ||
        !RESERVE(found->words, found->words_capacity, found->n_words + 1))
        return false;
    if (found->counts[word] == 0)
        found->words[found->n_words++] = word;
    found->counts[word] += count;
    return true;
}

static bool add_word_row(Dump *dump, uint32_t word, uint64_t count, uint64_t *total)
{
    *total += count;
    return counter_append_word(dump->counter, word, &dump->key) && add_row(dump, count, 0);
}

/* Turn the counts of tokens into rows of words. Without an expander, a word is a token itself. */
static int64_t add_words(Dump *dump)
{
    Counter *counter = dump->counter;
    WordCounts found = {NULL, 0, NULL, 0, 0};
    int64_t result = COUNTER_OK;
    uint64_t total = 0;
    counter->n_sequences = 0; /* those of the last dump */
    size_t n_tokens = counter->n_counts > counter->n_sums ? counter->n_counts : counter->n_sums;
    for (uint32_t id = 0; result == COUNTER_OK && id < n_tokens; id++) {
        uint64_t count = id < counter->n_counts ? counter->counts[id] : 0;
        if (id < counter->n_sums)
            count += counter->sums[id];
        const uint32_t *words;
        uint32_t n = 0;
        if (count > 0)
            result = counter_find_words(counter, &id, &words, &n);
        for (uint32_t i = 0; result == COUNTER_OK && i < n; i++) {
            if (words[i] == WORD_BREAK)
                continue;
            bool is_added = counter->counting.expand == NULL ? add_word_row(dump, id, count, &total)
                                                             : add_count(dump, &found, words[i], count);
            result = is_added ? COUNTER_OK : COUNTER_NO_MEMORY;
        }
    }
    for (size_t i = 0; result == COUNTER_OK && i < found.n_words; i++)
        if (!add_word_row(dump, found.words[i], found.counts[found.words[i]], &total))
            result = COUNTER_NO_MEMORY;
    free(found.counts);
    free(found.words);
    return result == COUNTER_OK && !add_total(counter, 0, 1, total) ? COUNTER_NO_MEMORY : result;
}

/* Append the group of a key. */
static bool append_group(Dump *dump, uint32_t group)
{
    Counter *counter = dump->counter;
    if (!counter->counting.is_grouped)
        return true;
    size_t size;
    const uint8_t *text = strings_get(&counter->groups, group, &size);
    if (counter->counting.by_document)
        size -= DOCUMENT_DIGITS;
    return append_escaped(&dump->key, text, size) && append_byte(&dump->key, KEY_END);
}

/* Append the order and the document of a key. */
static bool append_end(Dump *dump, uint32_t group, uint32_t order)
{
    Counter *counter = dump->counter;
    const Counting *counting = &counter->counting;
    uint8_t order_text[UTF8_MAX];
    bool has_order = counting->min_order != counting->max_order;
    if ((has_order || counting->by_document) && !append_byte(&dump->key, KEY_END))
        return false;
    if (has_order && !append(&dump->key, order_text, utf8_encode(FIRST_ORDER + order, order_text)))
        return false;
    if (!counting->by_document)
        return true;
    size_t size;
    const uint8_t *text = strings_get(&counter->groups, group, &size);
    return append(&dump->key, text + size - DOCUMENT_DIGITS, DOCUMENT_DIGITS);
}

/* Add the row of an n-gram, and its count to `totals` by group and order. */
static bool add_gram(Dump *dump, uint32_t number, uint64_t *totals)
{
    Counter *counter = dump->counter;
    const Counting *counting = &counter->counting;
    const Gram *grams = counter->grams.grams;
    bool has_names = counting->is_grouped || counting->by_document;
    uint32_t n_orders = counting->max_order - counting->min_order + 1, order = 0, group = 0, at = number;
    for (; at != 0 && !(has_names && grams[at].parent == 0); at = grams[at].parent)
        dump->words[order++] = grams[at].id;
    if (has_names)
        group = grams[at].id;
    if (!append_group(dump, group))
        return false;
    for (uint32_t i = order; i-- > 0;)
        if (!append_spelled(dump, dump->words[i]) || (i > 0 && !append_byte(&dump->key, ' ')))
            return false;
    if (!append_end(dump, group, order))
        return false;
    totals[(size_t)group * n_orders + (order - counting->min_order)] += grams[number].count;
    return add_row(dump, grams[number].count, counting->has_documents ? counter->grams.documents[number].n : 0);
}

static int64_t add_grams(Dump *dump)
{
    Counter *counter = dump->counter;
    const Counting *counting = &counter->counting;
    size_t n_orders = counting->max_order - counting->min_order + 1;
    size_t n_groups = counting->is_grouped || counting->by_document ? counter->groups.n : 1;
    uint64_t *totals = calloc(n_groups + 1, n_orders * sizeof *totals);
    bool is_done = totals != NULL;
    for (uint32_t number = 1; is_done && number < counter->grams.n; number++)
        if (counter->grams.grams[number].count > 0)
            is_done = add_gram(dump, number, totals);
    for (size_t i = 0; is_done && i < n_groups * n_orders; i++) {
        uint32_t group = (uint32_t)(i / n_orders), order = counting->min_order + (uint32_t)(i % n_orders);
        if (counting->by_document)
            is_done = append_group(dump, group) && append_end(dump, group, order) && add_row(dump, totals[i], 0);
        else if (totals[i] > 0)
            is_done = add_total(counter, group, order, totals[i]);
    }
    free(totals);
    return is_done ? COUNTER_OK : COUNTER_NO_MEMORY;
}

int64_t counter_dump(Counter *counter, uint64_t min_count, struct Bytes *out)
{
    Dump dump = {.counter = counter};
    counter->n_totals = 0;
    counter->segmenter.has_failed = false; /* of an earlier call */
    memo_clear(counter->segmenter.memo);   /* its memory is needed for the rows */
    if (counter->counting.has_window)
        return counter_dump_pairs(counter, min_count, out) ? COUNTER_OK : COUNTER_NO_MEMORY;
    dump.words = calloc(counter->counting.max_order, sizeof *dump.words);
    int64_t result = COUNTER_NO_MEMORY;
    if (dump.words != NULL)
        result = counter->counts != NULL ? add_words(&dump) : add_grams(&dump);
    if (result == COUNTER_OK && !encode_run(dump.rows, dump.n_rows, out))
        result = COUNTER_NO_MEMORY;
    while (dump.chunk != NULL) {
        Chunk *before = dump.chunk->before;
        free(dump.chunk);
        dump.chunk = before;
    }
    free(dump.rows);
    free(dump.words);
    free_bytes(&dump.key);
    free_bytes(&dump.spellings);
    free(dump.spelled);
    return result;
}
