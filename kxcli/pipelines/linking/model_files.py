"""Models of `entity-link` in files: labelled texts -> a file, and a file -> arrays for all who link."""

import io
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, cast

import numpy as np

from kxcli.arrays import AnyArray
from kxcli.corpus.diagnostics import OnError, SkippedRecords
from kxcli.corpus.labeled_texts import read_labeled_texts
from kxcli.errors import InputError, reason
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import Linker, Linking
from kxcli.mining.linking.scoring import EvaluationTally, GoldMention
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
from kxcli.report import Report
from kxcli.schema import SchemaError, check_forms
from kxcli.storage.npy import NpyError, NpzFile
from kxcli.wording import format_count

Arrays = Mapping[str, AnyArray]

_FEW_TEXTS = 20  # different ones: with fewer, F1 in texts held out says little of that in others
_HIGHEST_THRESHOLD = 0.99
_MAGIC = b"PK\x03\x04"  # of a .npz file, as of any zip file
_MAX_PIPED = 1 << 30  # bytes of a model that does not come from a file
_UNKNOWN = "labeled mentions whose kb_id the knowledge base does not have"


def write(base: KnowledgeBase, paths: Sequence[str], target: str, on_error: str, report: Report) -> None:
    """Train on the labelled texts of files, and write the model; `check` is to be called before."""
    known = frozenset(base.ids.all())
    texts = list(_texts(known, paths, cast(OnError, on_error), report))
    n_mentions = sum(len(one.mentions) for one in texts)
    if not n_mentions:
        report.close()
        raise InputError(
            paths[0], "has no labeled mention", "give JSONL with mention, offset and kb_id in mention_data"
        )
    told = [mention.ids for one in texts for mention in one.mentions if mention.ids]
    if told and not any(known.intersection(ids) for ids in told):
        report.warning(f"{paths[0]}: has no kb_id that the knowledge base has: is it the one that was labelled with?")
    about = f"{format_count(len(texts), 'texts')} with {format_count(n_mentions, 'mentions')}"
    report.detail(f"training on {about}")
    with report.progress(None, f"training on {about}", " models") as progress:
        found = train(base, texts)
        progress.advance(1)
    data = io.BytesIO()
    np.savez_compressed(data, **cast(Any, found.model.arrays()))
    sink.write([data.getvalue()], target, option="--model")
    tagger = "with a tagger" if found.model.tagger is not None else "without a tagger, which would not help"
    is_linked = found.model.link is not found.model.mention
    before = _link_f1(Linker.from_model(LinkingModel.untrained(base), Linking()), texts) if is_linked else 0.0
    links = f" and of links {found.link_f1:.3f}, without a model {before:.3f}"
    report.note(
        f"{target}: trained on {about}, {tagger}; in texts held out, F1 of mentions {found.mention_f1:.3f}"
        + (links if is_linked else "; no kb_id is given, so links are not learned")
    )
    if is_linked and told:
        _warn(target, found, before, len({one.text for one in texts}), report)


def _warn(target: str, found: TrainingResult, before: float, n_texts: int, report: Report) -> None:
    """Warn of a model that may link worse than none; before: F1 without a model."""
    threshold = found.model.threshold
    if threshold > _HIGHEST_THRESHOLD or not found.link_f1:
        what = f"links nothing right in texts held out (threshold {threshold:.3f})"
        report.warning(f"{target}: {what}; check kb_id and --kb, and label more texts")
    elif found.link_f1 < before:
        report.warning(f"{target}: links worse than without a model; label more texts")
    elif n_texts < _FEW_TEXTS:
        texts = f"{n_texts} different texts" if n_texts > 1 else "one text"
        report.warning(f"{target}: may link worse than without a model, as it learned from {texts}; label more")


def _link_f1(linker: Linker, texts: Sequence[LabeledText]) -> float:
    tally = EvaluationTally()
    for one, linked in zip(texts, linker.link([one.text for one in texts]), strict=True):
        tally.add(
            [GoldMention(mark.start, mark.stop, mark.ids, mark.has_id) for mark in one.mentions], linked, lambda _: ()
        )
    return tally.total.f1 or 0.0


def check(target: str) -> None:
    """Raise at once where a model could not be written in the end."""
    sink.check(target, option="--model")


def arrays_of(path: str, base: KnowledgeBase) -> Arrays:
    """Return the arrays of a model for a knowledge base; raises `InputError`."""
    hint = f"make one with --train LABELLED --model {path}"
    try:
        with open(path, "rb") as file:
            arrays = _read(file)
        LinkingModel.from_arrays(arrays, base)
    except OSError as error:
        raise InputError(path, reason(error), hint) from None
    except ModelError as error:
        raise InputError(path, str(error), hint) from None
    except NpyError as error:
        raise InputError(path, f"is no model of kxcli entity-link: it {error}", hint) from None
    except SchemaError as error:
        raise InputError(path, f"is damaged: {error}", hint) from None
    return arrays


def _read(file: BinaryIO) -> Arrays:
    """Return the arrays of a model; check names, dtypes and sizes first."""
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe is kept, as far as it looks like a model
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


def _texts(known: frozenset[str], paths: Sequence[str], on_error: OnError, report: Report) -> Iterator[LabeledText]:
    for path in paths:

        def tell(loss: SkippedRecords) -> None:
            report.record_skips(loss.kind, loss.count, [f"{place.path}:{place.line}" for place in loss.places])

        for one in read_labeled_texts(path, on_error, tell):
            for mention in one.mentions:
                if mention.ids and not known.intersection(mention.ids):
                    report.record_skips(_UNKNOWN, 1, [f"{path}:{one.line}"])
            yield LabeledText(one.text, [LabeledMention(*mention) for mention in one.mentions])
