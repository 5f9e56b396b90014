"""The files that the pages of the list and of the comparison load: ours, those of report.html, and the libraries."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from pytest_modeleval.reports.page import assets as page_assets

FOLDER = Path(__file__).parent
# Modules of report.html that these pages import, and ours.
_SHARED = ("dom", "printing", "texts", "safe_text", "charts")
_OWN = ("frame", "trend", "run_list", "comparison", "comparison_tables", "comparison_answers")
PAGES = {"list": "run_list", "compare": "comparison"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify"
)


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """(content, media type) of a file by its name; None for any other name."""
    made = _files().get(name)
    return (made.read_bytes(), _media_type(name)) if isinstance(made, Path) else _generated(name)


def _files() -> dict[str, Path]:
    shared = {f"{name}.js": page_assets.FOLDER / "scripts" / f"{name}.js" for name in _SHARED}
    own = {f"{name}.js": FOLDER / "scripts" / f"{name}.js" for name in _OWN}
    return {**shared, **own, "page.css": page_assets.FOLDER / "page.css", "view.css": FOLDER / "view.css"}


def _generated(name: str) -> tuple[bytes, str] | None:
    if name == "libraries.js":
        return "\n".join(page_assets.libraries()).encode(), _media_type(name)
    if name == "texts.json":
        return json.dumps({**page_assets.texts(), **_texts()}).encode(), "application/json"
    return None


def _texts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
    return found


def _media_type(name: str) -> str:
    return "text/css; charset=utf-8" if name.endswith(".css") else "text/javascript; charset=utf-8"


@cache
def document(page: str) -> bytes:
    """The document of a page of PAGES; it holds no value, its script fetches everything."""
    shell = (FOLDER / "view.html").read_text(encoding="utf-8")
    return shell.replace("{script}", PAGES[page]).encode()
