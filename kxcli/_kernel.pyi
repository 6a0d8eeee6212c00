"""Segmentation, counting and sums in compiled code; the sources are in the folder `kernel/`.

Text is UTF-8. A run is a sequence of encoded blocks of rows, as in `kxcli.tally.string_runs`.
"""

from collections.abc import Callable, Iterable, Sequence

from typing_extensions import Buffer

INTERFACE: int  # the version of this interface
LAYOUT: int  # the version of compiled dictionaries

def compile_dictionary(words: Buffer, total: int, splits: Buffer, model: Buffer, kinds: Buffer) -> bytes:
    """Return a dictionary and jieba's hidden Markov model in the form for `Dictionary`.

    Args:
        words: A word, a space, its frequency, an LF for each word of a frequency over 0.
        total: The sum of frequencies by jieba, at most 2^63 - 1.
        splits: Words that the model may not join, each with an LF.
        model: Log probabilities as native doubles: start (4), transitions (4 by 4), emissions (for each code point from
            U+4E00 to U+9FD5, 4); states in the order B, E, M, S.
        kinds: For each code point up to U+10FFFF a byte: 1 for `str.isalnum`, 2 for `str.isspace`, else 0.

    Raises:
        ValueError: There are too many words or frequencies for the form.
    """

class Dictionary:
    """A compiled dictionary, as a view of its bytes."""

    def __init__(self, data: Buffer) -> None:
        """Check the bytes, so that no later access leaves them; raises `ValueError`."""

    def is_word(self, text: str) -> bool:
        """Return whether a text has a frequency over 0; only tests ask this."""

class Segmenter:
    """Cuts texts into tokens.

    Args:
        dictionary: The words.
        mode: jieba, search, full, char or space.
        hmm: Whether the hidden Markov model may find words.
        change: Returns the form of a token for `join`, or None to exclude it. Without it, all tokens stay as they are.
            Called once for each distinct token.
    """

    def __init__(
        self, dictionary: Dictionary, mode: str, hmm: bool, change: Callable[[str], str | None] | None = ...
    ) -> None: ...
    def cut(self, text: str) -> list[str]:
        """Return the tokens of jieba; for the mode space, of `str.split`."""

    def join(self, data: Buffer | str, delimiter: Buffer, is_lines: bool) -> bytes | int:
        """Return the tokens of a text as UTF-8, joined; releases the lock of the interpreter.

        Its slow twin is in `kxcli.mining.segment.joining`.

        Args:
            data: UTF-8, or a string, which may have surrogates.
            delimiter: Separates tokens.
            is_lines: Whether each LF, or CR and LF, ends a document; each document becomes a line. A line end within a
                document becomes a space. If all tokens of the full mode stay as they are, jieba's empty ones are
                written too.

        Returns:
            The joined tokens, or the position of the first byte that is not UTF-8.
        """

class Counter:
    """Counts words or n-grams, by group and with document frequencies, or pairs of words within a window.

    Args:
        dictionary: The words.
        mode: As in `Segmenter`.
        hmm: Whether the hidden Markov model may find words.
        keeps_punctuation: Whether a token without a letter or digit is a word, except white space.
        orders: The smallest and largest n.
        has_documents: Whether to count the documents of each n-gram.
        is_grouped: Whether to count each group separately.
        expand: Returns the words of a token, with None for a break of n-grams; None for the rule of
            `keeps_punctuation`. Called once for each distinct token.
        window: Counts words, and pairs of words with at most that many words before and after; orders, documents and
            groups are without meaning then. No word breaks a window.
        word: The first word of all pairs; None for pairs of all words.
        documents: None, or to count each document separately, `texts` if the number in `add` is that of a whole text,
            or `lines` if it is that of its first line; without meaning with a window.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        mode: str,
        hmm: bool,
        keeps_punctuation: bool,
        orders: tuple[int, int],
        has_documents: bool,
        is_grouped: bool,
        expand: Callable[[str], Iterable[str | None]] | None,
        window: tuple[int, int] | None = None,
        word: str | None = None,
        documents: str | None = None,
    ) -> None: ...
    def add(self, data: Buffer | str, group: str, is_lines: bool, has_continuation: bool, number: int = 0) -> int:
        """Count a text; releases the lock of the interpreter.

        Args:
            data: UTF-8, or a string, which may have surrogates.
            group: Its group.
            is_lines: Whether each LF ends a document.
            has_continuation: Whether the last document goes on in the next text.
            number: The number of its first document, below 2^64, if each is counted separately.

        Returns:
            -1, or the position of the first byte that is not UTF-8; then nothing was counted.
        """

    @property
    def weight(self) -> int:
        """Approximate bytes of memory that grow with the texts.

        With those of the rows in `dump`, but not of their keys.
        """

    def dump(self, min_count: int = 1) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run, and the totals as tuples of group, order and sum.

        Pairs of words with a lower count than `min_count` are not in the run.

        Keys are those of `kxcli.mining.wordcount.counts.KeyLayout`, of `kxcli.mining.documents.keys`, or of
        `kxcli.mining.collocations.window`; with a window or with documents, there are no totals.
        """

def merge_runs(runs: Sequence[Buffer], min_count: int = 0, /) -> bytes:
    """Return the rows of several runs as one run, with the sum for equal keys.

    Rows with a lower count than `min_count` are dropped, except those of words in counts of pairs: their key is a group
    without a word.

    Raises:
        ValueError: A run is damaged.
        OverflowError: A number is above 2^63 - 1.
    """

def rank_run(run: Buffer, is_grouped: bool, by_word: bool, top: int, min_count: int) -> bytes:
    """Return the selected rows of a run, group by group, as blocks in the order of a ranking.

    Args:
        run: A run, in the order of its keys.
        is_grouped: Whether keys begin with a group.
        by_word: Whether to keep the order; else rows are ordered by falling count, equal counts by key.
        top: The number of rows of each group with the highest counts; -1 for all.
        min_count: The lowest count of a row.

    Raises:
        ValueError: The run is damaged.
        OverflowError: A number is above 2^63 - 1.
    """

def format_tsv(rows: Buffer, is_grouped: bool, has_orders: bool, has_documents: bool) -> bytes:
    """Return blocks of rows as TSV: group, word, count, number of documents.

    A NUL in a group separates two cells.

    Args:
        rows: Blocks of rows, in any order.
        is_grouped: Whether keys begin with a group.
        has_orders: Whether keys end with the order, which is not written.
        has_documents: Whether to write the number of documents.

    Raises:
        ValueError: A block is damaged.
        OverflowError: A number is above 2^63 - 1.
    """

def sum_permuted_products(k: Buffer, l: Buffer, orders: Buffer, n: int, /) -> bytes:
    """Return sums over i > j, doubled, of k(i, j) l(order[i], order[j]); releases the lock of the interpreter.

    Its slow twin is in `kxcli.mining.hsic.gram_sums`.

    Args:
        k: Symmetric matrices (float64) of n by n, one after the other; only i > j is read.
        l: Other such matrices; all but the diagonals is read.
        orders: Permutations of 0 to n - 1 (int64).
        n: The number of rows of a matrix.

    Returns:
        Sums (float64) by order, k and l.

    Raises:
        ValueError: An array has a wrong size, or an order is not a permutation.
    """

class KeyCounter:
    """The counts of nonzero 64-bit keys in memory; `kxcli.tally.keys.PythonKeyCounter` is its slow twin."""

    def __init__(self) -> None: ...
    def add(self, keys: Buffer, counts: Buffer = ..., /) -> None:
        """Add counts of keys, or 1 for each; skip keys that are 0. With counts, memory is for distinct keys."""

    def drain(self) -> tuple[bytes, bytes]:
        """Return the keys, in any order, and their counts; forget them."""

    def __len__(self) -> int:
        """Return the number of keys."""

    @property
    def n_bytes(self) -> int:
        """Bytes of memory."""

class UnigramLexicon:
    """The most probable words of texts; `kxcli.mining.segment.lexicon.PythonLexicon` is its slow twin.

    Nodes are words and their beginnings, numbered from 1. A key is the node of a beginning without its last character,
    0 for none, shifted by 21 bits, and the code point of that character.

    Args:
        keys: The key (uint64) of each node.
        weights: The log probability (double) of the word at each node from 0, minus infinity for none.
        kinds: A byte for each code point: 1 or 2 if it is of a script without or with spaces, plus 4 for marks.
        no_word: The log probability of another character.

    Raises:
        ValueError: An array has a wrong size or an impossible value; so does the method.
    """

    def __init__(self, keys: Buffer, weights: Buffer, kinds: Buffer, no_word: float, /) -> None: ...
    def find_word_ends(self, points: Buffer, /) -> bytes:
        """Return the end (uint32) of each word of the best cut of code points (uint32)."""

class TextNumbers:
    """The numbers of characters and runs; `kxcli.mining.newwords.runs.PythonTextNumbers` is its slow twin.

    A text is an array of code points, uint16 or uint32.

    Args:
        kinds: A byte for each code point: 0 for separators, 1 for letters of scripts without spaces, 2 for others,
            3 for their digits, 4 for marks, and 5 for what is ignored; higher code points are separators.
        letters: The number (uint32) of each code point, 0 for higher ones.
        hashes: The hash (uint64) of each known run.
        runs: The number (uint32) of each known run.

    Raises:
        ValueError: An array has a wrong size; so do the methods.
    """

    def __init__(self, kinds: Buffer, letters: Buffer, hashes: Buffer, runs: Buffer, /) -> None: ...
    def find_runs(self, text: Buffer, is_wide: bool, /) -> bytes:
        """Return the hash (uint64), start and end (uint32) of each run."""

    def number(self, text: Buffer, is_wide: bool, /) -> tuple[bytes, bytes]:
        """Return the numbers of letters and runs, and for each 1 plus its position.

        A border, 0, is before and after them; consecutive separators are one.
        """

class Trie:
    """N-grams or words by their characters; `kxcli.mining.newwords.trie.PythonTrie` is its slow twin.

    Nodes have numbers: characters from 1 to `n_characters`, then the keys in their order. A key is the node of a piece
    without its last character, shifted by 21 bits, and that character. A text is an array of characters (uint32), with
    0 for borders, also at both ends. Counts (uint64) are increased in place.

    Args:
        n_characters: The number of characters.
        keys: The key (uint64) of each further node.
        values: The value of each node from 0: the number (uint32) of the word that ends there, 0 for none, or the score
            (float32) of the word, -inf for none.

    Raises:
        ValueError: An array has a wrong size, or a text has unknown characters; so do all methods.
    """

    def __init__(self, n_characters: int, keys: Buffer, values: Buffer = ..., /) -> None: ...
    def find_children(self, nodes: Buffer, characters: Buffer, /) -> bytes:
        """Return the child (uint32) of each node by a character, 0 if there is none."""

    def count_ngrams(
        self,
        text: Buffer,
        order: int,
        n_frequent: int,
        may_be: Buffer | None,
        buckets: Buffer,
        counter: KeyCounter,
        /,
    ) -> None:
        """Count the n-grams of an order: all pairs, or those that may be frequent.

        Args:
            text: Characters.
            order: The number of characters, one more than in the trie.
            n_frequent: Characters up to this one are frequent.
            may_be: A bit for each bucket, whether its n-grams may be frequent; None for pairs.
            buckets: Counts (uint8) of the n-grams of the next order, increased up to 255; empty for none.
            counter: Counts the keys of the n-grams.
        """

    def count_words(self, text: Buffer, max_word: int, max_block: int, counts: Buffer, /) -> None:
        """Cut each block at the largest sum of scores, with the longest last word of equal ones, and count the words.

        Args:
            text: Characters.
            max_word: Characters of the longest words.
            max_block: Longer blocks are cut in pieces of this length.
            counts: For each node the occurrences as a word, and those between two cuts; without meaning for node 0.
        """

    def count_neighbors(
        self,
        text: Buffer,
        documents: Buffer,
        last: Buffer,
        counts: Buffer,
        before: KeyCounter,
        after: KeyCounter,
        /,
    ) -> None:
        """Count a key of each word and the character before it, and after it, for all occurrences.

        Args:
            text: Characters.
            documents: The number (uint32) of the document at each position, ascending from 1 or more.
            last: For each node, the number (uint32) of the last document with it, 0 for none; it is updated.
            counts: For each node that is a character or ends a word, increased by the documents with it.
            before: Counts the words with the characters before them.
            after: Counts the words with the characters after them.
        """

    def count_segments(self, text: Buffer, order: int, max_length: int, characters: Buffer, words: Buffer, /) -> bytes:
        """Cut each block wherever no word spans, and count the segments.

        Args:
            text: Characters.
            order: Characters of the longest words.
            max_length: Characters of the longest segments to return.
            characters: Counts of segments of one character.
            words: Counts of segments that are words, by number.

        Returns:
            The start and length (uint32) of each longer segment with a word of the longest length at each position.
        """
