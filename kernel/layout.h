/* The layout of a compiled dictionary: a head, then arrays, each aligned to 64 bytes. */
#ifndef KXCLI_LAYOUT_H
#define KXCLI_LAYOUT_H

#include "dictionary.h"
#include "utf8.h"

/* "KXDICT01" if read in the byte order of this machine; to be changed with the layout. */
#define LAYOUT_MARK 0x4B58444943543031

typedef struct {
    uint64_t mark;
    uint64_t size; /* bytes of the whole */
    int64_t total; /* of the frequencies, as jieba adds them up */
    uint32_t n_slots, n_frequencies, n_splits, unused;
} LayoutHead;

enum {
    AT_CODES,
    AT_POINTS,
    AT_FREQUENCIES,
    AT_START,
    AT_TRANSITIONS,
    AT_EMISSIONS,
    AT_NODES,
    AT_PARENTS,
    AT_SPLITS,
    AT_KINDS,
    N_ARRAYS,
};

/* Write the position of each array, and return the size of the whole. */
static inline size_t layout_positions(const LayoutHead *head, size_t *positions)
{
    const size_t sizes[N_ARRAYS] = {
        [AT_CODES] = 0x10000 * sizeof(uint16_t),
        [AT_POINTS] = N_CODES * sizeof(uint16_t),
        [AT_FREQUENCIES] = head->n_frequencies * sizeof(uint64_t),
        [AT_START] = N_STATES * sizeof(double),
        [AT_TRANSITIONS] = N_STATES * N_STATES * sizeof(double),
        [AT_EMISSIONS] = (size_t)N_CODES * N_STATES * sizeof(double),
        [AT_NODES] = head->n_slots * sizeof(Node),
        [AT_PARENTS] = head->n_slots * sizeof(uint32_t),
        [AT_SPLITS] = head->n_splits * sizeof(uint32_t),
        [AT_KINDS] = N_POINTS,
    };
    size_t position = 64;
    for (int i = 0; i < N_ARRAYS; i++) {
        positions[i] = position;
        position += (sizes[i] + 63) / 64 * 64;
    }
    return position;
}

#endif
