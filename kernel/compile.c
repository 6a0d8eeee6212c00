/* Places the nodes of a trie in a double array, and writes all arrays of a dictionary. */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "doubles.h"
#include "layout.h"

static int compare_slots(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Return 64 bits of a bit array from any position on. */
static uint64_t get_bits(const uint64_t *bits, size_t position)
{
    size_t word = position / 64, shift = position % 64;
    return shift == 0 ? bits[word] : bits[word] >> shift | bits[word + 1] << (64 - shift);
}

static void clear_bit(uint64_t *bits, size_t position)
{
    bits[position / 64] &= ~((uint64_t)1 << position % 64);
}

/* Return the first base, from 64 times `word` on, with a free slot for each child of a node; 0 if there is none. */
static uint32_t find_base(const Compiler *compiler, const TrieNode *node, uint32_t word)
{
    for (; word < (MAX_SLOTS - N_CODES) / 64; word++) {
        uint64_t bases = compiler->free_bases[word]; /* 64 at a time */
        for (uint32_t i = 0; bases != 0 && i < node->n_children; i++) {
            uint16_t code = compiler->nodes[compiler->children[node->first_child + i]].code;
            bases &= get_bits(compiler->free_slots, (size_t)word * 64 + code);
        }
        if (bases != 0) {
            uint32_t base = word * 64;
            while (!(bases >> (base % 64) & 1))
                base++;
            return base;
        }
    }
    return 0;
}

#define N_STARTS 64 /* nodes with that many children or more share the start of their search */

/* Place the children of every node: the first fit, for frequent nodes first. */
static CompileResult place_nodes(Compiler *compiler)
{
    size_t n_words = (MAX_SLOTS + N_CODES) / 64 + 2;
    compiler->free_slots = malloc(n_words * sizeof(uint64_t));
    compiler->free_bases = malloc(n_words * sizeof(uint64_t));
    if (compiler->free_slots == NULL || compiler->free_bases == NULL)
        return COMPILE_NO_MEMORY;
    memset(compiler->free_slots, 0xFF, n_words * sizeof(uint64_t));
    memset(compiler->free_bases, 0xFF, n_words * sizeof(uint64_t));
    clear_bit(compiler->free_bases, 0); /* means: no child */
    for (uint32_t code = 0; code < N_CODES; code++) {
        clear_bit(compiler->free_slots, code);
        compiler->nodes[code].slot = code;
    }
    compiler->n_slots = N_CODES;
    uint32_t starts[N_STARTS + 1] = {0}; /* where the last search for this number of children ended */
    for (uint32_t i = 0; i < compiler->n_families; i++) {
        TrieNode *node = &compiler->nodes[compiler->families[i]];
        uint32_t *start = &starts[node->n_children < N_STARTS ? node->n_children : N_STARTS];
        uint32_t base = find_base(compiler, node, *start);
        if (base == 0)
            return COMPILE_TOO_LARGE;
        *start = base / 64;
        clear_bit(compiler->free_bases, base);
        for (uint32_t j = 0; j < node->n_children; j++) {
            TrieNode *child = &compiler->nodes[compiler->children[node->first_child + j]];
            child->slot = base + child->code;
            clear_bit(compiler->free_slots, child->slot);
            if (child->slot >= compiler->n_slots)
                compiler->n_slots = child->slot + 1;
        }
    }
    compiler->n_slots += N_CODES; /* any base plus any code is within the array */
    return compiler->n_slots > MAX_SLOTS ? COMPILE_TOO_LARGE : COMPILE_OK;
}

/* Find the slots of the words that the model may not join; a word of no block is never found, and is omitted. */
static CompileResult find_splits(Compiler *compiler, const Dictionary *dictionary, const DictionarySource *source)
{
    compiler->splits = calloc(source->splits_size + 1, sizeof *compiler->splits);
    if (compiler->splits == NULL)
        return COMPILE_NO_MEMORY;
    Line line;
    const uint8_t *text = source->splits, *end = text + source->splits_size;
    while (text < end) {
        text = read_line(text, end, false, &line);
        if (text == NULL || !read_codes(compiler, &line))
            return COMPILE_BAD_INPUT;
        uint32_t slot = line.n == 0 ? 0 : dictionary_find(dictionary, line.codes, line.n);
        if (slot != 0)
            compiler->splits[compiler->n_splits++] = slot;
    }
    qsort(compiler->splits, compiler->n_splits, sizeof *compiler->splits, compare_slots);
    return COMPILE_OK;
}

static Node pack_node(const Compiler *compiler, const TrieNode *node)
{
    uint64_t base = 0, filter = 0, first = 0;
    for (uint32_t i = 0; i < node->n_children; i++) {
        const TrieNode *child = &compiler->nodes[compiler->children[node->first_child + i]];
        base = child->slot - child->code;
        filter |= (uint64_t)1 << (child->code & 7);
    }
    for (uint64_t stop = compiler->n_frequencies; first < stop;) {
        uint64_t middle = (first + stop) / 2;
        if (compiler->frequencies[middle] < node->frequency)
            first = middle + 1;
        else
            stop = middle;
    }
    return node->code | base << 15 | first << 39 | filter << 56;
}

/* Write all arrays; the splits, found with the help of the others, come last. */
static CompileResult write_arrays(Compiler *compiler, const DictionarySource *source, uint8_t **data, size_t *size)
{
    Node *nodes = calloc(compiler->n_slots, sizeof *nodes);
    uint32_t *parents = calloc(compiler->n_slots, sizeof *parents);
    double (*emissions)[N_STATES] = calloc(N_CODES, sizeof *emissions);
    CompileResult result = nodes == NULL || parents == NULL || emissions == NULL ? COMPILE_NO_MEMORY : COMPILE_OK;
    if (result == COMPILE_OK) {
        for (uint32_t i = 0; i < compiler->n_nodes; i++) {
            nodes[compiler->nodes[i].slot] = pack_node(compiler, &compiler->nodes[i]);
            parents[compiler->nodes[i].slot] = compiler->nodes[compiler->nodes[i].parent].slot;
        }
        const double *model = source->model + N_STATES + N_STATES * N_STATES;
        for (uint32_t code = 1 + N_ASCII; code < N_CODES; code++)
            memcpy(emissions[code], model + (size_t)(compiler->points[code] - HAN_FIRST) * N_STATES, sizeof *emissions);
        const Dictionary dictionary = {.nodes = nodes, .n_slots = compiler->n_slots};
        result = find_splits(compiler, &dictionary, source);
    }
    LayoutHead head = {
        .mark = LAYOUT_MARK,
        .total = source->total,
        .n_slots = compiler->n_slots,
        .n_frequencies = compiler->n_frequencies,
        .n_splits = compiler->n_splits,
    };
    size_t positions[N_ARRAYS];
    head.size = *size = layout_positions(&head, positions);
    if (result == COMPILE_OK && (*data = calloc(*size, 1)) == NULL)
        result = COMPILE_NO_MEMORY;
    if (result == COMPILE_OK) {
        uint8_t *out = *data;
        memcpy(out, &head, sizeof head);
        memcpy(out + positions[AT_CODES], compiler->codes, sizeof compiler->codes);
        memcpy(out + positions[AT_POINTS], compiler->points, sizeof compiler->points);
        memcpy(out + positions[AT_FREQUENCIES], compiler->frequencies, head.n_frequencies * sizeof(uint64_t));
        memcpy(out + positions[AT_START], source->model, N_STATES * sizeof(double));
        memcpy(out + positions[AT_TRANSITIONS], source->model + N_STATES, N_STATES * N_STATES * sizeof(double));
        memcpy(out + positions[AT_EMISSIONS], emissions, N_CODES * sizeof *emissions);
        memcpy(out + positions[AT_NODES], nodes, head.n_slots * sizeof *nodes);
        memcpy(out + positions[AT_PARENTS], parents, head.n_slots * sizeof *parents);
        memcpy(out + positions[AT_SPLITS], compiler->splits, head.n_splits * sizeof *compiler->splits);
        memcpy(out + positions[AT_KINDS], source->kinds, N_POINTS);
    }
    free(nodes);
    free(parents);
    free(emissions);
    return result;
}

CompileResult dictionary_compile(const DictionarySource *source, uint8_t **data, size_t *size)
{
    Compiler *compiler = calloc(1, sizeof *compiler);
    *data = NULL;
    if (compiler == NULL)
        return COMPILE_NO_MEMORY;
    CompileResult result = source->total < 1 ? COMPILE_BAD_INPUT : link_trie(compiler, source);
    if (result == COMPILE_OK)
        result = place_nodes(compiler);
    if (result == COMPILE_OK)
        result = write_arrays(compiler, source, data, size);
    free(compiler->nodes);
    free(compiler->children);
    free(compiler->families);
    free(compiler->frequencies);
    free(compiler->splits);
    free(compiler->free_slots);
    free(compiler->free_bases);
    free(compiler);
    return result;
}
