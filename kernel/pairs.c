#include "pairs.h"

#define MIN_SLOTS 1024

/* Make room for all pairs that wait; false if memory ran out. */
static bool reserve_pairs(PairTable *table)
{
    size_t n = table->n + N_PENDING_PAIRS, n_slots = table->n_slots == 0 ? MIN_SLOTS : table->n_slots;
    if (n > UINT32_MAX || !RESERVE(table->pairs, table->capacity, n))
        return false;
    while (n_slots / 2 < n)
        n_slots *= 2;
    if (n_slots == table->n_slots)
        return true;
    uint64_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    for (uint32_t number = 1; number < table->n; number++) {
        const Pair *pair = &table->pairs[number];
        uint64_t hash = hash_number(&table->hash_key, (uint64_t)pair->first << 32 | pair->second);
        size_t slot = hash & (n_slots - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (n_slots - 1);
        slots[slot] = hash >> 32 << 32 | number;
    }
    return true;
}

bool pairs_init(PairTable *table, const HashKey *hash_key)
{
    *table = (PairTable){.hash_key = *hash_key, .n = 1};
    return reserve_pairs(table);
}

/* Return a pair, which is added without counts if it is new. */
static Pair *find_pair(PairTable *table, uint64_t hash, uint32_t first, uint32_t second)
{
    size_t slot = hash & (table->n_slots - 1);
    for (; table->slots[slot] != 0; slot = (slot + 1) & (table->n_slots - 1)) {
        if (table->slots[slot] >> 32 != hash >> 32) /* most other pairs need no look */
            continue;
        Pair *pair = &table->pairs[(uint32_t)table->slots[slot]];
        if (pair->first == first && pair->second == second)
            return pair;
    }
    table->slots[slot] = hash >> 32 << 32 | table->n;
    Pair *pair = &table->pairs[table->n++];
    *pair = (Pair){first, second, 0, 0};
    return pair;
}

bool pairs_flush(PairTable *table)
{
    if (!reserve_pairs(table))
        return false;
    for (size_t i = 0; i < table->n_pending; i++)
        PREFETCH(&table->pairs[(uint32_t)table->slots[table->pending[i].hash & (table->n_slots - 1)]]);
    for (size_t i = 0; i < table->n_pending; i++) {
        const Pair *added = &table->pending[i].pair;
        Pair *pair = find_pair(table, table->pending[i].hash, added->first, added->second);
        pair->count += added->count;
        pair->n_left += added->n_left;
    }
    table->n_pending = 0;
    return true;
}

size_t pairs_memory(const PairTable *table)
{
    return table->capacity * sizeof *table->pairs + table->n_slots * sizeof *table->slots;
}

void pairs_free(PairTable *table)
{
    free(table->pairs);
    free(table->slots);
    memset(table, 0, sizeof *table);
}
