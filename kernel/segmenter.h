/* Segmentation: text -> tokens, exactly as jieba 0.42.1 cuts it.

   A text is decoded as a whole first, so that bad UTF-8 is found before anything is counted. Then tokens come batch by
   batch. A batch is a part of the text of about a thousand characters that ends at a border of a block. */
#ifndef KXCLI_SEGMENTER_H
#define KXCLI_SEGMENTER_H

#include "dictionary.h"
#include "memory.h"
#include "strings.h"
#include "utf8.h"

typedef enum { MODE_JIEBA, MODE_SEARCH, MODE_FULL, MODE_CHAR, MODE_SPACE } Mode;

/* A token is its identifier; equal strings have equal identifiers. One below `n_slots` is a slot of the dictionary;
   after those come all code points, for single characters outside blocks; after those the strings of the vocabulary. */

/* What is known of a position of the batch. */
typedef struct {
    double route;          /* log probability of the best route from here to the end of the block */
    uint32_t slot2, slot3; /* slot of the 2 and 3 characters from here on; 0 if no word begins with them */
    uint32_t word;         /* slot of the first word of the route, if it has several characters */
    uint16_t length;       /* characters of that word; 0 outside blocks */
} Position;

/* A word that the model found. */
typedef struct {
    uint32_t id, length;
} ModelWord;

typedef struct RunMemo RunMemo;

typedef struct {
    const Dictionary *dictionary;
    Mode mode;
    bool uses_hmm;
    bool has_failed; /* memory ran out */
    StringTable vocabulary;
    RunMemo *memo; /* what the model made of short runs */

    /* The text. */
    uint16_t *codes;  /* of its characters; 0 outside blocks, and three times at the end */
    uint32_t *points; /* the code points outside blocks, in order */
    size_t n_codes, codes_capacity, points_capacity;
    size_t next_code, next_point; /* where the next batch begins */

    /* The batch. */
    const uint16_t *batch; /* its codes */
    Position *positions;   /* [n_batch + 1] */
    size_t n_batch, positions_capacity;
    uint16_t *joined; /* letters and digits that become one token of the full mode */
    size_t n_joined, joined_capacity;
    uint8_t *states; /* work space of the model: for each character, the state before each state */
    size_t states_capacity;
    ModelWord *found; /* words of a run */
    size_t found_capacity;
    uint8_t *utf8; /* work space for a string */
    size_t utf8_capacity;
    uint32_t *tokens;
    size_t n_tokens, tokens_capacity;
} Segmenter;

#define MAX_SEGMENTER_BYTES ((size_t)1 << 26) /* beyond it, a segmenter for any number of texts forgets its words */

#define SEGMENTER_OK (-1)
#define SEGMENTER_NO_MEMORY (-2)
#define SEGMENTER_TOO_LARGE (-3)

bool segmenter_init(Segmenter *segmenter, const Dictionary *dictionary, Mode mode, bool uses_hmm,
                    const HashKey *hash_key);
void segmenter_free(Segmenter *segmenter);

/* Take a text. Returns the position of the first bad byte, or one of the values above. */
int64_t segmenter_load(Segmenter *segmenter, const uint8_t *text, size_t size, bool allows_surrogates);

/* Cut the next batch into `tokens`; false at the end of the text, or if memory ran out. */
bool segmenter_next(Segmenter *segmenter);

/* Write the characters of an identifier as UTF-8 to `segmenter->utf8`; returns their number. */
size_t segmenter_spell(Segmenter *segmenter, uint32_t id);

/* Return the identifier of a text of one character or more, or of some codes; has_failed if memory ran out. */
uint32_t segmenter_identify(Segmenter *segmenter, const uint8_t *text, size_t size);
uint32_t segmenter_identify_codes(Segmenter *segmenter, const uint16_t *codes, size_t n);

/* Add the words of 2 and 3 characters within a token of the batch (jieba's `cut_for_search`). */
void segmenter_add_shorter_words(Segmenter *segmenter, size_t begin, size_t end);

/* Add a token. */
static inline void segmenter_add(Segmenter *segmenter, uint32_t id)
{
    if (RESERVE(segmenter->tokens, segmenter->tokens_capacity, segmenter->n_tokens + 1))
        segmenter->tokens[segmenter->n_tokens++] = id;
    else
        segmenter->has_failed = true;
}

/* Add a token of a block, from `begin` to `end` in the batch; in search mode, the shorter words in it come first. */
static inline void segmenter_add_word(Segmenter *segmenter, uint32_t id, size_t begin, size_t end)
{
    if (segmenter->mode == MODE_SEARCH && end - begin > 2)
        segmenter_add_shorter_words(segmenter, begin, end);
    segmenter_add(segmenter, id);
}

static inline uint32_t point_id(const Segmenter *segmenter, uint32_t point)
{
    return segmenter->dictionary->n_slots + point;
}

static inline uint32_t first_string_id(const Segmenter *segmenter)
{
    return segmenter->dictionary->n_slots + N_POINTS;
}

/* Forget the vocabulary and the memo; identifiers of before are no longer valid. */
void segmenter_forget(Segmenter *segmenter);

/* Enlarge an array by identifier to all identifiers of now; the new items are 0. `array` is the address of a
   pointer. */
bool segmenter_cover_ids(const Segmenter *segmenter, void *array, size_t *n, size_t item_size);

/* Bytes of memory that grow with the text. */
size_t segmenter_memory(const Segmenter *segmenter);

#endif
