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
    # For renderers of Markdown, formulas and code.
    "[click](javascript:{script}) [data](data:text/html,<script>{script}</script>) <javascript:{script}>",
    "![x]({url}/md-img) ![y][z]\n\n[z]: {url}/md-ref 'title'\n\n<{url}/auto>",
    "[a](<javascript:alert(1)>)\n\n[b]: javascript:{script}\n\n[b] [b][] [c](JaVaScRiPt&colon;alert(1))",
    "$\\href{{javascript:{script}}}{{x}}$ and $$\\url{{{url}/tex}}$$",
    "\\[\\includegraphics{{{url}/tex-img}} \\htmlStyle{{background:url({url}/x)}}{{y}} \\htmlData{{a=b}}{{z}}\\]",
    "$\\def\\a{{\\a\\a}}\\a$ $\\rule{{9999em}}{{9999em}}$ $" + "{{" * 300 + "x" + "}}" * 300 + "$",
    '$<img src=x onerror="{script}">$ $\\text{{</math><script>{script}</script>}}$',
    '<math><mi xlink:href="javascript:{script}">x</mi><maction actiontype="statusline#{url}/m">y</maction></math>',
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    '<svg></p><style><a id="</style><img src=1 onerror={script}>"></style></svg>',
    '<noscript><p title="</noscript><img src=x onerror={script}>"></noscript>',
    "<template><script>{script}</script></template><slot></slot><portal src='{url}/portal'></portal>",
    "<form id=page-meta><input name=textContent></form><a id=worker-code href='{url}/clobber'></a><img name=body>",
    '```html\n<script>{script}</script>\n```\n\n```js"><img src=x onerror={script}>\nx\n```',
    "`<img src=x onerror={script}>` ``` </code></pre><script>{script}</script>",
    "| <script>{script}</script> | [x](javascript:alert(1)) |\n|:-:|--:|\n| ![]({url}/td) | `</table>` |",
    ">" * 300 + " deep\n\n" + "[" * 300 + "]" * 300 + "*" * 300 + "`" * 301,
    "# {script}\n\n<h1 onclick=alert(1)>h</h1>\n\n---\n***\n1. <li onclick=alert(1)>\n   - [ ] task",
    "\u2028{script}\u2029//\u2028</script\u2028><script>{script}</script >",
    "${{document.title='owned'}} `+alert(1)+` ');alert(1);(' \\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "</script ><script/x>{script}</script\t\n><!-- <script> --!><SCRIPT>{script}</SCRIPT>",
    "<a href='{url}/link' ping='{url}/ping' target=_top>l</a><area href='javascript:alert(1)'>",
    "\x1b]8;;{url}/osc\x07link\x1b]8;;\x07\x1b[31;1m\x9b2J\x1bP$q\x1b\\\x7f\x85",
    "\u202eevil\u202c" * 200 + "e" + "\u0301" * 400 + "\u200b\u2060\ufeff\U000e0041" * 50,
    "W" * 20000 + "<script>{script}</script>" + "\u4e00" * 20000,
)


def hostile_answers(url: str) -> list[str]:
    """200 texts that would run, request or rewrite something, or break the layout, if any of them were trusted."""
    script = _SCRIPT.format(url=url)
    shapes = [shape.format(script=script, url=url) for shape in _SHAPES]
    assert len(shapes) == 50
    wraps = ("{}", "before {} after", "\r\n{}\n", "{0}{0}")
    return [wrap.replace("{0}", shape).replace("{}", shape) for wrap in wraps for shape in shapes]


def hostile_samples(url: str) -> list[dict[str, Any]]:
    """50 samples with the 200 hostile answers, four in each: in every field that can hold a text, and as exchanges."""
    answers = hostile_answers(url)
    count = len(answers) // 4
    return [_hostile_sample(number, answers[number::count]) for number in range(count)]


def _hostile_sample(number: int, texts: Sequence[str]) -> dict[str, Any]:
    text = texts[0]
    return {
        "benchmark": "iquiz",
        "subset": texts[1] if number % 10 == 0 else "IQ",
        "id": f"{number}{text}",
        "kind": "wrong" if number % 2 else "no_answer",
        "value": 0.0,
        "answer": texts[1],
        "cause": text,
        "explanation": texts[3],
        "target": text,
        "question": texts[2],
        "finish_reason": text,
        "completion_tokens": 10 + number,
        "measures": {text: 1},
        "attempts": [{"kind": "server_error", "cause": text, "message": text, "time": text}],
        "exchanges": [_hostile_exchange(each) for each in texts],
        "judgements": [{"role": text, "model": text, "request": text, "reply": texts[3]}],
    }


def _hostile_exchange(text: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": text, "content": [{"type": "text", "text": text}]},
            {"role": "tool", "content": text, "tool_call_id": text},
            {"role": "__proto__", "content": {"__proto__": {"polluted": text}}, "tool_calls": {"length": 1}},
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
        for number, text in enumerate(hostile_answers(url)[:100])
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
) -> str:
    """The whole page."""
    entry = summary_json(summary)
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
