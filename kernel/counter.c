#include "counter.h"

#include "memory.h"

/* Values of `expansions`; larger ones are FIRST_SEQUENCE plus the position in `sequences`. */
enum { UNKNOWN, NOTHING, BREAK, ITSELF, FIRST_SEQUENCE };

#define ROW_BYTES 64 /* of a row while it is dumped: itself, and two copies of its place in a sort */
#define N_AHEAD 8    /* tokens whose memory is requested before it is read */

static bool counts_words_only(const Counting *counting)
{
    return counting->max_order == 1 && !counting->has_documents && !counting->is_grouped && !counting->by_document &&
           !counting->has_window;
}

bool counter_init(Counter *counter, const Dictionary *dictionary, const Counting *counting, const HashKey *hash_key)
{
    memset(counter, 0, sizeof *counter);
    counter->counting = *counting;
    counter->document = 1;
    counter->word = NO_WORD;
    strings_init(&counter->groups, hash_key);
    if (!segmenter_init(&counter->segmenter, dictionary, counting->mode, counting->uses_hmm, hash_key))
        return false;
    /* Most of this memory is never touched: that of code points and words which the texts do not have. */
    if (counts_words_only(counting))
        return segmenter_cover_ids(&counter->segmenter, &counter->counts, &counter->n_counts, sizeof *counter->counts);
    if (!segmenter_cover_ids(&counter->segmenter, &counter->expansions, &counter->n_expansions,
                             sizeof *counter->expansions))
        return false;
    if (!counting->has_window)
        return grams_init(&counter->grams, counting->has_documents, hash_key);
    uint32_t window = counting->left > counting->right ? counting->left : counting->right;
    counter->counting.max_order = window + 1;
    if (counting->word != NULL)
        counter->word = segmenter_identify(&counter->segmenter, counting->word, counting->word_size);
    counter->counting.word = NULL;
    return !counter->segmenter.has_failed && pairs_init(&counter->pairs, hash_key);
}

void counter_free(Counter *counter)
{
    segmenter_free(&counter->segmenter);
    free(counter->counts);
    free(counter->sums);
    grams_free(&counter->grams);
    pairs_free(&counter->pairs);
    strings_free(&counter->groups);
    free_bytes(&counter->name);
    free(counter->expansions);
    free(counter->sequences);
    free(counter->words);
    free(counter->totals);
}

bool counter_add_word(Counter *counter, const uint8_t *text, size_t size)
{
    uint32_t id = text == NULL ? WORD_BREAK : segmenter_identify(&counter->segmenter, text, size);
    if (counter->segmenter.has_failed ||
        !RESERVE(counter->sequences, counter->sequences_capacity, counter->n_sequences + 1)) {
        counter->segmenter.has_failed = true;
        return false;
    }
    counter->sequences[counter->n_sequences++] = id;
    return true;
}

/* Decide what a token becomes: itself, a break, nothing, or what the expander says. */
static int64_t expand(Counter *counter, uint32_t id, uint32_t *expansion)
{
    Segmenter *segmenter = &counter->segmenter;
    size_t size = segmenter_spell(segmenter, id);
    if (segmenter->has_failed)
        return COUNTER_NO_MEMORY;
    if (counter->counting.expand == NULL) {
        bool is_space = true, is_word = counter->counting.keeps_punctuation;
        for (const uint8_t *at = segmenter->utf8, *end = at + size; at < end;) {
            uint32_t point = 0;
            at += utf8_decode(at, end, true, &point);
            is_space = is_space && segmenter->dictionary->kinds[point] == KIND_SPACE;
            is_word = is_word || segmenter->dictionary->kinds[point] == KIND_ALNUM;
        }
        *expansion = is_space ? NOTHING : is_word ? ITSELF : BREAK;
        return COUNTER_OK;
    }
    size_t start = counter->n_sequences;
    if (!RESERVE(counter->sequences, counter->sequences_capacity, start + 1))
        return COUNTER_NO_MEMORY;
    counter->sequences[counter->n_sequences++] = 0;
    if (!counter->counting.expand(counter->counting.context, counter, segmenter->utf8, size))
        return segmenter->has_failed ? COUNTER_NO_MEMORY : COUNTER_ERROR;
    counter->sequences[start] = (uint32_t)(counter->n_sequences - start - 1);
    if (counter->n_sequences > UINT32_MAX - FIRST_SEQUENCE)
        return COUNTER_NO_MEMORY;
    *expansion = FIRST_SEQUENCE + (uint32_t)start;
    return COUNTER_OK;
}

int64_t counter_find_words(Counter *counter, const uint32_t *id, const uint32_t **words, uint32_t *n)
{
    static const uint32_t word_break = WORD_BREAK;
    uint32_t expansion = *id < counter->n_expansions ? counter->expansions[*id] : UNKNOWN;
    if (expansion == UNKNOWN) {
        int64_t result = expand(counter, *id, &expansion);
        if (result != COUNTER_OK)
            return result;
        if (counter->expansions != NULL) {
            if (!segmenter_cover_ids(&counter->segmenter, &counter->expansions, &counter->n_expansions,
                                     sizeof *counter->expansions))
                return COUNTER_NO_MEMORY;
            counter->expansions[*id] = expansion;
        }
    }
    *n = expansion != NOTHING;
    *words = expansion == BREAK ? &word_break : id;
    if (expansion >= FIRST_SEQUENCE) {
        *words = counter->sequences + (expansion - FIRST_SEQUENCE) + 1;
        *n = (*words)[-1];
    }
    return COUNTER_OK;
}

/* Add all counts to the sums; false if memory ran out. */
static bool move_counts(Counter *counter)
{
    if (!segmenter_cover_ids(&counter->segmenter, &counter->sums, &counter->n_sums, sizeof *counter->sums) ||
        !segmenter_cover_ids(&counter->segmenter, &counter->counts, &counter->n_counts, sizeof *counter->counts))
        return false;
    for (size_t id = 0; id < counter->n_counts && id < counter->n_sums; id++)
        if (counter->counts[id] != 0) {
            counter->sums[id] += counter->counts[id];
            counter->counts[id] = 0;
        }
    counter->n_counted = 0;
    return true;
}

static bool count_tokens(Counter *counter)
{
    const Segmenter *segmenter = &counter->segmenter;
    if (counter->n_counted + segmenter->n_tokens > UINT32_MAX && !move_counts(counter))
        return false;
    if (!segmenter_cover_ids(&counter->segmenter, &counter->counts, &counter->n_counts, sizeof *counter->counts))
        return false;
    for (size_t i = 0; i < segmenter->n_tokens; i++)
        counter->counts[segmenter->tokens[i]]++;
    counter->n_counted += segmenter->n_tokens;
    return true;
}

/* Count the n-grams of one order that end with the words of the batch. Their nodes are found from the last to the
   first, because the parent of an n-gram is the n-gram of the order before that ends one word earlier. */
static bool count_order(Counter *counter, uint32_t order)
{
    GramTable *grams = &counter->grams;
    WordAt *words = counter->words;
    bool is_counted = order >= counter->counting.min_order;
    if (!grams_reserve(grams, counter->n_words))
        return false;
    for (size_t i = 0; i < counter->n_words; i++)
        if (words[i].n_run >= order) {
            words[i].hash = gram_hash(&counter->grams, words[order == 1 ? i : i - 1].gram, words[i].id);
            grams_prefetch_slot(grams, words[i].hash);
        }
    for (size_t i = 0; i < counter->n_words; i++)
        if (words[i].n_run >= order)
            grams_prefetch_gram(grams, words[i].hash);
    for (size_t i = counter->n_words; i-- > 0;)
        if (words[i].n_run >= order) {
            uint32_t parent = words[order == 1 ? i : i - 1].gram;
            words[i].gram = grams_child(grams, words[i].hash, parent, words[i].id);
        }
    for (size_t i = counter->n_before; is_counted && i < counter->n_words; i++)
        if (words[i].n_run >= order)
            grams_count(grams, words[i].gram, words[i].document);
    return true;
}

/* Count the n-grams or pairs of the batch, and keep the words that later ones may begin with. */
static bool count_words(Counter *counter)
{
    uint32_t max_order = counter->counting.max_order;
    if (counter->counting.has_window && !counter_count_pairs(counter))
        return false;
    for (uint32_t order = 1; order <= max_order && !counter->counting.has_window; order++)
        if (!count_order(counter, order))
            return false;
    size_t n_kept = counter->n_run < max_order ? counter->n_run : max_order - 1;
    for (size_t i = 0; i < n_kept; i++) {
        counter->words[i] = counter->words[counter->n_words - n_kept + i];
        counter->words[i].n_run = (uint32_t)i + 1;
        counter->words[i].gram = counter->root;
    }
    counter->n_words = counter->n_before = n_kept;
    return true;
}

static void end_document(Counter *counter)
{
    counter->n_run = 0;
    counter->document++;
}

/* Add a word, or a break, to those of the batch. */
static bool add_word(Counter *counter, uint32_t id)
{
    if (id == WORD_BREAK) {
        if (!counter->counting.has_window)
            counter->n_run = 0;
        return true;
    }
    if (!RESERVE(counter->words, counter->words_capacity, counter->n_words + 1))
        return false;
    if (counter->n_run < counter->counting.max_order)
        counter->n_run++;
    counter->words[counter->n_words++] = (WordAt){counter->document, 0, id, counter->root, counter->n_run};
    return true;
}

/* Set the root to the node of a group or of its document, which is added if it is new; false if memory ran out. */
static bool find_root(Counter *counter, const CountedText *text, uint64_t number)
{
    const uint8_t *name = text->group;
    size_t size = text->group_size;
    if (counter->counting.by_document) {
        counter->name.length = 0;
        uint8_t *at = extend_bytes(&counter->name, size + DOCUMENT_DIGITS);
        if (at == NULL)
            return false;
        if (size > 0)
            memcpy(at, name, size);
        for (size_t i = 0; i < DOCUMENT_DIGITS; i++)
            at[size + i] = (uint8_t)('0' + (number >> 6 * (DOCUMENT_DIGITS - 1 - i) & 63));
        name = at;
        size += DOCUMENT_DIGITS;
    }
    uint32_t name_number = strings_add(&counter->groups, name, size);
    if (name_number == NO_STRING || !grams_reserve(&counter->grams, 1))
        return false;
    counter->root = grams_child(&counter->grams, gram_hash(&counter->grams, 0, name_number), 0, name_number);
    return true;
}

/* Begin the documents of a text; those of lines begin with their first tokens. */
static bool begin_text(Counter *counter, const CountedText *text)
{
    counter->number = text->number;
    counter->is_pending = counter->counting.numbers_lines && text->is_lines;
    if (counter->is_pending || !(counter->counting.is_grouped || counter->counting.by_document))
        return true;
    return find_root(counter, text, text->number);
}

static bool begin_line(Counter *counter, const CountedText *text)
{
    if (!counter->is_pending)
        return true;
    counter->is_pending = false;
    return find_root(counter, text, counter->number);
}

static void end_line(Counter *counter)
{
    end_document(counter);
    counter->number++;
    counter->is_pending = counter->counting.numbers_lines;
}

static int64_t count_batch(Counter *counter, const CountedText *text)
{
    const Segmenter *segmenter = &counter->segmenter;
    uint32_t line_end = point_id(segmenter, '\n');
    for (size_t i = 0; i < segmenter->n_tokens; i++) {
        uint32_t id = segmenter->tokens[i], n;
        if (!begin_line(counter, text))
            return COUNTER_NO_MEMORY;
        if (id == line_end && text->is_lines) {
            end_line(counter);
            continue;
        }
        size_t ahead = i + N_AHEAD < segmenter->n_tokens ? segmenter->tokens[i + N_AHEAD] : id;
        if (ahead < counter->n_expansions)
            PREFETCH(&counter->expansions[ahead]);
        const uint32_t *words;
        int64_t result = counter_find_words(counter, &id, &words, &n);
        if (result != COUNTER_OK)
            return result;
        for (uint32_t j = 0; j < n; j++)
            if (!add_word(counter, words[j]))
                return COUNTER_NO_MEMORY;
    }
    return count_words(counter) ? COUNTER_OK : COUNTER_NO_MEMORY;
}

int64_t counter_add(Counter *counter, const CountedText *text)
{
    Segmenter *segmenter = &counter->segmenter;
    int64_t result = segmenter_load(segmenter, text->text, text->size, text->allows_surrogates);
    if (result != SEGMENTER_OK)
        return result;
    if (counter->counts != NULL) {
        while (segmenter_next(segmenter))
            if (!count_tokens(counter))
                return COUNTER_NO_MEMORY;
        return segmenter->has_failed ? COUNTER_NO_MEMORY : COUNTER_OK;
    }
    if (!begin_text(counter, text))
        return COUNTER_NO_MEMORY;
    while (segmenter_next(segmenter))
        if ((result = count_batch(counter, text)) != COUNTER_OK)
            return result;
    /* White space at the end of a text may have no token. */
    if (text->size > 0 && text->text[text->size - 1] != '\n' && !begin_line(counter, text))
        return COUNTER_NO_MEMORY;
    if (!text->has_continuation) {
        end_document(counter);
        counter->n_words = counter->n_before = 0;
    }
    return segmenter->has_failed ? COUNTER_NO_MEMORY : COUNTER_OK;
}

size_t counter_memory(const Counter *counter)
{
    size_t n_rows = (size_t)counter->grams.n + counter->pairs.n / N_DUMP_PASSES + counter->segmenter.vocabulary.n;
    if (counter->counting.by_document)
        n_rows += (size_t)counter->groups.n * (counter->counting.max_order - counter->counting.min_order + 1);
    return segmenter_memory(&counter->segmenter) + grams_memory(&counter->grams) + pairs_memory(&counter->pairs) +
           strings_memory(&counter->groups) + counter->sequences_capacity * sizeof *counter->sequences +
           ROW_BYTES * n_rows;
}
