#include "dictionary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "doubles.h"
#include "layout.h"
#include "utf8.h"

static bool has_valid_indices(const Dictionary *dictionary)
{
    for (uint32_t point = 0; point < 0x10000; point++)
        if (dictionary->codes[point] >= N_CODES)
            return false;
    for (uint32_t slot = 0; slot < dictionary->n_slots; slot++) {
        Node node = dictionary->nodes[slot];
        if (node_label(node) >= N_CODES || node_base(node) + N_CODES > dictionary->n_slots ||
            node_frequency(node) >= dictionary->n_frequencies || dictionary->parents[slot] >= dictionary->n_slots)
            return false;
    }
    for (uint32_t i = 0; i < dictionary->n_splits; i++)
        if (dictionary->splits[i] >= dictionary->n_slots)
            return false;
    return true;
}

bool dictionary_open(Dictionary *dictionary, const uint8_t *data, size_t size)
{
    LayoutHead head;
    size_t positions[N_ARRAYS];
    memset(dictionary, 0, sizeof *dictionary);
    if (size < sizeof head || (uintptr_t)data % sizeof(uint64_t) != 0)
        return false;
    memcpy(&head, data, sizeof head);
    if (head.mark != LAYOUT_MARK || head.size != size || head.total < 1 || head.n_slots < N_CODES ||
        head.n_slots > MAX_SLOTS || head.n_frequencies < 1 || head.n_frequencies > MAX_FREQUENCIES ||
        head.n_splits > head.n_slots || layout_positions(&head, positions) != size)
        return false;
    dictionary->n_slots = head.n_slots;
    dictionary->n_frequencies = head.n_frequencies;
    dictionary->n_splits = head.n_splits;
    dictionary->codes = (const uint16_t *)(data + positions[AT_CODES]);
    dictionary->points = (const uint16_t *)(data + positions[AT_POINTS]);
    dictionary->nodes = (const Node *)(data + positions[AT_NODES]);
    dictionary->parents = (const uint32_t *)(data + positions[AT_PARENTS]);
    dictionary->frequencies = (const uint64_t *)(data + positions[AT_FREQUENCIES]);
    dictionary->splits = (const uint32_t *)(data + positions[AT_SPLITS]);
    dictionary->start = (const double *)(data + positions[AT_START]);
    dictionary->transitions = (const double *)(data + positions[AT_TRANSITIONS]);
    dictionary->emissions = (const double *)(data + positions[AT_EMISSIONS]);
    dictionary->kinds = data + positions[AT_KINDS];
    if (!has_valid_indices(dictionary))
        return false;
    dictionary->weights = malloc(head.n_frequencies * sizeof(double));
    if (dictionary->weights == NULL)
        return true;
    /* The logarithms are taken here, by the same library as Python's, and added up as jieba does. */
    double log_total = log((double)head.total);
    dictionary->weights[0] = -INFINITY;
    dictionary->no_word_weight = log(1.0) - log_total;
    for (uint32_t i = 1; i < head.n_frequencies; i++)
        dictionary->weights[i] = log((double)dictionary->frequencies[i]) - log_total;
    return true;
}

void dictionary_close(Dictionary *dictionary)
{
    free(dictionary->weights);
    dictionary->weights = NULL;
}

uint32_t dictionary_find(const Dictionary *dictionary, const uint16_t *codes, size_t n)
{
    uint32_t slot = codes[0];
    for (size_t i = 1; i < n && slot != 0; i++) {
        Node node = dictionary->nodes[slot];
        slot = node_may_have_child(node, codes[i]) ? node_base(node) + codes[i] : 0;
        if (node_label(dictionary->nodes[slot]) != codes[i])
            return 0;
    }
    return slot;
}

bool dictionary_is_split(const Dictionary *dictionary, uint32_t slot)
{
    uint32_t first = 0, stop = dictionary->n_splits;
    while (first < stop) {
        uint32_t middle = (first + stop) / 2;
        if (dictionary->splits[middle] < slot)
            first = middle + 1;
        else
            stop = middle;
    }
    return first < dictionary->n_splits && dictionary->splits[first] == slot;
}

size_t dictionary_spell(const Dictionary *dictionary, uint32_t slot, uint8_t *out)
{
    uint32_t codes[MAX_WORD];
    size_t n = 0, size = 0;
    while (slot != 0 && n < MAX_WORD) { /* the limit ends a circle in a forged file */
        codes[n++] = node_label(dictionary->nodes[slot]);
        slot = dictionary->parents[slot];
    }
    while (n > 0)
        size += utf8_encode(dictionary->points[codes[--n]], out + size);
    return size;
}
