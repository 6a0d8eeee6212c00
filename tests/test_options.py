"""Options of all commands: repetition, environment variables, rules, help and completion."""

import inspect
import re
import shlex

import click
import pytest

from kxcli.cli import COMMANDS, cli, main
from kxcli.commands.collocate_options import parse_window
from kxcli.commands.command import Command
from kxcli.commands.option_types import PathType
from kxcli.mining import compare_counts, find_collocates, find_concordance
from kxcli.mining.collocations.rows import SORTS
from kxcli.mining.collocations.window import MAX_WINDOW
from kxcli.mining.keyness.comparison import MEASURES


def options_of(name):
    command = cli.get_command(None, name)
    return [param for param in command.params if isinstance(param, click.Option)]


OPTIONS = [(name, option) for name in COMMANDS for option in options_of(name)]
SINGLE = [(name, option) for name, option in OPTIONS if not option.multiple]


def value_of(option):
    """Return a list of a value that the option accepts; empty for a flag."""
    if option.is_flag:
        return []
    kind = option.type
    if isinstance(kind, click.Choice):
        return [kind.choices[0]]
    if isinstance(kind, click.IntRange):
        return [str(max(kind.min or 0, 2))]
    if isinstance(kind, click.FloatRange):
        return ["0.5"]
    known = {"size": "2M", "bandwidth": "2", "limit": "2", "kernel": "delta", "orders": "2", "numbers": "1,2"}
    known |= {"delimiter": "white", "separator": "space", "window": "2"}
    return [known.get(kind.name, "value")]


def usage_error_of(capsys, *arguments):
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


def spellings(option):
    """Yield the ways to give an option twice."""
    names = [*option.opts, *option.secondary_opts]
    value = value_of(option)
    for first in names:
        for second in names:
            yield [first, *value, second, *value]
    long = option.opts[-1]
    if value and long.startswith("--"):
        yield [f"{long}={value[0]}", f"{long}={value[0]}"]
        yield [f"{long}={value[0]}", "input", long, *value]


@pytest.mark.parametrize("name", COMMANDS)
def test_repeated_single_option_is_refused(capsys, name):
    needed = {"entity-link": ["--kb", "kb"]}
    for option in [option for owner, option in SINGLE if owner == name]:
        for arguments in spellings(option):
            others = [] if "--kb" in option.opts else needed.get(name, [])
            error = usage_error_of(capsys, name, *others, *arguments)
            assert option.opts[-1] in error, arguments
            assert "is given 2 times; give it once" in error, arguments


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_repeated_options(name):
    assert isinstance(cli.get_command(None, name), Command)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_states_repeatable_options(name):
    for option in options_of(name):
        assert ("[repeatable]" in option.help) == option.multiple, option.name


def test_repeated_short_flags_are_refused(capsys):
    assert "-r / --recursive is given 3 times" in usage_error_of(capsys, "wordcount", "-rr0r", "--files-from", "x")


def test_repeated_option_after_double_dash_is_an_input(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "--df").write_text("北京\n", encoding="utf-8")
    assert main(["wordcount", "--df", "--", "--df"]) == 0
    assert capsys.readouterr().out == "北京\t1\t1\n"


def test_help_ignores_repeated_options(capsys):
    assert main(["hsic", "--seed", "1", "--seed", "2", "--help", "--help"]) == 0
    assert "Usage: kxcli hsic" in capsys.readouterr().out


def test_globs_are_combined(capsys, tmp_path):
    for name, text in [("a.txt", "北京"), ("b.md", "上海"), ("c.csv", "广州"), ("d/e.md", "深圳")]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert (
        main(["wordcount", "--sort", "word", "-r", str(tmp_path), "--glob", "*.txt", "--glob", "d/*", "--glob=*.txt"])
        == 0
    )
    assert capsys.readouterr().out == "北京\t1\n深圳\t1\n"


def test_lists_of_files_are_combined(capsys, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(f"{name}x\n")
        (tmp_path / f"{name}.list").write_text(f"{tmp_path / name}\n")
    lists = [f"--files-from={tmp_path / name}.list" for name in ("a", "b", "a")]
    assert main(["wordcount", *lists, str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out == "ax\t2\nbx\t1\ncx\t1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("wordcount", "--files-from", "-", "--files-from", "-"),
        ("wordcount", "--files-from", "-", "-"),
        ("wordcount", "-", "-"),
        ("hsic", "--y-file", "-", "--files-from", "-"),
        ("hsic", "--y-file", "-", "-x", "1", "-y", "2", "-"),
    ],
)
def test_stdin_is_read_only_once(capsys, monkeypatch, arguments):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "stdin" in usage_error_of(capsys, *arguments)


@pytest.mark.parametrize("value", ["x", "-3", "1.5"])
@pytest.mark.parametrize("name", COMMANDS)
def test_error_names_the_environment_variable(capsys, monkeypatch, name, value):
    monkeypatch.setenv("KXCLI_JOBS", value)
    error = usage_error_of(capsys, name, *(["--kb", "kb"] if name == "entity-link" else []))
    assert "KXCLI_JOBS" in error and "--jobs" not in error


def test_error_names_the_option_of_the_command_line(capsys, monkeypatch):
    monkeypatch.setenv("KXCLI_JOBS", "x")
    error = usage_error_of(capsys, "wordcount", "-j", "y")
    assert "--jobs" in error and "KXCLI_JOBS" not in error


@pytest.mark.parametrize(
    ("name", "similar"),
    [("word-count", "wordcount"), ("entity_link", "entity-link"), ("new-words", "newwords"), ("hisc", "hsic")],
)
def test_unknown_command_suggests_a_similar_one(capsys, name, similar):
    assert f"did you mean '{similar}'?" in usage_error_of(capsys, name)


def test_unlike_command_gets_no_suggestion(capsys):
    assert "did you mean" not in usage_error_of(capsys, "xyz")


def test_invalid_cluster_address_lists_the_valid_forms(capsys, tmp_path):
    (tmp_path / "a.txt").write_text("a\n")
    error = usage_error_of(capsys, "wordcount", "--cluster", "foo", str(tmp_path / "a.txt"))
    assert all(address in error for address in ("tcp://HOST:8786", "tls://HOST:8786", "local:N"))


# Rules

RULES = [(name, rule) for name in COMMANDS for rule in cli.get_command(None, name).rules]


def subjects_of(name, rule):
    """Return the options of a rule."""
    return [param for param in options_of(name) if rule.applies_to(param.name)]


def message_of(rule, name, option):
    return f"kxcli: error: {rule.format_error(option.opts[-1] if option else name)}\n"


@pytest.mark.parametrize(("name", "rule"), RULES, ids=lambda one: one if isinstance(one, str) else one.example)
def test_options_that_violate_a_rule_are_refused(capsys, name, rule):
    """Add each option of the rule to its example; some violate another rule first."""
    is_option_rule = rule.options or rule.is_inverted
    needed = ["--kb", "kb"] if name == "entity-link" and "--kb" not in rule.example and is_option_rule else []
    example = [*needed, *shlex.split(rule.example)]
    rules = [other for owner, other in RULES if owner == name]
    all_messages = {message_of(other, name, option) for other in rules for option in [None, *options_of(name)]}
    messages = set()
    for option in subjects_of(name, rule) if rule.options else [None]:
        is_there = option is None or {*option.opts, *option.secondary_opts} & {*example}
        error = usage_error_of(capsys, name, *example, *([] if is_there else [option.opts[0], *value_of(option)]))
        assert error in all_messages
        if error == message_of(rule, name, option):
            messages.add(error)
    assert messages


@pytest.mark.parametrize(("name", "rule"), RULES, ids=lambda one: one if isinstance(one, str) else one.example)
def test_rules_name_options_that_exist(name, rule):
    assert {*rule.options.split()} <= {param.name for param in cli.get_command(None, name).params}


@pytest.mark.parametrize(("name", "rule"), RULES, ids=lambda one: one if isinstance(one, str) else one.example)
def test_help_states_the_rules_of_an_option(name, rule):
    is_stated = rule.in_help and rule.value is None and not rule.is_inverted
    for option in subjects_of(name, rule):
        assert rule.format_help() in option.help or not is_stated, option.name


def test_error_names_the_negative_form_of_an_option(capsys):
    error = usage_error_of(capsys, "wordcount", "--merge", "--no-header-in", "counts.tsv")
    assert "--no-header-in has no effect with --merge" in error
    assert "--delimiter has no effect with --merge" in usage_error_of(capsys, "wordcount", "--merge", "--delimiter=;")


def test_user_dictionary_accepts_ngram_1(capsys, tmp_path):
    (tmp_path / "a").write_text("北京\n", encoding="utf-8")
    assert main(["wordcount", "-f", "userdict", "--ngram", "1", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == "北京 1\n"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("hsic", ["-x", "x", "-y", "y", "--alpha", "nan"]),
        ("newwords", ["--min-entropy", "nan"]),
        ("newwords", ["--method", "pmi", "--min-pmi", "2,nan"]),
        ("entity-link", ["--kb", "kb", "--nil-threshold", "nan"]),
    ],
)
def test_nan_is_refused(capsys, name, arguments):
    assert "nan" in usage_error_of(capsys, name, *arguments).lower()


# Help

HEADINGS = {"Input", "Words", "Method", "Output", "Resources"}


def name_case(value):
    return value if isinstance(value, str) else value.opts[-1]


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=name_case)
def test_every_option_has_a_heading_and_one_sentence(name, option):
    assert option.heading in HEADINGS
    sentence = re.sub(
        r"(?: \[(?:repeatable|requires [^]]+|not with [^]]+|default: [^]]+|always: [^]]+)\])+$", "", option.help
    )
    assert sentence.endswith(".") and not re.search(r"\. [A-Z]", sentence), option.help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_name_the_command(capsys, name):
    assert main([name, "--help"]) == 0
    _, examples = capsys.readouterr().out.split("  Examples:\n")
    assert f"    kxcli {name} " in examples


# Completion


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=name_case)
def test_paths_complete_to_files_or_folders(name, option):
    metavar = option.metavar or ""
    if isinstance(option.type, PathType):
        (item,) = option.type.shell_complete(click.Context(click.Command(name)), option, "a")
        assert item.type == ("dir" if metavar == "DIR" else "file")
    assert isinstance(option.type, PathType) or metavar not in ("FILE", "DIR", "KB", "MODEL", "LABELED", "GOLD")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_written_for_each_shell(kxcli, shell):
    kxcli.environment["_KXCLI_COMPLETE"] = f"{shell}_source"
    assert "_KXCLI_COMPLETE" in kxcli.run().text


def test_completion_lists_commands_and_options(kxcli):
    kxcli.environment |= {"_KXCLI_COMPLETE": "bash_complete", "COMP_WORDS": "kxcli wo", "COMP_CWORD": "1"}
    assert "wordcount" in kxcli.run().text
    kxcli.environment |= {"COMP_WORDS": "kxcli entity-link --k", "COMP_CWORD": "2"}
    assert "--kb-cache" in kxcli.run().text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("word-count", "wordcount"), ("entity_link", "entity-link"), ("new-words", "newwords"), ("hisc", "hsic")],
)
def test_unknown_command_gets_a_suggestion(capsys, wrong, right):
    assert f"did you mean '{right}'?" in usage_error_of(capsys, wrong)


@pytest.mark.parametrize(
    ("name", "function"),
    [("collocate", find_collocates), ("keyness", compare_counts), ("kwic", find_concordance)],
)
def test_command_and_python_function_have_the_same_defaults(name, function):
    parameters = {one.name: one.default for one in inspect.signature(function).parameters.values()}
    found = 0
    for option in options_of(name):
        default = option.default
        if option.name in parameters and isinstance(default, (str, int, float)) and not option.is_flag:
            found += 1
            expected = parameters[option.name]
            assert option.type.convert(default, option, None) in (expected, (expected, expected)), option
    assert found


def test_sorts_of_options_are_those_of_the_features():
    sorts = {name: option.type.choices for name, option in OPTIONS if option.name == "sort"}
    assert (tuple(sorts["collocate"]), tuple(sorts["keyness"])) == (SORTS, MEASURES)
    assert parse_window(str(MAX_WINDOW)) == (MAX_WINDOW, MAX_WINDOW)
    with pytest.raises(ValueError, match="not a window"):
        parse_window(str(MAX_WINDOW + 1))
