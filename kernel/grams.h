/* Counts of n-grams, in a tree: the node of an n-gram is a child of the node of its first n - 1 words.

   With groups, the children of the root are groups, and their children are the first words. */
#ifndef KXCLI_GRAMS_H
#define KXCLI_GRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include "memory.h"

typedef struct {
    uint32_t parent; /* number of a node */
    uint32_t id;     /* of the last word, or number of the group */
    uint64_t count;
} Gram;

typedef struct {
    uint64_t n;    /* documents with the n-gram */
    uint64_t last; /* number of the last one */
} GramDocuments;

typedef struct {
    HashKey hash_key;
    Gram *grams; /* a parent comes before its children; the first is the root */
    uint32_t n;
    size_t capacity, documents_capacity;
    GramDocuments *documents; /* [n]; NULL if they are not counted */
    uint64_t *slots;          /* open addressing: half of the hash, and below it the number of the node; or 0 */
    size_t n_slots;
} GramTable;

bool grams_init(GramTable *table, bool has_documents, const HashKey *hash_key);

/* Make room for some more nodes; false if memory ran out. */
bool grams_reserve(GramTable *table, size_t n_more);

/* Identifiers and nodes are numbered in the order of their first occurrence, so that a text decides which pairs of them
   occur: their hash needs the key, too. */
static inline uint64_t gram_hash(const GramTable *table, uint32_t parent, uint32_t id)
{
    return hash_number(&table->hash_key, (uint64_t)parent << 32 | id);
}

/* Request the memory for a later call of `grams_child`: first that of the slot, then, when it is here, that of the
   node. The table is much larger than the caches of the processor, so that several requests at a time save most of
   the time. */
static inline void grams_prefetch_slot(const GramTable *table, uint64_t hash)
{
    PREFETCH(&table->slots[hash & (table->n_slots - 1)]);
}

static inline void grams_prefetch_gram(const GramTable *table, uint64_t hash)
{
    uint32_t number = (uint32_t)table->slots[hash & (table->n_slots - 1)];
    PREFETCH(&table->grams[number]);
    if (table->documents != NULL)
        PREFETCH(&table->documents[number]);
}

/* Return the number of the child of a node, which is added if it is new; there must be room for it. */
uint32_t grams_child(GramTable *table, uint64_t hash, uint32_t parent, uint32_t id);

/* Count an n-gram of a document. */
static inline void grams_count(GramTable *table, uint32_t number, uint64_t document)
{
    table->grams[number].count++;
    if (table->documents != NULL && table->documents[number].last != document) {
        table->documents[number].last = document;
        table->documents[number].n++;
    }
}

/* Bytes of memory. */
size_t grams_memory(const GramTable *table);

void grams_free(GramTable *table);

#endif
