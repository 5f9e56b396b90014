"""Pinned data files become rows. A declaration imports nothing heavy and fetches nothing."""

from pytest_modeleval.datasets.files import SUFFIXES, Stamp, read_records
from pytest_modeleval.datasets.folders import FolderReader, FolderRows, is_own_folder
from pytest_modeleval.datasets.indexing import open_manifest
from pytest_modeleval.datasets.lazy import LazyFields
from pytest_modeleval.datasets.local_files import describe_empty, find_subsets
from pytest_modeleval.datasets.manifest import Manifest
from pytest_modeleval.datasets.row_reader import each_row, each_row_of_parts, read_rows
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.datasets.sources import (
    Dataset,
    first_of,
    folder,
    huggingface,
    inline,
    local,
    modelscope,
    pypi,
    with_options,
)
from pytest_modeleval.fetch.cache import default_cache_dir, sha256_of
from pytest_modeleval.fetch.source import SILENT, Progress

__all__ = [
    "SILENT",
    "SUFFIXES",
    "Dataset",
    "FolderReader",
    "FolderRows",
    "LazyFields",
    "Manifest",
    "Progress",
    "Row",
    "Stamp",
    "default_cache_dir",
    "describe_empty",
    "each_row",
    "each_row_of_parts",
    "find_subsets",
    "first_of",
    "folder",
    "huggingface",
    "inline",
    "is_own_folder",
    "local",
    "modelscope",
    "open_manifest",
    "pypi",
    "read_records",
    "read_rows",
    "sha256_of",
    "with_options",
]
