"""Pinned files become rows. Nothing heavy is imported, and nothing fetched, before rows are asked for."""

from pytest_modeleval.datasets.indexing import each_row, open_manifest, read_rows
from pytest_modeleval.datasets.lazy import LazyFields
from pytest_modeleval.datasets.manifest import Manifest, find_subsets
from pytest_modeleval.datasets.rows import Row
from pytest_modeleval.datasets.sources import Dataset, first_of, huggingface, inline, local, modelscope, pypi
from pytest_modeleval.fetch.cache import default_cache_dir
from pytest_modeleval.fetch.source import SILENT, Progress

__all__ = [
    "SILENT",
    "Dataset",
    "LazyFields",
    "Manifest",
    "Progress",
    "Row",
    "default_cache_dir",
    "each_row",
    "find_subsets",
    "first_of",
    "huggingface",
    "inline",
    "local",
    "modelscope",
    "open_manifest",
    "pypi",
    "read_rows",
]
