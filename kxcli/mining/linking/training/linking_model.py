"""The linking model, learned from labeled texts, and its arrays."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kxcli import schema
from kxcli.arrays import AnyArray, FloatArray, NamedArrays
from kxcli.mining.linking.candidates import candidate_features
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase, StringTable
from kxcli.mining.linking.mentions import mention_features, mention_model
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.linking.spans.name_matcher import NameMatcher
from kxcli.mining.linking.spans.parsing import Lexicon
from kxcli.mining.linking.tagger import Tagger
from kxcli.mining.text.tokens import hash_strings

HEADER = "header"
VERSION = 3  # of the arrays and of the features
_THRESHOLD, _MENTION_THRESHOLD = 0.5, 0.3  # of the untrained model; everyday words score lower


class ModelError(ValueError):
    """An unusable model: damaged, or of another version or knowledge base."""


_FEATURES = [[*candidate_features.FEATURES], [*mention_features.FEATURES]]
MAX_HEADER = 1 << 20  # bytes
_DECLARED = schema.RecordField(
    {
        "version": schema.ConstantField(VERSION),
        "knowledge_base": schema.TextField("[0-9a-f]*"),
        "arrays": schema.TextField("[0-9a-f]*"),
        "threshold": schema.NumberField(0, 1),
        "mention_threshold": schema.NumberField(0, 1),
        "features": schema.ListField(schema.ListField(schema.TextField())),
        "has_tagger": schema.FlagField(),
        "is_linked": schema.FlagField(),
    }
)


@dataclass(frozen=True, repr=False)
class LinkingModel:
    """All that linking needs, with the knowledge base.

    Attributes:
        statistics: Counts of names in labeled texts.
        lexicon: The names to look for, with learned ones.
        ranking: Weights of the features of candidates.
        mention: Scores spans as mentions.
        link: Scores spans as mentions of their best candidate; the same object as `mention` if no links are labeled.
        threshold: The score of `link` at which a mention gets an entry.
        mention_threshold: The score of `mention` at which a span without an entry is a mention.
        tagger: Finds mentions without a known name; None if it did not help.
    """

    statistics: LinkStatistics
    lexicon: Lexicon
    ranking: FloatArray
    mention: mention_model.MentionModel
    link: mention_model.MentionModel
    threshold: float
    mention_threshold: float
    tagger: Tagger | None

    @classmethod
    def from_prior(cls, base: KnowledgeBase) -> "LinkingModel":
        """Return the untrained model."""
        prior = mention_model.make_prior_model()
        nothing = LinkStatistics.from_counts([], len(base.ids))
        return cls(
            nothing,
            make_lexicon(base, []),
            candidate_features.PRIOR_WEIGHTS,
            prior,
            prior,
            _THRESHOLD,
            _MENTION_THRESHOLD,
            None,
        )

    @property
    def has_link_model(self) -> bool:
        """Whether links were learned apart from mentions."""
        return self.link is not self.mention

    def arrays(self) -> dict[str, AnyArray]:
        """Return the model as arrays of numbers.

        The array "header" is JSON in UTF-8: version, digests of the knowledge base and of all other arrays, thresholds,
        names of features, whether there is a tagger, and whether links were learned.
        """
        learned = StringTable.from_strings(self.lexicon.learned_names)
        arrays: dict[str, AnyArray] = {
            "learned.data": learned.data,
            "learned.starts": learned.starts,
            "ranking": self.ranking,
            **self.statistics.arrays("statistics"),
        }
        models = {"mention": self.mention} | ({"link": self.link} if self.has_link_model else {})
        for name, model in models.items():
            arrays |= {f"{name}.{part}": array for part, array in model.arrays().items()}
        if self.tagger is not None:
            arrays |= self.tagger.arrays()
        header = {
            "version": VERSION,
            "knowledge_base": self.lexicon.base.digest.tobytes().hex(),
            "arrays": _hash_arrays(arrays),
            "threshold": self.threshold,
            "mention_threshold": self.mention_threshold,
            "features": [candidate_features.FEATURES, mention_features.FEATURES],
            "has_tagger": self.tagger is not None,
            "is_linked": self.has_link_model,
        }
        return arrays | {HEADER: np.frombuffer(json.dumps(header).encode("ascii"), dtype=np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, base: KnowledgeBase) -> "LinkingModel":
        """Return the model that `arrays` returned; raises `ModelError`."""
        header = parse_header(_get_array(arrays, HEADER))
        declared = declare_arrays(header)
        sizes = {"entries": len(base.ids)}
        try:
            schema.check_names([*arrays], declared)
            found = {name: _get_array(arrays, name) for name in arrays}
            schema.check_forms({name: (array.dtype, array.shape) for name, array in found.items()}, declared, sizes)
            if header["arrays"] != _hash_arrays(found):
                raise ModelError("is damaged: some arrays do not match their checksum")
            if header["knowledge_base"] != base.digest.tobytes().hex():
                raise ModelError(
                    "was trained with another knowledge base: use that one unchanged, or train with this one"
                )
            schema.check_values(found, declared, sizes)
        except schema.SchemaError as error:
            raise ModelError(f"is damaged: {error}") from None
        learned = StringTable(found["learned.data"], found["learned.starts"])
        mention = mention_model.MentionModel.from_arrays(found, "mention")
        return cls(
            LinkStatistics.from_arrays(found, "statistics", len(base.ids)),
            make_lexicon(base, learned.to_list()),
            found["ranking"],
            mention,
            mention_model.MentionModel.from_arrays(found, "link") if header["is_linked"] else mention,
            float(header["threshold"]),
            float(header["mention_threshold"]),
            Tagger.from_arrays(found) if header["has_tagger"] else None,
        )


def parse_header(data: AnyArray) -> dict[str, Any]:
    """Return the header of a model; raises `ModelError`."""
    if data.dtype != np.uint8 or data.ndim != 1 or len(data) > MAX_HEADER:
        raise ModelError("is no model of kxcli entity-link")
    try:
        header: dict[str, Any] = schema.parse(data.tobytes(), schema.TableField(schema.AnyField()))
        schema.IntegerField().check(header.get("version"), "the version")
    except schema.SchemaError as error:
        raise ModelError(f"is no model of kxcli entity-link: {error}") from None
    if header["version"] != VERSION or header.get("features") != _FEATURES:
        version = header["version"]
        raise ModelError(f"is a model of version {version}, and this kxcli reads version {VERSION}: train it again")
    try:
        _DECLARED.check(header, "the header")
    except schema.SchemaError as error:
        raise ModelError(f"is damaged: {error}") from None
    return header


def declare_arrays(header: Mapping[str, Any]) -> dict[str, schema.ArrayField]:
    """Declare the arrays of a model with this header; the size "entries" is known."""
    return {
        HEADER: schema.ArrayField("u1", (HEADER,)),
        **StringTable.declare_arrays("learned", "learned"),
        "ranking": schema.ArrayField("f8", (len(candidate_features.FEATURES),)),
        **LinkStatistics.declare_arrays("statistics"),
        **mention_model.MentionModel.declare_arrays("mention"),
        **(mention_model.MentionModel.declare_arrays("link") if header["is_linked"] else {}),
        **(Tagger.declare_arrays() if header["has_tagger"] else {}),
    }


def _get_array(arrays: NamedArrays, name: str) -> AnyArray:
    """Return an array; `numpy.load` reads it only now."""
    if not isinstance(arrays, Mapping):
        raise ModelError(f"is no model of kxcli entity-link: {type(arrays).__name__} is no mapping of arrays")
    try:
        return np.asarray(arrays[name])
    except KeyError:
        raise ModelError(f"is no model of kxcli entity-link: the array {name!a} is missing") from None
    except Exception as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"is damaged: the array {name!a} cannot be read ({what[:200]})") from error


def _hash_arrays(arrays: NamedArrays) -> str:
    """Return the SHA-256 of all arrays but the header, by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name != HEADER:
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def make_lexicon(base: KnowledgeBase, learned: Sequence[str]) -> Lexicon:
    """Return the names of the knowledge base, and learned ones, to look for.

    Args:
        base: The knowledge base.
        learned: Folded names that it lacks.
    """
    return Lexicon(
        base, [*learned], NameMatcher.from_names(learned), BagMatcher.from_names(learned), hash_strings(learned)
    )
