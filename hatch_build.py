"""The package's readme as an index shows it, where relative links lead nowhere, and the project's addresses.

MODELEVAL_REPOSITORY_URL names the repository when a release is built, such as https://example.org/group/project. With
it the readme links to the documents there, and the metadata has the project's addresses. Without it no address is
certainly true: the metadata has none, and the readme names the documents, which the source archive holds.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#)([^)\s]+)\)")
NOTE = "\nThe documents named above are in the source archive of this version.\n"


def readme_text(written: str, repository: str) -> str:
    """The readme without relative links. repository: its address, "" if it is not known."""
    if repository:
        return RELATIVE_LINK.sub(rf"[\1]({repository}/blob/HEAD/\2)", written)
    return RELATIVE_LINK.sub(_named, written) + NOTE


def project_urls(repository: str) -> dict[str, str]:
    """The addresses of the project; none if the repository's is not known."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/HEAD/docs/architecture.md",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def _named(link: re.Match[str]) -> str:
    text, target = link.groups()
    return f"`{target}`" if text == target else f"{text} (`{target}`)"


class ReadmeHook(MetadataHookInterface):
    """Called by hatchling when it builds the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in the fields that pyproject.toml calls dynamic."""
        repository = os.environ.get("MODELEVAL_REPOSITORY_URL", "").rstrip("/")
        written = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": readme_text(written, repository)}
        metadata["urls"] = project_urls(repository)
