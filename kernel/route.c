#include "route.h"

#include <math.h>

#include "doubles.h"
#include "memory.h"

/* Return the number if a condition holds, else 0, without a branch: the conditions here are close to random. */
static inline uint32_t choose(bool condition, uint32_t number)
{
    return number & -(uint32_t)condition;
}

/* The nodes of 2 and of 3 characters are found in two passes without branches over the whole batch. They are spread
   over some megabytes, and each pass requests the memory that the next step needs. */
void route_look_ahead(Segmenter *segmenter)
{
    const Node *nodes = segmenter->dictionary->nodes;
    const uint16_t *codes = segmenter->batch;
    Position *positions = segmenter->positions;
    for (size_t i = 0; i < segmenter->n_batch; i++) {
        Node node = nodes[codes[i]];
        uint32_t slot = choose(node_may_have_child(node, codes[i + 1]), node_base(node) + codes[i + 1]);
        positions[i].slot2 = slot;
        PREFETCH(&nodes[slot]);
    }
    for (size_t i = 0; i < segmenter->n_batch; i++) {
        Node node = nodes[positions[i].slot2];
        bool is_child = (node_label(node) == codes[i + 1]) & (codes[i + 1] != 0);
        bool may_go_on = is_child & (codes[i + 2] != 0) & node_may_have_child(node, codes[i + 2]);
        uint32_t slot = choose(may_go_on, node_base(node) + codes[i + 2]);
        positions[i].slot2 = choose(is_child, positions[i].slot2);
        positions[i].slot3 = slot; /* its label is not checked yet */
        PREFETCH(&nodes[slot]);
    }
}

/* Step to the next word of 3 characters or more from a position on, and return its slot; 0 if there is none.
   Begin with the slot of 3 characters, and with `stop` at the third. Afterwards `stop` is the end of the word. The
   limit for it, `MAX_WORD` characters from the position on, ends a circle in a forged file. */
static inline uint32_t next_word(const Node *nodes, const uint16_t *codes, size_t limit, uint32_t *slot, size_t *stop)
{
    while (*slot != 0 && *stop < limit && node_label(nodes[*slot]) == codes[*stop]) {
        uint32_t word = *slot;
        Node node = nodes[word];
        uint16_t code = codes[++*stop];
        *slot = code != 0 && node_may_have_child(node, code) ? node_base(node) + code : 0;
        if (node_frequency(node) != 0)
            return word;
    }
    return 0;
}

void route_find(Segmenter *segmenter)
{
    const Node *nodes = segmenter->dictionary->nodes;
    const double *weights = segmenter->dictionary->weights;
    const uint16_t *codes = segmenter->batch;
    Position *positions = segmenter->positions;
    positions[segmenter->n_batch].route = 0.0;
    positions[segmenter->n_batch].length = 0;
    double route1 = 0.0, route2 = 0.0; /* of the next two positions */
    for (size_t i = segmenter->n_batch; i-- > 0;) {
        Position *position = &positions[i];
        if (codes[i] == 0) {
            route2 = route1;
            route1 = position->route = 0.0;
            position->length = 0;
            continue;
        }
        uint32_t frequency2 = node_frequency(nodes[position->slot2]);
        double best = weights[node_frequency(nodes[codes[i]])] + route1;
        double score = weights[frequency2] + route2;
        /* Of words with equal scores, jieba takes the longest. */
        bool is_best = (score >= best) & (frequency2 != 0);
        best = is_best ? score : best;
        uint32_t word = choose(is_best, position->slot2);
        size_t length = 1 + (size_t)is_best;
        uint32_t longer, slot = position->slot3;
        for (size_t stop = i + 2; (longer = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0;) {
            score = weights[node_frequency(nodes[longer])] + positions[stop].route;
            if (score >= best) {
                best = score;
                word = longer;
                length = stop - i;
            }
        }
        if (best == -INFINITY) /* no word begins here: the character counts as one of frequency 1 */
            best = segmenter->dictionary->no_word_weight + route1;
        route2 = route1;
        route1 = position->route = best;
        position->word = word;
        position->length = (uint16_t)length;
    }
}

/* Add letters and digits to the token that they form together; jieba adds some twice if words overlap. */
static void join(Segmenter *segmenter, const uint16_t *codes, size_t n)
{
    if (!RESERVE(segmenter->joined, segmenter->joined_capacity, segmenter->n_joined + n)) {
        segmenter->has_failed = true;
        return;
    }
    memcpy(segmenter->joined + segmenter->n_joined, codes, n * sizeof *codes);
    segmenter->n_joined += n;
}

static void add_joined(Segmenter *segmenter)
{
    if (segmenter->n_joined > 0)
        segmenter_add(segmenter, segmenter_identify_codes(segmenter, segmenter->joined, segmenter->n_joined));
    segmenter->n_joined = 0;
}

void route_add_all_words(Segmenter *segmenter, size_t begin, size_t end)
{
    const Node *nodes = segmenter->dictionary->nodes;
    const uint16_t *codes = segmenter->batch;
    size_t covered = begin; /* jieba's `old_j`: where the last word ends */
    segmenter->n_joined = 0;
    for (size_t i = begin; i < end; i++) {
        const Position *position = &segmenter->positions[i];
        bool is_latin = codes[i] <= N_ALNUM, is_word2 = node_frequency(nodes[position->slot2]) != 0;
        if (!is_latin)
            add_joined(segmenter);
        /* jieba lists the ends of the words from here on; a character without any is taken for a word itself. */
        size_t n_words = (size_t)(node_frequency(nodes[codes[i]]) != 0) + is_word2, word_end = i + 1 + is_word2;
        uint32_t word, slot = position->slot3;
        for (size_t stop = i + 2; (word = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0; n_words++)
            word_end = stop;
        if (n_words <= 1 && i >= covered) {
            if (is_latin)
                join(segmenter, codes + i, word_end - i);
            else
                segmenter_add(segmenter, segmenter_identify_codes(segmenter, codes + i, word_end - i));
            covered = word_end;
            continue;
        }
        if (is_word2) {
            segmenter_add(segmenter, position->slot2);
            covered = i + 2;
        }
        slot = position->slot3;
        for (size_t stop = i + 2; (word = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0; covered = stop)
            segmenter_add(segmenter, word);
    }
    add_joined(segmenter);
}
