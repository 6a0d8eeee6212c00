"""Models in files: labeled texts -> a file, and a file -> arrays."""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import numpy as np

from kxcli.arrays import NamedArrays
from kxcli.corpus.diagnostics import OnError
from kxcli.errors import InputError, format_reason
from kxcli.mining.linking.job import LinkResources
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import Linker, Linking
from kxcli.mining.linking.metrics import EvaluationTally, GoldMention
from kxcli.mining.linking.training.examples import LabeledMention, LabeledText
from kxcli.mining.linking.training.linking_model import (
    HEADER,
    MAX_HEADER,
    LinkingModel,
    ModelError,
    declare_arrays,
    parse_header,
)
from kxcli.mining.linking.training.train_model import TrainingResult, train
from kxcli.output import sink
from kxcli.pipelines.linking.labeled_files import UNKNOWN_ID, read_labeled_file
from kxcli.report import Report
from kxcli.schema import SchemaError, check_forms
from kxcli.storage.npy import NpyError, NpzFile
from kxcli.wording import format_count

_MIN_TEXTS = 20  # distinct ones; with fewer, the F1 of held-out texts says little about other texts
_MAX_THRESHOLD = 0.99  # a model with a higher one links next to nothing
_MAGIC = b"PK\x03\x04"  # of a .npz file, as of any zip file
_MAX_PIPED = 1 << 30  # bytes of a model that does not come from a file


def train_model_file(base: KnowledgeBase, paths: Sequence[str], target: str, on_error: OnError, report: Report) -> None:
    """Train on the labeled texts of files and write the model.

    The caller checks first that `target` can be written. The report has the quality of the model in held-out texts,
    and a warning if the model may be of no use.
    """
    known = frozenset(base.ids.to_list())
    texts = list(_iter_labeled_texts(known, paths, on_error, report))
    report.check_skips()
    n_mentions = sum(len(one.mentions) for one in texts)
    if not n_mentions:
        report.close()
        raise InputError(
            paths[0], "has no labeled mention", "give JSONL with mention, offset and kb_id in mention_data"
        )
    ids = [mention.ids for one in texts for mention in one.mentions if mention.ids]
    if ids and not any(known.intersection(own) for own in ids):
        report.warning(f"{paths[0]}: has no kb_id that the knowledge base has: is it the one of the labels?")
    size = f"{format_count(len(texts), 'texts')} with {format_count(n_mentions, 'mentions')}"
    report.detail(f"training on {size}")
    with report.progress(None, f"training on {size}", " models") as progress:
        result = train(base, texts)
        progress.advance(1)
    data = io.BytesIO()
    np.savez_compressed(data, **cast(Any, result.model.arrays()))
    sink.write([data.getvalue()], target, option="--model")
    untrained_f1 = 0.0
    if result.model.has_link_model:
        untrained_f1 = _measure_link_f1(Linker.from_model(LinkingModel.from_prior(base), Linking()), texts)
    report.note(f"{target}: trained on {size}, {_describe(result, untrained_f1)}")
    if result.model.has_link_model and ids:
        _warn(target, result, untrained_f1, len({one.text for one in texts}), report)


def _describe(result: TrainingResult, untrained_f1: float) -> str:
    tagger = "with a tagger" if result.model.tagger is not None else "without a tagger, which would not help"
    links = f" and of links {result.link_f1:.3f}, without a model {untrained_f1:.3f}"
    return f"{tagger}; in held-out texts, F1 of mentions {result.mention_f1:.3f}" + (
        links if result.model.has_link_model else "; no kb_id is given, so links are not learned"
    )


def _warn(target: str, result: TrainingResult, untrained_f1: float, n_texts: int, report: Report) -> None:
    """Warn about a possibly harmful model."""
    threshold = result.model.threshold
    if threshold > _MAX_THRESHOLD or not result.link_f1:
        what = f"links nothing right in held-out texts (threshold {threshold:.3f})"
        report.warning(f"{target}: {what}; check kb_id and --kb, and label more texts")
    elif result.link_f1 < untrained_f1:
        report.warning(f"{target}: links worse than without a model; label more texts")
    elif n_texts < _MIN_TEXTS:
        texts = f"{n_texts} different texts" if n_texts > 1 else "one text"
        report.warning(f"{target}: may link worse than without a model, as it learned from {texts}; label more")


def _measure_link_f1(linker: Linker, texts: Sequence[LabeledText]) -> float:
    tally = EvaluationTally()
    for one, linked in zip(texts, linker.link([one.text for one in texts]), strict=True):
        tally.add([GoldMention(own.start, own.stop, own.ids, own.has_id) for own in one.mentions], linked, lambda _: ())
    return tally.total.f1 or 0.0


def load_resources(arrays: NamedArrays, model_path: str | None) -> LinkResources:
    """Return a knowledge base and the model of a file for it; raises `InputError`."""
    if model_path is None:
        return LinkResources(arrays)
    return LinkResources(arrays, load_model(model_path, KnowledgeBase.from_arrays(arrays)))


def load_model(path: str, base: KnowledgeBase) -> NamedArrays:
    """Return the arrays of a model for a knowledge base; raises `InputError`."""
    hint = f"make one with --train LABELED --model {path}"
    try:
        with open(path, "rb") as file:
            arrays = _read_arrays(file)
        LinkingModel.from_arrays(arrays, base)
    except OSError as error:
        raise InputError(path, format_reason(error), hint) from None
    except ModelError as error:
        raise InputError(path, str(error), hint) from None
    except NpyError as error:
        raise InputError(path, f"is no model of kxcli entity-link: it {error}", hint) from None
    except SchemaError as error:
        raise InputError(path, f"is damaged: {error}", hint) from None
    return arrays


def _read_arrays(file: BinaryIO) -> NamedArrays:
    """Return the arrays of a model; check names, dtypes and sizes first."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # read a pipe to its end only if it looks like a model
        start = file.read(len(_MAGIC))
        file = io.BytesIO(start + file.read(_MAX_PIPED + 1) if start == _MAGIC else start)
    size = file.seek(0, os.SEEK_END)
    if size > _MAX_PIPED and isinstance(file, io.BytesIO):
        raise ModelError(f"is longer than {_MAX_PIPED:,} bytes, which is too much for a pipe")
    npz = NpzFile(file, size)
    if HEADER not in npz.headers or npz.headers[HEADER].n_bytes > MAX_HEADER:
        raise ModelError("is no model of kxcli entity-link")
    declared = declare_arrays(parse_header(npz.array(HEADER)))
    check_forms({name: (one.dtype, one.shape) for name, one in npz.headers.items()}, declared, {})
    return npz.arrays()


def _iter_labeled_texts(
    known: frozenset[str], paths: Sequence[str], on_error: OnError, report: Report
) -> Iterator[LabeledText]:
    """Yield the labeled texts of files; report skips, and mentions with unknown ids."""
    for path in paths:
        for one in read_labeled_file(path, on_error, report):
            for mention in one.mentions:
                if mention.ids and not known.intersection(mention.ids):
                    report.record_skips(UNKNOWN_ID, 1, [f"{path}:{one.line}"])
            yield LabeledText(one.text, [LabeledMention(*mention) for mention in one.mentions])
