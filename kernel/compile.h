/* The steps of `dictionary_compile`: words -> a trie of linked nodes (trie.c) -> a double array (compile.c). */
#ifndef KXCLI_COMPILE_H
#define KXCLI_COMPILE_H

#include "dictionary.h"

typedef struct {
    uint32_t parent;
    uint32_t n_children;
    uint32_t first_child; /* in the list of all children, ordered by parent */
    uint32_t slot;
    uint64_t frequency;
    uint64_t weight; /* sum of the frequencies below */
    uint16_t code;
} TrieNode;

typedef struct {
    uint16_t codes[0x10000];
    uint16_t points[N_CODES];
    size_t n_characters; /* of all words */
    TrieNode *nodes;     /* a parent comes before its children; the first N_CODES are the single characters */
    uint32_t n_nodes;
    uint32_t *children;
    uint32_t *families; /* nodes with children, the most frequent first */
    uint32_t n_families;
    uint64_t *frequencies; /* distinct, ascending, after a 0 */
    uint32_t n_frequencies;
    uint32_t *splits;
    uint32_t n_splits;
    uint64_t *free_slots; /* bits; as many as `MAX_SLOTS` and one code more */
    uint64_t *free_bases;
    uint32_t n_slots;
} Compiler;

typedef struct {
    const uint8_t *text, *end; /* of the word */
    uint64_t frequency;
    uint16_t codes[MAX_WORD];
    size_t n; /* 0 if a character is of no block, or there are too many */
} Line;

/* Read a line `word` or `word frequency`, and return the start of the next one; NULL if it is none. */
const uint8_t *read_line(const uint8_t *text, const uint8_t *end, bool has_frequency, Line *line);

/* Find the codes of a line's word; false if it is not UTF-8. */
bool read_codes(const Compiler *compiler, Line *line);

/* Give the characters their codes, make the nodes of all words, list them by falling weight, and number the
   frequencies. */
CompileResult link_trie(Compiler *compiler, const DictionarySource *source);

#endif
