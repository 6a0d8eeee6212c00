"""Names of a knowledge base found in texts, and which of its entries each one means.

>>> from kxcli.mining.linking import Entry, Linker
>>> linker = Linker([Entry("1", "小米", ["小米科技"], (), [("总部", "北京")]), Entry("2", "雷军")])
>>> [(mention.start, mention.stop, mention.entry) for mention in linker.link(["雷军和小米"])[0]]
[(0, 2, '2'), (3, 5, '1')]
"""

from kxcli.mining.linking.kb.entries import Entry
from kxcli.mining.linking.linker import NIL, Linker, Linking, Mention
from kxcli.mining.linking.training.examples import LabeledMention, LabeledText
from kxcli.mining.linking.training.linking_model import ModelError
from kxcli.mining.linking.training.train_model import TrainingResult

__all__ = [
    "NIL",
    "Entry",
    "LabeledMention",
    "LabeledText",
    "Linker",
    "Linking",
    "Mention",
    "ModelError",
    "TrainingResult",
]
