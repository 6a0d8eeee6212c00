#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "utf8.h"

const uint8_t *read_line(const uint8_t *text, const uint8_t *end, bool has_frequency, Line *line)
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

bool read_codes(const Compiler *compiler, Line *line)
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
            compiler->n_characters++;
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
    uint32_t max_nodes = N_CODES + (uint32_t)compiler->n_characters; /* each character adds a node at most */
    compiler->nodes = calloc(max_nodes, sizeof *compiler->nodes);
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
            if (compiler->n_nodes == max_nodes) /* another thread has changed the words */
                return COMPILE_BAD_INPUT;
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

CompileResult link_trie(Compiler *compiler, const DictionarySource *source)
{
    CompileResult result = assign_codes(compiler, source);
    if (result == COMPILE_OK)
        result = link_nodes(compiler, source);
    if (result == COMPILE_OK)
        result = list_frequencies(compiler);
    return result == COMPILE_OK ? list_families(compiler) : result;
}
