"""`kxcli entity-link`: link names in texts to a knowledge base."""

from typing import TYPE_CHECKING, Any

import click

from kxcli.commands.command import Command, add_options
from kxcli.commands.entity_link_options import FORMATS, LINK_OPTIONS, RULES
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.kernel_notice import report_missing_kernel
from kxcli.commands.option_rules import is_given
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.kernel import load_kernel
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.arrays import NamedArrays
    from kxcli.corpus.reader_spec import ReaderSpec, RequestedKind
    from kxcli.mining.linking.linker import Linking
    from kxcli.pipelines.checking import InputCheck

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 48 for articles of 10 MB in one
# JSON line, and 128 for "aaa..." with names of several letters "a" in the knowledge base.
_LINE_COST = 130


@click.command("entity-link", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TEXT_INPUT_OPTIONS,
        "Method": LINK_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option("256K"), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find the names of a knowledge base in texts, and link them to its entries.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. It has records with text_id and text, as
    JSON or in another format, or one text per line, with the line number as text_id. Write one JSON object for each
    text: text_id, text, and mention_data, a list of mention, offset (in characters), kb_id and score. An unlinked
    mention has the kb_id NIL.

    A knowledge base has JSON objects with subject_id, subject, alias, type and data (a list of predicate and object),
    or lines of name, TAB, id, and optionally TAB and a description. Several files form one knowledge base. Names match
    regardless of case, width and white space.

    Examples:
      kxcli entity-link --kb encyclopedia.jsonl news.txt > linked.jsonl
      kxcli entity-link --kb encyclopedia.jsonl --train labelled.jsonl --model news.npz
      kxcli entity-link --kb encyclopedia.jsonl --model news.npz news.txt > linked.jsonl
      kxcli entity-link --kb encyclopedia.jsonl --model news.npz --evaluate gold.jsonl | cut -f 1-7
      kxcli entity-link --kb names.tsv.gz -f tsv --nil drop < texts.jsonl | cut -f 4 | sort | uniq -c
    """
    is_evaluation = options["evaluate"] is not None
    if is_evaluation and not is_given(ctx, "format"):
        ctx.params["format"] = "tsv"
    with open_session(ctx, _make_check, reads_inputs=not options["train"] and not is_evaluation) as session:
        from kxcli.output import sink
        from kxcli.pipelines.linking import knowledge_cache

        on_error, report = session.source.on_error, session.report
        if options["model"] is not None:
            load_kernel()  # for an error if it is missing, but required
        if options["train"]:
            from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
            from kxcli.pipelines.linking import model_files

            sink.check(options["model"], option="--model")
        elif session.sink.errors is not None:
            sink.check(session.sink.errors, option="--errors")
        arrays = knowledge_cache.load_knowledge_base(options["kb"], session.sink.kb_cache, on_error, report)
        if options["train"]:
            report_missing_kernel(report)
            base = KnowledgeBase.from_arrays(arrays)
            model_files.train_model_file(base, options["train"], options["model"], on_error, report)
        elif is_evaluation:
            _evaluate(session, options, arrays)
        else:
            _link_texts(session, options, arrays)


def _make_check(session: Session) -> "InputCheck":
    from kxcli.pipelines.checking import make_document_check

    return make_document_check(session, *_choose_reading(session))


def _choose_reading(session: Session) -> "tuple[ReaderSpec, RequestedKind]":
    """Return how the texts are read, and their requested format."""
    from kxcli.pipelines import engines
    from kxcli.pipelines.inputs import choose_format, make_reader_spec

    max_line = engines.get_max_line_bytes(session.run, _LINE_COST)
    kind = choose_format(session.source, by=())
    spec = make_reader_spec(session.source, unit="document", key="text_id", counts_lines=True, max_line=max_line)
    return spec, "sniffed" if kind == "auto" else kind


def _build_linking(options: dict[str, Any]) -> "Linking":
    from kxcli.mining.linking.linker import Linking

    return Linking(options["overlap"], options["nil"], options["nil_threshold"])


def _evaluate(session: Session, options: dict[str, Any], arrays: "NamedArrays") -> None:
    from kxcli.mining.linking.linker import Linker
    from kxcli.pipelines.linking import evaluation, model_files

    model = model_files.load_resources(arrays, options["model"]).load_model()
    if model.tagger is not None:
        report_missing_kernel(session.report)
    tally = evaluation.evaluate_file(
        Linker.from_model(model, _build_linking(options)).link,
        options["evaluate"],
        evaluation.EntryLookup(model.lexicon.base),
        on_error=session.source.on_error,
        report=session.report,
        errors_path=session.sink.errors,
    )
    session.write(evaluation.encode_evaluation(tally, session.sink))


def _link_texts(session: Session, options: dict[str, Any], arrays: "NamedArrays") -> None:
    from kxcli.mining.rendered_lines import fill_placeholders
    from kxcli.pipelines import corpus_run
    from kxcli.pipelines.linking import model_files, render_links

    job = render_links.make_link_job(_build_linking(options), session.sink.line_format, options["candidates"])
    columns = render_links.COLUMNS + ((render_links.RANK,) if options["candidates"] else ())
    resources = model_files.load_resources(arrays, options["model"])
    if resources.has_tagger:
        report_missing_kernel(session.report)
    modules = ["kxcli.pipelines.linking.render_links", "kxcli.corpus.shards"]
    with corpus_run.open_corpus(session, modules, *_choose_reading(session)) as corpus:
        lines = fill_placeholders(corpus.stream(job, resources))
        session.write_lines(lines, columns, render_links.TYPES)
