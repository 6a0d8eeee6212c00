"""The suffixes of file names, with their formats and compressors."""

import os
from typing import Literal

from kxcli.urls import strip_query

RecordFormat = Literal["tsv", "csv", "jsonl", "parquet", "arrow"]
InputFormat = Literal["tsv", "csv", "jsonl", "npy", "npz", "parquet", "arrow"]

RECORD_FORMATS: dict[str, RecordFormat] = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
TABLE_FORMATS: dict[str, InputFormat] = {
    **RECORD_FORMATS,
    ".npy": "npy",
    ".npz": "npz",
}
OUTPUT_FORMATS = {
    **TABLE_FORMATS,
    ".tab": "tsv",
    ".jsonlines": "jsonl",
    ".mtx": "mtx",
    ".xls": "xls",
    ".xlsx": "xlsx",
    ".ods": "ods",
}
SUPPORTED_COMPRESSORS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
COMPRESSORS = {
    **SUPPORTED_COMPRESSORS,
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


def guess_record_format(path: str) -> RecordFormat | None:
    """Return the format of records by the suffix of an input."""
    return RECORD_FORMATS.get(_get_format_suffix(path))


def guess_table_format(path: str) -> InputFormat | None:
    """Return the format of a table by the suffix of an input."""
    return TABLE_FORMATS.get(_get_format_suffix(path))


def guess_output_format(path: str) -> str | None:
    """Return the format that the suffix of an output names."""
    return OUTPUT_FORMATS.get(_get_format_suffix(path))


def guess_compressor(path: str) -> str | None:
    """Return the compressor that the suffix of an output names."""
    return SUPPORTED_COMPRESSORS.get(os.path.splitext(path)[1].lower())


def strip_compression(path: str) -> str:
    """Return a path without the suffix of a compressor that inputs may have."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in SUPPORTED_COMPRESSORS else path


def make_label_paths(path: str) -> tuple[str, str]:
    """Return the names of the files with the rows and columns of a matrix.

    Those of a.mtx.gz are a.rows.tsv.gz and a.columns.tsv.gz.
    """
    stem, compressor = os.path.splitext(path)
    if compressor.lower() not in SUPPORTED_COMPRESSORS:
        stem, compressor = path, ""
    if stem.lower().endswith(".mtx"):
        stem = stem[: -len(".mtx")]
    return f"{stem}.rows.tsv{compressor}", f"{stem}.columns.tsv{compressor}"


def _get_format_suffix(path: str) -> str:
    """Return the suffix without that of a compressor."""
    return os.path.splitext(strip_compression(strip_query(path)))[1].lower()
