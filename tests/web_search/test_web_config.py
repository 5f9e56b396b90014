"""The configuration of the web search tool: packages that have to be installed first."""

from __future__ import annotations

import importlib.util

import pytest

from pytest_modeleval.web_search.config import HTML_PACKAGES, read_web_config


@pytest.mark.parametrize("environ", [{"MODELEVAL_WEB_SEARCH": "searxng:http://localhost:1"}, {}])
def test_without_the_extra_the_subset_waits_for_it(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that is set waits for the extra `web`; without a provider, the provider is what is missing."""
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name in HTML_PACKAGES else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    missing = read_web_config(environ).missing
    assert ("pip install 'pytest-modeleval[web]'" in missing) == bool(environ)
    assert missing
