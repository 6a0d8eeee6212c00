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
size_t utf8_encode(uint32_t point, uint8_t *out);

#endif
