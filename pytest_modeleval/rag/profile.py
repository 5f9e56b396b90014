"""How a pipeline is reached, as a profile of models.toml says it under [NAME.rag] (docs/rag.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RagProfile:
    """A fixture of the project, or an HTTP endpoint."""

    fixture: str = "rag"
    """The session fixture that gives the function; unused where there is a `url`."""

    url: str = ""
    """The endpoint that a question is posted to; "" for the fixture."""

    request: Mapping[str, Any] = field(default_factory=lambda: {"question": "{question}"})
    """The JSON body; {question} in a text of it is replaced by the question."""

    contexts: str = "contexts"
    """Where the reply holds the list of contexts: keys and list indices, separated by dots."""

    text: str = "text"
    """Where a context holds its text; a context that is a text stands for itself."""

    id: str = "id"
    """Where a context holds the id of its document."""

    answer: str = "answer"
    """Where the reply holds the answer."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Further header fields; {env:NAME} in a value is replaced by that environment variable."""

    key_env: str = ""
    """The environment variable with the key that is sent as a bearer token; "" for none."""

    in_flight: int = 4
    """Questions at once."""

    timeout_s: float = 300.0
    """The limit for one question, in seconds."""

    version: str = ""
    """Part of the identity of the pipeline: answers of two versions are never mixed."""

    def as_json(self) -> dict[str, Any]:
        """For the workers of xdist. It holds names of variables, and no secret."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> RagProfile:
        """The reverse of as_json."""
        return cls(**stored)
