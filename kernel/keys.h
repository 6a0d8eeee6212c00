/* Hash tables of 64-bit keys: their counts, and their numbers.

   Both tables have open addressing: a key whose place is occupied goes to the next free one. Keys are processed in
   batches: all places are computed and requested from memory before they are read. */
#ifndef KXCLI_KEYS_H
#define KXCLI_KEYS_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_BATCH 256

/* At least half of the slots are free. */
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

typedef struct {
    uint64_t key;
    uint32_t number; /* 0 for a free entry */
    uint32_t value;
} KeyEntry;

#define BUCKET_ENTRIES 4 /* a line of a cache, so that a key is found with one access to memory */

/* The numbers and values of distinct nonzero keys. A key is in its bucket, or, if that is full, in the next one with a
   free entry. Entries are occupied in order; half of them are. */
typedef struct {
    KeyEntry *entries; /* in `memory`, at the start of a line */
    size_t n_buckets;
    size_t n_keys;
    void *memory;
} KeyTable;

/* Add counts of keys, or 1 for each if `counts` is NULL; skip keys that are 0. Return whether there was memory; without
   it, some keys at the end were not counted. Keys with counts are nearly all distinct: there is room for all of them
   before the first is added, as in the order of another counter they would all be in one part of a smaller table. */
bool key_counter_add(KeyCounter *counter, const uint64_t *keys, const uint64_t *counts, size_t n);

/* Copy all keys, in any order, and their counts; there is room for `n_keys` of each. */
void key_counter_copy(const KeyCounter *counter, uint64_t *keys, uint64_t *counts);

/* Forget all keys; the memory is kept for others. */
void key_counter_clear(KeyCounter *counter);

void key_counter_free(KeyCounter *counter);

/* Number keys, fewer than 2^31, from `first` on; `values` may be NULL. Skip those that are 0, and all but the first of
   equal ones. Return whether there was memory. */
bool key_table_init(KeyTable *table, const uint64_t *keys, const uint32_t *values, size_t n, uint32_t first);

void key_table_free(KeyTable *table);

/* Return a hash with 64 bits that depend on all bits of the key, by two odd multipliers: Degski's, and 2^64 / golden
   ratio (Knuth 6.4). One alone leaves the keys of neighboring nodes in a few parts of a table. */
static inline uint64_t hash_key(uint64_t key)
{
    key *= UINT64_C(0xD6E8FEB86659FD93);
    return (key ^ key >> 32) * UINT64_C(0x9E3779B97F4A7C15);
}

/* Write the numbers and values of at most KEY_BATCH keys, 0 for those that are unknown. */
void key_table_find(const KeyTable *table, const uint64_t *keys, size_t n, uint32_t *numbers, uint32_t *values);

#endif
