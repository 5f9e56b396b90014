"""Writes benchmarks/index.json from the pages: `python ci/make_page_index.py`. A run reads it to import fewer pages.

Without writing: `python ci/make_page_index.py --check`, exit status 1 if the file is not current.
"""

from __future__ import annotations

import sys

from pytest_modeleval._support.shipped_folder import shipped_folder
from pytest_modeleval.catalogue import read_catalogue
from pytest_modeleval.collection.page_index import NAME, index_entry, index_text


def main() -> int:
    """Write or check the file."""
    folder = shipped_folder()
    entries = [index_entry(entry.page, entry.function, entry.benchmark) for entry in read_catalogue()]
    text = index_text(entries)
    if "--check" in sys.argv[1:]:
        is_current = (folder / NAME).is_file() and (folder / NAME).read_text(encoding="utf-8") == text
        print(f"{NAME} is current" if is_current else f"{NAME} is not current: run python ci/make_page_index.py")
        return 0 if is_current else 1
    (folder / NAME).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
