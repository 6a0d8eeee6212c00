"""Logistic models that score spans as mentions, or as links."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, NamedArrays
from kxcli.mining.linking.mentions.hashed_features import N_COLUMNS, iter_hashed_columns
from kxcli.mining.linking.mentions.mention_candidates import MentionCandidates, MentionContext
from kxcli.mining.linking.mentions.mention_features import PRIOR, PRIOR_WEIGHTS, iter_mention_features
from kxcli.mining.linking.training.learners import FeatureRows, LogisticWeights, logistic
from kxcli.schema import ArrayField

_DIGITS = 9  # of a sum; the last ones differ between processors


@dataclass(frozen=True)
class MentionModel:
    """The weights of a logistic model.

    Attributes:
        dense: Weights of `FEATURES`.
        hashed: Weights of hashed columns, shape (N_COLUMNS,); None in the untrained model.
    """

    dense: FloatArray
    hashed: AnyArray | None

    def arrays(self) -> dict[str, AnyArray]:
        """Return the weights; of the hashed columns, only those that are not 0."""
        assert self.hashed is not None
        columns = np.flatnonzero(self.hashed)
        return {"dense": self.dense, "columns": columns.astype(np.uint32), "weights": self.hashed.take(columns)}

    @staticmethod
    def declare_arrays(name: str) -> dict[str, ArrayField]:
        """Declare the arrays."""
        return {
            f"{name}.dense": ArrayField("f8", (len(PRIOR),)),
            f"{name}.columns": ArrayField("u4", (f"{name}.columns",), below=N_COLUMNS),
            f"{name}.weights": ArrayField("f4", (f"{name}.columns",)),
        }

    @classmethod
    def from_arrays(cls, arrays: NamedArrays, name: str) -> "MentionModel":
        """Return the model that `arrays` returned, under names that begin with `name`."""
        hashed = np.zeros(N_COLUMNS, dtype=np.float32)
        hashed[arrays[f"{name}.columns"]] = arrays[f"{name}.weights"]
        return cls(arrays[f"{name}.dense"], hashed)


def make_prior_model() -> MentionModel:
    """Return the untrained model."""
    return MentionModel(PRIOR_WEIGHTS, None)


def score_mentions(
    context: MentionContext, mentions: MentionCandidates, models: Sequence[MentionModel]
) -> tuple[FloatArray, ...]:
    """Return the scores of mentions, from 0 to 1, by each model.

    The features are computed once for all models, and one at a time.
    """
    totals = [np.zeros(len(mentions.numbers)) for _ in models]
    for number, values in enumerate(iter_mention_features(context, mentions)):
        for model, total in zip(models, totals, strict=True):
            if model.dense[number]:
                total += model.dense[number] * values
    if any(model.hashed is not None for model in models):
        for columns in iter_hashed_columns(context, mentions):
            for model, total in zip(models, totals, strict=True):
                if model.hashed is not None:
                    total += model.hashed.take(columns)
    return tuple(logistic(np.round(total, _DIGITS)) for total in totals)


def stack_features(context: MentionContext, mentions: MentionCandidates) -> FeatureRows:
    """Return all features as rows to learn from."""
    dense = np.stack([*iter_mention_features(context, mentions)], axis=1)
    return FeatureRows(dense, np.stack([*iter_hashed_columns(context, mentions)], axis=1))


def score_rows(weights: LogisticWeights, rows: FeatureRows) -> FloatArray:
    """Return the scores of stacked rows."""
    return logistic(rows.dense @ weights.dense + weights.hashed.take(rows.hashed).sum(axis=1))
