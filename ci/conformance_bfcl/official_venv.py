"""Makes the virtual environment of the official checker: bfcl-eval without its dependencies, then what it imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "2025.10.27.1"
# What the checker really imports: the pins of the package's own metadata, without torch and faiss (only the vector
# memory needs those), and soundfile, which the metadata forgets.
NEEDED = (
    "numpy==1.26.4", "tree_sitter==0.21.3", "tree-sitter-java==0.21.0", "tree-sitter-javascript==0.21.4",
    "mistralai==1.7.0", "cohere==5.18.0", "google-genai==1.24.0", "mpmath==1.3.0", "rank_bm25==0.2.2",
    "datamodel-code-generator==0.25.7", "networkx==3.3", "openai", "anthropic", "qwen-agent", "tenacity",
    "writer-sdk", "overrides", "boto3", "beautifulsoup4", "html2text", "google-search-results", "pydantic",
    "python-dotenv", "typer", "tabulate", "pandas", "huggingface_hub", "requests", "tqdm", "soundfile",
)  # fmt: skip


def make(folder: Path) -> Path:
    """The interpreter of the environment, made if it is not there (about 400 MB)."""
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise SystemExit("bfcl-eval pins numpy 1.26.4: run this command with Python 3.11 or 3.12")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        install = [str(python), "-m", "pip", "install", "--quiet"]
    _run(*install, "--no-deps", f"bfcl-eval=={VERSION}")
    _run(*install, *NEEDED)
    (folder / "ready").write_text(VERSION)
    return python


def environment(folder: Path) -> dict[str, str]:
    """Variables for a run: the package makes folders on import, and must make them here."""
    root = folder / "bfcl_root"
    root.mkdir(exist_ok=True)
    return {**os.environ, "BFCL_PROJECT_ROOT": str(root), "PYTHONHASHSEED": "0", "OPENAI_API_KEY": "unused"}


def data_folder(python: Path) -> Path:
    """The data that the package ships."""
    found = next((python.parent.parent / "lib").glob("python*/site-packages/bfcl_eval/data"), None)
    if found is None:
        raise SystemExit(f"bfcl-eval is not installed below {python.parent.parent}")
    return found


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)
