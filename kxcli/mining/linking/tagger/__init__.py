"""A tagger of mentions, known or not, trained on texts with mentions.

>>> from kxcli.mining.linking.tagger import train
>>> tagger, held_out = train(["他说小米好", "我说苹果好", "谁说红豆好"] * 5, [[(2, 4)]] * 15)
>>> spans = tagger.find_spans(["你说绿茶好"])
>>> best = spans.probabilities.argmax()
>>> int(spans.starts[best]), int(spans.stops[best])
(2, 4)
"""

from kxcli.mining.linking.tagger.tagger import MIN_PROBABILITY, TaggedSpans, Tagger
from kxcli.mining.linking.tagger.train_tagger import train

__all__ = ["MIN_PROBABILITY", "TaggedSpans", "Tagger", "train"]
