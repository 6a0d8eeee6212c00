/* The occurrences of the words of a tree in text. */
#include "newwords.h"

#include <stdlib.h>
#include <string.h>

/* Where pieces of text start that are nodes of the tree, all of the same number of characters. */
typedef struct {
    uint32_t *starts;
    uint32_t *nodes;
    size_t n;
} Places;

static void free_places(Places *places)
{
    free(places->starts);
    free(places->nodes);
}

/* Return the places of all characters; `starts` is NULL if there is no memory. */
static Places find_characters(Text text)
{
    Places places = {malloc((text.length + 1) * sizeof(uint32_t)), malloc((text.length + 1) * sizeof(uint32_t)), 0};
    if (places.starts == NULL || places.nodes == NULL) {
        free_places(&places);
        return (Places){0};
    }
    for (size_t i = 0; i < text.length; i++) {
        places.starts[places.n] = (uint32_t)i;
        places.nodes[places.n] = text.characters[i];
        places.n += text.characters[i] != 0;
    }
    return places;
}

/* Extend pieces of n characters by the next one; keep those that are nodes. */
static void descend(const NgramTree *tree, Text text, size_t n, Places *places)
{
    uint32_t characters[KEY_BATCH], children[KEY_BATCH];
    size_t n_kept = 0;
    for (size_t start = 0; start < places->n; start += KEY_BATCH) {
        size_t n_batch = places->n - start < KEY_BATCH ? places->n - start : KEY_BATCH;
        for (size_t i = 0; i < n_batch; i++) {
            size_t next = places->starts[start + i] + n;
            characters[i] = next < text.length ? text.characters[next] : 0;
        }
        find_children(tree, places->nodes + start, characters, n_batch, children);
        for (size_t i = 0; i < n_batch; i++) {
            places->starts[n_kept] = places->starts[start + i];
            places->nodes[n_kept] = children[i];
            n_kept += children[i] != 0 && characters[i] != 0; /* else a forged tree could go on after the end */
        }
    }
    places->n = n_kept;
}

bool count_neighbors(const NgramTree *tree, const uint32_t *words, Text text, KeyCounter *before, KeyCounter *after)
{
    Places places = find_characters(text);
    bool is_done = places.starts != NULL;
    for (size_t n = 1; is_done && places.n; n++) {
        uint64_t firsts[KEY_BATCH], lasts[KEY_BATCH];
        size_t n_keys = 0;
        for (size_t i = 0; is_done && i < places.n; i++) {
            uint32_t word = words[places.nodes[i]];
            size_t start = places.starts[i], end = start + n;
            if (word) {
                uint64_t key = (uint64_t)word << CHARACTER_BITS;
                firsts[n_keys] = start ? key | text.characters[start - 1] : key;
                lasts[n_keys] = end < text.length ? key | text.characters[end] : key;
                n_keys++;
            }
            if (n_keys == KEY_BATCH || i + 1 == places.n) {
                is_done = key_counter_add(before, firsts, NULL, n_keys) && key_counter_add(after, lasts, NULL, n_keys);
                n_keys = 0;
            }
        }
        descend(tree, text, n, &places);
    }
    free_places(&places);
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
    Places places = longest != NULL ? find_characters(text) : (Places){0};
    bool is_done = places.starts != NULL;
    size_t order = segmentation->order;
    for (size_t n = 1; is_done && places.n; n++) {
        for (size_t i = 0; i < places.n; i++) {
            uint32_t word = segmentation->words[places.nodes[i]];
            if (word != 0 && word <= segmentation->max_word)
                longest[places.starts[i]] = (Longest){word, (uint32_t)n};
        }
        descend(segmentation->tree, text, n, &places);
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
    free_places(&places);
    return is_done;
}
