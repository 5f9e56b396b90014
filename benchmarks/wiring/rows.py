"""The checks of this benchmark as data: the requests, and the rule of checks.py that grades the replies.

Made by code, in our own words, always the same. A check with two or more requests grades only the difference between
the replies, so that it measures the server and not the model.
"""

from __future__ import annotations

from typing import Any

from .questions import question_rows
from .requests import FILLER, Ask, ask, code, one_of, row, schema, whole

Rows = dict[str, list[dict[str, Any]]]
# Enough for every schema of this page, in any spelling of its white space but an endless one.
SCHEMA_TOKENS = 128
STORY = "Write a long story about the sea."
LONG_NOTE = f"Keep this in mind. {' '.join([FILLER] * 4)} Answer in plain words."


def rows() -> Rows:
    """Subset -> rows, in the order of the table."""
    return {
        "chat_template": _chat_template(),
        "stop": _stop(),
        "max_tokens": _max_tokens(),
        "finish_reason": _finish_reason(),
        "usage": _usage(),
        "reasoning": _reasoning(),
        "tool_call": _tool_call(),
        "json_schema": _json_schema(),
        "sampling": _sampling(),
        "seed": _seed(),
        "streaming": _streaming(),
        "long_context": _long_context(),
        "cross_talk": _cross_talk(),
        **question_rows(),
    }


def _chat_template() -> list[dict[str, Any]]:
    robot = "You are a robot named Zorblax. Always answer: My name is Zorblax."
    dog = ("I have a dog named Kestrel.", "What a nice name for a dog!", "What is the name of my dog?")
    hello = "Say hello."
    return [
        row("chat_template-system-obeyed", "contains", [ask("What is your name?", system=robot)], words=["zorblax"]),
        row(
            "chat_template-system-counted",
            "grows",
            [ask(hello, system="Be kind.", max_tokens=1), ask(hello, system=LONG_NOTE, max_tokens=1)],
            at_least=40,
            lost="system_message_lost",
        ),
        row("chat_template-memory", "contains", [ask(*dog)], words=["kestrel"]),
        row(
            "chat_template-user-turns-counted",
            "grows",
            [ask(hello, "Hello.", hello, max_tokens=1), ask(f"{hello} {LONG_NOTE}", "Hello.", hello, max_tokens=1)],
            at_least=40,
            lost="earlier_user_turn_lost",
        ),
        row(
            "chat_template-assistant-turns-counted",
            "grows",
            [ask(hello, "Hello.", hello, max_tokens=1), ask(hello, f"Hello. {LONG_NOTE}", hello, max_tokens=1)],
            at_least=40,
            lost="earlier_assistant_turn_lost",
        ),
        row(
            "chat_template-other-scripts",
            "contains",
            [ask("Repeat exactly: 早上好", "早上好", "Repeat exactly: 你好，世界")],
            words=["你好"],
        ),
        row("chat_template-no-marks", "clean", [ask(hello, max_tokens=64)]),
        row("chat_template-no-marks-in-dialogue", "clean", [ask(*dog, max_tokens=64)]),
    ]


def _stop() -> list[dict[str, Any]]:
    tale = ask(STORY, max_tokens=256)
    words = "Repeat exactly: alpha bravo charlie delta"
    repeat = ask("Repeat exactly: red green blue", "red green blue", words, max_tokens=256)
    return [
        row("stop-letter", "stops", [_with(tale, stop=["e"])], stop=["e"]),
        row("stop-letter-whole-reply", "stops", [_with(tale, stop=["e"], stream=False)], stop=["e"]),
        row("stop-word", "stops", [_with(tale, stop=[" sea"])], stop=[" sea"]),
        row("stop-several-tokens", "stops", [_with(repeat, stop=["charlie"])], stop=["charlie"]),
        row("stop-first-of-two", "stops", [_with(repeat, stop=["delta", "bravo"])], stop=["delta", "bravo"]),
    ]


def _max_tokens() -> list[dict[str, Any]]:
    cut = [ask(STORY, max_tokens=limit) for limit in (1, 8, 32)]
    asks = {"1": cut[0], "8": cut[1], "32": cut[2], "8-whole-reply": _with(cut[1], stream=False)}
    return [row(f"max_tokens-{name}", "is_cut", [one], limit=one["params"]["max_tokens"]) for name, one in asks.items()]


def _finish_reason() -> list[dict[str, Any]]:
    natural = ask("Is water wet?", response_format=one_of("yes", "no"))
    return [
        row("finish_reason-end", "finishes", [natural], reason="stop"),
        row("finish_reason-end-whole-reply", "finishes", [_with(natural, stream=False)], reason="stop"),
        row("finish_reason-cut", "finishes", [ask(STORY, max_tokens=4)], reason="length"),
        row("finish_reason-cut-whole-reply", "finishes", [ask(STORY, max_tokens=4, stream=False)], reason="length"),
    ]


def _usage() -> list[dict[str, Any]]:
    short = ask("Say hello.", max_tokens=4)
    whole_reply = _with(short, stream=False)
    longer = ask(f"{LONG_NOTE} Say hello.", max_tokens=4)
    return [
        row("usage-streamed", "counts_tokens", [short]),
        row("usage-whole-reply", "counts_tokens", [whole_reply]),
        row("usage-grows", "grows", [short, longer], at_least=40, lost="prompt_tokens_do_not_grow"),
        row("usage-same-prompt", "counts_alike", [short, whole_reply]),
        row("usage-plausible", "counts_plausibly", [ask(STORY, max_tokens=48)]),
    ]


def _reasoning() -> list[dict[str, Any]]:
    sum_up = "Think step by step. What is 17 + 25?"
    return [
        row("reasoning-streamed", "thinks_apart", [ask(sum_up)]),
        row("reasoning-whole-reply", "thinks_apart", [ask(sum_up, stream=False)]),
        row("reasoning-dialogue", "thinks_apart", [ask("What is 2 + 2?", "4", "Think first. What is 3 + 3?")]),
        # Some parsers lose the end of thinking only when tools are offered and the reply is streamed.
        row("reasoning-with-tools", "thinks_apart", [ask(sum_up, tools=[_WEATHER], stream=True)]),
    ]


def _tool(name: str, about: str, **arguments: str) -> dict[str, Any]:
    shape = whole({argument: {"type": kind} for argument, kind in arguments.items()})
    return {"type": "function", "function": {"name": name, "description": about, "parameters": shape}}


def _strict(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool with its arguments enforced: without `strict`, vLLM forces the call and leaves its arguments free."""
    return {**tool, "function": {**tool["function"], "strict": True}}


_WEATHER = _tool("get_weather", "The weather in a city, now.", city="string")


def _tool_call() -> list[dict[str, Any]]:
    weather = _WEATHER
    add = _tool("add", "The sum of two whole numbers.", a="integer", b="integer")
    summed = ask("Add 17 and 25 with the tool.", tools=[add])
    forced = ask("Add 17 and 25 with the tool.", tools=[_strict(add)])
    sum_of: dict[str, Any] = {"function": "add", "arguments": {"a": 17, "b": 25}}
    named = {"type": "function", "function": {"name": "add"}}
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}

    def answered(result: str) -> Ask:
        asking = {"role": "assistant", "content": "", "tool_calls": [call]}
        reply = {"role": "tool", "tool_call_id": "call_1", "content": result}
        return ask("What is the weather in Paris?", asking, reply, tools=[weather], max_tokens=1)

    return [
        row("tool_call-streamed", "calls", [summed], **sum_of),
        row("tool_call-whole-reply", "calls", [_with(summed, stream=False)], **sum_of),
        row("tool_call-required", "calls", [{**forced, "tool_choice": "required"}], is_forced=True, **sum_of),
        row("tool_call-named", "calls", [{**forced, "tool_choice": named}], is_forced=True, **sum_of),
        row(
            "tool_call-one-of-two",
            "calls",
            [ask("What is the weather in Paris? Use a tool.", tools=[weather, add])],
            function="get_weather",
            arguments={"city": "paris"},
        ),
        row(
            "tool_call-result-counted",
            "grows",
            [answered("Rain."), answered(f"Rain. {LONG_NOTE}")],
            at_least=40,
            lost="tool_result_lost",
        ),
    ]


def _json_schema() -> list[dict[str, Any]]:
    # An integer without bounds has no end: a model may write digits up to max_tokens.
    flag, number = {"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 20_000}
    letters = {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "maxItems": 3}
    shapes = {
        "enum": {"type": "string", "enum": ["alpha", "beta", "gamma"]},
        "object": whole({"wet": flag, "deep": flag}),
        "number": whole({"metres": number}),
        "array": letters,
        "nested": whole({"sea": whole({"salty": flag, "letters": letters})}),
        "either": whole({"depth": {"anyOf": [flag, {"type": "null"}]}}),
    }
    return [
        # The prompt asks for prose: a server that ignores the schema returns prose. The limit is for grammars that
        # allow any white space: a small model fills thousands of tokens with line breaks.
        row(
            f"json_schema-{name}",
            "conforms",
            [ask(STORY, response_format=schema(shape), max_tokens=SCHEMA_TOKENS)],
            thinks=True,
            schema=shape,
        )
        for name, shape in shapes.items()
    ]


def _sampling() -> list[dict[str, Any]]:
    invent = "Invent a strange story about an octopus and a piano. Surprise me."
    cold = ask(invent, temperature=0, max_tokens=16)
    hot = [ask(invent, temperature=1, max_tokens=32, seed=seed) for seed in (11, 12, 13)]
    narrow = [ask(invent, temperature=1, top_p=0.01, max_tokens=16, seed=seed) for seed in (11, 12, 13)]
    return [
        row("sampling-temperature-0", "repeats", [cold] * 3, changing="temperature_ignored"),
        row(
            "sampling-temperature-0-whole-reply",
            "repeats",
            [_with(cold, stream=False)] * 3,
            changing="temperature_ignored",
        ),
        row("sampling-temperature-1", "varies", hot),
        row("sampling-top-p", "repeats", narrow, changing="top_p_ignored"),
    ]


def _seed() -> list[dict[str, Any]]:
    invent = "Invent a strange story about a lighthouse and a violin. Surprise me."
    return [
        row(
            f"seed-{seed}",
            "repeats",
            [ask(invent, temperature=1, max_tokens=24, seed=seed)] * 3,
            changing="seed_ignored",
        )
        for seed in (7, 2**31 - 1)
    ]


def _streaming() -> list[dict[str, Any]]:
    asks = {
        "prose": ask("Describe the sea in one sentence.", max_tokens=20),
        "numbers": ask("Count from 1 to 20.", max_tokens=24),
        "other-scripts": ask(
            "Repeat exactly: naïve café", "naïve café", "Repeat exactly: Zürich – 東京 😀", max_tokens=32
        ),
        "json": ask(STORY, response_format=one_of("wet", "dry")),
    }
    return [
        row(f"streaming-{name}", "streams_alike", [_with(one, temperature=0, stream=how) for how in (True, False) * 2])
        for name, one in asks.items()
    ]


def _long_context() -> list[dict[str, Any]]:
    """Lengths are parts of the model's context; long_context.py, which knows it, makes the requests."""
    return [
        row(f"long_context-{name}", "recalls", [], part=part, code=code(f"long context {name}"))
        for name, part in (("1-8", 0.125), ("1-4", 0.25), ("1-2", 0.5), ("3-4", 0.75))
    ]


def _cross_talk() -> list[dict[str, Any]]:
    examples = [text for one in map(code, ("first", "second", "third")) for text in (f"Repeat exactly: {one}", one)]

    def echo(group: str, count: int, *before: str, **rest: Any) -> tuple[list[Ask], list[str]]:
        codes = [code(f"{group} {number}") for number in range(count)]
        return [ask(*before, f"Repeat exactly: {one}", **rest) for one in codes], codes

    many, many_codes = echo("many", 64)
    prefixed, prefixed_codes = echo("prefixed", 8, *examples)
    plain, plain_codes = echo("plain", 8, stream=False)
    forced_codes = [code(f"forced {number}") for number in range(8)]
    forced = [ask("Give me the code.", response_format=one_of(one)) for one in forced_codes]
    return [
        row("cross_talk-64", "answers_apart", many, at_once=True, codes=many_codes),
        row("cross_talk-shared-prefix", "answers_apart", prefixed, at_once=True, codes=prefixed_codes),
        row("cross_talk-whole-replies", "answers_apart", plain, at_once=True, codes=plain_codes),
        row("cross_talk-schemas", "answers_apart", forced, at_once=True, codes=forced_codes),
    ]


def _with(one: Ask, **params: Any) -> Ask:
    return {**one, "params": {**one.get("params", {}), **params}}
