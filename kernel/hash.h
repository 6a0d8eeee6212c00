/* Hashes of bytes and numbers with a secret key.

   The author of a text could otherwise choose strings with equal hashes, and every search in a table would look at
   all of them. No output depends on the key: rows are sorted. */
#ifndef KXCLI_HASH_H
#define KXCLI_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Random, one for the process. */
typedef struct {
    uint64_t first, second;
} HashKey;

typedef struct {
    uint64_t v0, v1, v2, v3;
} SipState;

static inline uint64_t rotate_left(uint64_t number, int n)
{
    return number << n | number >> (64 - n);
}

static inline void sip_round(SipState *state)
{
    state->v0 += state->v1;
    state->v2 += state->v3;
    state->v1 = rotate_left(state->v1, 13) ^ state->v0;
    state->v3 = rotate_left(state->v3, 16) ^ state->v2;
    state->v0 = rotate_left(state->v0, 32);
    state->v2 += state->v1;
    state->v0 += state->v3;
    state->v1 = rotate_left(state->v1, 17) ^ state->v2;
    state->v3 = rotate_left(state->v3, 21) ^ state->v0;
    state->v2 = rotate_left(state->v2, 32);
}

static inline void sip_absorb(SipState *state, uint64_t word)
{
    state->v3 ^= word;
    sip_round(state);
    state->v0 ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012), with words in the byte order of this
   machine. */
static inline uint64_t hash_bytes(const HashKey *key, const uint8_t *bytes, size_t size)
{
    SipState state = {
        key->first ^ 0x736F6D6570736575u,
        key->second ^ 0x646F72616E646F6Du,
        key->first ^ 0x6C7967656E657261u,
        key->second ^ 0x7465646279746573u,
    };
    const uint8_t *end = bytes + size / 8 * 8;
    for (; bytes < end; bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        sip_absorb(&state, word);
    }
    uint64_t last = (uint64_t)size << 56;
    for (size_t i = 0; i < size % 8; i++)
        last |= (uint64_t)bytes[i] << (8 * i);
    sip_absorb(&state, last);
    state.v2 ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(&state);
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

/* The hash of a number: distinct numbers have distinct hashes, and all bits of the hash depend on all of the number.
   The multipliers are odd: Degski's, and 2^64 / golden ratio (Knuth, volume 3, 6.4). One alone leaves similar numbers
   in a few parts of a table. This is no SipHash, but faster; without the key, nobody knows which slots numbers have. */
static inline uint64_t hash_number(const HashKey *key, uint64_t number)
{
    number = (number ^ key->first) * 0xD6E8FEB86659FD93u;
    number = ((number ^ number >> 32) + key->second) * 0x9E3779B97F4A7C15u;
    return number ^ number >> 32;
}

#endif
