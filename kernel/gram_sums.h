/* Sums of products of two Gram matrices, one of them in permuted order. */
#ifndef KXCLI_GRAM_SUMS_H
#define KXCLI_GRAM_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* Matrices of n by n, one after the other, row by row. Only the lower triangles of `k` are read. */
typedef struct {
    const double *k, *l;
    size_t n_k, n_l, n; /* n is below 2^32 - 1 */
} GramMatrices;

typedef enum { GRAM_OK, GRAM_NO_MEMORY, GRAM_NO_PERMUTATION } GramStatus;

/* Write 2 * sum over i > j of k(i, j) l(order[i], order[j]) for each order, each k and each l.

   The sums of an order do not depend on the others. Orders are read once, so another thread may change them. */
GramStatus sum_permuted_products(const GramMatrices *matrices, const int64_t *orders, size_t n_orders, double *sums);

#endif
