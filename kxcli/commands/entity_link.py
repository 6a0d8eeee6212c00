"""`kxcli entity-link`: options -> a linked line for every line."""

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from kxcli.commands import options
from kxcli.errors import UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining.linking.linker import Linking

# Bytes of memory for a byte of a whole line: the peak over that of an empty run was 48 for articles of 10 MB in one
# JSON line, and 128 for "aaa..." with names of several letters "a" in the knowledge base.
_LINE_COST = 130

_ALWAYS_USED = {"kb", "kb_cache", "model", "on_error", "quiet", "verbose"}
_USED = {  # options that have an effect in a run that reads no INPUT
    "train": _ALWAYS_USED | {"train"},
    "evaluate": _ALWAYS_USED | {"evaluate", "errors", "nil", "nil_threshold", "overlap", "output", "format", "header"},
}


@click.command("entity-link", cls=options.Command, short_help="Link the names in texts to a knowledge base.")
@options.text_options
@click.option(
    "--kb",
    metavar="KB",
    required=True,
    multiple=True,
    help="The knowledge base: JSONL or TSV in UTF-8, compressed or not.  May be repeated.",
)
@click.option(
    "--kb-cache",
    metavar="DIR",
    help="Where compiled knowledge bases are kept.  [default: a folder of your own in XDG_CACHE_HOME]",
)
@click.option(
    "--train",
    metavar="LABELLED",
    multiple=True,
    help="Learn from texts with mention_data, write the --model, and read no input.  May be repeated.",
)
@click.option("--model", metavar="MODEL", help="What --train learned: the file to write, or to link with.")
@click.option(
    "--evaluate",
    metavar="GOLD",
    help="Link the texts of GOLD, and tell how well that fits its mention_data: one row in all, one for each type.",
)
@click.option("--errors", metavar="FILE", help="With --evaluate: write there, as TSV, what went wrong, a row each.")
@click.option(
    "--candidates",
    metavar="K",
    type=click.IntRange(min=0),
    default=0,
    help="Add the K best runners-up of each mention.",
)
@click.option(
    "--nil",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="Mentions without an entry: keep them, with the kb_id NIL, or drop them.",
)
@click.option(
    "--nil-threshold",
    metavar="X",
    type=click.FloatRange(0, 1),
    help="The score below which a mention has no entry.  [default: what the model found best; 0.5 without one]",
)
@click.option(
    "--overlap",
    type=click.Choice(["longest", "best", "all"]),
    default="best",
    show_default=True,
    help="Of mentions that overlap, take the longest first, or the one with the best score; or keep all.",
)
@options.output_options("jsonl", "tsv")
@options.shard_option("256K")
@options.run_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Find the names of a knowledge base in texts, and tell which of its entries each one means.

    An INPUT has JSON objects with text_id and text, or a text a line, which is then named by the line's number;
    no INPUT is stdin.  For every line there is a line: text_id, text, and mention_data, a list of mention, offset (in
    characters), kb_id and score.

    A knowledge base has JSON objects with subject_id, subject, alias, type and data (a list of predicate and object),
    or lines of name, TAB, id, and maybe TAB and a description.  Several files are one knowledge base.  Names match
    whatever their case, width and white space.

    \b
    kxcli entity-link --kb encyclopedia.jsonl news.txt > linked.jsonl
    kxcli entity-link --kb encyclopedia.jsonl --train labelled.jsonl --model news.npz
    kxcli entity-link --kb encyclopedia.jsonl --model news.npz news.txt > linked.jsonl
    kxcli entity-link --kb encyclopedia.jsonl --model news.npz --evaluate gold.jsonl | cut -f 1-7
    kxcli entity-link --kb names.tsv.gz -f tsv --nil drop < texts.jsonl | cut -f 4 | sort | uniq -c
    """  # noqa: D301 -- click's mark for text that is not to be wrapped
    source: InputSettings = options.pop_settings(InputSettings, given)
    sink: OutputSettings = options.pop_settings(OutputSettings, given)
    run: RunSettings = options.pop_settings(RunSettings, given)
    if given["evaluate"] is not None and ctx.get_parameter_source("format") is ParameterSource.DEFAULT:
        sink = replace(sink, format="tsv")
    if not given["train"] and given["evaluate"] is None:
        options.show_help_at_terminal(ctx, source)
    _check(ctx, given, sink)
    options.validate(source, sink)
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.output import sink as output
    from kxcli.pipelines.linking import knowledge_cache

    output.check(sink.output)
    if given["train"]:
        from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
        from kxcli.pipelines.linking import model_files

        output.check(given["model"], option="--model")
    elif sink.errors is not None:
        output.check(sink.errors, option="--errors")
    arrays = knowledge_cache.load_knowledge_base(given["kb"], sink.kb_cache, source.on_error, report)
    if given["train"]:
        model_files.train_model_file(
            KnowledgeBase.from_arrays(arrays), given["train"], given["model"], source.on_error, report
        )
    elif given["evaluate"] is not None:
        _evaluate(given, source, sink, arrays, report)
    else:
        _link(given, source, sink, run, arrays, report)
    report.close()


def _check(ctx: click.Context, given: dict[str, Any], sink: OutputSettings) -> None:
    """Raise `UsageError` for options that do not go together, before anything is read."""
    for name in ("kb", "train", "model", "evaluate"):
        if "-" in (given[name] if name in ("kb", "train") else (given[name],)):
            raise UsageError(f"--{name} needs a file, not -.")
    if given["train"] and given["evaluate"] is not None:
        raise UsageError("--train and --evaluate are two runs: train first, then evaluate with the --model.")
    if given["train"] and not given["model"]:
        raise UsageError("--train wants --model, the file to write.")
    if sink.errors is not None and given["evaluate"] is None:
        raise UsageError("--errors wants --evaluate: it tells what differs from GOLD.")
    if given["train"] or given["evaluate"] is not None:
        _check_alone(ctx, "train" if given["train"] else "evaluate")


def _check_alone(ctx: click.Context, mode: str) -> None:
    """Raise `UsageError` for options without effect in a run that reads no INPUT."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name not in _USED[mode] and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            what = "INPUT" if isinstance(parameter, click.Argument) else parameter.opts[-1]
            raise UsageError(f"{what} has no effect with --{mode}; remove it.")


def _linking(given: dict[str, Any]) -> "Linking":
    from kxcli.mining.linking.linker import Linking

    return Linking(given["overlap"], given["nil"], given["nil_threshold"])


def _evaluate(given: dict[str, Any], source: InputSettings, sink: OutputSettings, arrays: Any, report: Report) -> None:
    from kxcli.mining.linking.linker import Linker
    from kxcli.output import sink as output
    from kxcli.pipelines.linking import evaluation, model_files

    model = model_files.load_resources(arrays, given["model"]).load_model()
    linker = Linker.from_model(model, _linking(given))
    lookup = evaluation.EntryLookup.from_base(model.lexicon.base)
    tally = evaluation.evaluate_file(
        linker.link, given["evaluate"], lookup, on_error=source.on_error, report=report, errors_path=sink.errors
    )
    output.write(evaluation.encode_evaluation(tally, sink.format, header=sink.header is not False), sink.output)


def _link(
    given: dict[str, Any], source: InputSettings, sink: OutputSettings, run: RunSettings, arrays: Any, report: Report
) -> None:
    from kxcli.output import sink as output
    from kxcli.pipelines import corpus_run, engines
    from kxcli.pipelines.linking import model_files, render_links

    job = render_links.make_link_job(_linking(given), sink.format, given["candidates"])
    columns = render_links.COLUMNS + ((render_links.RANK,) if given["candidates"] else ())
    head = "\t".join(columns) + "\n" if sink.header else ""
    resources = model_files.load_resources(arrays, given["model"])
    modules = ["kxcli.pipelines.linking.render_links", "kxcli.corpus.shards"]
    with corpus_run.open_corpus(
        source,
        run,
        report,
        spec=corpus_run.make_named_text_spec(source, engines.get_max_line_bytes(run, _LINE_COST)),
        kind="jsonl" if source.field is not None else corpus_run.choose_format(source, by="") or "sniffed",
        preload=[*modules, "rjieba"] if resources.has_tagger else modules,
        output=sink,
    ) as corpus:
        lines = render_links.number_lines(corpus.stream(job, resources))
        output.write(chain([head.encode("ascii")], lines), sink.output)
