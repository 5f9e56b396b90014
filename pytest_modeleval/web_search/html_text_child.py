"""The process that turns one HTML page into text: `python -P text_child.py MODE`, HTML on stdin, text on stdout.

Pages come from anywhere, and parsers of HTML have cases in which they take minutes or all memory: hence a process with
limits of its own. Exit status 3: the page asked for too much memory or depth.
"""

from __future__ import annotations

import resource
import sys

CPU_S = 20
MEMORY_BYTES = 1 << 30
TOO_MUCH = 3


def convert(html: str, mode: str) -> str:
    """The text of a page: "markdown", or "truncate": bare text without scripts and styles."""
    from bs4 import BeautifulSoup  # noqa: PLC0415 - after the limits are set

    soup = BeautifulSoup(html, "html.parser")
    for hidden in soup(["script", "style"]):
        hidden.extract()
    if mode == "markdown":
        from markdownify import MarkdownConverter  # noqa: PLC0415 - the other mode does not need it

        try:
            return str(MarkdownConverter(heading_style="ATX").convert_soup(soup)).strip()
        except RecursionError:
            pass
    return soup.get_text(separator="\n", strip=True)


def main() -> int:
    """Convert stdin."""
    for name, value in (("RLIMIT_CPU", CPU_S), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0), ("RLIMIT_AS", MEMORY_BYTES)):
        # macOS knows no limit of address space.
        if name != "RLIMIT_AS" or sys.platform != "darwin":
            resource.setrlimit(getattr(resource, name), (value, value))
    try:
        text = convert(sys.stdin.buffer.read().decode("utf-8", errors="replace"), sys.argv[1])
        sys.stdout.buffer.write(text.encode("utf-8", errors="replace"))
    except (MemoryError, RecursionError):
        return TOO_MUCH
    return 0


if __name__ == "__main__":
    sys.exit(main())
