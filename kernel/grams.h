/* Counts of n-grams, in a tree: the node of an n-gram is a child of the node of its first n - 1 words.

   With groups, the children of the root are groups, and their children are the first words. */
#ifndef KXCLI_GRAMS_H
#define KXCLI_GRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t parent; /* number of a node */
    uint32_t id;     /* of the last word, or number of the group */
    uint64_t count;
} Gram;

typedef struct {
    Gram *grams; /* a parent comes before its children; the first is the root */
    uint32_t n;
    size_t capacity, documents_capacity, last_capacity;
    uint64_t *documents;     /* [n]: with the n-gram; NULL if they are not counted */
    uint64_t *last_document; /* [n]: number of the last one with the n-gram */
    uint32_t *slots;         /* open addressing by parent and word: number of a node, or 0 */
    size_t n_slots;
} GramTable;

#define NO_GRAM UINT32_MAX

bool grams_init(GramTable *table, bool has_documents);

/* Return the number of the child of a node, which is added if it is new; `NO_GRAM` if memory ran out. */
uint32_t grams_child(GramTable *table, uint32_t parent, uint32_t id);

/* Count an n-gram of a document. */
static inline void grams_count(GramTable *table, uint32_t number, uint64_t document)
{
    table->grams[number].count++;
    if (table->documents != NULL && table->last_document[number] != document) {
        table->last_document[number] = document;
        table->documents[number]++;
    }
}

/* Bytes of memory. */
size_t grams_memory(const GramTable *table);

void grams_free(GramTable *table);

#endif
