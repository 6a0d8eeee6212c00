"""The suffixes of file names, with their formats and compressors."""

import os
from typing import Literal

from kxcli.urls import strip_query

InputFormat = Literal["tsv", "csv", "jsonl", "npy"]

INPUT_FORMATS: dict[str, InputFormat] = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npy": "npy",
}
FORMATS = {
    **INPUT_FORMATS,
    ".tab": "tsv",
    ".json": "jsonl",
    ".jsonlines": "jsonl",
    ".npz": "npz",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xls": "xls",
    ".xlsx": "xlsx",
    ".ods": "ods",
}
INPUT_COMPRESSORS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
COMPRESSORS = {
    **INPUT_COMPRESSORS,
    ".tgz": "gzip",
    ".bgz": "bgzip",
    ".lzma": "lzma",
    ".zstd": "zstd",
    ".lz4": "lz4",
    ".br": "brotli",
    ".z": "compress",
    ".zip": "zip",
    ".7z": "7z",
}


def guess_format(path: str) -> InputFormat | None:
    """Return the format by the suffix of an input, without that of a compressor."""
    stem, suffix = os.path.splitext(strip_query(path).lower())
    if suffix in INPUT_COMPRESSORS:
        suffix = os.path.splitext(stem)[1]
    return INPUT_FORMATS.get(suffix)
