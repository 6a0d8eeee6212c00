/* The cut of a text into the most probable words of a lexicon, without a dictionary of jieba. */
#ifndef KXCLI_LEXICON_H
#define KXCLI_LEXICON_H

#include "keys.h"
#include "utf8.h"

/* Kinds of characters; a character has one of the first two, or neither. */
#define UNIT_UNSPACED 1 /* with the marks after it, it is never cut */
#define UNIT_SPACED 2   /* runs of these are never cut */
#define UNIT_MARK 4

typedef struct {
    KeyTable nodes;        /* of words and their beginnings, from 1: the key is the parent's node and a code point */
    const double *weights; /* of each node from 0, -INFINITY if no word ends there */
    const uint8_t *kinds;  /* of each code point */
    double no_word;        /* the weight of what is no word and cannot be cut */
} UnigramLexicon;

/* Cut a text at the largest sum of weights, with the longest first word of equal ones (Viterbi 1967). Write the end of
   each word; there is room for as many as characters. Return whether there was memory: 20 bytes for each character. */
bool cut_by_lexicon(const UnigramLexicon *lexicon, const uint32_t *points, size_t n, uint32_t *ends, size_t *n_ends);

#endif
