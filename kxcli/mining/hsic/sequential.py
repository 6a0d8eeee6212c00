"""Sequential p-values of many permutation tests (Besag and Clifford 1991)."""

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray

DEFAULT_DRAWS = 1_000  # of a single test
MAX_DRAWS = 100_000  # of each of many tests, unless the user requests more
DRAWS_PER_TEST = 50  # of many tests: the smallest p is then small enough for q, the adjusted p
MAX_EXCEEDANCES = 100  # after which a test stops: the error of its p is a tenth of p


class SequentialCounts:
    """Draws of the null distribution of many tests, each with its own end.

    A test stops at its 100th draw with at least the observed statistic; if that is draw l, p = 100 / l. A test that
    reaches the maximum of B draws with k < 100 such draws has p = (1 + k) / (1 + B). Such a p-value is exact: under
    the null hypothesis, P(p <= a) <= a for each a (Besag and Clifford 1991, "Sequential Monte Carlo p-values",
    Biometrika 78, section 3). The tests may share their draws.

    Args:
        n_tests: The number of tests.
        max_draws: B, at least 1.
        max_exceedances: The draws with at least the observed statistic after which a test stops.
    """

    def __init__(self, n_tests: int, max_draws: int, max_exceedances: int = MAX_EXCEEDANCES) -> None:
        self._max_draws, self._max_exceedances = max_draws, max_exceedances
        self._n_draws: IntArray = np.zeros(n_tests, dtype=np.int64)
        self._n_reaching: IntArray = np.zeros(n_tests, dtype=np.int64)

    @property
    def is_open(self) -> BoolArray:
        """Which tests need more draws, of shape (n_tests,)."""
        return (self._n_reaching < self._max_exceedances) & (self._n_draws < self._max_draws)

    @property
    def n_draws(self) -> IntArray:
        """The draws that the p-value of each test rests on, of shape (n_tests,)."""
        return self._n_draws.copy()

    def add(self, reaching: BoolArray) -> None:
        """Count the next draws of the open tests.

        Draws of a test after its end are ignored, so the result does not depend on how the draws are divided.

        Args:
            reaching: Whether a draw has at least the observed statistic, of shape (n_draws, n_open_tests). The columns
                are the open tests in their order.

        Raises:
            ValueError: The number of columns is not that of the open tests.
        """
        tests = np.flatnonzero(self.is_open)
        if reaching.ndim != 2 or reaching.shape[1] != len(tests):
            raise ValueError(f"the draws have the shape {reaching.shape}, and {len(tests)} tests are open")
        if not reaching.size:
            return
        # All open tests have the same number of draws.
        draws = reaching[: self._max_draws - int(self._n_draws[tests[0]])]
        totals = self._n_reaching[tests] + np.count_nonzero(draws, axis=0)
        n_draws = np.full(len(tests), self._n_draws[tests[0]] + len(draws))
        for at in np.flatnonzero(totals >= self._max_exceedances).tolist():
            n_missing = self._max_exceedances - int(self._n_reaching[tests[at]])
            n_draws[at] += int(np.flatnonzero(draws[:, at])[n_missing - 1]) + 1 - len(draws)
        self._n_reaching[tests] = np.minimum(totals, self._max_exceedances)
        self._n_draws[tests] = n_draws

    def compute_p_values(self) -> FloatArray:
        """Return the p-values, of shape (n_tests,).

        The p-value of an open test is that of its draws so far.
        """
        p_values = (1 + self._n_reaching) / (1 + self._n_draws)
        has_stopped = self._n_reaching >= self._max_exceedances
        p_values[has_stopped] = self._max_exceedances / self._n_draws[has_stopped]
        return p_values


def choose_max_draws(n_tests: int, requested: int | None) -> int:
    """Return the maximal number of draws of each test.

    Args:
        n_tests: The number of tests whose p-values are adjusted together.
        requested: By the user; None for 1,000, or for 50 times the number of tests if that is more, up to 100,000.
    """
    if requested is not None:
        return requested
    return min(MAX_DRAWS, max(DEFAULT_DRAWS, DRAWS_PER_TEST * n_tests))
