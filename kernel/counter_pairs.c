/* Counting and merging pairs of words within a window. */
#include "counter.h"

/* Count the pairs of a word with one of those before it. */
static bool count_pair(Counter *counter, uint32_t before, uint32_t word, uint32_t distance)
{
    PairTable *pairs = &counter->pairs;
    const Counting *counting = &counter->counting;
    if (counter_is_symmetric(counter)) {
        if (before == word && !pairs_add(pairs, word, word, 1, 1)) /* each is in the window of the other */
            return false;
        return before <= word ? pairs_add(pairs, before, word, 1, 0) : pairs_add(pairs, word, before, 1, 1);
    }
    if (distance <= counting->right && (counter->word == NO_WORD || before == counter->word) &&
        !pairs_add(pairs, before, word, 1, 0))
        return false;
    return distance > counting->left || (counter->word != NO_WORD && word != counter->word) ||
           pairs_add(pairs, word, before, 1, 1);
}

bool counter_count_pairs(Counter *counter)
{
    for (size_t i = counter->n_before; i < counter->n_words; i++) {
        const WordAt *words = counter->words;
        if (!pairs_add(&counter->pairs, words[i].id, NO_WORD, 1, 0))
            return false;
        for (uint32_t distance = 1; distance < words[i].n_run; distance++)
            if (!count_pair(counter, words[i - distance].id, words[i].id, distance))
                return false;
    }
    return pairs_flush(&counter->pairs);
}

/* Find the identifiers in `counter` of the words of another counter, by their characters. `ids` has them by identifier
   in the other one. */
static bool map_words(Counter *counter, Counter *other, uint32_t *ids)
{
    for (uint32_t number = 1; number < other->pairs.n; number++) {
        const Pair *pair = &other->pairs.pairs[number];
        if (pair->second != NO_WORD)
            continue;
        size_t size = segmenter_spell(&other->segmenter, pair->first);
        if (other->segmenter.has_failed)
            return false;
        ids[pair->first] = segmenter_identify(&counter->segmenter, other->segmenter.utf8, size);
        if (counter->segmenter.has_failed)
            return false;
    }
    return true;
}

bool counter_merge_pairs(Counter *counter, Counter *other)
{
    size_t n_ids = (size_t)first_string_id(&other->segmenter) + other->segmenter.vocabulary.n;
    uint32_t *ids = calloc(n_ids, sizeof *ids);
    bool is_symmetric = counter_is_symmetric(counter), is_done = ids != NULL && map_words(counter, other, ids);
    for (uint32_t number = 1; is_done && number < other->pairs.n; number++) {
        Pair pair = other->pairs.pairs[number];
        uint32_t first = ids[pair.first], second = pair.second == NO_WORD ? NO_WORD : ids[pair.second];
        if (is_symmetric && first > second)
            is_done = pairs_add(&counter->pairs, second, first, pair.count, pair.count - pair.n_left);
        else
            is_done = pairs_add(&counter->pairs, first, second, pair.count, pair.n_left);
    }
    free(ids);
    return is_done && pairs_flush(&counter->pairs);
}
