/* Text -> its tokens, separated by a delimiter, as jieba's command line prints them. */
#ifndef KXCLI_JOINED_TOKENS_H
#define KXCLI_JOINED_TOKENS_H

#include "bytes.h"
#include "segmenter.h"

/* Appends the form of a token to `form`, or returns that it is excluded; false in `*is_ok` after an error. */
typedef bool (*TokenChanger)(void *context, const uint8_t *token, size_t size, struct Bytes *form, bool *is_ok);

/* What tokens become; each is changed once. */
typedef struct {
    TokenChanger change; /* NULL if all tokens stay as they are */
    void *context;
    uint32_t *places; /* [n_places] by identifier: unknown, excluded, or where the form is in `forms` */
    size_t n_places;
    struct Bytes forms; /* the size of each form, and its bytes */
} TokenForms;

void token_forms_free(TokenForms *forms);

/* Bytes of memory that grow with the text. */
size_t token_forms_memory(const TokenForms *forms);

typedef struct {
    const uint8_t *text;
    size_t size;
    bool allows_surrogates;
    bool is_lines; /* whether each LF, or CR and LF, ends a document; each document becomes a line */
    const uint8_t *delimiter;
    size_t delimiter_size;
} JoinedText;

#define JOIN_ERROR (-4) /* of the changer */

/* Append the joined tokens of a text. Returns the position of the first bad byte, a value of `segmenter_load`, or
   JOIN_ERROR. A line end within a document becomes a space. If all tokens of the full mode stay as they are, the empty
   ones of jieba are written too. */
int64_t join_tokens(Segmenter *segmenter, TokenForms *forms, const JoinedText *text, struct Bytes *out);

#endif
