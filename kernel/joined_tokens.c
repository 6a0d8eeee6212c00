#include "joined_tokens.h"

#include <string.h>

/* What is before a token in its document: a block or nothing, other characters, or white space. */
typedef enum { AFTER_BLOCK, AFTER_OTHER, AFTER_SPACE } Neighbor;

typedef struct {
    Segmenter *segmenter;
    const JoinedText *text;
    struct Bytes *out;
    bool has_token;  /* whether a delimiter comes before the next token */
    bool has_cr;     /* whether the last token is a CR, which is not written yet */
    Neighbor before; /* only for the full mode */
} Joiner;

#define MAX_SPELLED (3 * (size_t)MAX_WORD) /* bytes of a word of the dictionary, or of a character */

/* Make room for a token of some bytes, after a delimiter; NULL if memory ran out. */
static uint8_t *begin_token(Joiner *joiner, size_t size)
{
    size_t n_before = joiner->has_token ? joiner->text->delimiter_size : 0;
    uint8_t *at = extend_bytes(joiner->out, n_before + size);
    if (at == NULL) {
        joiner->segmenter->has_failed = true;
        return NULL;
    }
    joiner->has_token = true;
    if (n_before == 1)
        *at = *joiner->text->delimiter;
    else if (n_before > 0)
        memcpy(at, joiner->text->delimiter, n_before);
    return at + n_before;
}

static void add_bytes(Joiner *joiner, const uint8_t *text, size_t size)
{
    uint8_t *at = begin_token(joiner, size);
    if (at != NULL && size > 0)
        memcpy(at, text, size);
}

/* Add a word of the dictionary, or a character. */
static void add_spelled(Joiner *joiner, uint32_t id)
{
    const Dictionary *dictionary = joiner->segmenter->dictionary;
    uint8_t *at = begin_token(joiner, MAX_SPELLED);
    if (at == NULL)
        return;
    at += id < dictionary->n_slots ? dictionary_spell(dictionary, id, at) : utf8_encode(id - dictionary->n_slots, at);
    joiner->out->length = (size_t)(at - joiner->out->data);
}

/* Add the empty tokens of the full mode: jieba has one at each end of white space that is not next to other
   characters outside blocks, and one between two white spaces. */
static void add_empty_token(Joiner *joiner, Neighbor next)
{
    if (joiner->segmenter->mode == MODE_FULL) {
        bool is_missing =
            next == AFTER_SPACE ? joiner->before != AFTER_OTHER : joiner->before == AFTER_SPACE && next == AFTER_BLOCK;
        if (is_missing)
            add_bytes(joiner, NULL, 0);
        joiner->before = next;
    }
}

/* Add a line end within a document. */
static void add_line_end(Joiner *joiner)
{
    joiner->has_cr = false;
    if (joiner->segmenter->mode != MODE_SPACE) {
        add_empty_token(joiner, AFTER_SPACE);
        add_bytes(joiner, (const uint8_t *)" ", 1);
    }
}

static void end_document(Joiner *joiner)
{
    joiner->has_cr = false;
    add_empty_token(joiner, AFTER_BLOCK);
    joiner->has_token = false;
    if (joiner->text->is_lines)
        add_bytes(joiner, (const uint8_t *)"\n", 1);
    joiner->has_token = false;
}

static void add_string(Joiner *joiner, uint32_t id)
{
    const Segmenter *segmenter = joiner->segmenter;
    size_t size;
    const uint8_t *text = strings_get(&segmenter->vocabulary, id - first_string_id(segmenter), &size);
    if (segmenter->mode == MODE_FULL) {
        uint32_t point = 0;
        utf8_decode(text, text + size, true, &point);
        add_empty_token(joiner, dictionary_code(segmenter->dictionary, point) != 0 ? AFTER_BLOCK : AFTER_OTHER);
    }
    add_bytes(joiner, text, size);
}

/* Add a character outside blocks that is no line end. */
static void add_character(Joiner *joiner, uint32_t id)
{
    const Dictionary *dictionary = joiner->segmenter->dictionary;
    bool is_space = dictionary->kinds[id - dictionary->n_slots] == KIND_SPACE;
    if (is_space && joiner->segmenter->mode == MODE_SPACE)
        return;
    add_empty_token(joiner, is_space ? AFTER_SPACE : AFTER_OTHER);
    add_spelled(joiner, id);
}

static void add_batch(Joiner *joiner)
{
    const Segmenter *segmenter = joiner->segmenter;
    uint32_t cr = point_id(segmenter, '\r'), lf = point_id(segmenter, '\n');
    for (size_t i = 0; i < segmenter->n_tokens && !segmenter->has_failed; i++) {
        uint32_t id = segmenter->tokens[i];
        if (id == lf && joiner->text->is_lines) {
            end_document(joiner);
            continue;
        }
        if (joiner->has_cr && (id != lf || segmenter->mode == MODE_CHAR))
            add_line_end(joiner);
        if (id == cr) {
            joiner->has_cr = true;
        } else if (id == lf) {
            add_line_end(joiner);
        } else if (id < segmenter->dictionary->n_slots) {
            add_empty_token(joiner, AFTER_BLOCK);
            add_spelled(joiner, id);
        } else if (id < first_string_id(segmenter)) {
            add_character(joiner, id);
        } else {
            add_string(joiner, id);
        }
    }
}

int64_t join_tokens(Segmenter *segmenter, const JoinedText *text, struct Bytes *out)
{
    Joiner joiner = {.segmenter = segmenter, .text = text, .out = out};
    int64_t result = segmenter_load(segmenter, text->text, text->size, text->allows_surrogates);
    if (result != SEGMENTER_OK)
        return result;
    while (segmenter_next(segmenter))
        add_batch(&joiner);
    if (joiner.has_cr && !text->is_lines)
        add_line_end(&joiner);
    if (text->size > 0 && (!text->is_lines || text->text[text->size - 1] != '\n'))
        end_document(&joiner);
    return segmenter->has_failed ? SEGMENTER_NO_MEMORY : SEGMENTER_OK;
}
