/* The dictionary: jieba's words with their frequencies, and its hidden Markov model.

   jieba splits a text into blocks of Han characters (U+4E00 to U+9FD5), ASCII letters, digits and + # & . _ % -, and
   looks up words within a block only. So the words of the dictionary are sequences of such characters, here written as
   codes: 1 to 69 for the ASCII ones, from 70 on for Han, the most frequent first; 0 is every other character.

   The words are in a trie, stored as a double array (Aoe 1989): a node is a slot of one array; the child of a node by
   a code is in the slot `base of the node + code` if that slot has the code as its label. No two nodes have the same
   base, so the label alone shows whose child a slot is. The first slots are the nodes of single characters, by code.

   All arrays are views of one block of bytes, which `dictionary_compile` makes and a file may hold. */
#ifndef KXCLI_DICTIONARY_H
#define KXCLI_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAN_FIRST 0x4E00
#define HAN_LAST 0x9FD5
#define N_HAN (HAN_LAST - HAN_FIRST + 1)
#define BLOCK_ASCII "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.%+#&_-"
#define N_ASCII 69
#define N_LETTERS 52
#define N_ALNUM 62 /* codes up to this are ASCII letters and digits */
#define CODE_DOT 63
#define CODE_PERCENT 64
#define N_CODES (1 + N_ASCII + N_HAN) /* with 0 */
#define MAX_WORD 1000                 /* characters of a word in the dictionary */

/* States of the model, in the order of their letters: of two states with equal probability jieba takes the later. */
enum { STATE_B, STATE_E, STATE_M, STATE_S, N_STATES };

enum { KIND_OTHER, KIND_ALNUM, KIND_SPACE }; /* of a code point, by Python's str.isalnum and str.isspace */

/* A node in 64 bits: label 15, base 24, index of the frequency 17, filter 8. A bit of the filter is set if there is a
   child with a code that is equal to the bit's number modulo 8, so that most other codes need no look at the child. */
typedef uint64_t Node;
#define MAX_SLOTS (1u << 24)
#define MAX_FREQUENCIES (1u << 17)

static inline uint32_t node_label(Node node)
{
    return (uint32_t)(node & 0x7FFF);
}

static inline uint32_t node_base(Node node)
{
    return (uint32_t)(node >> 15 & 0xFFFFFF);
}

static inline uint32_t node_frequency(Node node)
{
    return (uint32_t)(node >> 39 & 0x1FFFF);
}

static inline bool node_may_have_child(Node node, uint32_t code)
{
    return node >> (56 + (code & 7)) & 1;
}

typedef struct {
    uint32_t n_slots;
    uint32_t n_frequencies;
    uint32_t n_splits;
    const uint16_t *codes;       /* [65536]: code of a code point */
    const uint16_t *points;      /* [N_CODES]: code point of a code */
    const Node *nodes;           /* [n_slots] */
    const uint32_t *parents;     /* [n_slots]: slot of the parent; 0 for single characters */
    const uint64_t *frequencies; /* [n_frequencies]: the distinct frequencies, ascending; the first is 0: no word */
    const uint32_t *splits;      /* [n_splits]: slots of words that the model may not join, ascending */
    const double *start;         /* [N_STATES]: log probabilities */
    const double *transitions;   /* [N_STATES][N_STATES]: from, to */
    const double *emissions;     /* [N_CODES][N_STATES] */
    const uint8_t *kinds;        /* [N_POINTS] */
    double *weights;             /* [n_frequencies]: log(frequency) - log(total); minus infinity for 0 */
    double no_word_weight;       /* log(1) - log(total), for a character where no word begins */
} Dictionary;

typedef enum { COMPILE_OK, COMPILE_NO_MEMORY, COMPILE_BAD_INPUT, COMPILE_TOO_LARGE } CompileResult;

typedef struct {
    const uint8_t *words; /* lines `word frequency`, ordered by the bytes of the words */
    size_t words_size;
    const uint8_t *splits; /* lines of words */
    size_t splits_size;
    int64_t total;
    const double *model;  /* start [4], transitions [4][4], emissions [N_HAN][4] */
    const uint8_t *kinds; /* [N_POINTS] */
} DictionarySource;

/* Compile a dictionary; the caller frees `*data`. Words with characters outside blocks are omitted. */
CompileResult dictionary_compile(const DictionarySource *source, uint8_t **data, size_t *size);

/* Make views of compiled bytes, aligned to 8. Returns false if they are damaged: every index in them is checked, so
   that nothing outside of them is ever read. `weights` is NULL if memory ran out. */
bool dictionary_open(Dictionary *dictionary, const uint8_t *data, size_t size);
void dictionary_close(Dictionary *dictionary);

/* Return the slot of a sequence of codes; 0 if no word begins with it. */
uint32_t dictionary_find(const Dictionary *dictionary, const uint16_t *codes, size_t n);

/* Return whether a slot is that of a word with a frequency over 0. */
static inline bool dictionary_is_word(const Dictionary *dictionary, uint32_t slot)
{
    return node_frequency(dictionary->nodes[slot]) != 0;
}

/* Return whether the model may not join the characters of a slot. */
bool dictionary_is_split(const Dictionary *dictionary, uint32_t slot);

/* Write the characters of a slot as UTF-8, at most 3 * MAX_WORD bytes; return their number. */
size_t dictionary_spell(const Dictionary *dictionary, uint32_t slot, uint8_t *out);

static inline uint16_t dictionary_code(const Dictionary *dictionary, uint32_t point)
{
    return point < 0x10000 ? dictionary->codes[point] : 0;
}

#endif
