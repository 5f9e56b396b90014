"""Items for the tests of the report page: hostile answers, and a document parsed back from HTML."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.page.document import page_parts
from pytest_modeleval.reports.page_data import SampleView
from pytest_modeleval.results import RunSummary
from pytest_modeleval.store.summary_file import summary_json

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


def hostile_samples(url: str) -> list[dict[str, Any]]:
    """A sample for each hostile answer, the text in every field that can hold one."""
    return [
        {
            "benchmark": "iquiz",
            "subset": text if number % 10 == 0 else "IQ",
            "id": f"{number}{text}",
            "kind": "wrong" if number % 2 else "no_answer",
            "value": 0.0,
            "answer": text,
            "cause": text,
            "explanation": text,
            "target": text,
            "question": text,
            "finish_reason": text,
            "completion_tokens": 10 + number,
            "measures": {text: 1},
            "attempts": [{"kind": "server_error", "cause": text, "message": text, "time": text}],
            "exchanges": [
                {
                    "messages": [
                        {"role": text, "content": [{"type": "text", "text": text}]},
                        {"role": "tool", "content": text, "tool_call_id": text},
                        {"role": "user", "content": text},
                    ],
                    "tools": [{"function": {"name": text, "description": text, "parameters": {text: text}}}],
                    "params": {"model": text},
                    "reply": {
                        "content": text,
                        "reasoning": text,
                        "finish_reason": text,
                        "tool_calls": [{"name": text, "arguments": text, "id": text}],
                    },
                }
            ],
            "judgements": [{"role": text, "model": text, "request": text, "reply": text}],
        }
        for number, text in enumerate(hostile_answers(url))
    ]


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


def many_samples(count: int) -> Iterator[dict[str, Any]]:
    """Samples of two subsets, four in five right; the second subset is small."""
    for number in range(count):
        subset = "EQ" if number % 100 == 0 else "IQ"
        is_right = number % 5 != 0
        yield {
            "benchmark": "iquiz",
            "subset": subset,
            "id": f"{subset}-{number:05}",
            "kind": "right" if is_right else "wrong",
            "value": 1.0 if is_right else 0.0,
            "answer": "A" if is_right else "B",
            **({} if is_right else {"cause": "wrong_letter"}),
            "target": "A",
            "question": f"Answer with a letter.\n\nWhich is larger, 9.8 or 9.11? Number {number}.",
            "completion_tokens": 5 + number % 40,
            "total_s": 0.25,
            "exchanges": [
                {
                    "messages": [{"role": "user", "content": f"Which is larger, 9.8 or 9.11? Number {number}."}],
                    "params": {"model": "m", "temperature": 0},
                    "reply": {"content": f"**Bold** reply{number} with $x^2$", "reasoning": f"thought{number}"},
                }
            ],
        }


def report_page(
    summary: RunSummary,
    *,
    run: Mapping[str, Any] = RUN,
    samples: Iterable[Mapping[str, Any]] | None = (),
    title: str = "t",
    replies: Mapping[tuple[str, str], Sequence[str]] | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> str:
    """The whole page. evidence: that of the first gate."""
    entry = summary_json(summary)
    if evidence is not None:
        entry["gates"][0]["evidence"] = evidence
    parts = page_parts(summary, summary_json=entry, run=run, samples=samples, title=title, replies=replies)
    return "".join(parts)


def embedded(html: str, name: str) -> str:
    """The text of a data element."""
    (found,) = re.findall(rf'<script type="[^"]+" id="{name}">(.*?)</script>', html, re.DOTALL)
    return str(found)


def unpacked(html: str, name: str) -> list[Any]:
    """The JSON lines of a packed data element."""
    return [json.loads(line) for line in zlib.decompress(base64.b64decode(embedded(html, name))).splitlines()]


class Document(HTMLParser):
    """What a browser would make of a page: tags with attributes, and the text of everything."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._is_script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember an element."""
        self.tags.append((tag, dict(attrs)))
        self._is_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        """A script ends."""
        self._is_script = self._is_script and tag != "script"

    def handle_data(self, data: str) -> None:
        """Remember a text; a script is none."""
        if not self._is_script:
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
