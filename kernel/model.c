#include "model.h"

#include <stdlib.h>

#include "doubles.h"
#include "hash.h"
#include "memory.h"

#define MEMO_RUN 4                 /* characters of a run that is remembered: 16 bits each */
#define MAX_MEMO ((size_t)1 << 16) /* runs; beyond it, the memo begins again */

typedef struct {
    uint64_t run; /* its codes; 0 for an empty entry */
    ModelWord words[MEMO_RUN];
    uint8_t n_words;
} MemoEntry;

/* The words of short runs, which recur often: an open-addressing hash table. */
struct RunMemo {
    HashKey hash_key;
    size_t n, n_slots;
    MemoEntry *entries;
};

RunMemo *memo_new(const HashKey *hash_key)
{
    RunMemo *memo = calloc(1, sizeof *memo);
    if (memo != NULL)
        memo->hash_key = *hash_key;
    return memo;
}

void memo_free(RunMemo *memo)
{
    if (memo != NULL)
        free(memo->entries);
    free(memo);
}

void memo_clear(RunMemo *memo)
{
    free(memo->entries);
    *memo = (RunMemo){.hash_key = memo->hash_key};
}

size_t memo_memory(const RunMemo *memo)
{
    return memo->n_slots * sizeof *memo->entries;
}

/* Return the entry of a run, or the free one for it. */
static MemoEntry *find_entry(const RunMemo *memo, uint64_t run)
{
    size_t slot = hash_number(&memo->hash_key, run) & (memo->n_slots - 1);
    while (memo->entries[slot].run != 0 && memo->entries[slot].run != run)
        slot = (slot + 1) & (memo->n_slots - 1);
    return &memo->entries[slot];
}

/* Make room for another run, in a table that is no larger than it must be for the caches of the processor. */
static bool reserve_entry(RunMemo *memo)
{
    if (memo->n == MAX_MEMO)
        memo_clear(memo);
    if (memo->n < memo->n_slots / 2)
        return true;
    RunMemo larger = {memo->hash_key, memo->n, memo->n_slots == 0 ? 1024 : 2 * memo->n_slots, NULL};
    larger.entries = calloc(larger.n_slots, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < memo->n_slots; i++)
        if (memo->entries[i].run != 0)
            *find_entry(&larger, memo->entries[i].run) = memo->entries[i];
    free(memo->entries);
    *memo = larger;
    return true;
}

/* Find the most probable states of `n` codes (jieba's `viterbi`). Afterwards the first `n` bytes of the work space are
   the states. */
static bool find_states(Segmenter *segmenter, const uint16_t *codes, size_t n)
{
    if (n > SIZE_MAX / N_STATES || !RESERVE(segmenter->states, segmenter->states_capacity, n * N_STATES)) {
        segmenter->has_failed = true;
        return false;
    }
    const Dictionary *dictionary = segmenter->dictionary;
    const double (*transitions)[N_STATES] = (const double (*)[N_STATES])dictionary->transitions;
    const double (*emissions)[N_STATES] = (const double (*)[N_STATES])dictionary->emissions;
    /* The two states that may come before each state (jieba's `PrevStatus`), the earlier letter first. */
    static const uint8_t before[N_STATES][2] = {
        [STATE_B] = {STATE_E, STATE_S},
        [STATE_E] = {STATE_B, STATE_M},
        [STATE_M] = {STATE_B, STATE_M},
        [STATE_S] = {STATE_E, STATE_S},
    };
    uint8_t (*origins)[N_STATES] = (uint8_t (*)[N_STATES])segmenter->states;
    memset(origins[0], 0, sizeof *origins);
    double scores[N_STATES];
    for (int state = 0; state < N_STATES; state++)
        scores[state] = dictionary->start[state] + emissions[codes[0]][state];
    for (size_t i = 1; i < n; i++) {
        double next[N_STATES];
        for (int state = 0; state < N_STATES; state++) {
            uint8_t first = before[state][0], second = before[state][1];
            double score1 = scores[first] + transitions[first][state] + emissions[codes[i]][state];
            double score2 = scores[second] + transitions[second][state] + emissions[codes[i]][state];
            origins[i][state] = score1 > score2 ? first : second; /* of equal ones the later letter */
            next[state] = score1 > score2 ? score1 : score2;
        }
        for (int state = 0; state < N_STATES; state++)
            scores[state] = next[state];
    }
    uint8_t state = scores[STATE_E] > scores[STATE_S] ? STATE_E : STATE_S;
    for (size_t i = n; i-- > 0;) { /* a state replaces the origins of its character, which are no longer needed */
        uint8_t origin = origins[i][state];
        origins[i][0] = state;
        state = origin;
    }
    for (size_t i = 0; i < n; i++)
        segmenter->states[i] = origins[i][0];
    return true;
}

/* Note a word that the model found, or its characters if it has frequency 0 (jieba's `Force_Split_Words`). */
static size_t note_word(Segmenter *segmenter, size_t begin, size_t end, size_t n_found)
{
    const uint16_t *codes = segmenter->batch;
    uint32_t id = segmenter_identify_codes(segmenter, codes + begin, end - begin);
    bool is_slot = id < segmenter->dictionary->n_slots;
    if (segmenter->dictionary->n_splits > 0 && is_slot && dictionary_is_split(segmenter->dictionary, id)) {
        for (size_t i = begin; i < end; i++)
            segmenter->found[n_found++] = (ModelWord){codes[i], 1};
        return n_found;
    }
    segmenter->found[n_found++] = (ModelWord){id, (uint32_t)(end - begin)};
    return n_found;
}

/* Find the words of a run of Han (the model's `__cut`), and return their number; 0 if memory ran out. */
static size_t find_words(Segmenter *segmenter, size_t begin, size_t end)
{
    size_t word = begin, next = begin, n_found = 0;
    if (!RESERVE(segmenter->found, segmenter->found_capacity, end - begin)) {
        segmenter->has_failed = true;
        return 0;
    }
    if (!find_states(segmenter, segmenter->batch + begin, end - begin))
        return 0;
    for (size_t i = begin; i < end; i++) {
        uint8_t state = segmenter->states[i - begin];
        if (state == STATE_B)
            word = i;
        if (state != STATE_E && state != STATE_S)
            continue;
        next = i + 1;
        n_found = note_word(segmenter, state == STATE_E ? word : i, next, n_found);
    }
    return next < end ? note_word(segmenter, next, end, n_found) : n_found;
}

/* Add words that follow each other from a position of the batch on. */
static void add_words(Segmenter *segmenter, const ModelWord *words, size_t n, size_t begin)
{
    for (size_t i = 0; i < n; i++) {
        segmenter_add_word(segmenter, words[i].id, begin, begin + words[i].length);
        begin += words[i].length;
    }
}

static void add_long_han(Segmenter *segmenter, size_t begin, size_t end)
{
    size_t n = find_words(segmenter, begin, end);
    add_words(segmenter, segmenter->found, n, begin);
}

static void add_short_han(Segmenter *segmenter, size_t begin, size_t end)
{
    uint64_t run = 0;
    for (size_t i = begin; i < end; i++)
        run = run << 16 | segmenter->batch[i];
    if (!reserve_entry(segmenter->memo)) {
        segmenter->has_failed = true;
        return;
    }
    MemoEntry *entry = find_entry(segmenter->memo, run);
    if (entry->run == 0) {
        size_t n = find_words(segmenter, begin, end);
        if (segmenter->has_failed)
            return;
        memcpy(entry->words, segmenter->found, n * sizeof *entry->words);
        entry->n_words = (uint8_t)n;
        entry->run = run;
        segmenter->memo->n++;
    }
    add_words(segmenter, entry->words, entry->n_words, begin);
}

static bool is_digit(uint16_t code)
{
    return code > N_LETTERS && code <= N_ALNUM;
}

static void add_codes(Segmenter *segmenter, size_t begin, size_t end)
{
    if (begin < end)
        segmenter_add_word(segmenter, segmenter_identify_codes(segmenter, segmenter->batch + begin, end - begin), begin,
                           end);
}

/* Add the tokens of a run of ASCII: the matches of [a-zA-Z0-9]+(?:\.\d+)?%? (the model's `re_skip`), and the text
   between them. */
static void add_ascii(Segmenter *segmenter, size_t begin, size_t end)
{
    const uint16_t *codes = segmenter->batch;
    size_t gap = begin;
    for (size_t i = begin; i < end;) {
        if (codes[i] > N_ALNUM) {
            i++;
            continue;
        }
        size_t stop = i;
        while (stop < end && codes[stop] <= N_ALNUM)
            stop++;
        if (stop + 1 < end && codes[stop] == CODE_DOT && is_digit(codes[stop + 1])) {
            stop++;
            while (stop < end && is_digit(codes[stop]))
                stop++;
        }
        if (stop < end && codes[stop] == CODE_PERCENT)
            stop++;
        add_codes(segmenter, gap, i);
        add_codes(segmenter, i, stop);
        i = gap = stop;
    }
    add_codes(segmenter, gap, end);
}

void model_add_run(Segmenter *segmenter, size_t begin, size_t end)
{
    const uint16_t *codes = segmenter->batch;
    while (begin < end) {
        size_t stop = begin;
        bool is_han = codes[begin] > N_ASCII;
        while (stop < end && (codes[stop] > N_ASCII) == is_han)
            stop++;
        if (!is_han)
            add_ascii(segmenter, begin, stop);
        else if (stop - begin <= MEMO_RUN)
            add_short_han(segmenter, begin, stop);
        else
            add_long_han(segmenter, begin, stop);
        begin = stop;
    }
}
