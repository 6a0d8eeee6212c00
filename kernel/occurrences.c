/* The occurrences of the words of a tree in text. */
#include "newwords.h"

#include <stdlib.h>
#include <string.h>

/* Add 1 to the documents of a node, once in each document; its occurrences come in the order of the text. */
static void count_document(const Documents *documents, uint32_t node, uint32_t number)
{
    documents->counts[node] += documents->last[node] != number;
    documents->last[node] = number;
}

bool count_neighbors(const NgramTree *tree, Text text, const Documents *documents, KeyCounter *before,
                     KeyCounter *after)
{
    Pieces pieces = {0};
    bool is_done = find_characters(tree, text, &pieces);
    for (size_t n = 1; is_done && pieces.n; n++) {
        uint64_t firsts[KEY_BATCH], lasts[KEY_BATCH];
        size_t n_keys = 0;
        for (size_t i = 0; is_done && i < pieces.n; i++) {
            uint32_t word = pieces.values[i];
            size_t start = pieces.starts[i], end = start + n;
            if (word || n == 1)
                count_document(documents, pieces.nodes[i], documents->numbers[start]);
            if (word) {
                uint64_t key = (uint64_t)word << CHARACTER_BITS;
                firsts[n_keys] = start ? key | text.characters[start - 1] : key;
                lasts[n_keys] = end < text.length ? key | text.characters[end] : key;
                n_keys++;
            }
            if (n_keys == KEY_BATCH || i + 1 == pieces.n) {
                is_done = key_counter_add(before, firsts, NULL, n_keys) && key_counter_add(after, lasts, NULL, n_keys);
                n_keys = 0;
            }
        }
        is_done = is_done && extend_pieces(tree, text, n + 1, &pieces, &pieces);
    }
    free_pieces(&pieces);
    return is_done;
}

/* The longest n-gram at a position; all zero for none. */
typedef struct {
    uint32_t word;
    uint32_t length;
} Longest;

/* Return whether an n-gram of the longest order starts at each position of a segment where one could. */
static bool is_covered(const Longest *longest, size_t start, size_t end, size_t order)
{
    for (size_t i = start; i + order <= end; i++)
        if (longest[i].length != order)
            return false;
    return true;
}

bool count_segments(const Segmentation *segmentation, Text text, uint32_t *spans, size_t *n_spans)
{
    Longest *longest = calloc(text.length + 1, sizeof *longest);
    Pieces pieces = {0};
    bool is_done = longest != NULL && find_characters(segmentation->tree, text, &pieces);
    size_t order = segmentation->order;
    for (size_t n = 1; is_done && pieces.n; n++) {
        for (size_t i = 0; i < pieces.n; i++) {
            uint32_t word = pieces.values[i];
            if (word != 0)
                longest[pieces.starts[i]] = (Longest){word, (uint32_t)n};
        }
        is_done = extend_pieces(segmentation->tree, text, n + 1, &pieces, &pieces);
    }
    *n_spans = 0;
    for (size_t start = 0, end; is_done && start < text.length; start = end) {
        size_t reach = start + 1; /* no cut before it */
        for (end = start; end < reach; end++)
            if (end + longest[end].length > reach)
                reach = end + longest[end].length;
        size_t length = end - start;
        if (length == 1) {
            if (text.characters[start])
                segmentation->characters[text.characters[start]]++;
        } else if (length == longest[start].length) {
            segmentation->ngrams[longest[start].word]++;
        } else if (length > order && length <= segmentation->max_length && is_covered(longest, start, end, order)) {
            spans[(*n_spans)++] = (uint32_t)start;
            spans[(*n_spans)++] = (uint32_t)length;
        }
    }
    free(longest);
    free_pieces(&pieces);
    return is_done;
}
