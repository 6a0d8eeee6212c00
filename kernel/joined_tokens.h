/* Text -> its tokens, separated by a delimiter, as jieba's command line prints them. */
#ifndef KXCLI_JOINED_TOKENS_H
#define KXCLI_JOINED_TOKENS_H

#include "bytes.h"
#include "segmenter.h"

typedef struct {
    const uint8_t *text;
    size_t size;
    bool allows_surrogates;
    bool is_lines; /* whether each LF, or CR and LF, ends a document; each document becomes a line */
    const uint8_t *delimiter;
    size_t delimiter_size;
} JoinedText;

/* Append the joined tokens of a text. Returns the position of the first bad byte, or a value of `segmenter_load`. A
   line end within a document becomes a space. In the full mode, the empty tokens of jieba are written too. */
int64_t join_tokens(Segmenter *segmenter, const JoinedText *text, struct Bytes *out);

#endif
