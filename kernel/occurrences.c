/* The occurrences of the words of a tree in text. */
#include "newwords.h"

#include <stdlib.h>
#include <string.h>

/* Count the documents with some pieces: each once in a document, as the documents come in the order of the text. */
static void count_documents(const Documents *documents, size_t offset, const Pieces *pieces, size_t first, size_t stop,
                            bool has_words)
{
    uint32_t nodes[KEY_BATCH], numbers[KEY_BATCH];
    size_t n = 0;
    for (size_t k = first; k < stop; k++) {
        nodes[n] = pieces->nodes[k];
        numbers[n] = documents->numbers[offset + pieces->starts[k]];
        n += !has_words | (pieces->values[k] != 0);
    }
    for (size_t k = 0; k < n; k++) {
        PREFETCH(&documents->last[nodes[k]]);
        PREFETCH(&documents->counts[nodes[k]]);
    }
    for (size_t k = 0; k < n; k++) {
        documents->counts[nodes[k]] += documents->last[nodes[k]] != numbers[k];
        documents->last[nodes[k]] = numbers[k];
    }
}

/* Count the characters next to the words among some pieces of n characters. */
static bool count_pairs(Text text, size_t n, const Pieces *pieces, size_t first, size_t stop, KeyCounter *before,
                        KeyCounter *after)
{
    uint64_t firsts[KEY_BATCH], lasts[KEY_BATCH];
    size_t n_keys = 0;
    for (size_t k = first; k < stop; k++) {
        size_t start = pieces->starts[k], end = start + n;
        firsts[n_keys] = make_key(pieces->values[k], start ? text.characters[start - 1] : 0);
        lasts[n_keys] = make_key(pieces->values[k], end < text.length ? text.characters[end] : 0);
        n_keys += pieces->values[k] != 0;
    }
    return key_counter_add(before, firsts, NULL, n_keys) && key_counter_add(after, lasts, NULL, n_keys);
}

static bool count_part(const NgramTree *tree, Text text, size_t offset, const Documents *documents, KeyCounter *before,
                       KeyCounter *after)
{
    Pieces pieces = {0};
    bool is_done = reserve_pieces(&pieces, text.length);
    if (is_done)
        find_characters(tree, text, &pieces);
    for (size_t n = 1; is_done && pieces.n; n++) {
        for (size_t first = 0; is_done && first < pieces.n; first += KEY_BATCH) {
            size_t stop = pieces.n - first < KEY_BATCH ? pieces.n : first + KEY_BATCH;
            count_documents(documents, offset, &pieces, first, stop, n > 1);
            is_done = count_pairs(text, n, &pieces, first, stop, before, after);
        }
        extend_pieces(tree, text, n + 1, &pieces, &pieces);
    }
    free_pieces(&pieces);
    return is_done;
}

bool count_neighbors(const NgramTree *tree, Text text, const Documents *documents, KeyCounter *before,
                     KeyCounter *after)
{
    bool is_done = true;
    for (size_t start = 0; is_done && start < text.length;) {
        Text part = take_part(text, start);
        is_done = count_part(tree, part, start, documents, before, after);
        start += part.length;
    }
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
    bool is_done = longest != NULL && reserve_pieces(&pieces, text.length);
    if (is_done)
        find_characters(segmentation->tree, text, &pieces);
    size_t order = segmentation->order;
    for (size_t n = 1; is_done && pieces.n; n++) {
        for (size_t i = 0; i < pieces.n; i++) {
            uint32_t word = pieces.values[i];
            if (word != 0)
                longest[pieces.starts[i]] = (Longest){word, (uint32_t)n};
        }
        extend_pieces(segmentation->tree, text, n + 1, &pieces, &pieces);
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
