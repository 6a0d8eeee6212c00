#include "text_runs.h"

#define MAX_TAG 1000  /* characters of an HTML tag from its first letter on */
#define MAX_ENTITY 31 /* letters and digits of an HTML entity */

/* Where a reader is in a text, and what it has just read. */
typedef struct {
    size_t next;   /* the first character that was not read */
    TextKind last; /* KIND_LETTER for a letter, with its marks, KIND_SPACED for a run, or KIND_SEPARATOR */
    TextRun run;   /* if `last` is KIND_SPACED */
    size_t start;  /* of what was read */
} Reader;

static inline uint32_t get_code(const RunText *text, size_t i)
{
    return text->is_wide ? ((const uint32_t *)text->codes)[i] : ((const uint16_t *)text->codes)[i];
}

static inline uint32_t look_ahead(const RunText *text, size_t i)
{
    return i < text->length ? get_code(text, i) : 0;
}

static inline TextKind get_kind(const RunText *text, uint32_t code)
{
    return code < text->n_kinds ? (TextKind)text->kinds[code] : KIND_SEPARATOR;
}

static bool is_letter(uint32_t code)
{
    return (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
}

static bool is_alphanumeric(uint32_t code)
{
    return is_letter(code) || (code >= '0' && code <= '9');
}

/* The characters of URLs are those of RFC 3986. */
static bool is_url(uint32_t code)
{
    return code > ' ' && code < 0x7F && code != '"' && code != '<' && code != '>' && code != '\\' && code != '^' &&
           code != '`' && !(code >= '{' && code <= '}');
}

/* Return the end of the HTML tag that starts at <, or `start` if there is none. */
static size_t skip_tag(const RunText *text, size_t start)
{
    size_t first = start + 1 + (look_ahead(text, start + 1) == '/');
    if (!is_letter(look_ahead(text, first)))
        return start;
    for (size_t i = first; i < text->length && i - first < MAX_TAG; i++) {
        uint32_t code = get_code(text, i);
        if (code == '>')
            return i + 1;
        if (code < ' ' || code >= 0x7F || code == '<')
            break;
    }
    return start;
}

/* Return the end of the HTML entity that starts at &, or `start` if there is none. */
static size_t skip_entity(const RunText *text, size_t start)
{
    size_t first = start + 1 + (look_ahead(text, start + 1) == '#'), i = first;
    while (i - first < MAX_ENTITY && is_alphanumeric(look_ahead(text, i)))
        i++;
    return i > first && look_ahead(text, i) == ';' ? i + 1 : start;
}

static bool is_www(const RunText *text, const TextRun *run)
{
    return run->end - run->start == 3 && (get_code(text, run->start) | 0x20) == 'w' &&
           (get_code(text, run->start + 1) | 0x20) == 'w' && (get_code(text, run->start + 2) | 0x20) == 'w';
}

static void read_run(const RunText *text, Reader *reader)
{
    size_t i = reader->start, end = i, n = 0;
    uint64_t hash = 0;
    for (; i < text->length; i++) {
        uint32_t code = get_code(text, i);
        TextKind kind = get_kind(text, code);
        if (kind == KIND_IGNORED)
            continue;
        if (kind != KIND_SPACED && kind != KIND_DIGIT && kind != KIND_MARK)
            break;
        hash = (hash ^ code * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
        hash ^= hash >> 32;
        n++;
        end = i + 1;
    }
    reader->run = (TextRun){hash | !hash, (uint32_t)reader->start, (uint32_t)end};
    reader->last = n <= MAX_RUN ? KIND_SPACED : KIND_SEPARATOR;
    bool has_scheme = look_ahead(text, i) == ':' && look_ahead(text, i + 1) == '/' && look_ahead(text, i + 2) == '/';
    if (has_scheme || (look_ahead(text, i) == '.' && is_www(text, &reader->run))) {
        while (is_url(look_ahead(text, i)))
            i++;
        reader->last = KIND_SEPARATOR;
    }
    reader->next = i;
}

/* Read a letter, a run or a separator; return whether there was one. */
static inline bool read_next(const RunText *text, Reader *reader)
{
    for (; reader->next < text->length; reader->next++) {
        size_t i = reader->next;
        uint32_t code = get_code(text, i);
        TextKind kind = get_kind(text, code);
        if (kind == KIND_IGNORED)
            continue;
        reader->start = i;
        if (kind == KIND_SPACED || kind == KIND_DIGIT) {
            read_run(text, reader);
            return true;
        }
        reader->next = code == '<' ? skip_tag(text, i) : code == '&' ? skip_entity(text, i) : i;
        reader->next += reader->next == i;
        bool is_letter_or_mark = kind == KIND_LETTER || (kind == KIND_MARK && reader->last == KIND_LETTER);
        reader->last = is_letter_or_mark ? KIND_LETTER : KIND_SEPARATOR;
        return true;
    }
    return false;
}

size_t find_runs(const RunText *text, TextRun *runs)
{
    size_t n_runs = 0;
    Reader reader = {0};
    while (read_next(text, &reader))
        if (reader.last == KIND_SPACED)
            runs[n_runs++] = reader.run;
    return n_runs;
}

/* Replace places in the text that wait for the number of a run by it. */
static void number_runs(const TextNumbers *numbers, const uint64_t *hashes, const size_t *places, size_t n,
                        uint32_t *ids)
{
    uint32_t found[KEY_BATCH], values[KEY_BATCH];
    key_table_find(&numbers->runs, hashes, n, found, values);
    for (size_t i = 0; i < n; i++)
        ids[places[i]] = values[i];
}

size_t number_text(const RunText *text, const TextNumbers *numbers, uint32_t *ids, uint32_t *positions)
{
    uint64_t hashes[KEY_BATCH];
    size_t places[KEY_BATCH], n_runs = 0, n = 1;
    bool is_separated = true;
    Reader reader = {0};
    ids[0] = positions[0] = 0;
    while (read_next(text, &reader)) {
        if (reader.last == KIND_SEPARATOR && is_separated)
            continue;
        is_separated = reader.last == KIND_SEPARATOR;
        positions[n] = (uint32_t)reader.start + 1;
        ids[n] = 0;
        if (reader.last == KIND_LETTER) {
            uint32_t code = get_code(text, reader.start);
            ids[n] = code < numbers->n_letters ? numbers->letters[code] : 0;
        } else if (reader.last == KIND_SPACED) {
            hashes[n_runs] = reader.run.hash;
            places[n_runs++] = n;
        }
        n++;
        if (n_runs == KEY_BATCH) {
            number_runs(numbers, hashes, places, n_runs, ids);
            n_runs = 0;
        }
    }
    number_runs(numbers, hashes, places, n_runs, ids);
    if (!is_separated) {
        ids[n] = 0;
        positions[n++] = (uint32_t)text->length + 1;
    }
    return n;
}
