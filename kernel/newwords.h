/* Passes over running text for new words: n-grams, the best cut, and the occurrences of words.

   Text is an array of characters, numbered from 1, with 0 for everything that separates words. In a tree, each word or
   n-gram is a node below that of its beginning; a character is its own node. */
#ifndef KXCLI_NEWWORDS_H
#define KXCLI_NEWWORDS_H

#include "keys.h"

#define CHARACTER_BITS 21 /* of a character in a key */

/* Nodes are numbered: characters first, then the keys in their order. A key is the parent's node and, in its lowest
   bits, a character. A node may have a value: the number of the word that ends there, 0 for none, or a score. */
typedef struct {
    uint32_t n_characters; /* less than 2^21 */
    uint32_t *values;      /* of 0 and the characters; NULL without values */
    KeyTable children;
} NgramTree;

typedef struct {
    const uint32_t *characters; /* each at most `n_characters` of the tree */
    size_t length;
} Text;

#define PART_LENGTH 4096 /* characters that are processed together, so that all about them stays in a core's cache */

/* Pieces of a text of the same number of characters that are nodes, by ascending start. */
typedef struct {
    uint32_t *starts;
    uint32_t *nodes;
    uint32_t *values;
    size_t n;
} Pieces;

/* Return the beginning of a text from a position on, up to a border after PART_LENGTH or more characters, inclusive. */
Text take_part(Text text, size_t start);

/* How n-grams of one order are counted. */
typedef struct {
    const NgramTree *tree; /* the n-grams of lower orders */
    size_t order;          /* at least 2 */
    uint32_t n_frequent;   /* characters up to this one are frequent */
    const uint8_t *may_be; /* a bit for each bucket: whether its n-grams may be frequent; NULL for pairs */
    unsigned may_be_bits;  /* of the number of a bucket */
    uint8_t *buckets;      /* counts of the n-grams of the next order, up to 255; or NULL */
    unsigned bucket_bits;
} NgramPass;

/* Occurrences of a node as a word, and between two cuts. */
typedef struct {
    uint64_t words;
    uint64_t aligned;
} CutCounts;

#define MAX_CUT_WORD 255 /* the largest `max_word` */

/* How text is cut into words. Nodes of one to `max_word` characters may be words. */
typedef struct {
    const NgramTree *tree; /* the values are scores (float), finite for characters */
    size_t max_word;
    size_t max_block;  /* longer blocks are cut in pieces of this length */
    CutCounts *counts; /* of each node; those of node 0 have no meaning */
} Cut;

/* The documents of a text, for the number of documents with each node. */
typedef struct {
    const uint32_t *numbers; /* of the document at each position, not 0 */
    uint32_t *last;          /* the last document of each node, 0 for none */
    uint64_t *counts;        /* of each node */
} Documents;

/* How text is cut wherever no n-gram spans. */
typedef struct {
    const NgramTree *tree; /* the values are the numbers of n-grams */
    size_t order;          /* characters of the longest n-grams */
    size_t max_length;     /* characters of the longest segments that are returned */
    uint64_t *characters;  /* for each character, adds its occurrences as a segment */
    uint64_t *ngrams;      /* for each n-gram by number, adds its occurrences as a segment */
} Segmentation;

static inline uint64_t make_key(uint32_t node, uint32_t character)
{
    return (uint64_t)node << CHARACTER_BITS | character;
}

static inline size_t count_nodes(const NgramTree *tree)
{
    return tree->n_characters + tree->children.n_keys;
}

/* Write the child of each node by a character, 0 if there is none, or if either is 0. */
void find_children(const NgramTree *tree, const uint32_t *nodes, const uint32_t *characters, size_t n,
                   uint32_t *children);

void free_pieces(Pieces *pieces);

/* Find all characters; there is room for as many pieces as the text has characters. */
void find_characters(const NgramTree *tree, Text text, Pieces *pieces);

/* Extend pieces of n-1 characters by the next one; `longer` has room for all of them, or is `shorter`. */
void extend_pieces(const NgramTree *tree, Text text, size_t n, const Pieces *shorter, Pieces *longer);

/* The functions below return whether there was memory. */

/* Make room for n pieces. */
bool reserve_pieces(Pieces *pieces, size_t n);

/* Count n-grams whose bucket and whose first n-1 characters are frequent; of order 2, all pairs of characters. A key is
   the node of the first n-1 characters and the last character. */
bool count_ngrams(const NgramPass *pass, Text text, KeyCounter *counter);

/* Cut each block at the largest sum of scores, with the longest last word of equal ones, and count (Viterbi 1967). The
   memory is about 16 * `max_word` bytes for each character of the longest part: the text up to the first border after
   PART_LENGTH characters, all of it if it has no border. */
bool count_words(const Cut *cut, Text text);

/* Count pairs of a word and the character before it, and after it, for all occurrences. The values of the tree are the
   numbers of words. A key is the word's number and, in its lowest bits, the character. Count the documents with each
   word, and with each character. */
bool count_neighbors(const NgramTree *tree, Text text, const Documents *documents, KeyCounter *before,
                     KeyCounter *after);

/* Cut each block and count its segments. Write the start and length of each longer segment with an n-gram of the
   longest order at each of its positions; `spans` has room for as many numbers as the text has characters. */
bool count_segments(const Segmentation *segmentation, Text text, uint32_t *spans, size_t *n_spans);

#endif
