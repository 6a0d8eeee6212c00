#include "strings.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "memory.h"

/* Return the slot of a string, or the free one for it. */
static size_t find_slot(const StringTable *table, uint64_t hash, const uint8_t *text, size_t size)
{
    size_t slot = hash & (table->n_slots - 1);
    for (; table->slots[slot] != 0; slot = (slot + 1) & (table->n_slots - 1)) {
        if (table->slots[slot] >> 32 != hash >> 32) /* most other strings need no look at their text */
            continue;
        size_t other_size;
        const uint8_t *other = strings_get(table, (uint32_t)table->slots[slot] - 1, &other_size);
        if (other_size == size && memcmp(other, text, size) == 0)
            break;
    }
    return slot;
}

void strings_init(StringTable *table, const HashKey *hash_key)
{
    *table = (StringTable){.hash_key = *hash_key};
}

static bool grow_slots(StringTable *table)
{
    size_t n_slots = table->n_slots == 0 ? 1024 : 2 * table->n_slots;
    uint64_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    for (uint32_t number = 0; number < table->n; number++) {
        size_t size;
        const uint8_t *text = strings_get(table, number, &size);
        uint64_t hash = hash_bytes(&table->hash_key, text, size);
        table->slots[find_slot(table, hash, text, size)] = hash >> 32 << 32 | (number + 1);
    }
    return true;
}

uint32_t strings_add(StringTable *table, const uint8_t *text, size_t size)
{
    if (table->n >= table->n_slots / 2 && !grow_slots(table))
        return NO_STRING;
    uint64_t hash = hash_bytes(&table->hash_key, text, size);
    size_t slot = find_slot(table, hash, text, size);
    if (table->slots[slot] != 0)
        return (uint32_t)table->slots[slot] - 1;
    if (table->n >= NO_STRING - 1 || !RESERVE(table->ends, table->capacity, table->n + (size_t)1) ||
        !RESERVE(table->text, table->text_capacity, table->text_size + size + 1)) /* not NULL for an empty string */
        return NO_STRING;
    if (size > 0)
        memcpy(table->text + table->text_size, text, size);
    table->text_size += size;
    table->ends[table->n] = table->text_size;
    table->slots[slot] = hash >> 32 << 32 | ++table->n;
    return table->n - 1;
}

const uint8_t *strings_get(const StringTable *table, uint32_t number, size_t *size)
{
    size_t start = number == 0 ? 0 : table->ends[number - 1];
    *size = table->ends[number] - start;
    return table->text + start;
}

size_t strings_memory(const StringTable *table)
{
    return table->text_capacity + table->capacity * sizeof(size_t) + table->n_slots * sizeof(uint64_t);
}

void strings_free(StringTable *table)
{
    free(table->text);
    free(table->ends);
    free(table->slots);
    *table = (StringTable){.hash_key = table->hash_key};
}
