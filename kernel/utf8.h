/* UTF-8, one code point at a time. */
#ifndef KXCLI_UTF8_H
#define KXCLI_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define N_POINTS 0x110000 /* code points of Unicode */
#define UTF8_MAX 4        /* bytes of a code point */

/* Decode the code point at `text`, which is before `end`. Returns its bytes; 0 if they are not UTF-8. Surrogates are
   not UTF-8, but strings of Python may have them. */
size_t utf8_decode(const uint8_t *text, const uint8_t *end, bool allows_surrogates, uint32_t *point);

/* Write a code point, and return its bytes. */
static inline size_t utf8_encode(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xC0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

#endif
