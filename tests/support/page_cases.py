"""Items for the tests of the report page: hostile answers, and a document parsed back from HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.page_data import SampleView

RUN: dict[str, Any] = {
    "schema": 1,
    "model": "MiniMaxAI/MiniMax-M2",
    "server": {"kind": "sglang", "version": "0.5.5", "api_key": "sk-do-not-show"},
    "params": {"temperature": 0, "max_tokens": 16384},
    "benchmarks": {"iquiz": {"version": "1", "data": {"IQ.jsonl": "ab" * 32}}},
    "invocations": [{"command": ["pytest", "--model", "MiniMax-M2"], "packages": {"pytest": "9.2.0"}}],
}

_SCRIPT = "document.title='owned';alert(1);fetch('{url}/fetch')"
_SHAPES = (
    "<script>{script}</script>",
    "</pre></details></article><script>{script}</script>",
    "<img src='{url}/img' onerror=\"{script}\">",
    "<svg onload=\"{script}\"><image href='{url}/svg'></svg>",
    '<body onload="{script}">',
    "<iframe src=\"javascript:parent.document.title='owned'\"></iframe><iframe src='{url}/frame'></iframe>",
    "<link rel=stylesheet href='{url}/css'><style>@import url({url}/import);body{{background:url({url}/bg)}}</style>",
    "<meta http-equiv=refresh content='0;url={url}/refresh'>",
    '<a href="javascript:{script}" autofocus onfocus="{script}">x</a>',
    '"><script>{script}</script><x y="',
    "'><script>{script}</script><x y='",
    "</title><script>{script}</script>",
    "</style><script>{script}</script>",
    "<!--><script>{script}</script>-->",
    "<![CDATA[<script>{script}</script>]]>",
    "&lt;script&gt;{script}&lt;/script&gt;",
    "&#60;script&#62;{script}&#60;/script&#62;",
    "{{{{ self.__init__.__globals__ }}}} {{% include '/etc/passwd' %}}",
    "\x00<script\x00>{script}</script>\x08",
    "\u202e<tpircs/>\u2066\u202d<script>{script}</script>\u2069",
    "\ufeff<script>{script}</script>\x1b[2J\x9b31m\ud800",
    "<video autoplay onloadstart=\"{script}\"><source src='{url}/video'></video>",
    '<details open ontoggle="{script}"><summary>x</summary></details>',
    "<form action='{url}/form'><input autofocus onfocus=\"{script}\"></form>",
    "<base href='{url}/base/'><object data='{url}/object'></object><embed src='{url}/embed'>",
)


def hostile_answers(url: str) -> list[str]:
    """A hundred texts that would run, request or rewrite something if any of them were taken for HTML."""
    script = _SCRIPT.format(url=url)
    shapes = [shape.format(script=script, url=url) for shape in _SHAPES]
    wraps = ("{}", "before {} after", "\r\n{}\n", "{0}{0}")
    return [wrap.replace("{0}", shape).replace("{}", shape) for wrap in wraps for shape in shapes]


def hostile_views(url: str) -> list[SampleView]:
    """An item for each hostile answer, the text in every field that can hold one."""
    return [
        SampleView(
            key=ItemKey("iquiz", text if number % 10 == 0 else "IQ", f"{number}{text}"),
            kind=Kind.WRONG if number % 2 else Kind.NO_ANSWER,
            answer=text,
            cause=text,
            explanation=text,
            target=[text] if number % 3 else text,
            request_messages=[
                {"role": text, "content": [{"type": "text", "text": text}]},
                {"role": "user", "content": text},
            ],
            content=text,
            reasoning=text,
            tool_calls=[{"function": {"name": text, "arguments": text}}],
            finish_reason=text,
        )
        for number, text in enumerate(hostile_answers(url))
    ]


def many_views(count: int) -> Iterator[SampleView]:
    """Items of two subsets, four in five right; the second subset is small."""
    for number in range(count):
        subset = "EQ" if number % 100 == 0 else "IQ"
        is_right = number % 5 != 0
        yield SampleView(
            key=ItemKey("iquiz", subset, f"{subset}-{number:05}"),
            kind=Kind.RIGHT if is_right else Kind.WRONG,
            value=1.0 if is_right else 0.0,
            answer="A" if is_right else "B",
            cause="" if is_right else "wrong_letter",
            target="A",
            request_messages=[{"role": "user", "content": "Which is larger, 9.8 or 9.11?"}],
            content="B",
        )


class Document(HTMLParser):
    """What a browser would make of a page: tags with attributes, and the text of everything."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Remember a text."""
        self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, white space as single spaces."""
        return " ".join("".join(self.texts).split())

    def count(self, tag: str, **attributes: str) -> int:
        """How many elements have this tag and these words in their attributes (class_ for class)."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return sum(
            found == tag and all(value in (attrs.get(name) or "").split() for name, value in wanted.items())
            for found, attrs in self.tags
        )
