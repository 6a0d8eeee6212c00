"""Level and power of the tests of independence.

    python benchmarks/hsic_power.py [--repetitions N] [--permutations 199] [-j N] [--quick]

Prints the shares of samples with p at most 0.05:

  level   of 2,000 samples of independent columns of 13 kinds, by 39 permutations: with as many, a test of level 0.05
          rejects if the value is among the two largest of the 40, so few are enough
  power   of 400 samples of 100 rows of hyppo's simulations, and of 100 of 700 rows with 300 numbers a side: of the
          default test, and of tests with one kernel and one bandwidth, relative to the median distance

Each sample has its own seed, so the tables do not depend on -j. A share p of n samples has a standard error of
sqrt(p (1 - p) / n): 0.005 for the level, 0.025 or less for the power. The best of several shares is a little too high.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from simulations import (
    DEPENDENT,
    HIGH_ROWS,
    INDEPENDENT,
    RARE_ROWS,
    Column,
    Simulation,
    draw_high_dimensional,
    draw_rare_flags,
)

from kxcli.mining import Kernel, Testing, measure_dependence
from kxcli.tuning import configure_process

ALPHA = 0.05
LEVEL_SIZES = (20, 50, 200)
LEVEL_SAMPLES, LEVEL_PERMUTATIONS = 2_000, 39
POWER_SIZE = 100
POWER_SAMPLES, POWER_PERMUTATIONS = 400, 199
HIGH_SAMPLES = 100
HIGH_NAME = "300 dimensions"
RARE_NAME = "rare flags of 0.12 %"

DEFAULT = "default"
SCALES = {"2": 2.0, "median": 1.0, "1/2": 0.5, "1/4": 0.25, "1/8": 0.125, "1/16": 0.0625}  # of the Gaussian kernel
CHOICES = (DEFAULT, *SCALES, "laplace", "linear")
HIGH_CHOICES = (DEFAULT, "2", "median", "1/2", "laplace", "linear")  # narrower kernels see no other row


def measure_level(kind: str, n: int, samples: int = LEVEL_SAMPLES) -> float:
    """Return the share of samples of independent columns that the default test rejects."""
    draw = draw_rare_flags if kind == RARE_NAME else INDEPENDENT[kind]
    return measure_rejections(draw, n, [DEFAULT], samples, LEVEL_PERMUTATIONS)[DEFAULT]


def measure_power(
    simulation: str,
    samples: int | None = None,
    permutations: int = POWER_PERMUTATIONS,
) -> dict[str, float]:
    """Return the share of samples of dependent columns that each test rejects."""
    if simulation == HIGH_NAME:
        return measure_rejections(draw_high_dimensional, HIGH_ROWS, HIGH_CHOICES, samples or HIGH_SAMPLES, permutations)
    return measure_rejections(DEPENDENT[simulation], POWER_SIZE, CHOICES, samples or POWER_SAMPLES, permutations)


def find_best(power: Mapping[str, float]) -> str:
    """Return the single choice with the highest power."""
    return max((choice for choice in power if choice != DEFAULT), key=power.__getitem__)


def measure_rejections(
    draw: Simulation, n: int, choices: Iterable[str], samples: int, permutations: int
) -> dict[str, float]:
    """Return the share of samples with p at most 0.05, by choice; a test without a p rejects nothing."""
    counts = dict.fromkeys(choices, 0)
    for seed in range(samples):
        x, y = draw(np.random.default_rng((n, seed)), n)
        for choice in counts:
            testing = Testing(permutations=permutations, seed=seed)
            found = measure_dependence(
                x, y, kernel_x=make_kernel(choice, x), kernel_y=make_kernel(choice, y), testing=testing
            )
            counts[choice] += found.p_value is not None and found.p_value <= ALPHA
    return {choice: count / samples for choice, count in counts.items()}


def make_kernel(choice: str, column: Column) -> Kernel | None:
    """Return the kernel of a choice; None for the default."""
    if choice == DEFAULT:
        return None
    if choice == "linear":
        return Kernel("linear")
    median = compute_median_distance(column)
    return Kernel("laplace", median) if choice == "laplace" else Kernel("gaussian", SCALES[choice] * median)


def compute_median_distance(column: Column) -> float:
    """Return the median of the positive distances between rows."""
    rows = column.reshape(len(column), -1).astype(np.float64)
    squares = np.square(rows).sum(axis=1)
    squared = squares[:, None] + squares - 2 * rows @ rows.T if rows.shape[1] > 1 else np.square(rows - rows.T)
    distances = np.sqrt(np.maximum(squared, 0))[np.triu_indices(len(rows), 1)]
    return float(np.median(distances[distances > 0]))


def print_levels(pool: ProcessPoolExecutor, samples: int) -> None:
    """Print the table of levels."""
    futures = {(kind, n): pool.submit(measure_level, kind, n, samples) for kind in INDEPENDENT for n in LEVEL_SIZES}
    rare = pool.submit(measure_level, RARE_NAME, RARE_ROWS, samples)
    print(f"Rejected at {ALPHA} of {samples:,} samples of independent columns:\n")
    print("| | " + " | ".join(f"{n} rows" for n in LEVEL_SIZES) + " |\n|---|" + "---|" * len(LEVEL_SIZES))
    for kind in INDEPENDENT:
        print(f"| {kind} | " + " | ".join(f"{futures[kind, n].result():.3f}" for n in LEVEL_SIZES) + " |", flush=True)
    print(f"\n{RARE_NAME} in {RARE_ROWS:,} rows: {rare.result():.3f}", flush=True)


def print_powers(pool: ProcessPoolExecutor, samples: int | None, permutations: int) -> None:
    """Print the table of powers."""
    names = [*DEPENDENT, HIGH_NAME]
    futures = {name: pool.submit(measure_power, name, samples, permutations) for name in names}
    print(f"\nRejected at {ALPHA} of {samples or POWER_SAMPLES:,} samples of {POWER_SIZE} rows", end="")
    print(f" ({samples or HIGH_SAMPLES:,} of {HIGH_ROWS} rows for {HIGH_NAME}), {permutations:,} permutations:\n")
    print("| | " + " | ".join(CHOICES) + " | default / best |\n|---|" + "---|" * (len(CHOICES) + 1))
    for name in names:
        power = futures[name].result()
        cells = [f"{power[choice]:.2f}" if choice in power else "" for choice in CHOICES]
        best = power[find_best(power)]
        ratio = f"{power[DEFAULT] / best:.2f}" if best else ""
        print(f"| {name} | " + " | ".join([*cells, ratio]) + " |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--repetitions",
        type=int,
        metavar="N",
        help=f"samples of each kind  [default: {LEVEL_SAMPLES:,} for the level, {POWER_SAMPLES:,} and {HIGH_SAMPLES:,} "
        "for the power]",
    )
    parser.add_argument("--permutations", type=int, metavar="N", default=POWER_PERMUTATIONS, help="for the power")
    parser.add_argument("-j", "--jobs", type=int, metavar="N", default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="4 samples of each kind, to see that all of it runs")
    given = parser.parse_args()
    samples = 4 if given.quick else given.repetitions
    configure_process()  # inherited by new processes, which then import numpy
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        print_levels(pool, samples or LEVEL_SAMPLES)
        print_powers(pool, samples, given.permutations)


if __name__ == "__main__":
    main()
