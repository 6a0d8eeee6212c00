#include "segmenter.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "model.h"
#include "route.h"

#define MIN_BATCH 1000     /* characters: enough to look ahead, few enough for the fastest cache */
#define MORE_STRINGS 65536 /* the least growth of arrays by identifier */
#define N_END 3            /* zeros after the codes: the two that a route looks at from the last one, and the next */

bool segmenter_init(Segmenter *segmenter, const Dictionary *dictionary, Mode mode, bool uses_hmm,
                    const HashKey *hash_key)
{
    memset(segmenter, 0, sizeof *segmenter);
    segmenter->dictionary = dictionary;
    segmenter->mode = mode;
    segmenter->uses_hmm = uses_hmm;
    strings_init(&segmenter->vocabulary, hash_key);
    segmenter->memo = memo_new(hash_key);
    return segmenter->memo != NULL && RESERVE(segmenter->utf8, segmenter->utf8_capacity, 3 * (size_t)MAX_WORD);
}

void segmenter_free(Segmenter *segmenter)
{
    strings_free(&segmenter->vocabulary);
    memo_free(segmenter->memo);
    free(segmenter->codes);
    free(segmenter->points);
    free(segmenter->positions);
    free(segmenter->joined);
    free(segmenter->states);
    free(segmenter->found);
    free(segmenter->utf8);
    free(segmenter->tokens);
}

void segmenter_forget(Segmenter *segmenter)
{
    strings_free(&segmenter->vocabulary);
    memo_clear(segmenter->memo);
}

size_t segmenter_memory(const Segmenter *segmenter)
{
    return strings_memory(&segmenter->vocabulary) + memo_memory(segmenter->memo);
}

bool segmenter_cover_ids(const Segmenter *segmenter, void *array, size_t *n, size_t item_size)
{
    size_t n_strings = segmenter->vocabulary.n;
    size_t n_ids = (size_t)first_string_id(segmenter) + n_strings;
    if (n_ids <= *n)
        return true;
    n_ids += n_strings / 2 > MORE_STRINGS ? n_strings / 2 : MORE_STRINGS; /* half of the part that grows */
    if (n_ids > SIZE_MAX / item_size)
        return false;
    uint8_t *items;
    memcpy(&items, array, sizeof items);
    bool is_new = items == NULL;
    items = is_new ? calloc(n_ids, item_size) : realloc(items, n_ids * item_size);
    if (items == NULL)
        return false;
    if (!is_new)
        memset(items + *n * item_size, 0, (n_ids - *n) * item_size);
    memcpy(array, &items, sizeof items);
    *n = n_ids;
    return true;
}

int64_t segmenter_load(Segmenter *segmenter, const uint8_t *text, size_t size, bool allows_surrogates)
{
    segmenter->n_codes = segmenter->next_code = segmenter->next_point = 0;
    segmenter->n_batch = segmenter->n_tokens = 0;
    segmenter->has_failed = false;
    if (size > UINT32_MAX - N_END)
        return SEGMENTER_TOO_LARGE;
    if (!RESERVE(segmenter->codes, segmenter->codes_capacity, size + N_END) ||
        !RESERVE(segmenter->points, segmenter->points_capacity, size))
        return SEGMENTER_NO_MEMORY;
    const uint16_t *codes = segmenter->dictionary->codes;
    uint16_t *out = segmenter->codes;
    uint32_t *points = segmenter->points;
    const uint8_t *at = text, *end = text + size;
    while (at < end) {
        uint32_t point;
        if (*at < 0x80) {
            point = *at++;
        } else if (*at >= 0xE4 && *at <= 0xE9 && end - at >= 3 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80) {
            point = (*at & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu); /* nearly all Han, never overlong */
            at += 3;
        } else {
            size_t length = utf8_decode(at, end, allows_surrogates, &point);
            if (length == 0)
                return at - text;
            at += length;
        }
        uint16_t code = point < 0x10000 ? codes[point] : 0;
        *out++ = code;
        if (code == 0)
            *points++ = point;
    }
    segmenter->n_codes = (size_t)(out - segmenter->codes);
    for (int i = 0; i < N_END; i++)
        *out++ = 0;
    return SEGMENTER_OK;
}

void segmenter_add_shorter_words(Segmenter *segmenter, size_t begin, size_t end)
{
    for (size_t length = 2; length <= 3 && length < end - begin; length++)
        for (size_t i = begin; i + length <= end; i++) {
            uint32_t slot = dictionary_find(segmenter->dictionary, segmenter->batch + i, length);
            if (slot != 0 && dictionary_is_word(segmenter->dictionary, slot))
                segmenter_add(segmenter, slot);
        }
}

/* Return the identifier of a string that is neither in the dictionary nor a single character. */
static uint32_t add_string(Segmenter *segmenter, const uint8_t *text, size_t size)
{
    uint32_t number = strings_add(&segmenter->vocabulary, text, size);
    if (number >= UINT32_MAX - first_string_id(segmenter)) { /* NO_STRING, or one too many */
        segmenter->has_failed = true;
        return 0;
    }
    return first_string_id(segmenter) + number;
}

static bool reserve_utf8(Segmenter *segmenter, size_t n)
{
    if (!RESERVE(segmenter->utf8, segmenter->utf8_capacity, UTF8_MAX * n))
        segmenter->has_failed = true;
    return !segmenter->has_failed;
}

uint32_t segmenter_identify_codes(Segmenter *segmenter, const uint16_t *codes, size_t n)
{
    uint32_t slot = dictionary_find(segmenter->dictionary, codes, n);
    if (slot != 0 || !reserve_utf8(segmenter, n))
        return slot;
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += utf8_encode(segmenter->dictionary->points[codes[i]], segmenter->utf8 + size);
    return add_string(segmenter, segmenter->utf8, size);
}

uint32_t segmenter_identify(Segmenter *segmenter, const uint8_t *text, size_t size)
{
    uint16_t codes[MAX_WORD];
    size_t n = 0;
    for (const uint8_t *at = text; at < text + size; n++) {
        uint32_t point = 0;
        size_t length = utf8_decode(at, text + size, true, &point);
        if (n == 0 && length == size && dictionary_code(segmenter->dictionary, point) == 0)
            return point_id(segmenter, point);
        if (length == 0 || n == MAX_WORD || (codes[n] = dictionary_code(segmenter->dictionary, point)) == 0)
            return add_string(segmenter, text, size);
        at += length;
    }
    uint32_t slot = n == 0 ? 0 : dictionary_find(segmenter->dictionary, codes, n);
    return slot != 0 ? slot : add_string(segmenter, text, size);
}

size_t segmenter_spell(Segmenter *segmenter, uint32_t id)
{
    if (id < segmenter->dictionary->n_slots)
        return dictionary_spell(segmenter->dictionary, id, segmenter->utf8);
    if (id < first_string_id(segmenter))
        return utf8_encode(id - segmenter->dictionary->n_slots, segmenter->utf8);
    size_t size;
    const uint8_t *text = strings_get(&segmenter->vocabulary, id - first_string_id(segmenter), &size);
    if (!reserve_utf8(segmenter, size))
        return 0;
    memcpy(segmenter->utf8, text, size);
    return size;
}

/* Return the code point of a character of the batch, in order: those outside blocks come from a list. */
static uint32_t next_point(Segmenter *segmenter, size_t position)
{
    uint16_t code = segmenter->batch[position];
    return code != 0 ? segmenter->dictionary->points[code] : segmenter->points[segmenter->next_point++];
}

/* Add the characters of the batch from `begin` to `end`, of blocks and others, as one token. */
static void add_text(Segmenter *segmenter, size_t begin, size_t end)
{
    if (!reserve_utf8(segmenter, end - begin))
        return;
    size_t size = 0;
    for (size_t i = begin; i < end; i++)
        size += utf8_encode(next_point(segmenter, i), segmenter->utf8 + size);
    segmenter_add(segmenter, segmenter_identify(segmenter, segmenter->utf8, size));
}

static void add_point(Segmenter *segmenter, size_t position)
{
    segmenter_add(segmenter, point_id(segmenter, next_point(segmenter, position)));
}

/* Add characters that the route left single, without the model: letters and digits are joined (`__cut_DAG_NO_HMM`). */
static void add_single(Segmenter *segmenter, size_t begin, size_t end)
{
    const uint16_t *codes = segmenter->batch;
    while (begin < end) {
        size_t stop = begin + 1;
        while (codes[begin] <= N_ALNUM && stop < end && codes[stop] <= N_ALNUM)
            stop++;
        uint32_t id = segmenter_identify_codes(segmenter, codes + begin, stop - begin);
        segmenter_add_word(segmenter, id, begin, stop);
        begin = stop;
    }
}

/* Add a run of characters that the route left single: the model cuts it, unless it is a word itself (`__cut_DAG`). */
static void add_run(Segmenter *segmenter, size_t begin, size_t end)
{
    const uint16_t *codes = segmenter->batch;
    if (end - begin == 1) {
        segmenter_add(segmenter, codes[begin]);
        return;
    }
    if (!segmenter->uses_hmm) {
        add_single(segmenter, begin, end);
        return;
    }
    uint32_t slot = dictionary_find(segmenter->dictionary, codes + begin, end - begin);
    if (slot == 0 || !dictionary_is_word(segmenter->dictionary, slot)) {
        model_add_run(segmenter, begin, end);
        return;
    }
    for (size_t i = begin; i < end; i++)
        segmenter_add(segmenter, codes[i]);
}

/* Add the tokens of the route: its words, and runs of single characters. */
static void add_route(Segmenter *segmenter)
{
    const Position *positions = segmenter->positions; /* the length at the end of the batch is 0 */
    for (size_t i = 0; i < segmenter->n_batch;) {
        size_t begin = i;
        if (positions[i].length == 0) {
            add_point(segmenter, i++);
        } else if (positions[i].length > 1) {
            i += positions[begin].length;
            segmenter_add_word(segmenter, positions[begin].word, begin, i);
        } else {
            while (positions[i].length == 1)
                i++;
            add_run(segmenter, begin, i);
        }
    }
}

/* Add the tokens of the full mode: the words of blocks; between blocks, all text without white space is a token. */
static void add_full(Segmenter *segmenter)
{
    const uint8_t *kinds = segmenter->dictionary->kinds;
    const uint16_t *batch = segmenter->batch;
    for (size_t i = 0, end; i < segmenter->n_batch; i = end) {
        end = i + 1;
        if (batch[i] != 0) {
            while (end < segmenter->n_batch && batch[end] != 0)
                end++;
            route_add_all_words(segmenter, i, end);
            continue;
        }
        const uint32_t *point = segmenter->points + segmenter->next_point;
        bool is_space = kinds[*point] == KIND_SPACE;
        while (!is_space && end < segmenter->n_batch && batch[end] == 0 && kinds[*++point] != KIND_SPACE)
            end++;
        add_text(segmenter, i, end);
    }
}

static void add_characters(Segmenter *segmenter)
{
    for (size_t i = 0; i < segmenter->n_batch; i++)
        if (segmenter->batch[i] != 0)
            segmenter_add(segmenter, segmenter->batch[i]);
        else
            add_point(segmenter, i);
}

/* Add the text between white space, and white space. */
static void add_fields(Segmenter *segmenter)
{
    const uint8_t *kinds = segmenter->dictionary->kinds;
    size_t begin = 0, point = segmenter->next_point;
    for (size_t i = 0; i < segmenter->n_batch; i++) {
        if (segmenter->batch[i] != 0)
            continue;
        if (kinds[segmenter->points[point++]] != KIND_SPACE)
            continue;
        if (i > begin)
            add_text(segmenter, begin, i);
        add_point(segmenter, i);
        begin = i + 1;
    }
    if (segmenter->n_batch > begin)
        add_text(segmenter, begin, segmenter->n_batch);
}

/* Return the number of characters of the next batch. */
static size_t choose_batch(const Segmenter *segmenter)
{
    const uint16_t *codes = segmenter->codes + segmenter->next_code;
    size_t left = segmenter->n_codes - segmenter->next_code;
    if (segmenter->mode == MODE_SPACE || left <= MIN_BATCH)
        return left;
    size_t n = MIN_BATCH;
    if (segmenter->mode == MODE_FULL)
        while (n < left && !(codes[n - 1] == 0 && codes[n] != 0))
            n++;
    else if (segmenter->mode != MODE_CHAR)
        while (n < left && codes[n - 1] != 0)
            n++;
    return n;
}

bool segmenter_next(Segmenter *segmenter)
{
    if (segmenter->has_failed || segmenter->next_code == segmenter->n_codes)
        return false;
    size_t n = choose_batch(segmenter);
    bool looks_ahead = segmenter->mode != MODE_CHAR && segmenter->mode != MODE_SPACE;
    if (looks_ahead && !RESERVE(segmenter->positions, segmenter->positions_capacity, n + 1)) {
        segmenter->has_failed = true;
        return false;
    }
    segmenter->batch = segmenter->codes + segmenter->next_code;
    segmenter->n_batch = n;
    segmenter->next_code += n;
    segmenter->n_tokens = 0;
    switch (segmenter->mode) {
    case MODE_JIEBA:
    case MODE_SEARCH:
        route_look_ahead(segmenter);
        route_find(segmenter);
        add_route(segmenter);
        break;
    case MODE_FULL:
        route_look_ahead(segmenter);
        add_full(segmenter);
        break;
    case MODE_CHAR:
        add_characters(segmenter);
        break;
    case MODE_SPACE:
        add_fields(segmenter);
        break;
    }
    return !segmenter->has_failed;
}
