"""Separates a model's thinking from its answer, here only. Pure, total, linear in the length of the text.

Thinking left in the text is read by graders: a draft "ANSWER: B" inside a thinking block that was cut off, or before a
bare closing tag, would count as the answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Split(NamedTuple):
    """A reply in two parts."""

    text: str
    """Read by graders."""
    reasoning: str
    """Everything else, without the tags."""
    is_open: bool
    """The last thinking block was never closed: the reply ended, or was cut, while the model was thinking."""


_FINAL = r"(?:<\|start\|>assistant)?<\|channel\|>\s{0,4}final[^<]{0,200}<\|message\|>"
# One row for each family: name, pattern of the opening tag, pattern of the closing tag. Case does not matter, and a
# tag may contain spaces next to its brackets.
#
# Closing patterns begin with a literal character, so that the search for them is a plain scan.
_FAMILIES: tuple[tuple[str, str, str], ...] = (
    # <think>: DeepSeek-R1, Qwen3, GLM-4.5, MiniMax-M2, Kimi-K2 and most others (SGLang, srt/parser/reasoning_parser.py;
    # vLLM, vllm/reasoning/basic_parsers.py). <thinking>, <thought>: written by models without such tokens
    # when the prompt asks for it. <seed:think>: ByteDance Seed-OSS (vllm/reasoning/seedoss_reasoning_parser.py).
    # <longcat_think>: Meituan LongCat (vllm/reasoning/longcat_reasoning_parser.py). <mm:think>: with a name space.
    *(
        (name, rf"<\s{{0,4}}{name}\s{{0,4}}>", rf"</\s{{0,4}}{name}\s{{0,4}}>")
        for name in ("think", "thinking", "thought", "seed:think", "longcat_think", "mm:think")
    ),
    # Mistral Magistral (vllm/reasoning/mistral_reasoning_parser.py, tokens of mistral_common).
    ("mistral", r"\[\s{0,4}think\s{0,4}\]", r"\[/\s{0,4}think\s{0,4}\]"),
    # Kimi-VL and Kimi k1.5 (SGLang, KimiDetector).
    ("kimi", r"◁\s{0,4}think\s{0,4}▷", r"◁/\s{0,4}think\s{0,4}▷"),
    # Cohere Command R7B and Command A Reasoning.
    ("cohere", r"<\|start_thinking\|>", r"<\|end_thinking\|>"),
    # Gemma 4 (vllm/reasoning/gemma4_reasoning_parser.py).
    ("gemma", r"<\|channel>(?:thought\n)?", r"<channel\|>"),
    # gpt-oss, the harmony format (SGLang, GptOssDetector; openai/harmony, docs/format.md): every channel but "final"
    # is not meant for the reader. The header of the final channel closes an earlier channel even if <|end|> is
    # missing.
    (
        "harmony",
        r"(?:<\|start\|>assistant)?<\|channel\|>\s{0,4}(?:analysis|commentary)[^<]{0,200}"
        r"(?:<\|constrain\|>[^<]{0,40})?<\|message\|>",
        rf"<\|(?:end|call)\|>|{_FINAL}",
    ),
)
# Ends a harmony message outside a thinking channel: closes nothing, and is not part of the answer.
_DROPPED = r"<\|(?:return|end|call)\|>"

_CLOSE = [re.compile(f"(?i:{close})") for _, _, close in _FAMILIES]
_OPEN_GROUPS = {f"o{index}": index for index in range(len(_FAMILIES))}
_TAG = re.compile(
    "(?i:(?P<close>"
    + "|".join(close for _, _, close in _FAMILIES[:-1])
    # <|end|> closes harmony's channels only: elsewhere it merely ends a message (Phi writes it after every answer).
    + f"|{_FINAL})|"
    + "|".join(f"(?P<o{index}>{opening})" for index, (_, opening, _) in enumerate(_FAMILIES))
    + f"|(?P<dropped>{_DROPPED}))"
)
# Where a tag may begin. The pattern starts with a character set, so the search is a fast scan; trying the
# alternatives of _TAG at every character would cost a hundred times as much.
_HINT = re.compile(
    r"[<\[◁][|/]?+\s{0,4}+(?=[tslmercTSLMERC])(?i:think|thought|seed:|longcat_|mm:|start|end|channel|return|call)"
)
_WINDOW = 128 * 1024
_MAX_TAG_CHARS = 512
_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’"}


def split_thinking(content: str | None, reasoning_content: str | None) -> Split:
    """Separate thinking from the answer.

    content, reasoning_content: the fields of the message. All of reasoning_content is thinking. Rules for content, for
    every family of tags:

    - A block runs from its opening tag to the next closing tag of the same family. Text around and between blocks is
      answer. An opening tag inside a block opens nothing: servers and models both put one in front.
    - A block that is never closed runs to the end, and the split is open.
    - A closing tag outside a block (the template wrote the opening one) makes everything before it thinking, so that
      after nested blocks, too, only what follows the last closing tag is answer.
    - A tag directly between quotes or back-ticks, such as `</think>` in prose or "</think>" in a program, is a
      mention and stays in the text. A code fence does not protect a tag: in thinking that breaks off, fences are
      often left open.

    Text and reasoning together contain every character of both fields except the tags, in order; a line break
    separates reasoning_content from thinking found in the content.
    """
    content = content or ""
    reasoning = reasoning_content or ""
    if "<" not in content and "[" not in content and "◁" not in content:
        # Every tag begins with one of these.
        return Split(content, reasoning, is_open=False)
    pieces, answer_from, is_open = _pieces(content)
    if len(pieces) == 1 and not pieces[0][1]:
        return Split(pieces[0][0], reasoning, is_open=False)
    answer = "".join(piece for piece, is_thinking in pieces[answer_from:] if not is_thinking)
    inline = "".join(
        piece for position, (piece, is_thinking) in enumerate(pieces) if is_thinking or position < answer_from
    )
    return Split(answer, "\n".join(filter(None, (reasoning, inline))), is_open)


def _pieces(content: str) -> tuple[list[tuple[str, bool]], int, bool]:
    """The content split at its tags: pieces as (text, is_thinking).

    Then the position of the first piece that can be answer, and whether the last block is open.
    """
    pieces: list[tuple[str, bool]] = []
    answer_from = 0
    position = 0
    while (tag := _next_tag(content, position)) is not None:
        pieces.append((content[position : tag.start()], False))
        position = tag.end()
        if tag.lastgroup == "close":
            answer_from = len(pieces)
        elif tag.lastgroup != "dropped":
            close = _next_close(_OPEN_GROUPS[tag.lastgroup or ""], content, position)
            if close is None:
                pieces.append((content[position:], True))
                return pieces, answer_from, True
            pieces.append((content[position : close.start()], True))
            position = close.end()
    pieces.append((content[position:], False))
    return pieces, answer_from, False


def _next_tag(text: str, position: int) -> re.Match[str] | None:
    """The next tag outside a block that is no mention."""
    while (hint := _search(_HINT, text, position)) is not None:
        found = _TAG.match(text, hint.start())
        if found is not None and not _is_mention(text, found):
            return found
        position = found.end() if found is not None else hint.start() + 1
    return None


def _next_close(family: int, text: str, position: int) -> re.Match[str] | None:
    """The next closing tag of the family that is no mention."""
    while (found := _search(_CLOSE[family], text, position)) is not None:
        if not _is_mention(text, found):
            return found
        position = found.end()
    return None


def _search(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str] | None:
    """pattern.search(text, position), in windows.

    A search holds the interpreter, and one over megabytes would stop all threads for seconds.
    """
    while len(text) - position > _WINDOW:
        found = pattern.search(text, position, position + _WINDOW + _MAX_TAG_CHARS)
        if found is not None and found.end() < position + _WINDOW + _MAX_TAG_CHARS:
            return found
        position += _WINDOW
    return pattern.search(text, position)


def _is_mention(text: str, tag: re.Match[str]) -> bool:
    start, end = tag.span()
    return start > 0 and end < len(text) and _QUOTES.get(text[start - 1]) == text[end]
