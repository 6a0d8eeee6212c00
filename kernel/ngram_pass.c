/* The n-grams of text that may be frequent. */
#include "newwords.h"

#include <stdlib.h>

/* Starts that are processed together, so that with the next one there are KEY_BATCH. */
#define N_STARTS (KEY_BATCH - 1)

/* Of the hash of an n-gram, a polynomial of its characters, and of the number of its bucket: Degski's multiplier, and
   2^64 / pi. */
#define HASH_BASE UINT64_C(0xD6E8FEB86659FD93)
#define BUCKET_FACTOR UINT64_C(0x517CC1B727220A95)

#define MAX_RUN UINT8_MAX

/* About a part of a text. */
typedef struct {
    uint64_t *hashes; /* of the characters before each position, and of all */
    uint8_t *runs;    /* the number of frequent characters from each position on, up to MAX_RUN */
} PartMemory;

static uint64_t compute_power(size_t n)
{
    uint64_t power = 1;
    while (n--)
        power *= HASH_BASE;
    return power;
}

/* Return the number of the bucket of an n-gram, given HASH_BASE^n. */
static size_t choose_bucket(const uint64_t *hashes, size_t start, size_t n, uint64_t power, unsigned bits)
{
    return (size_t)((hashes[start + n] - hashes[start] * power) * BUCKET_FACTOR >> (64 - bits));
}

static void prepare_part(Text text, uint32_t n_frequent, PartMemory *memory)
{
    uint8_t run = 0;
    for (size_t i = text.length; i-- > 0;) {
        uint8_t is_frequent = text.characters[i] - 1 < n_frequent; /* a border becomes UINT32_MAX */
        run = (uint8_t)((run + (run < MAX_RUN)) & -is_frequent);
        memory->runs[i] = run;
    }
    memory->hashes[0] = 0;
    for (size_t i = 0; i < text.length; i++)
        memory->hashes[i + 1] = memory->hashes[i] * HASH_BASE + text.characters[i];
}

/* Keep the starts of n-grams in frequent buckets; return their number. There are no branches by text, which no
   processor could predict. */
static size_t select_buckets(const NgramPass *pass, const PartMemory *memory, size_t *starts, size_t n)
{
    size_t buckets[KEY_BATCH], n_kept = 0;
    uint64_t power = compute_power(pass->order);
    for (size_t k = 0; k < n; k++) {
        buckets[k] = choose_bucket(memory->hashes, starts[k], pass->order, power, pass->may_be_bits);
        PREFETCH(&pass->may_be[buckets[k] / 8]);
    }
    for (size_t k = 0; k < n; k++) {
        starts[n_kept] = starts[k];
        n_kept += pass->may_be[buckets[k] / 8] >> buckets[k] % 8 & 1;
    }
    return n_kept;
}

/* Keep the starts of n-grams whose first n-1 characters are frequent, and write the nodes of those; return their
   number. */
static size_t find_beginnings(const NgramPass *pass, Text text, size_t *starts, uint32_t *nodes, size_t n)
{
    uint32_t characters[KEY_BATCH], children[KEY_BATCH];
    for (size_t k = 0; k < n; k++)
        nodes[k] = text.characters[starts[k]];
    for (size_t length = 1; length + 1 < pass->order; length++) {
        for (size_t k = 0; k < n; k++)
            characters[k] = text.characters[starts[k] + length];
        find_children(pass->tree, nodes, characters, n, children);
        size_t n_kept = 0;
        for (size_t k = 0; k < n; k++) {
            starts[n_kept] = starts[k];
            nodes[n_kept] = children[k];
            n_kept += children[k] != 0;
        }
        n = n_kept;
    }
    return n;
}

/* Count the buckets of the next order, for n-grams that follow each other; the last one is no start. */
static void count_buckets(const NgramPass *pass, const PartMemory *memory, const size_t *starts, size_t n)
{
    size_t numbers[KEY_BATCH], n_numbers = 0;
    uint64_t power = compute_power(pass->order + 1);
    for (size_t k = 0; k + 1 < n; k++) {
        size_t length = starts[k + 1] == starts[k] + 1 ? pass->order + 1 : 0;
        numbers[n_numbers] = choose_bucket(memory->hashes, starts[k], length, power, pass->bucket_bits);
        PREFETCH(&pass->buckets[numbers[n_numbers]]);
        n_numbers += length != 0;
    }
    for (size_t k = 0; k < n_numbers; k++)
        pass->buckets[numbers[k]] = (uint8_t)(pass->buckets[numbers[k]] + (pass->buckets[numbers[k]] < UINT8_MAX));
}

/* Count the n-grams that begin at some positions, given the nodes of (n-1)-grams and (n-2)-grams by position. */
static bool count_starts(const NgramPass *pass, Text text, const PartMemory *memory, size_t start, size_t stop,
                         KeyCounter *counter)
{
    size_t starts[KEY_BATCH], n = 0, n_keys = 0;
    uint32_t nodes[KEY_BATCH];
    uint64_t keys[KEY_BATCH];
    for (size_t i = start; i <= stop && i < text.length; i++) { /* one more, for the next order */
        starts[n] = i;
        n += memory->runs[i] >= pass->order;
    }
    if (pass->may_be == NULL) {
        for (size_t i = start; i < stop && i + 1 < text.length; i++) /* rare characters are neighbors, too */
            keys[n_keys++] = (uint64_t)text.characters[i] << CHARACTER_BITS | text.characters[i + 1];
    } else {
        n = select_buckets(pass, memory, starts, n);
        n = find_beginnings(pass, text, starts, nodes, n);
        for (size_t k = 0; k < n; k++) {
            keys[k] = (uint64_t)nodes[k] << CHARACTER_BITS | text.characters[starts[k] + pass->order - 1];
            n_keys += starts[k] < stop;
        }
    }
    if (pass->buckets != NULL)
        count_buckets(pass, memory, starts, n);
    return key_counter_add(counter, keys, NULL, n_keys);
}

static bool count_part(const NgramPass *pass, Text text, KeyCounter *counter)
{
    PartMemory memory = {malloc((text.length + 1) * sizeof(uint64_t)), malloc(text.length)};
    bool is_done = memory.hashes != NULL && memory.runs != NULL;
    if (is_done)
        prepare_part(text, pass->n_frequent, &memory);
    for (size_t start = 0; is_done && start < text.length; start += N_STARTS) {
        size_t stop = text.length - start < N_STARTS ? text.length : start + N_STARTS;
        is_done = count_starts(pass, text, &memory, start, stop, counter);
    }
    free(memory.hashes);
    free(memory.runs);
    return is_done;
}

bool count_ngrams(const NgramPass *pass, Text text, KeyCounter *counter)
{
    bool is_done = true;
    for (size_t start = 0; is_done && start + pass->order <= text.length;) {
        Text part = take_part(text, start);
        is_done = count_part(pass, part, counter);
        start += part.length > 1 ? part.length - 1 : 1; /* a border is in two parts, for the pairs with it */
    }
    return is_done;
}
