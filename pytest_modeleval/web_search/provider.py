"""What a search provider is: keywords become hits, an address becomes a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pytest_modeleval.errors import Ungraded
from pytest_modeleval.records import Kind

# Pages beyond are cut; no question needs more, and the page is chosen by the model.
MAX_PAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search. snippet may be empty."""

    title: str
    url: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Page:
    """What an address gave. error: why there is no text, "" if there is one.

    is_html: the text is HTML. is_unreached: no server answered, so that it may be our network's fault.
    """

    text: str = ""
    is_html: bool = False
    error: str = ""
    is_unreached: bool = False


class Provider(Protocol):
    """Searches and reads pages. name: as it stands in the run folder; scores of two providers are two experiments."""

    @property
    def name(self) -> str:
        """One word."""

    @property
    def is_live(self) -> bool:
        """Pages come over the network, now."""

    def refusal(self) -> Ungraded | None:
        """Why no search can succeed any more in this run, if that is so: then no model need be asked."""

    async def search(self, keywords: str, region: str) -> tuple[Hit, ...]:
        """The hits, best first; none if there is nothing. Raises Ungraded if the provider itself fails."""

    async def page(self, url: str) -> Page:
        """The page, or why there is none. Raises Ungraded if the provider itself fails."""


def sanitise(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON from anywhere may hold and no file or database takes."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def provider_error(message: str, *, cause: str, kind: Kind = Kind.SERVER_ERROR) -> Ungraded:
    """The provider failed: the sample has no verdict, since the model is not to blame."""
    return Ungraded(f"web search: {message}", kind=kind, cause=cause)
