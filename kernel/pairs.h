/* Counts of pairs of words, and of words. */
#ifndef KXCLI_PAIRS_H
#define KXCLI_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include "memory.h"

#define N_PENDING_PAIRS 64

typedef struct {
    uint32_t first, second; /* identifiers of words; NO_WORD as the second one counts the first by itself */
    uint64_t count;
    uint64_t n_left; /* pairs with the second word to the left of the first one */
} Pair;

/* A pair that is counted later. */
typedef struct {
    uint64_t hash;
    Pair pair;
} PendingPair;

typedef struct {
    HashKey hash_key;
    Pair *pairs; /* [n]; the first is unused */
    uint32_t n;
    size_t capacity;
    uint64_t *slots; /* open addressing: half of the hash, and below it the number of the pair; or 0 */
    size_t n_slots;
    PendingPair pending[N_PENDING_PAIRS];
    size_t n_pending;
} PairTable;

#define NO_WORD UINT32_MAX

bool pairs_init(PairTable *table, const HashKey *hash_key);

/* Count the pairs that wait; false if memory ran out. */
bool pairs_flush(PairTable *table);

/* Add to the counts of a pair, now or at the next `pairs_flush`; false if memory ran out. The table is much larger than
   the caches of the processor, so that requests for the memory of several pairs at a time save most of the time. */
static inline bool pairs_add(PairTable *table, uint32_t first, uint32_t second, uint64_t count, uint64_t n_left)
{
    if (table->n_pending == N_PENDING_PAIRS && !pairs_flush(table))
        return false;
    uint64_t hash = hash_number(&table->hash_key, (uint64_t)first << 32 | second);
    PREFETCH(&table->slots[hash & (table->n_slots - 1)]);
    table->pending[table->n_pending++] = (PendingPair){hash, {first, second, count, n_left}};
    return true;
}

/* Bytes of memory. */
size_t pairs_memory(const PairTable *table);

void pairs_free(PairTable *table);

#endif
