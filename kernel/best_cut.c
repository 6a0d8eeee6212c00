/* The words of the best cut of text. */
#include "newwords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "doubles.h"

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
    for (size_t n = 0; memory->pieces != NULL && n < cut->max_word; n++)
        free_pieces(&memory->pieces[n]);
    free(memory->pieces);
    free(memory->scores);
    free(memory->words);
    free(memory->best);
    free(memory->last);
}

/* Make room for the parts of a text, the longest of `length` characters; return whether there was memory. */
static bool reserve_cut(const Cut *cut, size_t length, CutMemory *memory)
{
    if (length > SIZE_MAX / sizeof(float) / cut->max_word - cut->max_word)
        return false;
    size_t n_borders = 1 + (cut->max_block < length ? cut->max_block : length);
    memory->pieces = calloc(cut->max_word, sizeof *memory->pieces);
    memory->scores = malloc((cut->max_word * length + 1) * sizeof *memory->scores);
    memory->words = malloc(length + cut->max_word);
    memory->best = malloc(n_borders * sizeof *memory->best);
    memory->last = malloc(n_borders);
    bool is_done = memory->pieces != NULL && memory->scores != NULL && memory->words != NULL && memory->best != NULL &&
                   memory->last != NULL;
    for (size_t n = 0; is_done && n < cut->max_word; n++)
        is_done = reserve_pieces(&memory->pieces[n], length);
    return is_done;
}

/* Find the pieces of all lengths, and write their scores. */
static void find_pieces(const Cut *cut, Text text, CutMemory *memory)
{
    size_t length = text.length;
    for (size_t i = 0; i < length; i++)
        memory->scores[i] = -INFINITY;
    for (size_t n = 1; n < cut->max_word; n++)
        memcpy(memory->scores + n * length, memory->scores, length * sizeof(float));
    for (size_t n = 1; n <= cut->max_word; n++) {
        Pieces *pieces = &memory->pieces[n - 1];
        if (n == 1)
            find_characters(cut->tree, text, pieces);
        else
            extend_pieces(cut->tree, text, n, pieces - 1, pieces);
        for (size_t k = 0; k < pieces->n; k++)
            memcpy(&memory->scores[(n - 1) * length + pieces->starts[k]], &pieces->values[k], sizeof(float));
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

static void cut_part(const Cut *cut, Text text, CutMemory *memory)
{
    find_pieces(cut, text, memory);
    memset(memory->words, 0, text.length);
    memset(memory->words + text.length, 1, cut->max_word);
    for (size_t start = 0, stop; start < text.length; start = stop) {
        for (stop = start; stop < text.length && text.characters[stop] && stop - start < cut->max_block; stop++)
            ;
        if (stop > start)
            cut_block(cut, text.length, start, stop, memory);
        else
            memory->words[stop++] = 1;
    }
    for (size_t n = 1; n <= cut->max_word; n++)
        count_pieces(cut, n, &memory->pieces[n - 1], memory->words);
}

bool count_words(const Cut *cut, Text text)
{
    size_t longest = 0;
    for (size_t start = 0; start < text.length;) {
        Text part = take_part(text, start);
        longest = part.length > longest ? part.length : longest;
        start += part.length;
    }
    CutMemory memory = {0};
    bool is_done = reserve_cut(cut, longest, &memory);
    for (size_t start = 0; is_done && start < text.length;) {
        Text part = take_part(text, start);
        cut_part(cut, part, &memory);
        start += part.length;
    }
    free_cut(cut, &memory);
    return is_done;
}
