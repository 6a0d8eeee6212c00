#include "lexicon.h"

#include <math.h>
#include <stdlib.h>

#include "doubles.h"

#define POINT_BITS 21

/* Return the end of the part at a position that is never cut. */
static size_t find_unit_end(const UnigramLexicon *lexicon, const uint32_t *points, size_t n, size_t start)
{
    const uint8_t *kinds = lexicon->kinds;
    uint8_t kind = kinds[points[start]], next = kind & UNIT_UNSPACED ? UNIT_MARK : kind & UNIT_SPACED;
    size_t end = start + 1;
    while (end < n && kinds[points[end]] & next)
        end++;
    return end;
}

/* Return the node of a longer beginning of a word, 0 if there is none. */
static uint32_t extend_node(const UnigramLexicon *lexicon, uint32_t node, const uint32_t *points, size_t n)
{
    uint32_t value;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = (uint64_t)node << POINT_BITS | points[i];
        if (key == 0)
            return 0;
        key_table_find(&lexicon->nodes, &key, 1, &node, &value);
        if (node == 0)
            return 0;
    }
    return node;
}

bool cut_by_lexicon(const UnigramLexicon *lexicon, const uint32_t *points, size_t n, uint32_t *ends, size_t *n_ends)
{
    *n_ends = 0;
    if (n == 0)
        return true;
    size_t n_units = 0;
    uint32_t *borders = malloc((n + 1) * sizeof *borders); /* the starts of the units, and the end */
    uint32_t *words = malloc(n * sizeof *words);           /* the unit after the first word of the best cut */
    double *best = malloc((n + 1) * sizeof *best);         /* its sum */
    bool is_done = borders != NULL && words != NULL && best != NULL;
    if (is_done) {
        for (size_t start = 0; start < n; start = find_unit_end(lexicon, points, n, start))
            borders[n_units++] = (uint32_t)start;
        borders[n_units] = (uint32_t)n;
        best[n_units] = 0;
        for (size_t unit = n_units; unit-- > 0;) {
            best[unit] = -INFINITY;
            uint32_t node = 0;
            for (size_t next = unit + 1; next <= n_units; next++) {
                node = extend_node(lexicon, node, points + borders[next - 1], borders[next] - borders[next - 1]);
                double weight = lexicon->weights[node];
                if (next == unit + 1 && weight == -INFINITY)
                    weight = lexicon->no_word;
                if (weight + best[next] >= best[unit]) {
                    best[unit] = weight + best[next];
                    words[unit] = (uint32_t)next;
                }
                if (node == 0)
                    break;
            }
        }
        for (size_t unit = 0; unit < n_units; unit = words[unit])
            ends[(*n_ends)++] = borders[words[unit]];
    }
    free(borders);
    free(words);
    free(best);
    return is_done;
}
