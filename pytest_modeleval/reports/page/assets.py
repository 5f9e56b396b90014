"""The scripts and the style sheet of the page, ours and vendored, and the policy that allows these and no others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
VENDOR = FOLDER / "vendor"
# In the order of their imports: each module imports names of those before it.
MODULES = (
    "dom",
    "printing",
    "texts",
    "gate_text",
    "pictures",
    "source",
    "run_data",
    "filters",
    "safe_text",
    "sample_list",
    "transcript",
    "samples_view",
    "charts",
    "benchmarks_view",
    "main",
)
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_LAST_EXPORT = re.compile(r"export\s*\{\s*(\w+) as default\s*\};?\s*\Z")


@cache
def script() -> str:
    """Our modules as one script: a page that is opened from disk can import none."""
    texts = [(FOLDER / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    joined = "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)
    return _inert(f'"use strict";\n(() => {{\n{joined}}})();\n')


@cache
def worker_script() -> str:
    """The script of the worker, which the page starts from its own text."""
    return _inert((FOLDER / "scripts" / "worker.js").read_text(encoding="utf-8"))


@cache
def style() -> str:
    """The style sheet."""
    return (FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def libraries() -> list[str]:
    """The vendored scripts, each as published but for what makes it a part of an HTML page."""
    return [_library(VENDOR / entry["file"]) for entry in json.loads((VENDOR / "vendor.json").read_text())]


@cache
def texts() -> dict[str, list[str]]:
    """The page's own texts: key -> English, Chinese."""
    found: dict[str, list[str]] = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
    return found


def scripts() -> list[str]:
    """Every script that the page runs, in order."""
    return [*libraries(), script()]


@cache
def policy(*, is_served: bool) -> str:
    """The content security policy: our scripts and style by their hashes, and nothing else from anywhere.

    is_served: the data comes from the server of the page.
    """
    hashes = " ".join(dict.fromkeys(map(_hash, scripts())))
    connect = "connect-src 'self'; " if is_served else ""
    # Pictures of the questions: of the run folder, in which the page lies, and those that the page holds.
    images = "img-src 'self'" if is_served else "img-src 'self' blob:"
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style())}; worker-src blob:; {connect}{images}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types dompurify modeleval-worker"
    )


def _library(file: Path) -> str:
    text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    exported = _LAST_EXPORT.search(text)
    if exported:
        # highlight.js publishes its core as a module only.
        text = f"const hljs = (() => {{\n{text[: exported.start()]}\nreturn {exported.group(1)};\n}})();\n"
    return _inert(re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.MULTILINE))


def _inert(text: str) -> str:
    r"""The script without an end or a beginning of a script element; \x3c is the same character in a string."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3c", text, flags=re.IGNORECASE)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
