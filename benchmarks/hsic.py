"""Measures of dependence compared on the same data in one run, as ratios.

    python benchmarks/hsic.py [--runs 3] [--quick] [--peers DIR]

Measures, on seeded data (x is uniform, y its sine and as much noise), the median of the runs of:

  article       the article's formula in plain numpy: both kernel matrices, the centering matrix H, and
                trace(KHLH) / (n-1)²; σ is the median of all positive distances
  one product   the same value from one matrix product instead of three, without multiplying by H
  hyppo         hyppo 0.5.2, in an environment of its own that is made once and kept in --peers; its value differs
                (unbiased, normalized, exp(-d²/2σ²) with the σ of x for both), its work is the same
  loadtxt       numpy.loadtxt of the file alone
  features      the cosines and sines of the Gaussian kernel in one dimension, of both sides, in plain numpy, block by
                block, discarded
  kxcli         `measure_dependence`, and `kxcli hsic` with start-up, reading and output; its tests with the median
                bandwidth alone, as hyppo's, and with several bandwidths together, the default

Computations are timed in separate processes, after imports and a call on 50 rows that makes numba compile. The whole
command of the article and of one product reads the file by numpy.loadtxt. The number of threads of linear algebra is
the default of each. hyppo's permutations run once; if all would take over a minute, fewer of them, scaled. The peak
of the largest process is its resident set, shared pages included; that of all counts shared pages once; both are
sampled every 50 ms in a run that is not timed.

The values of the article and kxcli are compared. A million rows may take 3 times as long as loadtxt plus 1.5 times as
long as the features (not checked with --quick, which measures start-up).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
from measuring import measure_peaks, measure_seconds, measure_usage

Array = npt.NDArray[np.float64]

HYPPO = "0.5.2"
CORES = len(os.sched_getaffinity(0))
MAX_SECONDS = 60  # seconds that hyppo's permutations may take
FEW = 50  # permutations to find that out
BLOCK = 4096  # rows whose features are held at a time
LOADTXT, FEATURES = 3, 1.5  # times what kxcli may take
ALIKE = 1e-9


@dataclass(frozen=True)
class Sizes:
    """How many rows and permutations each part has."""

    alone: int = 5_000
    permuted: int = 1_000
    permutations: int = 1_000
    many: int = 1_000_000
    wide: int = 20_000
    columns: int = 50
    samples: int = 62
    genes: int = 2_000
    draws: int = 100_000


QUICK = Sizes(alone=500, permuted=200, permutations=200, many=20_000, wide=1_000, genes=100, draws=1_000)


@dataclass
class Times:
    """Seconds of each run, by name: of computations alone, and of whole commands."""

    computing: dict[str, list[float]] = field(default_factory=dict)
    whole: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, computing: float | None = None, whole: float | None = None) -> None:
        """Add a run."""
        for seconds, times in ((computing, self.computing), (whole, self.whole)):
            if seconds is not None:
                times.setdefault(name, []).append(seconds)


def sigma_of(values: Array) -> float:
    """Return the median of the positive distances of numbers."""
    distances = np.abs(values[:, None] - values[None, :])
    return float(np.median(distances[distances > 0]))


def gaussian(values: Array) -> Array:
    """Return the kernel matrix."""
    return np.exp(-((values[:, None] - values[None, :]) ** 2) / sigma_of(values) ** 2)


def article(x: Array, y: Array) -> float:
    """Compute the article's formula literally."""
    n = len(x)
    k, l = gaussian(x), gaussian(y)  # noqa: E741 -- as in the article
    h = np.eye(n) - 1 / n
    return float(np.trace(k @ h @ l @ h) / (n - 1) ** 2)


def one_product(x: Array, y: Array) -> float:
    """Compute the same with the centering multiplied out."""
    n = len(x)
    k, l = gaussian(x), gaussian(y)  # noqa: E741 -- as in the article
    product = k @ l
    return float((np.trace(product) + n**2 * k.mean() * l.mean() - 2 * n * product.mean()) / (n - 1) ** 2)


def hyppo(x: Array, y: Array, permutations: int) -> float:
    """Compute hyppo's statistic, or test with it."""
    from hyppo.independence import Hsic

    if not permutations:
        return float(Hsic().statistic(x, y))
    return float(Hsic().test(x, y, reps=permutations, workers=1, auto=False)[1])


def kxcli(x: Array, y: Array, permutations: int, kernel: str | None = None) -> float:
    """Compute kxcli's value, and test with it, by several bandwidths or by one kernel."""
    from kxcli.mining import Kernel, Testing, measure_dependence

    testing = Testing("permutation", permutations) if permutations else Testing("none")
    one = None if kernel is None else Kernel("gaussian", "median")
    return measure_dependence(x, y, kernel_x=one, kernel_y=one, testing=testing).biased_nm1


def frequencies(values: Array) -> Array:
    """Return the frequencies that the kernel of some numbers is made of, to double precision."""
    sigma, extent = sigma_of(values[: Sizes.alone]), float(np.ptp(values))
    n_frequencies = math.ceil(1.91 * (extent / sigma + 6))
    return 2 * math.pi / (extent + 6 * sigma) * np.arange(1, n_frequencies + 1)


def features(values: Array, of: Array) -> None:
    """Compute the features of numbers and throw them away."""
    for start in range(0, len(values), BLOCK):
        angles = np.outer(of, values[start : start + BLOCK])
        np.cos(angles)
        np.sin(angles)


def run_here(role: str, path: str, permutations: int) -> None:
    """Run one of the computations in this process; write its seconds, and the value."""
    warnings.simplefilter("ignore")  # hyppo's, of few permutations
    start = time.perf_counter()
    x, y = np.loadtxt(path, skiprows=1, unpack=True)
    value = math.nan
    if role == "features":
        sides = [(side, frequencies(side)) for side in (x, y)]
        start = time.perf_counter()
        for side in sides:
            features(*side)
    elif role in ("article", "one product"):
        compute = article if role == "article" else one_product
        start = time.perf_counter()
        value = compute(x, y)
    elif role != "loadtxt":
        compute_or_test = {"hyppo": hyppo, "kxcli": kxcli, "median": partial(kxcli, kernel="median")}[role]
        x, y = x[:, None], y[:, None]
        compute_or_test(x[:50], y[:50], min(permutations, 20))
        start = time.perf_counter()
        value = compute_or_test(x, y, permutations)
    print(json.dumps([time.perf_counter() - start, value]))


def run_role(role: str, path: str, permutations: int = 0, python: str = sys.executable) -> tuple[float, float, float]:
    """Run one of the computations in a process; return its seconds, those of the process, and the value."""
    command = [python, __file__, "--role", role, "--input", path, "--permutations", str(permutations)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    whole = time.perf_counter() - start
    seconds, value = json.loads(done.stdout)
    return seconds, whole, value


def install_hyppo(folder: str) -> str:
    """Return a Python that has hyppo, out of a folder that is kept."""
    environment = os.path.join(folder, f"hyppo-{HYPPO}")
    python, stamp = os.path.join(environment, "bin", "python"), os.path.join(environment, ".installed")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.stat(folder).st_uid != os.getuid():
        raise SystemExit(f"{folder} is another user's")
    if not os.path.exists(stamp):
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, f"hyppo=={HYPPO}"], check=True)
        with open(stamp, "w"):
            pass
    return python


def write_data(path: str, n_rows: int, n_columns: int = 1) -> None:
    """Write x, and y that depends on it; several columns are numbered from 0."""
    source = np.random.default_rng(n_rows)
    x = source.uniform(-3, 3, (n_rows, n_columns))
    y = np.sin(x) + source.normal(scale=0.7, size=x.shape)
    numbers = [""] if n_columns == 1 else list(map(str, range(n_columns)))
    header = "\t".join(side + number for side in "xy" for number in numbers)
    np.savetxt(path, np.hstack([x, y]), fmt="%.17g", delimiter="\t", header=header, comments="")


def command(path: str, *options: str, x: str = "x", y: str = "y") -> list[str]:
    """Return the command that measures the columns of a file."""
    return [sys.executable, "-m", "kxcli", "hsic", "-q", "-x", x, "-y", y, *options, path]


def show(title: str, times: Times) -> None:
    """Print how many times slower than kxcli each is."""
    name_of_kxcli = "kxcli -j 1"
    columns = [
        {name: statistics.median(runs) for name, runs in times_.items()} for times_ in (times.computing, times.whole)
    ]
    print(f"\n{title}\n")
    print(f"| | seconds on {CORES} cores | slower than kxcli by | whole command, seconds | slower than kxcli by |")
    print("|---|---|---|---|---|")
    for name in times.computing:
        cells = []
        for column in columns:
            has_one = name in column
            cells += [f"{column[name]:.3g}", f"{column[name] / column[name_of_kxcli]:.1f}"] if has_one else ["", ""]
        print(f"| {name} | {' | '.join(cells)} |")


def measure_value(folder: str, size: Sizes, runs: int, python: str) -> bool:
    """Measure the value without a test; return whether the article and kxcli agree."""
    path = os.path.join(folder, "alone.tsv")
    write_data(path, size.alone)
    times, values = Times(), {}
    for _ in range(runs):
        for role in ("article", "one product"):
            seconds, whole, values[role] = run_role(role, path)
            times.add(role, seconds, whole)
        times.add(f"hyppo {HYPPO}", run_role("hyppo", path, python=python)[0])
        seconds, _, values["kxcli"] = run_role("kxcli", path)
        times.add(
            "kxcli -j 1", seconds, measure_seconds(command(path, "--test", "none", "-j", "1"), subprocess.DEVNULL)
        )
    show(f"{size.alone:,} rows, one dimension, the value alone:", times)
    print("\n" + ", ".join(f"{name} {value:.15g}" for name, value in values.items()))
    return all(math.isclose(value, values["kxcli"], rel_tol=ALIKE) for value in values.values())


def measure_permutations(folder: str, size: Sizes, runs: int, python: str) -> None:
    """Measure the test by permutations."""
    path = os.path.join(folder, "permuted.tsv")
    write_data(path, size.permuted)
    n = size.permutations
    fits = int(FEW * MAX_SECONDS / run_role("hyppo", path, FEW, python)[0])
    n_hyppo = n if fits >= n else max(FEW, fits)
    times = Times()
    times.add(f"hyppo {HYPPO}", run_role("hyppo", path, n_hyppo, python)[0] * n / n_hyppo)
    options = ("--test", "permutation", "--permutations", str(n), "-j", "1")
    for _ in range(runs):
        for name, role, sigma in (("kxcli -j 1", "median", "median"), ("kxcli -j 1 --sigma auto", "kxcli", "auto")):
            seconds = measure_seconds(command(path, *options, "--sigma", sigma), subprocess.DEVNULL)
            times.add(name, run_role(role, path, n)[0], seconds)
    scaled = "" if n_hyppo == n else f" (hyppo: {n_hyppo:,}, scaled)"
    show(f"{size.permuted:,} rows, one dimension, {n:,} permutations{scaled}:", times)


def measure_rows(folder: str, size: Sizes, runs: int) -> bool:
    """Measure many rows in one dimension; return whether kxcli takes no more than it may."""
    path = os.path.join(folder, "many.tsv")
    write_data(path, size.many)
    times = Times()
    for _ in range(runs):
        for role in ("loadtxt", "features"):
            times.add(role, run_role(role, path)[0])
        for jobs in ("1", "2"):
            times.add(
                f"kxcli -j {jobs}",
                whole=measure_seconds(command(path, "--test", "none", "-j", jobs), subprocess.DEVNULL),
            )
    loadtxt, features_ = (statistics.median(runs_) for runs_ in times.computing.values())
    bound = LOADTXT * loadtxt + FEATURES * features_
    whole = {name: statistics.median(runs_) for name, runs_ in times.whole.items()}
    print(f"\n{size.many:,} rows, one dimension, the value alone:\n")
    print(f"| | seconds on {CORES} cores | of {LOADTXT} loadtxt + {FEATURES} features |\n|---|---|---|")
    for name, seconds in {"loadtxt": loadtxt, "features": features_, **whole}.items():
        print(f"| {name} | {seconds:.2f} | {f'{seconds / bound:.2f}' if name in whole else ''} |")
    return max(whole.values()) <= bound


def measure_columns(folder: str, size: Sizes, runs: int) -> None:
    """Measure time and memory of many columns."""
    path = os.path.join(folder, "wide.tsv")
    write_data(path, size.wide, size.columns)
    last = size.columns - 1
    print(f"\n{size.wide:,} rows, {size.columns} dimensions, -j 2:\n")
    print(f"| | seconds on {CORES} cores | peak memory of the largest process, MB | of all, MB |\n|---|---|---|---|")
    for name, options in (("the value alone", ["--test", "none"]), ("with the default test", [])):
        words = command(path, *options, "-j", "2", x=f"x0:x{last}", y=f"y0:y{last}")
        seconds = statistics.median(measure_seconds(words, subprocess.DEVNULL) for _ in range(runs))
        _, peak, largest = measure_peaks(words, subprocess.DEVNULL)
        print(f"| {name} | {seconds:.1f} | {largest / 1e6:.0f} | {peak / 1e6:.0f} |")


def measure_screening(folder: str, size: Sizes, runs: int) -> None:
    """Measure a screening of more columns than rows, as of genes; some columns depend on the label."""
    path = os.path.join(folder, "genes.tsv")
    source = np.random.default_rng(0)
    labels = np.arange(size.samples) % 3 == 0
    genes = source.normal(size=(size.samples, size.genes))
    genes[:, : size.genes // 40] += labels[:, None] * np.linspace(0.4, 1.6, size.genes // 40)
    header = "\t".join(["label", *(f"g{i}" for i in range(size.genes))])
    rows = (
        "\t".join(["ab"[label], *map(repr, row)]) for label, row in zip(labels.tolist(), genes.tolist(), strict=True)
    )
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in (header, *rows))
    print(f"\n{size.genes:,} columns of {size.samples} rows against a label, at most {size.draws:,} permutations:\n")
    print(f"| | seconds on {CORES} cores | CPU seconds |\n|---|---|---|")
    for jobs in ("1", "2"):
        base = [sys.executable, "-m", "kxcli", "hsic", "-q", "--screen", "label", "-j", jobs]
        words = [*base, "--permutations", str(size.draws), path]
        usages = [measure_usage(words, subprocess.DEVNULL, is_watched=False) for _ in range(runs)]
        seconds = statistics.median(usage.seconds for usage in usages)
        cpu = statistics.median(usage.cpu_seconds for usage in usages)
        print(f"| kxcli -j {jobs} | {seconds:.1f} | {cpu:.1f} |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all of it runs")
    parser.add_argument(
        "--peers",
        metavar="DIR",
        default=os.path.join(tempfile.gettempdir(), f"kxcli-peers-{os.getuid()}"),
        help="where hyppo is installed, once  [default: a folder in TMPDIR]",
    )
    parser.add_argument(
        "--role",
        choices=["article", "one product", "hyppo", "kxcli", "median", "loadtxt", "features"],
        help=argparse.SUPPRESS,
    )
    parser.add_argument("--input", help=argparse.SUPPRESS)
    parser.add_argument("--permutations", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        run_here(given.role, given.input, given.permutations)
        return
    size = QUICK if given.quick else Sizes()
    python = install_hyppo(given.peers)
    with tempfile.TemporaryDirectory() as folder:
        has_same_values = measure_value(folder, size, given.runs, python)
        measure_permutations(folder, size, given.runs, python)
        is_fast = measure_rows(folder, size, given.runs) or given.quick
        measure_columns(folder, size, given.runs)
        measure_screening(folder, size, given.runs)
    print("\nvalues agree" if has_same_values else "\nVALUES DIFFER")
    if not is_fast:
        print("A MILLION ROWS TAKE TOO LONG")
    sys.exit(not (has_same_values and is_fast))


if __name__ == "__main__":
    main()
