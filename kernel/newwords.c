#include "newwords.h"

#include <stdlib.h>
#include <string.h>

#include "doubles.h"

static uint64_t make_key(uint32_t node, uint32_t character)
{
    return (uint64_t)node << CHARACTER_BITS | character;
}

/* Replace the numbers of keys by nodes. */
static void number_nodes(const NgramTree *tree, uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        numbers[i] = numbers[i] ? tree->n_characters + numbers[i] : 0;
}

void find_children(const NgramTree *tree, const uint32_t *nodes, const uint32_t *characters, size_t n,
                   uint32_t *children)
{
    uint64_t keys[KEY_BATCH];
    for (size_t start = 0; start < n; start += KEY_BATCH) {
        size_t n_batch = n - start < KEY_BATCH ? n - start : KEY_BATCH;
        for (size_t i = 0; i < n_batch; i++)
            keys[i] = make_key(nodes[start + i], characters[start + i]);
        key_numbers_find(&tree->children, keys, n_batch, children + start);
        number_nodes(tree, children + start, n_batch);
        for (size_t i = 0; i < n_batch; i++)
            children[start + i] *= (nodes[start + i] != 0) & (characters[start + i] != 0);
    }
}

/* Write for each position the node of the n-gram that begins there, given those of the (n-1)-grams; 0 if there is none,
   or where `required` is 0. `longer` may be `shorter`. */
static void extend_ngrams(const NgramTree *tree, Text text, size_t n, const uint32_t *shorter, const uint32_t *required,
                          uint32_t *longer)
{
    uint64_t keys[KEY_BATCH];
    size_t positions[KEY_BATCH];
    uint32_t nodes[KEY_BATCH];
    size_t n_starts = text.length < n ? 0 : text.length - n + 1;
    for (size_t start = 0; start < n_starts; start += KEY_BATCH) {
        size_t stop = n_starts - start < KEY_BATCH ? n_starts : start + KEY_BATCH;
        size_t m = 0;
        for (size_t i = start; i < stop; i++) {
            keys[m] = make_key(shorter[i], text.characters[i + n - 1]);
            positions[m] = i;
            m += (shorter[i] != 0) & (required[i] != 0);
        }
        key_numbers_find(&tree->children, keys, m, nodes);
        number_nodes(tree, nodes, m);
        memset(longer + start, 0, (stop - start) * sizeof *longer);
        for (size_t k = 0; k < m; k++)
            longer[positions[k]] = nodes[k];
    }
    memset(longer + n_starts, 0, (text.length - n_starts) * sizeof *longer);
}

/* Return the number of the bucket of an n-gram, given its first n-2 characters and the last two; the multipliers are
   those of Degski's mixer and 2^64 / pi. */
static size_t choose_bucket(uint32_t node, uint32_t character, uint32_t last, unsigned bits)
{
    uint64_t key = make_key(node, character) * UINT64_C(0xD6E8FEB86659FD93);
    key = (key ^ key >> 32) + last;
    return (size_t)(key * UINT64_C(0x517CC1B727220A95) >> (64 - bits));
}

static void count_buckets(uint8_t *buckets, const size_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buckets[numbers[i]] = (uint8_t)(buckets[numbers[i]] + (buckets[numbers[i]] < UINT8_MAX));
}

/* Count the n-grams that begin at some positions, given the nodes of (n-1)-grams and (n-2)-grams by position. There are
   no branches by text, which no processor could predict. */
static bool count_starts(const NgramPass *pass, Text text, const uint32_t *shorter, const uint32_t *before,
                         size_t start, size_t stop, KeyCounter *counter)
{
    const uint32_t *characters = text.characters;
    size_t n = pass->order, n_starts = stop - start, n_keys = 0, n_numbers = 0;
    uint64_t keys[KEY_BATCH];
    size_t numbers[KEY_BATCH];
    size_t starts[KEY_BATCH + 1], n_candidates = 0; /* one more, for the next order */
    size_t buckets[KEY_BATCH + 1];
    uint8_t may_be[KEY_BATCH + 1] = {0};
    for (size_t i = start; i <= stop && i + n <= text.length; i++) {
        starts[n_candidates] = i;
        may_be[i - start] = (shorter[i] != 0) & (shorter[i + 1] != 0);
        n_candidates += may_be[i - start];
    }
    for (size_t i = 0; pass->may_be != NULL && i < n_candidates; i++) {
        const uint32_t *last = characters + starts[i] + n - 2;
        buckets[i] = choose_bucket(before[starts[i]], last[0], last[1], pass->may_be_bits);
        PREFETCH(&pass->may_be[buckets[i] / 8]);
    }
    for (size_t i = 0; pass->may_be != NULL && i < n_candidates; i++)
        may_be[starts[i] - start] = pass->may_be[buckets[i] / 8] >> buckets[i] % 8 & 1;
    for (size_t i = 0; i < n_starts && start + i + n <= text.length; i++) {
        uint32_t first = n == 2 ? characters[start + i] : shorter[start + i]; /* rare characters are neighbors, too */
        keys[n_keys] = make_key(first, characters[start + i + n - 1]);
        n_keys += may_be[i] | (n == 2);
    }
    for (size_t i = 0; pass->buckets != NULL && i < n_starts && start + i + n < text.length; i++) {
        const uint32_t *last = characters + start + i + n - 1;
        numbers[n_numbers] = choose_bucket(shorter[start + i], last[0], last[1], pass->bucket_bits);
        PREFETCH(&pass->buckets[numbers[n_numbers]]);
        n_numbers += may_be[i] & may_be[i + 1];
    }
    count_buckets(pass->buckets, numbers, n_numbers);
    return key_counter_add(counter, keys, NULL, n_keys);
}

Text take_part(Text text, size_t start)
{
    size_t stop = start + 1;
    while (stop < text.length && (stop - start < PART_LENGTH || text.characters[stop - 1]))
        stop++;
    return (Text){text.characters + start, stop - start};
}

static bool count_part(const NgramPass *pass, Text text, KeyCounter *counter)
{
    uint32_t *shorter = malloc(text.length * sizeof *shorter);
    uint32_t *before = malloc(text.length * sizeof *before);
    bool is_done = shorter != NULL && before != NULL;
    if (is_done) {
        for (size_t i = 0; i < text.length; i++)
            shorter[i] = text.characters[i] <= pass->n_frequent ? text.characters[i] : 0;
        for (size_t n = 2; n < pass->order; n++) {
            if (n + 1 == pass->order)
                memcpy(before, shorter, text.length * sizeof *before);
            extend_ngrams(pass->tree, text, n, shorter, shorter + 1, shorter); /* both parts are frequent */
        }
    }
    for (size_t start = 0; is_done && start < text.length; start += KEY_BATCH) {
        size_t stop = text.length - start < KEY_BATCH ? text.length : start + KEY_BATCH;
        is_done = count_starts(pass, text, shorter, before, start, stop, counter);
    }
    free(shorter);
    free(before);
    return is_done;
}

bool count_ngrams(const NgramPass *pass, Text text, KeyCounter *counter)
{
    bool is_done = true;
    for (size_t start = 0; is_done && start + pass->order <= text.length;) {
        Text part = take_part(text, start);
        is_done = count_part(pass, part, counter);
        start += part.length > 1 ? part.length - 1 : 1; /* a border is in two parts, for the pairs with it */
    }
    return is_done;
}

/* The memory for a cut: `length` values for each number of characters, then values for each border. */
typedef struct {
    uint32_t *nodes;  /* by number of characters and position */
    float *scores;    /* of the nodes */
    uint8_t *is_edge; /* whether a word or a border starts at a position, the end of the text and beyond included */
    float *best;      /* the sum of scores of the best cut up to a border of a piece */
    uint8_t *last;    /* the number of characters of its last word */
} CutMemory;

static void free_cut(CutMemory *memory)
{
    free(memory->nodes);
    free(memory->scores);
    free(memory->is_edge);
    free(memory->best);
    free(memory->last);
}

/* Return whether there was memory. */
static bool reserve_cut(const Cut *cut, size_t length, CutMemory *memory)
{
    size_t max_word = cut->max_word;
    if (length > SIZE_MAX / sizeof(uint32_t) / max_word - max_word)
        return false;
    size_t n_borders = max_word + 1 + (cut->max_block < length ? cut->max_block : length);
    memory->nodes = malloc(max_word * length * sizeof(uint32_t));
    memory->scores = malloc(max_word * length * sizeof(float));
    memory->is_edge = calloc(length + max_word, 1);
    memory->best = malloc(n_borders * sizeof(float));
    memory->last = malloc(n_borders);
    return memory->nodes != NULL && memory->scores != NULL && memory->is_edge != NULL && memory->best != NULL &&
           memory->last != NULL;
}

/* Find the nodes of all lengths at each position, 0 beyond that of the text, and the scores up to that. */
static void score_nodes(const Cut *cut, Text text, CutMemory *memory)
{
    size_t length = text.length, longest = cut->max_word < length ? cut->max_word : length;
    memcpy(memory->nodes, text.characters, length * sizeof(uint32_t));
    memset(memory->nodes + longest * length, 0, (cut->max_word - longest) * length * sizeof(uint32_t));
    for (size_t n = 1; n <= longest; n++) {
        uint32_t *nodes = memory->nodes + (n - 1) * length;
        if (n > 1)
            extend_ngrams(cut->tree, text, n, nodes - length, text.characters + n - 1, nodes);
        for (size_t i = 0; i < length; i++)
            memory->scores[(n - 1) * length + i] = cut->scores[nodes[i]];
    }
}

/* Mark where the words of the best cut of a piece of a block start. */
static void cut_piece(const Cut *cut, size_t length, size_t start, size_t stop, CutMemory *memory)
{
    const float *scores = memory->scores;
    float *best = memory->best;
    uint8_t *last = memory->last;
    best[0] = 0;
    for (size_t end = 1; end <= stop - start; end++) {
        float best_sum = best[end - 1] + scores[start + end - 1];
        size_t best_word = 1;
        size_t longest = cut->max_word < end ? cut->max_word : end;
        for (size_t n = 2; n <= longest; n++) {
            float sum = best[end - n] + scores[(n - 1) * length + start + end - n];
            best_word = sum >= best_sum ? n : best_word;
            best_sum = sum >= best_sum ? sum : best_sum;
        }
        best[end] = best_sum;
        last[end] = (uint8_t)best_word;
    }
    for (size_t end = stop - start; end; end -= last[end])
        memory->is_edge[start + end - last[end]] = true;
}

/* Count words and the n-grams between two cuts. */
static void count_cut(const Cut *cut, size_t length, const CutMemory *memory)
{
    uint64_t found[KEY_BATCH + MAX_CUT_WORD]; /* twice a node, plus 1 for a word */
    size_t n_found = 0;
    for (size_t start = 0; start < length; start++) {
        if (memory->is_edge[start] && memory->nodes[start]) {
            uint64_t is_word = 1;
            for (size_t n = 1; n <= cut->max_word; n++) { /* without branches, which no processor could predict */
                uint64_t is_aligned = memory->is_edge[start + n];
                uint64_t node = memory->nodes[(n - 1) * length + start];
                found[n_found] = 2 * node + is_word;
                n_found += is_aligned & (node != 0);
                is_word &= ~is_aligned;
                PREFETCH(&cut->counts[node]);
            }
        }
        if (n_found < KEY_BATCH && start + 1 < length)
            continue;
        for (size_t i = 0; i < n_found; i++) {
            cut->counts[found[i] / 2].words += found[i] % 2;
            cut->counts[found[i] / 2].aligned++;
        }
        n_found = 0;
    }
}

static bool cut_part(const Cut *cut, Text text)
{
    CutMemory memory = {0};
    bool is_done = reserve_cut(cut, text.length, &memory);
    if (is_done) {
        score_nodes(cut, text, &memory);
        for (size_t start = 0, stop; start < text.length; start = stop) {
            for (stop = start; stop < text.length && text.characters[stop] && stop - start < cut->max_block; stop++)
                ;
            if (stop > start)
                cut_piece(cut, text.length, start, stop, &memory);
            else
                memory.is_edge[stop++] = true;
        }
        memset(memory.is_edge + text.length, true, cut->max_word);
        count_cut(cut, text.length, &memory);
    }
    free_cut(&memory);
    return is_done;
}

bool count_words(const Cut *cut, Text text)
{
    bool is_done = true;
    for (size_t start = 0; is_done && start < text.length;) {
        Text part = take_part(text, start);
        is_done = cut_part(cut, part);
        start += part.length;
    }
    return is_done;
}
