/* Running text as numbers: one for each character of a script without spaces, one for each run of other letters.

   A run is a sequence of letters, digits and marks of scripts with spaces between words, such as a Latin word. URLs,
   HTML tags and HTML entities separate words, as everything else. */
#ifndef KXCLI_TEXT_RUNS_H
#define KXCLI_TEXT_RUNS_H

#include "keys.h"

#define MAX_RUN 1000 /* characters; longer runs separate words */

/* What a code point is. A mark belongs to what is before it, and separates words after anything but a letter or digit.
   Ignored code points, such as soft hyphens, are as if they were not there. */
typedef enum { KIND_SEPARATOR, KIND_LETTER, KIND_SPACED, KIND_DIGIT, KIND_MARK, KIND_IGNORED } TextKind;

typedef struct {
    const void *codes; /* code points, uint16_t or uint32_t */
    size_t length;
    bool is_wide;
    const uint8_t *kinds; /* by code point */
    size_t n_kinds;       /* higher code points are separators */
} RunText;

/* A run in a text. The hash is not 0; ignored characters do not count. */
typedef struct {
    uint64_t hash;
    uint32_t start;
    uint32_t end;
} TextRun;

/* The numbers of characters and runs, 0 for a border. */
typedef struct {
    const uint32_t *letters; /* by code point */
    size_t n_letters;        /* higher code points are borders */
    KeyTable runs;           /* the hashes of known runs; the values are their numbers */
} TextNumbers;

/* Write the runs, at most (length + 1) / 2; return how many. */
size_t find_runs(const RunText *text, TextRun *runs);

/* Write the number of each letter and run, a border before and after them, and one for consecutive separators; and for
   each, 1 plus its position in the text. There is room for length + 2 of them. Return how many. */
size_t number_text(const RunText *text, const TextNumbers *numbers, uint32_t *ids, uint32_t *positions);

#endif
