#include "route.h"

#include <math.h>

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
    uint32_t *slots2 = segmenter->slots2, *slots3 = segmenter->slots3;
    for (size_t i = 0; i < segmenter->n_batch; i++) {
        Node node = nodes[codes[i]];
        uint32_t slot = choose(node_may_have_child(node, codes[i + 1]), node_base(node) + codes[i + 1]);
        slots2[i] = slot;
        PREFETCH(&nodes[slot]);
    }
    for (size_t i = 0; i < segmenter->n_batch; i++) {
        Node node = nodes[slots2[i]];
        bool is_child = (node_label(node) == codes[i + 1]) & (codes[i + 1] != 0);
        bool may_go_on = is_child & (codes[i + 2] != 0) & node_may_have_child(node, codes[i + 2]);
        uint32_t slot = choose(may_go_on, node_base(node) + codes[i + 2]);
        slots2[i] = choose(is_child, slots2[i]);
        slots3[i] = slot; /* its label is not checked yet */
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
    double *route = segmenter->route;
    route[segmenter->n_batch] = 0.0;
    segmenter->lengths[segmenter->n_batch] = 0;
    double route1 = 0.0, route2 = 0.0; /* of the next two positions */
    for (size_t i = segmenter->n_batch; i-- > 0;) {
        if (codes[i] == 0) {
            route2 = route1;
            route1 = route[i] = 0.0;
            segmenter->lengths[i] = 0;
            continue;
        }
        uint32_t slot2 = segmenter->slots2[i], frequency2 = node_frequency(nodes[slot2]);
        double best = weights[node_frequency(nodes[codes[i]])] + route1;
        double score = weights[frequency2] + route2;
        /* Of words with equal scores, jieba takes the longest. */
        bool is_best = (score >= best) & (frequency2 != 0);
        best = is_best ? score : best;
        uint32_t word = choose(is_best, slot2);
        size_t length = 1 + (size_t)is_best;
        uint32_t longer, slot = segmenter->slots3[i];
        for (size_t stop = i + 2; (longer = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0;) {
            score = weights[node_frequency(nodes[longer])] + route[stop];
            if (score >= best) {
                best = score;
                word = longer;
                length = stop - i;
            }
        }
        if (best == -INFINITY) /* no word begins here: the character counts as one of frequency 1 */
            best = segmenter->dictionary->no_word_weight + route1;
        route2 = route1;
        route1 = route[i] = best;
        segmenter->words[i] = word;
        segmenter->lengths[i] = (uint16_t)length;
    }
}

static void add_joined(Segmenter *segmenter, size_t *n_joined, size_t end)
{
    if (*n_joined > 0)
        segmenter_add(segmenter, segmenter_identify_codes(segmenter, segmenter->joined, *n_joined), end - *n_joined,
                      end);
    *n_joined = 0;
}

void route_add_all_words(Segmenter *segmenter, size_t begin, size_t end)
{
    const Node *nodes = segmenter->dictionary->nodes;
    const uint16_t *codes = segmenter->batch;
    size_t covered = begin, n_joined = 0; /* the end of all words so far; letters and digits that become one token */
    for (size_t i = begin; i < end; i++) {
        bool is_latin = codes[i] <= N_ALNUM;
        if (!is_latin)
            add_joined(segmenter, &n_joined, i);
        /* jieba lists the ends of the words from here on; a character without any is taken for a word itself. */
        size_t n_words = node_frequency(nodes[codes[i]]) != 0, word_end = i + 1;
        if (node_frequency(nodes[segmenter->slots2[i]]) != 0) {
            n_words++;
            word_end = i + 2;
        }
        uint32_t word, slot = segmenter->slots3[i];
        for (size_t stop = i + 2; (word = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0; n_words++)
            word_end = stop;
        if (n_words <= 1 && i >= covered) {
            for (size_t j = i; is_latin && j < word_end; j++)
                segmenter->joined[n_joined++] = codes[j];
            if (n_joined == 0)
                segmenter_add(segmenter, segmenter_identify_codes(segmenter, codes + i, word_end - i), i, word_end);
            covered = word_end;
            continue;
        }
        if (node_frequency(nodes[segmenter->slots2[i]]) != 0) {
            segmenter_add(segmenter, segmenter->slots2[i], i, i + 2);
            covered = i + 2;
        }
        slot = segmenter->slots3[i];
        for (size_t stop = i + 2; (word = next_word(nodes, codes, i + MAX_WORD, &slot, &stop)) != 0; covered = stop)
            segmenter_add(segmenter, word, i, stop);
    }
    add_joined(segmenter, &n_joined, end);
}
