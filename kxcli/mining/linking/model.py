"""What labelled texts taught, in arrays."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kxcli.mining.linking import candidates, mentioning, signals
from kxcli.mining.linking.kb import KnowledgeBase, Strings
from kxcli.mining.linking.loose import Bags
from kxcli.mining.linking.names import Names
from kxcli.mining.linking.parsing import Lexicon
from kxcli.mining.linking.slots import Arrays
from kxcli.mining.linking.statistics import Floats, Statistics
from kxcli.mining.linking.tagging import Tagger
from kxcli.mining.linking.tokens import hashes

_HEADER = "header"
VERSION = 2  # of what a model has, and of the features that its weights are for
_THRESHOLD, _MENTION_THRESHOLD = 0.5, 0.3  # before anything was learned; a lower score is of an everyday word


class ModelError(Exception):
    """A model that cannot be used: of another version, for another knowledge base, or no model."""


@dataclass(frozen=True, repr=False)
class Model:
    """What is known beside the knowledge base.

    statistics: counts of names in labelled texts.  lexicon: the names to look for, those that were learned too.
    ranking: weights of `candidates.FEATURES`.  mention, link: how likely a span is a mention, and one of its best
    candidate; the same object where nothing tells them apart.
    threshold: the score of `link` from which on a mention has an entry.  mention_threshold: that of `mention` from
    which on a span without an entry is a mention.
    tagger: finds mentions that no name lists; None where nothing was better with it.
    """

    statistics: Statistics
    lexicon: Lexicon
    ranking: Floats
    mention: mentioning.Model
    link: mentioning.Model
    threshold: float
    mention_threshold: float
    tagger: Tagger | None

    @classmethod
    def untrained(cls, base: KnowledgeBase) -> "Model":
        """Return what serves without labelled texts."""
        prior = mentioning.untrained()
        nothing = Statistics.of([], len(base.ids))
        return cls(
            nothing, lexicon(base, []), candidates.PRIOR_WEIGHTS, prior, prior, _THRESHOLD, _MENTION_THRESHOLD, None
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all there is as arrays of numbers, the header as UTF-8 of JSON.

        header: version, digests of the knowledge base and of all other arrays, both thresholds, the features' names,
        whether there is a tagger, and whether links were learned.
        """
        learned = Strings.of(self.lexicon.spelled)
        arrays: dict[str, npt.NDArray[Any]] = {
            "learned.data": learned.data,
            "learned.starts": learned.starts,
            "ranking": self.ranking,
            **self.statistics.arrays("statistics"),
        }
        models = {"mention": self.mention} | ({} if self.link is self.mention else {"link": self.link})
        for name, model in models.items():
            arrays |= {f"{name}.{part}": array for part, array in model.arrays().items()}
        if self.tagger is not None:
            arrays |= self.tagger.arrays()
        header = {
            "version": VERSION,
            "knowledge_base": self.lexicon.base.digest.tobytes().hex(),
            "arrays": _digest(arrays),
            "threshold": self.threshold,
            "mention_threshold": self.mention_threshold,
            "features": [candidates.FEATURES, signals.FEATURES],
            "has_tagger": self.tagger is not None,
            "is_linked": self.link is not self.mention,
        }
        return arrays | {_HEADER: np.frombuffer(json.dumps(header).encode("ascii"), dtype=np.uint8)}

    @classmethod
    def mapped(cls, arrays: Arrays, base: KnowledgeBase) -> "Model":
        """Return the model whose `arrays` these are; raises `ModelError`."""
        header = _checked(arrays, base)
        try:
            return cls._mapped(arrays, base, header)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ModelError("is damaged: its header tells of arrays that it lacks") from error

    @classmethod
    def _mapped(cls, arrays: Arrays, base: KnowledgeBase, header: dict[str, Any]) -> "Model":
        learned = Strings(arrays["learned.data"], arrays["learned.starts"])
        mention = mentioning.Model.mapped(arrays, "mention")
        return cls(
            Statistics.mapped(arrays, "statistics", len(base.ids)),
            lexicon(base, learned.all()),
            arrays["ranking"],
            mention,
            mentioning.Model.mapped(arrays, "link") if header["is_linked"] else mention,
            header["threshold"],
            header["mention_threshold"],
            Tagger.mapped(arrays) if header["has_tagger"] else None,
        )


def _checked(arrays: Arrays, base: KnowledgeBase) -> dict[str, Any]:
    """Return the header of a model's arrays; raises `ModelError`."""
    try:
        header: dict[str, Any] = json.loads(bytes(arrays[_HEADER]))
        version = header["version"]
        if version == VERSION:
            digests, features = (header["knowledge_base"], header["arrays"]), header["features"]
            for name in ("threshold", "mention_threshold"):
                header[name] = float(header[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("is no model of kxcli entity-link") from error
    if version != VERSION or features != [[*candidates.FEATURES], [*signals.FEATURES]]:
        raise ModelError(f"is a model of version {version}, and this kxcli reads version {VERSION}: train it again")
    if digests[1] != _digest(arrays):
        raise ModelError("is damaged: some of its arrays are not those that were written")
    if digests[0] != base.digest.tobytes().hex():
        raise ModelError("was trained with another knowledge base: give that one, as it was, or train with this one")
    return header


def _digest(arrays: Arrays) -> str:
    """Return the SHA-256 of all arrays but the header, by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name != _HEADER:
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def lexicon(base: KnowledgeBase, learned: Sequence[str]) -> Lexicon:
    """Return what to look for; `learned`: folded names that the knowledge base lacks."""
    return Lexicon(base, [*learned], Names.compiled(learned), Bags.of(learned), hashes(learned))
