"""The Hilbert-Schmidt independence criterion (HSIC): how dependent two columns are, of numbers, categories or texts.

Data goes one way: `kernels` (values -> a side with a kernel) -> `moments`, `tiles` or `contingency` (sums over the
centered kernels, exact) -> `estimators`; beside them `lowrank` (kernels as few features) -> `permutation` or
`asymptotic` (p-values).  `dependence` is the way through, `screening` ranks many columns or words.
"""
