#include "joined_tokens.h"

#include <string.h>

/* What is before a token in its document: a block or nothing, other characters, or white space. */
typedef enum { AFTER_BLOCK, AFTER_OTHER, AFTER_SPACE } Neighbor;

typedef struct {
    Segmenter *segmenter;
    TokenForms *forms;
    const JoinedText *text;
    struct Bytes *out;
    bool has_token;  /* whether a delimiter comes before the next token */
    bool has_cr;     /* whether the last token is a CR, which is not written yet */
    bool has_failed; /* the changer */
    Neighbor before; /* only for the full mode */
} Joiner;

/* Values of `places`; larger ones are FIRST_FORM plus the position in `forms`. */
enum { UNKNOWN, EXCLUDED, FIRST_FORM };

void token_forms_free(TokenForms *forms)
{
    free(forms->places);
    forms->places = NULL;
    forms->n_places = 0;
    free_bytes(&forms->forms);
}

size_t token_forms_memory(const TokenForms *forms)
{
    return forms->forms.capacity;
}

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
    if (joiner->segmenter->mode == MODE_FULL && joiner->forms->change == NULL) {
        bool is_missing =
            next == AFTER_SPACE ? joiner->before != AFTER_OTHER : joiner->before == AFTER_SPACE && next == AFTER_BLOCK;
        if (is_missing)
            add_bytes(joiner, NULL, 0);
        joiner->before = next;
    }
}

/* Request the form of a token, and store it. */
static bool store_form(Joiner *joiner, uint32_t id)
{
    TokenForms *forms = joiner->forms;
    size_t start = forms->forms.length, size = segmenter_spell(joiner->segmenter, id);
    bool is_ok = true;
    if (joiner->segmenter->has_failed || extend_bytes(&forms->forms, sizeof(uint32_t)) == NULL)
        return false;
    bool is_kept = forms->change(forms->context, joiner->segmenter->utf8, size, &forms->forms, &is_ok);
    joiner->has_failed = !is_ok;
    size_t form_size = forms->forms.length - start - sizeof(uint32_t);
    if (!is_ok || start > UINT32_MAX - FIRST_FORM || form_size > UINT32_MAX)
        return false;
    uint32_t small_size = (uint32_t)form_size;
    memcpy(forms->forms.data + start, &small_size, sizeof small_size);
    if (!is_kept)
        forms->forms.length = start;
    forms->places[id] = is_kept ? FIRST_FORM + (uint32_t)start : EXCLUDED;
    return true;
}

/* Find the form of a token; false if it is excluded, or after an error. */
static bool find_form(Joiner *joiner, uint32_t id, const uint8_t **form, size_t *size)
{
    TokenForms *forms = joiner->forms;
    if (!segmenter_cover_ids(joiner->segmenter, &forms->places, &forms->n_places, sizeof *forms->places) ||
        (forms->places[id] == UNKNOWN && !store_form(joiner, id))) {
        joiner->segmenter->has_failed = true;
        return false;
    }
    if (forms->places[id] == EXCLUDED)
        return false;
    uint32_t form_size;
    const uint8_t *at = forms->forms.data + (forms->places[id] - FIRST_FORM);
    memcpy(&form_size, at, sizeof form_size);
    *form = at + sizeof form_size;
    *size = form_size;
    return true;
}

/* Add a line end within a document. */
static void add_line_end(Joiner *joiner, const char *line_end)
{
    const uint8_t *form;
    size_t size;
    joiner->has_cr = false;
    if (joiner->segmenter->mode == MODE_SPACE)
        return;
    if (joiner->forms->change != NULL) {
        uint32_t id = segmenter_identify(joiner->segmenter, (const uint8_t *)line_end, strlen(line_end));
        if (joiner->segmenter->has_failed || !find_form(joiner, id, &form, &size))
            return;
    }
    add_empty_token(joiner, AFTER_SPACE);
    add_bytes(joiner, (const uint8_t *)" ", 1);
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
    add_empty_token(joiner, is_space ? AFTER_SPACE : AFTER_OTHER);
    add_spelled(joiner, id);
}

/* Add a token that is no line end. */
static void add_token(Joiner *joiner, uint32_t id)
{
    const Segmenter *segmenter = joiner->segmenter;
    const Dictionary *dictionary = segmenter->dictionary;
    bool is_character = id >= dictionary->n_slots && id < first_string_id(segmenter);
    if (segmenter->mode == MODE_SPACE && is_character && dictionary->kinds[id - dictionary->n_slots] == KIND_SPACE)
        return;
    if (joiner->forms->change != NULL) {
        const uint8_t *form;
        size_t size;
        if (find_form(joiner, id, &form, &size))
            add_bytes(joiner, form, size);
    } else if (is_character) {
        add_character(joiner, id);
    } else if (id >= dictionary->n_slots) {
        add_string(joiner, id);
    } else {
        add_empty_token(joiner, AFTER_BLOCK);
        add_spelled(joiner, id);
    }
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
        bool joins_line_end = joiner->has_cr && id == lf && segmenter->mode != MODE_CHAR;
        if (joiner->has_cr && !joins_line_end)
            add_line_end(joiner, "\r");
        if (id == cr)
            joiner->has_cr = true;
        else if (id == lf)
            add_line_end(joiner, joins_line_end ? "\r\n" : "\n");
        else
            add_token(joiner, id);
    }
}

int64_t join_tokens(Segmenter *segmenter, TokenForms *forms, const JoinedText *text, struct Bytes *out)
{
    Joiner joiner = {.segmenter = segmenter, .forms = forms, .text = text, .out = out};
    int64_t result = segmenter_load(segmenter, text->text, text->size, text->allows_surrogates);
    if (result != SEGMENTER_OK)
        return result;
    while (segmenter_next(segmenter))
        add_batch(&joiner);
    if (joiner.has_cr && !text->is_lines)
        add_line_end(&joiner, "\r");
    if (text->size > 0 && (!text->is_lines || text->text[text->size - 1] != '\n'))
        end_document(&joiner);
    if (segmenter_memory(segmenter) + token_forms_memory(forms) > MAX_SEGMENTER_BYTES) {
        segmenter_forget(segmenter);
        token_forms_free(forms); /* they are by identifier */
    }
    if (joiner.has_failed)
        return JOIN_ERROR;
    return segmenter->has_failed ? SEGMENTER_NO_MEMORY : SEGMENTER_OK;
}
