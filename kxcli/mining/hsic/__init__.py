"""The Hilbert-Schmidt independence criterion (HSIC) of two columns.

Columns hold numbers, labels or texts.

Data flows one way: `kernels` (values -> a variable with a kernel) -> `moments`, `tiles` or `estimators.sum_categories`
(exact sums over the centered kernels) -> `estimators`, and for the p-value `low_rank` -> `permutation`, or
`null_distribution`. `dependence` ties them together; `pairs` and `screening` measure many columns or words.
"""
