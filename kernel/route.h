/* jieba's route: the words of the dictionary with the highest product of frequencies. */
#ifndef KXCLI_ROUTE_H
#define KXCLI_ROUTE_H

#include "segmenter.h"

/* Find the slots of the 2 and 3 characters from each position of the batch on (the start of jieba's `get_DAG`). */
void route_look_ahead(Segmenter *segmenter);

/* Find the route of each block of the batch, from the right to the left (jieba's `calc`). */
void route_find(Segmenter *segmenter);

/* Add the tokens of the full mode for a block: all words of the dictionary (jieba's `__cut_all`). */
void route_add_all_words(Segmenter *segmenter, size_t begin, size_t end);

#endif
