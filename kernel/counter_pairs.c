/* Counting pairs of words within a window. */
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
