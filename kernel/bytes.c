#include "bytes.h"

#include <stdlib.h>

#define MIN_CAPACITY 4096

uint8_t *extend_bytes(struct Bytes *bytes, size_t length)
{
    if (length > SIZE_MAX / 2 - bytes->length)
        return NULL;
    size_t needed = bytes->length + length;
    if (needed > bytes->capacity || !bytes->data) {
        size_t capacity = bytes->capacity + bytes->capacity / 2;
        if (capacity < MIN_CAPACITY)
            capacity = MIN_CAPACITY;
        if (capacity < needed)
            capacity = needed;
        uint8_t *data = realloc(bytes->data, capacity);
        if (!data)
            return NULL;
        bytes->data = data;
        bytes->capacity = capacity;
    }
    uint8_t *start = bytes->data + bytes->length;
    bytes->length = needed;
    return start;
}

void free_bytes(struct Bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct Bytes){0};
}
