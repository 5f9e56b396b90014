"""Which subsets are asked, and what the others wait for: the one place that tells the user what to set."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_modeleval.declaration import Subset
from pytest_modeleval.web_search.config import WEB_CORPUS as CORPUS_VARIABLE
from pytest_modeleval.web_search.config import WebConfig, read_web_config
from pytest_modeleval.web_search.corpus import corpus_digest

from .categories import CATEGORIES, WEB_CORPUS, Category, Style
from .embedding import read_embedding_config


def page_subsets(*, is_optional: bool = False, environ: Mapping[str, str] | None = None) -> tuple[Subset, ...]:
    """The subsets of a page. is_optional: they are asked only where -k names them.

    environ: instead of the process's own. Raises SettingsError for a variable that cannot be used.
    """
    choice, embedding = read_web_config(environ), read_embedding_config(environ)
    vector = Subset("memory_vector", is_optional=is_optional, missing=embedding.missing, variant=embedding.variant)
    return tuple(
        vector if category.name == vector.name else _subset(category, choice, is_optional=is_optional)
        for category in CATEGORIES.values()
    )


def _subset(category: Category, choice: WebConfig, *, is_optional: bool) -> Subset:
    if category.name == WEB_CORPUS:
        # Nobody waits for it who does not name it: without documents it does not exist.
        if choice.corpus is None:
            missing = f"no documents are set; set {CORPUS_VARIABLE} to a file or folder of JSON Lines"
            return Subset(category.name, is_optional=True, missing=missing)
        return Subset(category.name, is_optional=is_optional, variant=corpus_digest(choice.corpus))
    if category.style is Style.WEB:
        return Subset(category.name, is_optional=is_optional, missing=choice.missing, variant=choice.variant)
    return Subset(category.name, is_optional=is_optional)
