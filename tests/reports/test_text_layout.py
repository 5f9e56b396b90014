"""Widths, shortening, wrapping and hostile characters."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modeleval.reports import text_layout as t


@pytest.mark.parametrize(
    ("text", "columns"),
    [("IQ", 2), ("中文", 4), ("ｱ", 1), ("Ａ", 2), ("e\u0301", 1), ("a\u200db", 2), ("", 0), ("é", 1), ("한글", 4)],
)
def test_width_follows_annex_11(text: str, columns: int) -> None:
    """Wide characters take two columns, combining and format characters none."""
    assert t.display_width(text) == columns


@given(st.text(), st.integers(0, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    """A shortened text is at most as wide as asked and begins like the text."""
    short = t.shorten(text, width)
    assert t.display_width(short) <= width
    assert short == text or short.rstrip(".") == "" or text.startswith(short[:-3])


@given(st.text(), st.integers(6, 40), st.integers(0, 3))
@example("字" * 20, 7, 0)
def test_wrapped_text_fits_and_keeps_every_word(text: str, width: int, indent: int) -> None:
    """Wrapping loses no character but white space, and no line is too wide."""
    lines = t.wrap(text, width, indent=indent)
    assert all(t.display_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(min_size=1), st.integers(4, 20))
def test_wrapped_name_fits_and_is_whole(name: str, width: int) -> None:
    """A name broken over lines can be put together again."""
    lines = t.wrap_name(name, width)
    assert all(t.display_width(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")


def test_name_breaks_where_a_reader_would_break_it() -> None:
    """Subset names break after an underscore."""
    assert t.wrap_name("live_parallel_multiple", 14) == ["live_parallel_", "multiple"]


@given(st.text())
@example("\x1b]0;owned\x07\x9b2J\u202e\u2066\u200b\ufeff\r\U000e0041\ud800")
def test_visible_text_holds_nothing_hidden(text: str) -> None:
    """No control, bidi or invisible character survives, nothing else is lost, and the result can be stored as UTF-8."""
    shown = t.visible(text)
    assert not t.HIDDEN.search(shown)
    assert all(char.isprintable() or char in "\n\t" or char.isspace() for char in shown if ord(char) < 0x100)
    shown.encode("utf-8")
    if not t.HIDDEN.search(text):
        assert shown == text


def test_escapes_are_readable() -> None:
    """Hidden characters appear as the escapes that programmers write."""
    assert t.visible("a\x1b[2J\u202eb\U000e0041\r\nc") == "a\\x1b[2J\\u202eb\\U000e0041\nc"


@given(st.text(max_size=600), st.integers(1, 4), st.integers(10, 60))
def test_excerpt_is_short_and_fits(text: str, lines: int, width: int) -> None:
    """An excerpt has at most the asked lines and one that counts the rest, each within the width."""
    shown = t.excerpt(text, lines=lines, width=width)
    assert 1 <= len(shown) <= lines + 1
    assert all(t.display_width(line) <= width for line in shown)
    assert not t.HIDDEN.search("".join(shown))


def test_excerpt_of_nothing_says_so() -> None:
    """An empty reply is not an empty line."""
    assert t.excerpt("") == ["(empty)"]
    assert t.excerpt(" \n\t") == ["(white space only)"]
    assert t.excerpt("a\n\nb\nc\nd\ne", lines=3) == ["a", "b", "c", "[about 7 more characters]"]
