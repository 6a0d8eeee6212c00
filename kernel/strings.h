/* A table that numbers strings in the order of their first occurrence. */
#ifndef KXCLI_STRINGS_H
#define KXCLI_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"

typedef struct {
    HashKey hash_key;
    uint8_t *text; /* of all strings, one after the other */
    size_t text_size, text_capacity;
    size_t *ends; /* [n]: where each string ends in the text */
    uint32_t n;
    size_t capacity; /* of the ends */
    uint64_t *slots; /* open addressing: half of the hash, and below it the number of the string plus 1; or 0 */
    size_t n_slots;
} StringTable;

#define NO_STRING UINT32_MAX

void strings_init(StringTable *table, const HashKey *hash_key);

/* Return the number of a string, which is added if it is new; `NO_STRING` if memory ran out. */
uint32_t strings_add(StringTable *table, const uint8_t *text, size_t size);

/* Return the bytes of a string. */
const uint8_t *strings_get(const StringTable *table, uint32_t number, size_t *size);

/* Bytes of memory. */
size_t strings_memory(const StringTable *table);

/* Forget the strings, and free their memory; the table may be used again. */
void strings_free(StringTable *table);

#endif
