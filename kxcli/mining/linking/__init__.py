"""Entity linking: names of a knowledge base in texts, each linked to an entry.

>>> from kxcli.mining.linking import Entry, Linker
>>> linker = Linker([Entry("1", "小米", ["小米科技"], (), [("总部", "北京")]), Entry("2", "雷军")])
>>> [(mention.start, mention.stop, mention.entry) for mention in linker.link(["雷军和小米"])[0]]
[(0, 2, '2'), (3, 5, '1')]
"""

from kxcli.mining.linking.job import LinkJob, LinkText
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
    "LinkJob",
    "LinkText",
    "Linker",
    "Linking",
    "Mention",
    "ModelError",
    "TrainingResult",
]
