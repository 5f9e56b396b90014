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
    config, embedding = read_web_config(environ), read_embedding_config(environ)
    vector = Subset(
        "memory_vector",
        is_optional=is_optional,
        missing=embedding.missing,
        variant=embedding.variant,
        size=CATEGORIES["memory_vector"].size,
    )
    return tuple(
        vector if category.name == vector.name else _subset(category, config, is_optional=is_optional)
        for category in CATEGORIES.values()
    )


def _subset(category: Category, config: WebConfig, *, is_optional: bool) -> Subset:
    missing = variant = ""
    if category.name == WEB_CORPUS:
        # Without documents it does not exist, so it waits only where -k names it.
        if config.corpus is None:
            is_optional = True
            missing = f"no documents are set; set {CORPUS_VARIABLE} to a file or folder of JSON Lines"
        else:
            variant = corpus_digest(config.corpus)
    elif category.style is Style.WEB:
        missing, variant = config.missing, config.variant
    return Subset(category.name, is_optional=is_optional, missing=missing, variant=variant, size=category.size)
