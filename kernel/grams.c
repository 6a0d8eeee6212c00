#include "grams.h"

bool grams_init(GramTable *table, bool has_documents, const HashKey *hash_key)
{
    *table = (GramTable){.hash_key = *hash_key};
    if (has_documents && !RESERVE(table->documents, table->documents_capacity, 1))
        return false;
    if (!grams_reserve(table, 1))
        return false;
    table->grams[0] = (Gram){0, 0, 0};
    if (has_documents)
        table->documents[0] = (GramDocuments){0, 0};
    table->n = 1;
    return true;
}

/* Return the slot of a node, or the free one for it. */
static size_t find_slot(const GramTable *table, uint64_t hash, uint32_t parent, uint32_t id)
{
    size_t slot = hash & (table->n_slots - 1);
    for (; table->slots[slot] != 0; slot = (slot + 1) & (table->n_slots - 1)) {
        if (table->slots[slot] >> 32 != hash >> 32) /* most other nodes need no look */
            continue;
        const Gram *gram = &table->grams[(uint32_t)table->slots[slot]];
        if (gram->parent == parent && gram->id == id)
            break;
    }
    return slot;
}

bool grams_reserve(GramTable *table, size_t n_more)
{
    size_t n = table->n + n_more, n_slots = table->n_slots == 0 ? 1024 : table->n_slots;
    if (n > UINT32_MAX || !RESERVE(table->grams, table->capacity, n))
        return false;
    if (table->documents != NULL && !RESERVE(table->documents, table->documents_capacity, n))
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
        const Gram *gram = &table->grams[number];
        uint64_t hash = gram_hash(table, gram->parent, gram->id);
        table->slots[find_slot(table, hash, gram->parent, gram->id)] = hash >> 32 << 32 | number;
    }
    return true;
}

uint32_t grams_child(GramTable *table, uint64_t hash, uint32_t parent, uint32_t id)
{
    size_t slot = find_slot(table, hash, parent, id);
    if (table->slots[slot] != 0)
        return (uint32_t)table->slots[slot];
    uint32_t number = table->n++;
    table->grams[number] = (Gram){parent, id, 0};
    if (table->documents != NULL)
        table->documents[number] = (GramDocuments){0, 0};
    table->slots[slot] = hash >> 32 << 32 | number;
    return number;
}

size_t grams_memory(const GramTable *table)
{
    size_t documents = table->documents == NULL ? 0 : table->documents_capacity * sizeof(GramDocuments);
    return table->capacity * sizeof(Gram) + documents + table->n_slots * sizeof(uint64_t);
}

void grams_free(GramTable *table)
{
    free(table->grams);
    free(table->documents);
    free(table->slots);
    memset(table, 0, sizeof *table);
}
