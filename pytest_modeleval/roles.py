"""Further models of a run, in roles such as "judge": how a page sees one, and what a declaration may say of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_modeleval.errors import DeclarationError
from pytest_modeleval.records import Request, Response

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

JUDGE = "judge"
EMBEDDING_ROLES = frozenset({"embedder", "retriever"})
"""Models in these roles are asked for vectors only."""
RERANK_ROLES = frozenset({"reranker"})
"""Models in these roles are asked for relevance only."""
ROLE_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Role(Protocol):
    """A model in a role, as graders and `solve` see it."""

    @property
    def name(self) -> str:
        """The model, as the user names it."""

    @property
    def supports_json_schema(self) -> bool:
        """The server holds replies to a JSON schema (`response_format`): SGLang, vLLM, llama.cpp."""

    async def ask(self, request: Request) -> Response:
        """One reply; limited, retried and journaled apart from those of the model under test.

        The same request asked again within a sample gets a reply and a seed of its own. Raises Ungraded, with a cause
        that begins with the role ("judge_idle"), if no reply comes.
        """

    async def embed(
        self, texts: Sequence[str], *, kind: str = "document", prefix: str | None = None
    ) -> NDArray[np.float32]:
        """As of `Model`; in the roles "embedder" and "retriever", whose server is tried before the first request."""

    async def embed_corpus(
        self, name: str, texts: Callable[[], Iterable[str]], count: int, *, prefix: str | None = None
    ) -> NDArray[np.float32]:
        """As of `Model`, in the same roles."""

    def vector_marks(self) -> tuple[str, ...]:
        """As of `Model`."""

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """As of `Model`, in the role "reranker"."""


@runtime_checkable
class IdentifiedRole(Protocol):
    """A role that says which model is in it: that of a run."""

    @property
    def identity(self) -> str:
        """ServerFacts.identity of the model."""


def check_roles(
    benchmark: str, roles: Sequence[str], *, grade: Callable[..., Any] | None, solve: Callable[..., Any] | None
) -> None:
    """Raises DeclarationError where roles are misnamed, or reach neither the grader nor `solve`."""
    _check_names(benchmark, roles)
    taken = roles_of_grader(grade, roles)
    if taken and not is_coroutine_grader(grade):
        raise DeclarationError(
            f"benchmark {benchmark}: expected `async def` for a grader that takes {', '.join(taken)}, found an "
            "ordinary function, which cannot await a reply"
        )
    if solve is None and (unused := [role for role in roles if role not in taken]):
        raise DeclarationError(
            f"benchmark {benchmark}: roles: expected a grader `async def grade(sample, response, *, {unused[0]})`, "
            f"found one that does not take {unused[0]}"
        )


def _check_names(benchmark: str, roles: Sequence[str]) -> None:
    if isinstance(roles, str):
        raise DeclarationError(f"benchmark {benchmark}: roles: expected a tuple such as ({roles!r},), found a text")
    for role in roles:
        if not isinstance(role, str) or not ROLE_NAME.match(role):
            raise DeclarationError(
                f"benchmark {benchmark}: roles: expected lower-case words such as 'judge', found {role!r}"
            )


def roles_of_grader(grade: Callable[..., Any] | None, roles: Sequence[str]) -> list[str]:
    """Those roles that a grader takes by keyword."""
    if grade is None or not roles:
        return []
    try:
        known = inspect.signature(grade).parameters
    except (TypeError, ValueError):
        return []
    return [role for role in roles if role in known]


def is_coroutine_grader(grade: object) -> bool:
    """A coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(grade) or inspect.iscoroutinefunction(getattr(grade, "__call__", None))  # noqa: B004
