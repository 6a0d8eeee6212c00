/* Arrays that grow. */
#ifndef KXCLI_MEMORY_H
#define KXCLI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

/* Return an array with room for `n` items of a size, and for half as many more as before. If there is no memory, return
   NULL, and leave the old array as it was. */
static inline void *grow_array(void *array, size_t *capacity, size_t n, size_t item_size)
{
    size_t more = *capacity + *capacity / 2 + 16;
    if (more < n)
        more = n;
    if (more > SIZE_MAX / item_size)
        return NULL;
    void *grown = realloc(array, more * item_size);
    if (grown != NULL)
        *capacity = more;
    return grown;
}

/* Give an array room for `n` items; false if there is no memory. */
#define RESERVE(array, capacity, n) ((n) <= (capacity) || reserve_items(&(array), &(capacity), (n), sizeof *(array)))

/* `array` is the address of a pointer; `memcpy` reads and writes it whatever it points to. */
static inline bool reserve_items(void *array, size_t *capacity, size_t n, size_t item_size)
{
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = grow_array(old, capacity, n, item_size);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    return true;
}

#endif
