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

bool key_numbers_init(KeyNumbers *numbers, const uint64_t *keys, size_t n)
{
    unsigned bits = choose_bits(n + n / 2 + 1); /* about a third of the slots is filled, and the mask is at least n */
    *numbers = (KeyNumbers){keys, n, NULL, 64 - bits, ((size_t)1 << bits) - 1, 0};
    numbers->number_mask = (uint32_t)(numbers->last >> 1);
    numbers->slots = calloc(numbers->last + 1, sizeof *numbers->slots);
    if (numbers->slots == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = hash_key(keys[i]);
        size_t slot = (size_t)(hash >> numbers->shift);
        while (numbers->slots[slot])
            slot = (slot + 1) & numbers->last;
        numbers->slots[slot] = ((uint32_t)hash & ~numbers->number_mask) | (uint32_t)(i + 1);
    }
    return true;
}

/* Return the next slot, from one on, that is free or may have the key of a hash. */
static size_t skip_others(const KeyNumbers *numbers, uint32_t hash, size_t slot)
{
    while (numbers->slots[slot] && (numbers->slots[slot] ^ hash) & ~numbers->number_mask)
        slot = (slot + 1) & numbers->last;
    return slot;
}

void key_numbers_find(const KeyNumbers *numbers, const uint64_t *keys, size_t n, uint32_t *found)
{
    size_t slots[KEY_BATCH];
    for (size_t i = 0; i < n; i++) {
        slots[i] = (size_t)(hash_key(keys[i]) >> numbers->shift);
        PREFETCH(&numbers->slots[slots[i]]);
    }
    for (size_t i = 0; i < n; i++) {
        slots[i] = skip_others(numbers, (uint32_t)hash_key(keys[i]), slots[i]);
        found[i] = numbers->slots[slots[i]] & numbers->number_mask;
        PREFETCH(&numbers->keys[found[i] ? found[i] - 1 : 0]);
    }
    for (size_t i = 0; i < n; i++) {
        while (found[i] && numbers->keys[found[i] - 1] != keys[i]) { /* another key with the same part of the hash */
            slots[i] = skip_others(numbers, (uint32_t)hash_key(keys[i]), (slots[i] + 1) & numbers->last);
            found[i] = numbers->slots[slots[i]] & numbers->number_mask;
        }
    }
}

void key_numbers_free(KeyNumbers *numbers)
{
    free(numbers->slots);
    *numbers = (KeyNumbers){0};
}
