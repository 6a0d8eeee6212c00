#include "grams.h"

#include "memory.h"

bool grams_init(GramTable *table, bool has_documents)
{
    memset(table, 0, sizeof *table);
    table->n = 1;
    if (!RESERVE(table->grams, table->capacity, 1))
        return false;
    table->grams[0] = (Gram){0, 0, 0};
    if (!has_documents)
        return true;
    if (!RESERVE(table->documents, table->documents_capacity, 1) ||
        !RESERVE(table->last_document, table->last_capacity, 1))
        return false;
    table->documents[0] = table->last_document[0] = 0;
    return true;
}

static size_t find_slot(const GramTable *table, uint32_t parent, uint32_t id)
{
    size_t slot = hash_number((uint64_t)parent << 32 | id) & (table->n_slots - 1);
    while (table->slots[slot] != 0) {
        const Gram *gram = &table->grams[table->slots[slot]];
        if (gram->parent == parent && gram->id == id)
            break;
        slot = (slot + 1) & (table->n_slots - 1);
    }
    return slot;
}

static bool grow_slots(GramTable *table)
{
    size_t n_slots = table->n_slots == 0 ? 1024 : 2 * table->n_slots;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    for (uint32_t number = 1; number < table->n; number++)
        table->slots[find_slot(table, table->grams[number].parent, table->grams[number].id)] = number;
    return true;
}

uint32_t grams_child(GramTable *table, uint32_t parent, uint32_t id)
{
    if (table->n >= table->n_slots / 2 && !grow_slots(table))
        return NO_GRAM;
    size_t slot = find_slot(table, parent, id);
    if (table->slots[slot] != 0)
        return table->slots[slot];
    uint32_t number = table->n;
    if (number == NO_GRAM || !RESERVE(table->grams, table->capacity, number + (size_t)1))
        return NO_GRAM;
    if (table->documents != NULL) {
        if (!RESERVE(table->documents, table->documents_capacity, number + (size_t)1) ||
            !RESERVE(table->last_document, table->last_capacity, number + (size_t)1))
            return NO_GRAM;
        table->documents[number] = table->last_document[number] = 0;
    }
    table->grams[number] = (Gram){parent, id, 0};
    table->slots[slot] = number;
    table->n++;
    return number;
}

size_t grams_memory(const GramTable *table)
{
    size_t documents = table->documents == NULL ? 0 : 2 * table->documents_capacity * sizeof(uint64_t);
    return table->capacity * sizeof(Gram) + documents + table->n_slots * sizeof(uint32_t);
}

void grams_free(GramTable *table)
{
    free(table->grams);
    free(table->documents);
    free(table->last_document);
    free(table->slots);
    memset(table, 0, sizeof *table);
}
