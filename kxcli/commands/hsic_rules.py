"""The rules for options of `hsic`."""

from kxcli.commands.option_rules import (
    EXCLUDES,
    NO_EFFECT,
    REQUIRES,
    Condition,
    OptionValues,
    Rule,
    any_of,
    has,
    has_value,
)
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.table_options import TABLE_INPUT_RULES
from kxcli.commands.word_options import WORD_NAMES, WORD_RULES

FORMATS = ("tsv", "csv", "jsonl", "parquet")


def compares_texts(kernel: str | None) -> bool:
    """Return whether a kernel of this name compares words or n-grams."""
    return kernel is not None and (kernel == "bow" or kernel.startswith("ngram:"))


def _get_kernels(values: OptionValues) -> set[str | None]:
    return {values["kernel_x"], values["kernel_y"]}


def _screens_words(values: OptionValues) -> bool:
    return values["screen"] is not None and compares_texts(values["kernel_x"])


def _has_bandwidth(kernel: str | None) -> bool:
    return kernel in (None, "gaussian", "laplace")


def _has_sides(values: OptionValues) -> bool:
    """Return whether the columns of both sides are given, or need not be."""
    others = (values["screen"], values["matrix"], values["y_file"])
    return None not in (values["x"], values["y"]) or any(one is not None for one in others)


_SIDES = Condition("-x and -y, or one of --screen, --matrix and --y-file", _has_sides)
_SCREEN, _MATRIX, _Y_FILE = has("screen"), has("matrix"), has("y_file")
_WORD_SCREEN = Condition("--screen of words (--kernel-x bow or ngram:N)", _screens_words)
_SQUARE = has_value("matrix", "square")
_P_VALUE = has_value("value", "p_value")
_OTHER_VALUE = Condition(
    "--matrix square of another --value than p_value",
    lambda values: _SQUARE.is_met(values) and not _P_VALUE.is_met(values),
)
_TEST = Condition("a --test other than none", lambda values: values["test"] != "none")
_NO_TEST = has_value("test", "none")
_GAMMA = has_value("test", "gamma")
_NO_DRAWS = has_value("test", "eigen", "gamma", "none")
_BOW = Condition("--kernel-x or --kernel-y bow", lambda values: "bow" in _get_kernels(values))
_TEXTS = Condition("the kernel bow or ngram:N", lambda values: any(map(compares_texts, _get_kernels(values))))
_BANDWIDTH = Condition("the kernel gaussian or laplace", lambda values: any(map(_has_bandwidth, _get_kernels(values))))
_NUMBERS = Condition(
    "a kernel of numbers", lambda values: bool(_get_kernels(values) & {None, "gaussian", "laplace", "linear"})
)
_BANDWIDTH_X = Condition("--kernel-x gaussian or laplace", lambda values: _has_bandwidth(values["kernel_x"]))
_BANDWIDTH_Y = Condition("--kernel-y gaussian or laplace", lambda values: _has_bandwidth(values["kernel_y"]))
_STDIN = Condition("an input from stdin", lambda values: "-" in ((*values["inputs"], *values["files_from"]) or ("-",)))
_Y_STDIN = has_value("y_file", "-")
_SKIP = has_value("on_error", "skip")
_NOT_DELTA = Condition("--kernel-y other than delta", lambda values: values["kernel_y"] not in (None, "delta"))

_XY = "-x x -y y"
_AUTO = "only permutations compare several bandwidths; use median"
_WORDS = "--screen x --kernel-x bow"

RULES = (
    *(*TABLE_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule(WORD_NAMES, REQUIRES, _BOW, _XY),
    Rule("matrix", EXCLUDES, _SCREEN, "--screen x"),
    Rule("y y_file exit_code", NO_EFFECT, any_of(_SCREEN, _MATRIX), "--screen x"),
    Rule("kernel_y sigma_y", NO_EFFECT, _MATRIX, "--matrix edges", advice="all its columns are -x"),
    Rule("alpha", NO_EFFECT, any_of(_SCREEN, _MATRIX, _NO_TEST), f"{_XY} --test none"),
    Rule("test", NO_EFFECT, _OTHER_VALUE, "--matrix square"),
    Rule("permutations", NO_EFFECT, _NO_DRAWS, f"{_XY} --test none"),
    Rule("p_adjust", REQUIRES, any_of(_SCREEN, _MATRIX), _XY),
    Rule("p_adjust", NO_EFFECT, any_of(_SQUARE, _NO_TEST), "--matrix square"),
    Rule("top", REQUIRES, _SCREEN, _XY),
    Rule("min_df", REQUIRES, _WORD_SCREEN, "--screen x"),
    Rule("value", REQUIRES, _SQUARE, "--matrix edges"),
    Rule("cosine", REQUIRES, _TEXTS, _XY),
    Rule("cosine", NO_EFFECT, _WORD_SCREEN, _WORDS),
    Rule("sigma", REQUIRES, _BANDWIDTH, f"{_XY} --kernel-x delta --kernel-y delta"),
    Rule("sigma_x", REQUIRES, _BANDWIDTH_X, f"{_XY} --kernel-x delta"),
    Rule("sigma_y", REQUIRES, _BANDWIDTH_Y, f"{_XY} --kernel-y delta"),
    Rule("standardize", REQUIRES, _NUMBERS, f"{_XY} --kernel-x delta --kernel-y delta"),
    Rule("standardize", NO_EFFECT, _WORD_SCREEN, _WORDS),
    *(
        Rule(
            name,
            EXCLUDES,
            _NO_DRAWS,
            f"{_XY} --{name.replace('_', '-')} auto --test eigen",
            has_value(name, "auto"),
            _AUTO,
        )
        for name in ("sigma", "sigma_x", "sigma_y")
    ),
    Rule("", REQUIRES, _SIDES, "-x x"),
    Rule("y_file", EXCLUDES, _STDIN, f"{_XY} --y-file - -", _Y_STDIN, "stdin can be read only once"),
    Rule("exit_code", REQUIRES, _TEST, f"{_XY} --test none"),
    Rule("value", REQUIRES, _TEST, "--matrix square --value p_value --test none", _P_VALUE),
    Rule("on_error", EXCLUDES, _Y_FILE, f"{_XY} --y-file b --on-error skip", _SKIP, "it skips rows of one file only"),
    Rule("test", EXCLUDES, _WORD_SCREEN, f"{_WORDS} --test gamma", _GAMMA, "use permutation or eigen"),
    Rule("kernel_y", EXCLUDES, _WORD_SCREEN, f"{_WORDS} --kernel-y gaussian", _NOT_DELTA),
)
