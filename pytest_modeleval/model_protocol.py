"""The model as `solve` sees it: what a benchmark may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from pytest_modeleval.likelihood_result import LabelScores, Likelihood
from pytest_modeleval.rag_answer import RagAnswer
from pytest_modeleval.records import Request, Response
from pytest_modeleval.roles import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_modeleval.stress.plan import PointPlan
    from pytest_modeleval.stress.point import PointResult

T = TypeVar("T")


class Model(Protocol):
    """The model, as `solve` sees it."""

    @property
    def name(self) -> str:
        """The name that the user gave."""

    @property
    def context_tokens(self) -> int | None:
        """The largest number of tokens of prompt and answer together; None if the server does not say."""

    @property
    def tool_calls(self) -> str:
        """How to offer tools: "native" (with the request) or "text" (in the prompt).

        From the profile, or from the server's own description. A benchmark that depends on it declares `offers_tools`.
        """

    @property
    def prompt_tokens(self) -> int | None:
        """The largest prompt, in tokens, that leaves room for a whole answer; None if the server does not say."""

    async def ask(self, request: Request) -> Response:
        """Send one request; limited, retried and journaled as all are. Raises Ungraded if no answer comes."""

    async def count_tokens(self, text: str) -> int | None:
        """The tokens of a text by the served model's own tokenizer, without a chat template.

        None where the server offers none (vLLM, SGLang and llama.cpp do, at /tokenize). The count is journaled, the
        text is not. Raises Ungraded where the server fails, and in rescoring where the journal has no count.
        """

    async def likelihood(self, context: str, continuations: Sequence[str]) -> list[Likelihood]:
        """How likely each text is after the context, as plain text without a chat template.

        For benchmarks that declare `needs_likelihood`. Raises Ungraded where the server gives none for one of them.
        """

    async def label_scores(self, request: Request, labels: Sequence[str]) -> LabelScores:
        """How likely a reply begins with each label; needs `needs_labels`. Raises Ungraded if one is not listed."""

    async def decide(self, text: str, question: str, options: Mapping[str, str]) -> LabelScores:
        """How likely each option is as the answer to a question about a text, by the server's own prompt.

        options: name -> description, "" for none; two or more. For benchmarks that declare `needs_decisions`. Raises
        Ungraded where the server gives no probabilities.
        """

    async def embed(
        self, texts: Sequence[str], *, kind: str = "document", prefix: str | None = None
    ) -> NDArray[np.float32]:
        """The vectors of texts, one row each, in their order; for benchmarks that declare `needs_embeddings`.

        kind: "query" or "document", which chooses the prefix (`query_prefix`, `document_prefix` of the profile or
        --eval-param). prefix: this one instead. A text is asked for once a run. Raises Ungraded where a text is empty
        and where the server gives no valid vector for each.
        """

    async def embed_corpus(
        self, name: str, texts: Callable[[], Iterable[str]], count: int, *, prefix: str | None = None
    ) -> NDArray[np.float32]:
        """The vectors of a corpus in the order of its texts, (count, dimension): a read-only map of a file.

        texts: called whenever they are read, gives an iterable of the same `count` texts. Embedded once a run, for all
        items and processes; batches are asked for while the texts are read. An empty text is not sent, its row is
        zeros. prefix: as of `embed`, of documents. Raises Ungraded as `embed` does.
        """

    def vector_marks(self) -> tuple[str, ...]:
        """Sentences for `Grade.marks` about the vectors that this sample got: which texts the server read in part."""

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """The relevance of each document for the query, in their order; for benchmarks that declare `needs_rerank`.

        Raises Ungraded where a text is empty and where the server gives no finite score for each document.
        """

    def role(self, name: str) -> Role:
        """The model in a role that the benchmark declares in `roles`, such as "judge"."""

    def shared(self, make: Callable[[], T]) -> T:
        """An object that all samples of the run share, such as processes or a cache; made at its first use.

        make: called once; it also identifies the object, so pass a class or a function of a module. A method `close` of
        the object is called when asking ends.
        """

    async def use_tool(
        self, name: str, arguments: Mapping[str, Any], run: Callable[[], Awaitable[Any]], *, is_of_run: bool = False
    ) -> Any:
        """The result of a tool such as web search, as JSON values; `run` computes it.

        The result is journaled: a resumed or rescored run reads it and does not call `run`. An exception of `run` is
        raised here and not journaled. Raises Ungraded in rescoring where the journal has no result.
        is_of_run: the result depends on name and arguments alone, so that every item of the run gets the same.
        """


@runtime_checkable
class LoadModel(Protocol):
    """The model for a benchmark that declares `is_exclusive`: `assert isinstance(model, LoadModel)`."""

    async def run_load(self, plan: PointPlan) -> PointResult:
        """Measure the server at one operating point.

        The result is journaled: a resumed or rescored run reads it. Raises Ungraded where nothing can be judged: the
        client was too slow, the server is gone.
        """

    async def search_rate(self, plan: PointPlan, share: float) -> PointResult:
        """Search the highest rate at which this share of the requests keeps the objective of the plan.

        Each rate is measured and journaled as a point; the result has the figure `slo_rate`. Raises Ungraded where
        nothing can be judged.
        """


@runtime_checkable
class RagModel(Protocol):
    """The model for a benchmark that declares `needs_rag`: `assert isinstance(model, RagModel)`."""

    async def rag(self, question: str) -> RagAnswer:
        """What the user's own RAG pipeline makes of a question.

        Limited and journaled: a resumed or rescored run does not call the pipeline again. Raises Ungraded where it
        fails (`rag_error`), takes too long (`rag_timeout`), or gives something else than contexts and an answer.
        """


@runtime_checkable
class TextModel(Protocol):
    """The model for a benchmark that scores whole texts: `assert isinstance(model, TextModel)`."""

    async def text_likelihood(self, text: str, *, prefix: str = "") -> Likelihood:
        """How likely every token of a text is, as plain text; in windows where it is longer than the server's context.

        prefix: the text of the token in front of the first one, such as "<|endoftext|>", where the tokenizer sets none.
        For benchmarks that declare `needs_likelihood`. Raises Ungraded where the server gives none.
        """


@runtime_checkable
class EndpointModel(Protocol):
    """The model for a benchmark that checks an endpoint itself: `assert isinstance(model, EndpointModel)`.

    Nothing is looked up and nothing is kept: journal what is made of it with `use_tool`. Both raise Ungraded.
    """

    async def raw_vectors(self, texts: Sequence[str], *, encoding: str = "") -> tuple[NDArray[np.float32], int | None]:
        """The vectors of one request, and its prompt tokens. encoding: "float" or "base64"; "" for float."""

    async def raw_scores(self, query: str, documents: Sequence[str]) -> list[float]:
        """The relevance scores of one request."""
