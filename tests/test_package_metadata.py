"""What a package index shows of this project: no link that leads nowhere, no address that nobody has."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
HOST = "https://example.org/group/project"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """hatch_build.py, as hatchling loads it."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_readme_without_a_known_host_has_no_relative_links(hook: ModuleType) -> None:
    """Each document is named instead, and every other word is the readme's."""
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = hook.readme_text(written, "")
    targets = [target for _, target in hook.RELATIVE_LINK.findall(written)]
    assert len(targets) > 10
    assert not re.search(r"\]\((?!https?://|#)", shown)
    assert all(f"`{target}`" in shown for target in targets)
    assert hook.readme_text("no link", "").startswith("no link\n")
    assert hook.project_urls("") == {}


def test_with_a_known_host_links_and_addresses_lead_there(hook: ModuleType) -> None:
    """Every document that is linked exists at this path in the repository."""
    shown = hook.readme_text((ROOT / "README.md").read_text(encoding="utf-8"), HOST)
    linked = re.findall(rf"\]\({HOST}/blob/HEAD/([^)#]+)", shown)
    assert len(linked) > 10
    urls = hook.project_urls(HOST)
    documents = [url.removeprefix(f"{HOST}/blob/HEAD/") for url in urls.values() if "/blob/" in url]
    assert all((ROOT / name).is_file() for name in [*linked, *documents])
    assert all(url.startswith(HOST) for url in urls.values())


@pytest.mark.parametrize("repository", ["", HOST + "/"])
def test_the_metadata_is_built_with_them(hook: ModuleType, monkeypatch: pytest.MonkeyPatch, repository: str) -> None:
    """By hatchling itself, from pyproject.toml."""
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    monkeypatch.setenv("MODELEVAL_REPOSITORY_URL", repository)
    metadata: Any = ProjectMetadata(str(ROOT), PluginManager())
    assert metadata.core.readme_content_type == "text/markdown"
    assert metadata.core.readme == hook.readme_text((ROOT / "README.md").read_text("utf-8"), repository.rstrip("/"))
    assert metadata.core.urls == hook.project_urls(repository.rstrip("/"))
