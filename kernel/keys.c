#include "keys.h"

#include <stdlib.h>
#include <string.h>

#define MIN_BITS 10 /* of the number of slots */

/* Return the bits of a number of slots: at least twice as many as keys. */
static unsigned choose_bits(size_t n_keys)
{
    unsigned bits = MIN_BITS;
    while (((size_t)1 << bits) / 2 < n_keys)
        bits++;
    return bits;
}

/* Return the slot of a key or a free one for it, given its first slot. */
static KeyCount *find_slot(const KeyCounter *counter, uint64_t key, size_t slot)
{
    while (counter->slots[slot].key != key && counter->slots[slot].key != 0)
        slot = (slot + 1) & (counter->n_slots - 1);
    return &counter->slots[slot];
}

/* Make room for more keys; return whether there was memory. */
static bool key_counter_reserve(KeyCounter *counter, size_t n)
{
    size_t n_keys = counter->n_keys + n;
    if (n_keys <= counter->n_slots / 2)
        return true;
    if (n_keys > SIZE_MAX / (8 * sizeof(KeyCount)))
        return false;
    unsigned bits = choose_bits(n_keys);
    KeyCounter larger = {NULL, (size_t)1 << bits, counter->n_keys, 64 - bits};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < counter->n_slots; i++) {
        uint64_t key = counter->slots[i].key;
        if (key)
            *find_slot(&larger, key, (size_t)(hash_key(key) >> larger.shift)) = counter->slots[i];
    }
    free(counter->slots);
    *counter = larger;
    return true;
}

bool key_counter_add(KeyCounter *counter, const uint64_t *keys, const uint64_t *counts, size_t n)
{
    size_t slots[KEY_BATCH];
    if (counts != NULL && !key_counter_reserve(counter, n))
        return false;
    for (size_t start = 0; start < n; start += KEY_BATCH) {
        size_t n_batch = n - start < KEY_BATCH ? n - start : KEY_BATCH;
        if (counts == NULL && !key_counter_reserve(counter, n_batch))
            return false;
        for (size_t i = 0; i < n_batch; i++) {
            slots[i] = (size_t)(hash_key(keys[start + i]) >> counter->shift);
            PREFETCH(&counter->slots[slots[i]]);
        }
        for (size_t i = 0; i < n_batch; i++) {
            uint64_t key = keys[start + i];
            if (!key)
                continue;
            KeyCount *slot = find_slot(counter, key, slots[i]);
            counter->n_keys += slot->key == 0;
            slot->key = key;
            slot->count += counts != NULL ? counts[start + i] : 1;
        }
    }
    return true;
}

void key_counter_copy(const KeyCounter *counter, uint64_t *keys, uint64_t *counts)
{
    for (size_t i = 0, n = 0; i < counter->n_slots; i++) {
        if (!counter->slots[i].key)
            continue;
        keys[n] = counter->slots[i].key;
        counts[n] = counter->slots[i].count;
        n++;
    }
}

void key_counter_clear(KeyCounter *counter)
{
    if (counter->n_slots)
        memset(counter->slots, 0, counter->n_slots * sizeof *counter->slots);
    counter->n_keys = 0;
}

void key_counter_free(KeyCounter *counter)
{
    free(counter->slots);
    *counter = (KeyCounter){0};
}

/* Return the bucket of a key. */
static size_t choose_bucket(const KeyTable *table, uint64_t key)
{
    return (size_t)((hash_key(key) >> 32) * table->n_buckets >> 32);
}

static size_t get_next_bucket(const KeyTable *table, size_t bucket)
{
    return bucket + 1 < table->n_buckets ? bucket + 1 : 0;
}

/* Add an entry, unless there is one with its key. */
static void insert_entry(KeyTable *table, KeyEntry entry)
{
    for (size_t bucket = choose_bucket(table, entry.key);; bucket = get_next_bucket(table, bucket)) {
        KeyEntry *entries = table->entries + bucket * BUCKET_ENTRIES;
        for (size_t i = 0; i < BUCKET_ENTRIES; i++) {
            if (entries[i].number == 0)
                entries[i] = entry;
            if (entries[i].key == entry.key)
                return;
        }
    }
}

bool key_table_init(KeyTable *table, const uint64_t *keys, const uint32_t *values, size_t n, uint32_t first)
{
    *table = (KeyTable){.n_keys = n, .n_buckets = 2 * n / BUCKET_ENTRIES + 1};
    table->memory = calloc(table->n_buckets + 1, sizeof(KeyEntry) * BUCKET_ENTRIES);
    if (table->memory == NULL)
        return false;
    uintptr_t address = (uintptr_t)table->memory, line = sizeof(KeyEntry) * BUCKET_ENTRIES;
    table->entries = (KeyEntry *)((char *)table->memory + (line - address % line));
    for (size_t i = 0; i < n; i++)
        if (keys[i])
            insert_entry(table, (KeyEntry){keys[i], first + (uint32_t)i, values != NULL ? values[i] : 0});
    return true;
}

/* Return the entry of a key in a bucket, all zero for none. There are no branches by key, which no processor could
   predict. */
static KeyEntry find_entry(const KeyEntry *bucket, uint64_t key)
{
    KeyEntry found = {0};
    for (size_t i = 0; i < BUCKET_ENTRIES; i++) {
        uint32_t mask = -(uint32_t)(bucket[i].key == key);
        found.number |= bucket[i].number & mask;
        found.value |= bucket[i].value & mask;
    }
    return found;
}

void key_table_find(const KeyTable *table, const uint64_t *keys, size_t n, uint32_t *numbers, uint32_t *values)
{
    size_t buckets[KEY_BATCH], displaced[KEY_BATCH + 1], n_displaced = 0;
    for (size_t i = 0; i < n; i++) {
        buckets[i] = choose_bucket(table, keys[i]);
        PREFETCH(&table->entries[buckets[i] * BUCKET_ENTRIES]);
    }
    for (size_t i = 0; i < n; i++) {
        const KeyEntry *bucket = table->entries + buckets[i] * BUCKET_ENTRIES;
        KeyEntry entry = find_entry(bucket, keys[i]);
        numbers[i] = entry.number;
        values[i] = entry.value;
        displaced[n_displaced] = i;
        n_displaced += (entry.number == 0) & (bucket[BUCKET_ENTRIES - 1].number != 0);
    }
    for (size_t k = 0; k < n_displaced; k++) /* the bucket is full, so others have its further keys */
        PREFETCH(&table->entries[get_next_bucket(table, buckets[displaced[k]]) * BUCKET_ENTRIES]);
    for (size_t k = 0; k < n_displaced; k++) {
        size_t i = displaced[k], bucket = buckets[i];
        KeyEntry entry = {0};
        for (bool is_full = true; is_full && entry.number == 0;) {
            bucket = get_next_bucket(table, bucket);
            entry = find_entry(table->entries + bucket * BUCKET_ENTRIES, keys[i]);
            is_full = table->entries[bucket * BUCKET_ENTRIES + BUCKET_ENTRIES - 1].number != 0;
        }
        numbers[i] = entry.number;
        values[i] = entry.value;
    }
}

void key_table_free(KeyTable *table)
{
    free(table->memory);
    *table = (KeyTable){0};
}
