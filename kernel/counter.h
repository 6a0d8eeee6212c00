/* Counts of words or n-grams, by group and with document frequencies, or of pairs of words within a window.

   If only words are counted, without groups and documents, every token is counted in an array by its identifier, and
   becomes a word at the end, once for all its occurrences. Else each token becomes a word at once. */
#ifndef KXCLI_COUNTER_H
#define KXCLI_COUNTER_H

#include "bytes.h"
#include "grams.h"
#include "pairs.h"
#include "segmenter.h"

typedef struct Counter Counter;

/* Calls `counter_add_word` for each word of a token, and for each break; false after an error. */
typedef bool (*Expander)(void *context, Counter *counter, const uint8_t *token, size_t size);

typedef struct {
    Mode mode;
    bool uses_hmm;
    bool keeps_punctuation; /* whether a token without a letter or digit is a word, except white space */
    uint32_t min_order, max_order;
    bool has_documents;
    bool is_grouped;
    bool by_document;   /* whether each document of a group has counts of its own */
    bool numbers_lines; /* whether each LF ends a document and begins the one with the next number */
    Expander expand;    /* NULL if a token with a letter or digit is a word, and another one a break */
    void *context;
    bool has_window;      /* whether pairs of words are counted; the orders, documents and groups are without meaning */
    uint32_t left, right; /* the window: words before and after a word */
    const uint8_t
        *word; /* [word_size]: the first word of all pairs; NULL for pairs of all words, and after the start */
    size_t word_size;
} Counting;

typedef struct {
    uint32_t group; /* number in `Counter.groups` */
    uint32_t order;
    uint64_t count;
} Total;

/* A word in its document. */
typedef struct {
    uint64_t document; /* its number */
    uint64_t hash;     /* of the n-gram of the current order that ends here */
    uint32_t id;
    uint32_t gram;  /* node of the n-gram of the order before that ends here; at first that of the group */
    uint32_t n_run; /* words from the last break to this one, at most max_order; with a window, nothing breaks */
} WordAt;

struct Counter {
    Segmenter segmenter;
    Counting counting;
    uint32_t *counts; /* [n_counts]: by identifier, if only words are counted; small, to be in the caches */
    size_t n_counts;
    uint64_t n_counted; /* sum of the counts */
    uint64_t *sums;     /* [n_sums]: counts of before, moved here before they exceed 32 bits; NULL if none were */
    size_t n_sums;
    GramTable grams;
    PairTable pairs;
    uint32_t word; /* identifier of `counting.word`, or NO_WORD */
    StringTable groups;
    uint32_t *expansions; /* [n_expansions] by identifier: what a token becomes; NULL if only words are counted */
    size_t n_expansions;
    uint32_t *sequences; /* of tokens that become several words or none: their number, then their identifiers */
    size_t n_sequences, sequences_capacity;
    WordAt *words; /* [n_words] of the batch, after the last max_order - 1 words of before, if no break follows them */
    size_t n_words, n_before, words_capacity;
    uint32_t n_run;    /* words since the last break, at most max_order */
    struct Bytes name; /* of a group under construction */
    uint64_t number;   /* of the document, if each has counts of its own */
    bool is_pending;   /* whether the root is that of the document before, as nothing of this one was seen */
    uint32_t root;     /* node of the group, or 0 */
    uint64_t document; /* its number, from 1 on */
    Total *totals;     /* of the last `counter_dump` */
    size_t n_totals, totals_capacity;
};

#define MAX_ORDER 1000
#define MAX_WINDOW 1000
#define N_DUMP_PASSES 16      /* of the table of pairs, so that their rows take a small part of its memory */
#define WORD_BREAK UINT32_MAX /* breaks n-grams */
#define DOCUMENT_DIGITS 11    /* of a number of 64 bits in keys, in base 64: the characters from '0' to 'o' */

/* Return values of `counter_add` other than the position of a bad byte. */
#define COUNTER_OK SEGMENTER_OK
#define COUNTER_NO_MEMORY SEGMENTER_NO_MEMORY
#define COUNTER_TOO_LARGE SEGMENTER_TOO_LARGE
#define COUNTER_ERROR (-4) /* of the expander */

bool counter_init(Counter *counter, const Dictionary *dictionary, const Counting *counting, const HashKey *hash_key);
void counter_free(Counter *counter);

typedef struct {
    const uint8_t *text;
    size_t size;
    bool allows_surrogates;
    bool is_lines;         /* whether each LF ends a document */
    bool has_continuation; /* whether the last document goes on in the next text */
    const uint8_t *group;
    size_t group_size;
    uint64_t number; /* of the first document, if each has counts of its own */
} CountedText;

/* If the window is symmetric, a pair has one row, whichever word is first in the text; else it has two, because each of
   its words has a window of its own. With a single word, only its own rows count. */
static inline bool counter_is_symmetric(const Counter *counter)
{
    return counter->counting.left == counter->counting.right && counter->word == NO_WORD;
}

/* Count the words of the batch, and their pairs; false if memory ran out. */
bool counter_count_pairs(Counter *counter);

int64_t counter_add(Counter *counter, const CountedText *text);

/* Find what a token becomes: `*n` words and breaks at `*words`, which are valid until the next call. */
int64_t counter_find_words(Counter *counter, const uint32_t *id, const uint32_t **words, uint32_t *n);

/* For the expander: add the word with some characters, or a break (NULL), to the current token. */
bool counter_add_word(Counter *counter, const uint8_t *text, size_t size);

/* Approximate bytes of memory that grow with the texts, with those of the rows of `counter_dump`; not of its keys. */
size_t counter_memory(const Counter *counter);

/* Append all counts to `out` as a run, without pairs of a count below `min_count`, and set the totals. Returns
   COUNTER_OK, COUNTER_NO_MEMORY or COUNTER_ERROR. */
int64_t counter_dump(Counter *counter, uint64_t min_count, struct Bytes *out);

/* Append the words and pairs to `out` as a run, without pairs of a count below `min_count`; false if memory ran out. */
bool counter_dump_pairs(Counter *counter, uint64_t min_count, struct Bytes *out);

/* Append the characters of a word, with those escaped that end parts of keys; false if memory ran out. */
bool counter_append_word(Counter *counter, uint32_t id, struct Bytes *out);

#endif
