/* Hash tables of 64-bit keys: their counts, and their numbers.

   Both tables have open addressing: a key whose slot is occupied goes to the next free one. At least half of the slots
   are free. Keys are processed in batches: all slots are computed and requested from memory before they are read. */
#ifndef KXCLI_KEYS_H
#define KXCLI_KEYS_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_BATCH 256

typedef struct {
    uint64_t key; /* 0 for a free slot */
    uint64_t count;
} KeyCount;

/* The counts of nonzero keys. All zero is an empty counter. */
typedef struct {
    KeyCount *slots;
    size_t n_slots; /* 0 or a power of two */
    size_t n_keys;
    unsigned shift; /* of a hash, for a slot */
} KeyCounter;

/* The numbers of distinct keys, from 1, in the order of `keys`.

   A slot has the number of its key in the lower bits and a part of the hash in the upper ones, so that other keys are
   nearly always recognized without a look at `keys`. A free slot is 0. */
typedef struct {
    const uint64_t *keys; /* of the caller */
    size_t n_keys;
    uint32_t *slots;
    unsigned shift;       /* of a hash, for a slot */
    size_t last;          /* the last slot */
    uint32_t number_mask; /* the bits of a number; the others are of the hash */
} KeyNumbers;

/* Add counts of keys, or 1 for each if `counts` is NULL; skip keys that are 0. Return whether there was memory; without
   it, some keys at the end were not counted. Keys with counts are nearly all distinct: there is room for all of them
   before the first is added, as in the order of another counter they would all be in one part of a smaller table. */
bool key_counter_add(KeyCounter *counter, const uint64_t *keys, const uint64_t *counts, size_t n);

/* Copy all keys, in any order, and their counts; there is room for `n_keys` of each. */
void key_counter_copy(const KeyCounter *counter, uint64_t *keys, uint64_t *counts);

/* Forget all keys; the memory is kept for others. */
void key_counter_clear(KeyCounter *counter);

void key_counter_free(KeyCounter *counter);

/* Number distinct nonzero keys, fewer than 2^31; return whether there was memory. */
bool key_numbers_init(KeyNumbers *numbers, const uint64_t *keys, size_t n);

void key_numbers_free(KeyNumbers *numbers);

/* Return a hash with 64 bits that depend on all bits of the key, by two odd multipliers: Degski's, and 2^64 / golden
   ratio (Knuth 6.4). One alone leaves the keys of neighboring nodes in a few parts of a table. */
static inline uint64_t hash_key(uint64_t key)
{
    key *= UINT64_C(0xD6E8FEB86659FD93);
    return (key ^ key >> 32) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Write the numbers of at most KEY_BATCH keys, 0 for those that are unknown. */
void key_numbers_find(const KeyNumbers *numbers, const uint64_t *keys, size_t n, uint32_t *found);

#endif
