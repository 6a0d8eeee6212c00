/* A growing array of bytes. */
#ifndef KXCLI_BYTES_H
#define KXCLI_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct Bytes { /* empty if all is zero */
    uint8_t *data;
    size_t length;
    size_t capacity;
};

/* Return the start of `length` more bytes at the end, or NULL if there is no memory; then nothing changes. */
uint8_t *extend_bytes(struct Bytes *bytes, size_t length);

/* Free the memory; the array is empty then. */
void free_bytes(struct Bytes *bytes);

#endif
