/* jieba's hidden Markov model (its `finalseg`): words that the dictionary does not have.

   Each character of a run of Han is at the beginning (B), in the middle (M) or at the end (E) of a word, or a word by
   itself (S). The most probable states, found by the algorithm of Viterbi (1967), give the words. */
#ifndef KXCLI_MODEL_H
#define KXCLI_MODEL_H

#include "segmenter.h"

/* Add the tokens of a run of characters that the route left single (jieba's `finalseg.cut`). */
void model_add_run(Segmenter *segmenter, size_t begin, size_t end);

RunMemo *memo_new(const HashKey *hash_key);
void memo_free(RunMemo *memo);
void memo_clear(RunMemo *memo);
size_t memo_memory(const RunMemo *memo);

#endif
