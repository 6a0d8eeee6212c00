#include "utf8.h"

static bool continues(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t utf8_decode(const uint8_t *text, const uint8_t *end, bool allows_surrogates, uint32_t *point)
{
    size_t left = (size_t)(end - text);
    uint8_t first = text[0];
    if (first < 0x80) {
        *point = first;
        return 1;
    }
    if (first >= 0xC2 && first < 0xE0) { /* C0 and C1 begin overlong forms */
        if (left < 2 || !continues(text[1]))
            return 0;
        *point = (first & 0x1Fu) << 6 | (text[1] & 0x3Fu);
        return 2;
    }
    if (first >= 0xE0 && first < 0xF0) {
        if (left < 3 || !continues(text[1]) || !continues(text[2]))
            return 0;
        *point = (first & 0x0Fu) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
        bool is_surrogate = *point >= 0xD800 && *point < 0xE000;
        return *point < 0x800 || (is_surrogate && !allows_surrogates) ? 0 : 3;
    }
    if (first >= 0xF0 && first < 0xF5) {
        if (left < 4 || !continues(text[1]) || !continues(text[2]) || !continues(text[3]))
            return 0;
        *point = (first & 0x07u) << 18 | (text[1] & 0x3Fu) << 12 | (text[2] & 0x3Fu) << 6 | (text[3] & 0x3Fu);
        return *point < 0x10000 || *point >= N_POINTS ? 0 : 4;
    }
    return 0;
}
