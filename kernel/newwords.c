#include "newwords.h"

#include <stdlib.h>
#include <string.h>

void find_children(const NgramTree *tree, const uint32_t *nodes, const uint32_t *characters, size_t n,
                   uint32_t *children)
{
    uint64_t keys[KEY_BATCH];
    uint32_t values[KEY_BATCH];
    for (size_t start = 0; start < n; start += KEY_BATCH) {
        size_t n_batch = n - start < KEY_BATCH ? n - start : KEY_BATCH;
        for (size_t i = 0; i < n_batch; i++) {
            bool has_key = (nodes[start + i] != 0) & (characters[start + i] != 0);
            keys[i] = has_key ? make_key(nodes[start + i], characters[start + i]) : 0;
        }
        key_table_find(&tree->children, keys, n_batch, children + start, values);
    }
}

Text take_part(Text text, size_t start)
{
    size_t stop = start + 1;
    while (stop < text.length && (stop - start < PART_LENGTH || text.characters[stop - 1]))
        stop++;
    return (Text){text.characters + start, stop - start};
}

bool reserve_pieces(Pieces *pieces, size_t n)
{
    pieces->starts = malloc((n + 1) * sizeof *pieces->starts);
    pieces->nodes = malloc((n + 1) * sizeof *pieces->nodes);
    pieces->values = malloc((n + 1) * sizeof *pieces->values);
    return pieces->starts != NULL && pieces->nodes != NULL && pieces->values != NULL;
}

void free_pieces(Pieces *pieces)
{
    free(pieces->starts);
    free(pieces->nodes);
    free(pieces->values);
    *pieces = (Pieces){0};
}

void find_characters(const NgramTree *tree, Text text, Pieces *pieces)
{
    pieces->n = 0;
    for (size_t i = 0; i < text.length; i++) {
        pieces->starts[pieces->n] = (uint32_t)i;
        pieces->nodes[pieces->n] = text.characters[i];
        pieces->values[pieces->n] = tree->values[text.characters[i]];
        pieces->n += text.characters[i] != 0;
    }
}

void extend_pieces(const NgramTree *tree, Text text, size_t n, const Pieces *shorter, Pieces *longer)
{
    size_t n_shorter = shorter->n, n_longer = 0;
    uint64_t keys[KEY_BATCH];
    uint32_t nodes[KEY_BATCH], values[KEY_BATCH];
    for (size_t first = 0; first < n_shorter; first += KEY_BATCH) {
        size_t n_batch = n_shorter - first < KEY_BATCH ? n_shorter - first : KEY_BATCH;
        for (size_t k = 0; k < n_batch; k++) {
            size_t last = shorter->starts[first + k] + n - 1;
            uint32_t character = last < text.length ? text.characters[last] : 0;
            keys[k] = character ? make_key(shorter->nodes[first + k], character) : 0;
        }
        key_table_find(&tree->children, keys, n_batch, nodes, values);
        for (size_t k = 0; k < n_batch; k++) {
            longer->starts[n_longer] = shorter->starts[first + k];
            longer->nodes[n_longer] = nodes[k];
            longer->values[n_longer] = values[k];
            n_longer += nodes[k] != 0;
        }
    }
    longer->n = n_longer;
}
