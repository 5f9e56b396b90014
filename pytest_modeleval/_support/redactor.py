"""Knows some secrets and finds each of their forms in a text. Pure but for the memory of a Redactor."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST_SECRET = 8
"""Characters. What is shorter occurs in ordinary text by chance and is replaced only where its name gives it away."""

# Passed as keys to servers that want none.
_PLACEHOLDERS = frozenset({"not-needed", "not_needed", "no-key-required", "sk-no-key-required", "placeholder"})
_LONGEST_ESCAPED = 200_000
# One pattern for each, since re finds those that begin with a fixed text much faster.
_ESCAPES = tuple(re.compile(escape) for escape in (r"\\u00[2-7]", r"\\x[2-7]", r"%[2-7][0-9A-Fa-f]", r"&#x?\d"))


class Redactor:
    """Knows some secrets and replaces each of their forms. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._forms: tuple[str, ...] = ()
        self._shortest = 0
        self.longest_form = 0
        """Characters of the longest form of any secret; 0 if none is known."""
        self._escaped: re.Pattern[str] | None = None

    def remember(self, secrets: Iterable[str]) -> None:
        """Replace these from now on. Too short ones and placeholders such as "not-needed" are ignored."""
        with self._lock:
            found = set(self._secrets)
            for secret in secrets:
                # A key from a file often ends in a line break, which no server echoes.
                found.update(part for part in (secret, secret.strip(), *secret.splitlines()) if _is_worth_hiding(part))
            if len(found) == len(self._secrets):
                return
            # The longest first: a secret may be the beginning of another.
            self._secrets = tuple(sorted(found, key=len, reverse=True))
            forms = {form for secret in self._secrets for form in forms_of(secret)}
            self._forms = tuple(sorted(forms, key=len, reverse=True))
            self._shortest = len(self._forms[-1])
            self.longest_form = len(self._forms[0])
            self._escaped = re.compile("|".join(_character_by_character(secret) for secret in self._secrets))

    def forget(self) -> None:
        """Forget all secrets."""
        with self._lock:
            self._secrets, self._forms, self._escaped, self.longest_form = (), (), None, 0

    def text(self, text: str) -> str:
        """The text without any known secret."""
        if len(text) < self._shortest:
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        escaped = self._escaped
        if escaped is not None and len(text) <= _LONGEST_ESCAPED and any(escape.search(text) for escape in _ESCAPES):
            text = escaped.sub(MASK, text)
        return text

    @property
    def secrets(self) -> tuple[str, ...]:
        """All of them, the longest first."""
        return self._secrets


def forms_of(secret: str) -> set[str]:
    """The literal forms in which a server may echo a secret."""
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {secret, html.escape(secret), repr(secret)[1:-1]}
    for is_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=is_ascii)[1:-1]}
    forms |= {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(quote(raw, safe=""), safe="")}
    forms |= {raw.hex(), raw.hex().upper()}
    if any(mark.isdigit() for mark in secret):
        # Header names and values are changed to one case by some servers. Without a digit it may be a word.
        forms |= {secret.upper(), secret.lower()}
    forms |= set(_base64_forms(raw))
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


def _base64_forms(raw: bytes) -> Iterable[str]:
    """What base64 of any text that contains raw has in common, for each of the three places where it may begin."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            encoded = encode(b"\0" * offset + raw).decode().rstrip("=")
            # A character that also depends on the neighbour before or behind is left out.
            start = (offset * 8 + 5) // 6
            end = (offset + len(raw)) * 8 // 6
            yield encoded[start:end]


def _character_by_character(secret: str) -> str:
    """A pattern of the secret with any of its characters escaped, each in a way of its own."""
    return "".join(
        f"(?:{re.escape(mark)}|(?i:\\\\u{ord(mark):04x}|\\\\x{ord(mark):02x}|%{ord(mark):02x}|&#x0*{ord(mark):x};)"
        f"|&#0*{ord(mark)};)"
        for mark in secret
    )


def _is_worth_hiding(secret: str) -> bool:
    return len(secret) >= SHORTEST_SECRET and secret.casefold() not in _PLACEHOLDERS
