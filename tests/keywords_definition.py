"""The keywords of jieba itself, ordered by weight and code points, and IDF by a plain loop."""

import copy
import logging
import math
import sys
import warnings
from collections import Counter
from functools import cache

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jieba's source has escapes that newer Python versions warn about
    import jieba
    import jieba.analyse

jieba.setLogLevel(logging.CRITICAL)


@cache
def tokenize(text):
    """Return jieba's tokens."""
    return tuple(jieba.cut(text))


@cache
def tag(text):
    """Return jieba's tokens with their tags."""
    return tuple(jieba.posseg.cut(text))


class Tokens:
    """A tokenizer for jieba's extractors, each text tokenized once."""

    def __init__(self, cut):
        self.cut = cut


def make_extractor(method="tfidf", *, idf=None, stopwords=(), tokenize=tokenize, tag=tag):
    """Return an extractor of jieba."""
    extractor = copy.copy(jieba.analyse.default_tfidf if method == "tfidf" else jieba.analyse.default_textrank)
    extractor.tokenizer = Tokens(tokenize if method == "tfidf" else tag)
    extractor.postokenizer = Tokens(tag)
    extractor.stop_words = extractor.stop_words | set(stopwords)
    if idf is not None:
        extractor.idf_freq, extractor.median_idf = idf, sorted(idf.values())[len(idf) // 2]
    return extractor


def rank(extractor, text, top=20, tags=()):
    """Return the keywords of a text with their weights; equal weights by code points."""
    more = {"allowPOS": tuple(tags)} if tags else {}
    found = extractor.extract_tags(text, topK=None, withWeight=True, **more)
    return sorted(found, key=lambda row: (-row[1], row[0]))[:top]


def learn(texts, cut=tokenize, min_length=2):
    """Return the IDF of the words of texts."""
    texts = [text for text in texts if text.strip()]
    words = [{word for word in cut(text) if len(word) >= min_length and not word.isspace()} for text in texts]
    frequencies = Counter(word for some in words for word in some)
    return {word: math.log(len(texts) / count) for word, count in frequencies.items()}


def format_tsv(ranked):
    """Return the rows of documents, numbered from 1."""
    return "".join(
        f"{number}\t{word}\t{repr(float(weight)).removesuffix('.0')}\n"
        for number, found in enumerate(ranked, 1)
        for word, weight in found
    )


def main(path, method):
    """Print the keywords of each line of a file, as an oracle for whole corpora."""
    extractor = make_extractor(method, tokenize=jieba.cut, tag=jieba.posseg.cut)
    with open(path, encoding="utf-8-sig", newline="\n") as lines:
        sys.stdout.write(format_tsv(rank(extractor, line.rstrip("\r\n")) for line in lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
