#include "newwords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t make_key(uint32_t node, uint32_t character)
{
    return (uint64_t)node << CHARACTER_BITS | character;
}

/* Replace the numbers of keys by nodes. */
static void number_nodes(const NgramTree *tree, uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        numbers[i] = numbers[i] ? tree->n_characters + numbers[i] : 0;
}

void find_children(const NgramTree *tree, const uint32_t *nodes, const uint32_t *characters, size_t n,
                   uint32_t *children)
{
    uint64_t keys[KEY_BATCH];
    for (size_t start = 0; start < n; start += KEY_BATCH) {
        size_t n_batch = n - start < KEY_BATCH ? n - start : KEY_BATCH;
        for (size_t i = 0; i < n_batch; i++)
            keys[i] = make_key(nodes[start + i], characters[start + i]);
        key_numbers_find(&tree->children, keys, n_batch, children + start);
        number_nodes(tree, children + start, n_batch);
        for (size_t i = 0; i < n_batch; i++)
            children[start + i] *= (nodes[start + i] != 0) & (characters[start + i] != 0);
    }
}

Text take_part(Text text, size_t start)
{
    size_t stop = start + 1;
    while (stop < text.length && (stop - start < PART_LENGTH || text.characters[stop - 1]))
        stop++;
    return (Text){text.characters + start, stop - start};
}

/* Where the pieces of text start that are nodes, by their number of characters. */
typedef struct {
    uint32_t *starts;
    uint32_t *nodes;
    size_t n;
} Pieces;

/* The memory for a cut. */
typedef struct {
    Pieces *pieces; /* of one to `max_word` characters */
    float *scores;  /* `length` for each number of characters: of the pieces by start, -INFINITY for others */
    uint8_t *words; /* the number of characters of the word that starts at a position; not 0 for borders and the end */
    float *best;    /* the sum of scores of the best cut up to a border of a block */
    uint8_t *last;  /* the number of characters of its last word */
} CutMemory;

static void free_cut(const Cut *cut, CutMemory *memory)
{
    for (size_t n = 0; memory->pieces != NULL && n < cut->max_word; n++) {
        free(memory->pieces[n].starts);
        free(memory->pieces[n].nodes);
    }
    free(memory->pieces);
    free(memory->scores);
    free(memory->words);
    free(memory->best);
    free(memory->last);
}

/* Make room for pieces; return whether there was memory. */
static bool reserve_pieces(Pieces *pieces, size_t n)
{
    pieces->starts = malloc((n + 1) * sizeof *pieces->starts);
    pieces->nodes = malloc((n + 1) * sizeof *pieces->nodes);
    return pieces->starts != NULL && pieces->nodes != NULL;
}

/* Return whether there was memory. */
static bool reserve_cut(const Cut *cut, size_t length, CutMemory *memory)
{
    if (length > SIZE_MAX / sizeof(uint32_t) / cut->max_word - cut->max_word)
        return false;
    size_t n_borders = 1 + (cut->max_block < length ? cut->max_block : length);
    memory->pieces = calloc(cut->max_word, sizeof *memory->pieces);
    memory->scores = malloc(cut->max_word * length * sizeof *memory->scores);
    memory->words = calloc(length + cut->max_word, 1);
    memory->best = malloc(n_borders * sizeof *memory->best);
    memory->last = malloc(n_borders);
    return memory->pieces != NULL && memory->scores != NULL && memory->words != NULL && memory->best != NULL &&
           memory->last != NULL && reserve_pieces(&memory->pieces[0], length);
}

static void find_characters(Text text, Pieces *pieces)
{
    for (size_t i = 0; i < text.length; i++) {
        pieces->starts[pieces->n] = (uint32_t)i;
        pieces->nodes[pieces->n] = text.characters[i];
        pieces->n += text.characters[i] != 0;
    }
}

/* Find the pieces of n characters, given those of one character less; return whether there was memory. */
static bool extend_pieces(const NgramTree *tree, Text text, size_t n, const Pieces *shorter, Pieces *longer)
{
    if (!reserve_pieces(longer, shorter->n))
        return false;
    uint32_t characters[KEY_BATCH], children[KEY_BATCH];
    for (size_t first = 0; first < shorter->n; first += KEY_BATCH) {
        size_t n_batch = shorter->n - first < KEY_BATCH ? shorter->n - first : KEY_BATCH;
        for (size_t k = 0; k < n_batch; k++) {
            size_t last = shorter->starts[first + k] + n - 1;
            characters[k] = last < text.length ? text.characters[last] : 0;
        }
        find_children(tree, shorter->nodes + first, characters, n_batch, children);
        for (size_t k = 0; k < n_batch; k++) {
            longer->starts[longer->n] = shorter->starts[first + k];
            longer->nodes[longer->n] = children[k];
            longer->n += children[k] != 0;
        }
    }
    return true;
}

/* Write the scores of pieces by start. */
static void score_pieces(const Cut *cut, const Pieces *pieces, float *scores, size_t length)
{
    for (size_t i = 0; i < length; i++)
        scores[i] = -INFINITY;
    for (size_t first = 0; first < pieces->n; first += KEY_BATCH) {
        size_t stop = pieces->n - first < KEY_BATCH ? pieces->n : first + KEY_BATCH;
        for (size_t k = first; k < stop; k++)
            PREFETCH(&cut->scores[pieces->nodes[k]]);
        for (size_t k = first; k < stop; k++)
            scores[pieces->starts[k]] = cut->scores[pieces->nodes[k]];
    }
}

/* Mark the words of the best cut of a block. */
static void cut_block(const Cut *cut, size_t length, size_t start, size_t stop, CutMemory *memory)
{
    float *best = memory->best;
    best[0] = 0;
    for (size_t end = 1; end <= stop - start; end++) {
        size_t best_word = 1;
        float best_sum = -INFINITY;
        for (size_t n = cut->max_word < end ? cut->max_word : end; n; n--) { /* the shortest waits for the last sum */
            float sum = best[end - n] + memory->scores[(n - 1) * length + start + end - n];
            best_word = sum > best_sum ? n : best_word;
            best_sum = sum > best_sum ? sum : best_sum;
        }
        best[end] = best_sum;
        memory->last[end] = (uint8_t)best_word;
    }
    for (size_t end = stop - start; end; end -= memory->last[end])
        memory->words[start + end - memory->last[end]] = memory->last[end];
}

/* Count the pieces of n characters that are words or between two cuts. */
static void count_pieces(const Cut *cut, size_t n, const Pieces *pieces, const uint8_t *words)
{
    uint64_t found[KEY_BATCH]; /* twice a node, plus 1 for a word */
    for (size_t first = 0; first < pieces->n; first += KEY_BATCH) {
        size_t stop = pieces->n - first < KEY_BATCH ? pieces->n : first + KEY_BATCH, n_found = 0;
        for (size_t k = first; k < stop; k++) { /* without branches, which no processor could predict */
            const uint8_t *word = words + pieces->starts[k];
            found[n_found] = 2 * (uint64_t)pieces->nodes[k] + (word[0] == n);
            n_found += (word[0] != 0) & (word[n] != 0);
            PREFETCH(&cut->counts[pieces->nodes[k]]);
        }
        for (size_t k = 0; k < n_found; k++) {
            cut->counts[found[k] / 2].words += found[k] % 2;
            cut->counts[found[k] / 2].aligned++;
        }
    }
}

static bool cut_part(const Cut *cut, Text text)
{
    CutMemory memory = {0};
    bool is_done = reserve_cut(cut, text.length, &memory);
    if (is_done)
        find_characters(text, &memory.pieces[0]);
    for (size_t n = 1; is_done && n <= cut->max_word; n++) {
        Pieces *pieces = &memory.pieces[n - 1];
        is_done = n == 1 || extend_pieces(cut->tree, text, n, pieces - 1, pieces);
        if (is_done)
            score_pieces(cut, pieces, memory.scores + (n - 1) * text.length, text.length);
    }
    for (size_t start = 0, stop; is_done && start < text.length; start = stop) {
        for (stop = start; stop < text.length && text.characters[stop] && stop - start < cut->max_block; stop++)
            ;
        if (stop > start)
            cut_block(cut, text.length, start, stop, &memory);
        else
            memory.words[stop++] = 1;
    }
    if (is_done)
        memset(memory.words + text.length, 1, cut->max_word);
    for (size_t n = 1; is_done && n <= cut->max_word; n++)
        count_pieces(cut, n, &memory.pieces[n - 1], memory.words);
    free_cut(cut, &memory);
    return is_done;
}

bool count_words(const Cut *cut, Text text)
{
    bool is_done = true;
    for (size_t start = 0; is_done && start < text.length;) {
        Text part = take_part(text, start);
        is_done = cut_part(cut, part);
        start += part.length;
    }
    return is_done;
}
