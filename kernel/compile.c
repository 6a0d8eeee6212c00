/* Compiles a dictionary: words -> a trie of linked nodes -> a double array. */
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "layout.h"
#include "utf8.h"

typedef struct {
    uint32_t parent;
    uint32_t n_children;
    uint32_t first_child; /* in the list of all children, ordered by parent */
    uint32_t slot;
    uint64_t frequency;
    uint64_t weight; /* sum of the frequencies below */
    uint16_t code;
} TrieNode;

typedef struct {
    uint16_t codes[0x10000];
    uint16_t points[N_CODES];
    TrieNode *nodes; /* a parent comes before its children; the first N_CODES are the single characters */
    uint32_t n_nodes;
    uint32_t *children;
    uint32_t *families; /* nodes with children, the most frequent first */
    uint32_t n_families;
    uint64_t *frequencies; /* distinct, ascending, after a 0 */
    uint32_t n_frequencies;
    uint32_t *splits;
    uint32_t n_splits;
    uint64_t *free_slots; /* bits; as many as `MAX_SLOTS` and one code more */
    uint64_t *free_bases;
    uint32_t n_slots;
} Compiler;

typedef struct {
    const uint8_t *text, *end; /* of the word */
    uint64_t frequency;
    uint16_t codes[MAX_WORD];
    size_t n; /* 0 if a character is of no block, or there are too many */
} Line;

/* Read a line `word` or `word frequency`, and return the start of the next one; NULL if it is none. */
static const uint8_t *read_line(const uint8_t *text, const uint8_t *end, bool has_frequency, Line *line)
{
    const uint8_t *stop = memchr(text, '\n', (size_t)(end - text));
    if (stop == NULL)
        return NULL;
    line->text = text;
    line->end = stop;
    line->frequency = 0;
    if (has_frequency) {
        const uint8_t *digit = stop;
        uint64_t unit = 1;
        while (digit > text && digit[-1] >= '0' && digit[-1] <= '9' && unit <= UINT64_MAX / 100) {
            line->frequency += unit * (uint64_t)(*--digit - '0');
            unit *= 10;
        }
        if (digit == stop || digit == text || digit[-1] != ' ' || line->frequency > INT64_MAX)
            return NULL;
        line->end = digit - 1;
    }
    return stop + 1;
}

/* Find the codes of a line's word. */
static bool read_codes(const Compiler *compiler, Line *line)
{
    line->n = 0;
    for (const uint8_t *at = line->text; at < line->end;) {
        uint32_t point = 0;
        size_t size = utf8_decode(at, line->end, true, &point);
        if (size == 0)
            return false;
        at += size;
        uint16_t code = point < 0x10000 ? compiler->codes[point] : 0;
        if (code == 0 || line->n == MAX_WORD) {
            line->n = 0;
            return true;
        }
        line->codes[line->n++] = code;
    }
    return true;
}

typedef struct {
    uint64_t weight;
    uint32_t number;
} Weight;

static int compare_weights(const void *left, const void *right)
{
    const Weight *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static int compare_slots(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Give the characters their codes: Han by the frequency of their words, so that frequent nodes are close together. */
static CompileResult assign_codes(Compiler *compiler, const DictionarySource *source)
{
    Weight *weights = calloc(N_HAN, sizeof *weights);
    if (weights == NULL)
        return COMPILE_NO_MEMORY;
    for (uint32_t i = 0; i < N_HAN; i++)
        weights[i].number = HAN_FIRST + i;
    Line line;
    for (const uint8_t *text = source->words, *end = text + source->words_size; text != NULL && text < end;) {
        text = read_line(text, end, true, &line);
        for (const uint8_t *at = line.text; text != NULL && at < line.end;) {
            uint32_t point = 0;
            size_t size = utf8_decode(at, line.end, true, &point);
            if (size == 0)
                text = NULL;
            at += size;
            if (point >= HAN_FIRST && point <= HAN_LAST)
                weights[point - HAN_FIRST].weight += line.frequency;
        }
        if (text == NULL) {
            free(weights);
            return COMPILE_BAD_INPUT;
        }
    }
    qsort(weights, N_HAN, sizeof *weights, compare_weights);
    for (uint32_t i = 0; i < N_ASCII; i++)
        compiler->points[1 + i] = (uint8_t)BLOCK_ASCII[i];
    for (uint32_t i = 0; i < N_HAN; i++)
        compiler->points[1 + N_ASCII + i] = (uint16_t)weights[i].number;
    for (uint32_t code = 1; code < N_CODES; code++)
        compiler->codes[compiler->points[code]] = (uint16_t)code;
    free(weights);
    return COMPILE_OK;
}

static bool is_after(const Line *line, const Line *before)
{
    size_t size = (size_t)(line->end - line->text), other = (size_t)(before->end - before->text);
    int order = memcmp(line->text, before->text, size < other ? size : other);
    return order > 0 || (order == 0 && size > other);
}

/* Make the nodes of all words. As the words are in order, a word shares its first nodes with the one before. */
static CompileResult link_nodes(Compiler *compiler, const DictionarySource *source)
{
    if (source->words_size > UINT32_MAX - N_CODES)
        return COMPILE_TOO_LARGE;
    compiler->nodes = calloc(N_CODES + source->words_size, sizeof *compiler->nodes); /* most of it is never touched */
    if (compiler->nodes == NULL)
        return COMPILE_NO_MEMORY;
    for (uint32_t code = 0; code < N_CODES; code++)
        compiler->nodes[code].code = (uint16_t)code;
    compiler->n_nodes = N_CODES;
    uint32_t path[MAX_WORD];
    Line lines[2] = {{.text = source->words, .end = source->words}, {.text = source->words, .end = source->words}};
    Line *line = &lines[0], *linked = &lines[1]; /* `linked` is the last line with nodes */
    const uint8_t *text = source->words, *end = text + source->words_size;
    while (text < end) {
        const Line last = {.text = line->text, .end = line->end};
        text = read_line(text, end, true, line);
        if (text == NULL || !read_codes(compiler, line) || !is_after(line, &last))
            return COMPILE_BAD_INPUT;
        if (line->n == 0)
            continue;
        size_t common = 0;
        while (common < line->n && common < linked->n && line->codes[common] == linked->codes[common])
            common++;
        for (size_t i = common; i < line->n; i++) {
            path[i] = i == 0 ? line->codes[0] : compiler->n_nodes++;
            compiler->nodes[path[i]].parent = i == 0 ? 0 : path[i - 1];
            compiler->nodes[path[i]].code = line->codes[i];
        }
        compiler->nodes[path[line->n - 1]].frequency = line->frequency;
        Line *other = linked;
        linked = line;
        line = other;
        line->text = linked->text;
        line->end = linked->end;
    }
    return COMPILE_OK;
}

/* Number the distinct frequencies. */
static CompileResult list_frequencies(Compiler *compiler)
{
    compiler->frequencies = calloc((size_t)compiler->n_nodes + 1, sizeof *compiler->frequencies);
    if (compiler->frequencies == NULL)
        return COMPILE_NO_MEMORY;
    uint32_t n = 1;
    for (uint32_t i = 0; i < compiler->n_nodes; i++)
        compiler->frequencies[n++] = compiler->nodes[i].frequency;
    qsort(compiler->frequencies, n, sizeof *compiler->frequencies, compare_numbers);
    compiler->n_frequencies = 1;
    for (uint32_t i = 1; i < n; i++)
        if (compiler->frequencies[i] != compiler->frequencies[compiler->n_frequencies - 1])
            compiler->frequencies[compiler->n_frequencies++] = compiler->frequencies[i];
    return compiler->n_frequencies > MAX_FREQUENCIES ? COMPILE_TOO_LARGE : COMPILE_OK;
}

/* List the children of each node, and the nodes with children by falling weight. */
static CompileResult list_families(Compiler *compiler)
{
    TrieNode *nodes = compiler->nodes;
    uint32_t n = compiler->n_nodes;
    Weight *weights = calloc(n, sizeof *weights);
    compiler->children = calloc(n, sizeof *compiler->children);
    compiler->families = calloc(n, sizeof *compiler->families);
    if (weights == NULL || compiler->children == NULL || compiler->families == NULL) {
        free(weights);
        return COMPILE_NO_MEMORY;
    }
    for (uint32_t i = n; i-- > N_CODES;) {
        nodes[nodes[i].parent].weight += nodes[i].weight + nodes[i].frequency;
        nodes[nodes[i].parent].n_children++;
    }
    uint32_t first = 0;
    for (uint32_t i = 1; i < n; i++) {
        nodes[i].first_child = first;
        first += nodes[i].n_children;
        if (nodes[i].n_children > 0)
            weights[compiler->n_families++] = (Weight){nodes[i].weight, i};
        nodes[i].n_children = 0;
    }
    for (uint32_t i = N_CODES; i < n; i++) {
        TrieNode *parent = &nodes[nodes[i].parent];
        compiler->children[parent->first_child + parent->n_children++] = i;
    }
    qsort(weights, compiler->n_families, sizeof *weights, compare_weights);
    for (uint32_t i = 0; i < compiler->n_families; i++)
        compiler->families[i] = weights[i].number;
    free(weights);
    return COMPILE_OK;
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
    uint32_t starts[N_STARTS + 1] = {0}; /* where the last search for so many children ended */
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

/* Find the slots of the words that the model may not join; a word of no block is never found, and is left out. */
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
    double(*emissions)[N_STATES] = calloc(N_CODES, sizeof *emissions);
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
    LayoutHead head = {LAYOUT_MARK, 0, source->total, compiler->n_slots, compiler->n_frequencies, compiler->n_splits, 0};
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
    CompileResult result = source->total < 1 ? COMPILE_BAD_INPUT : assign_codes(compiler, source);
    if (result == COMPILE_OK)
        result = link_nodes(compiler, source);
    if (result == COMPILE_OK)
        result = list_frequencies(compiler);
    if (result == COMPILE_OK)
        result = list_families(compiler);
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
