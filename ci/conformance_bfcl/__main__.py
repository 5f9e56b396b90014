"""Our verdicts on function calls beside the official ones, case by case: `python ci/conformance_bfcl [--limit N]`.

Makes a virtual environment with bfcl-eval (--venv DIR, default .conformance-bfcl in the cache folder), asks it about
every question of the twelve AST categories with about 40 answers each, about random Java and JavaScript literals, and
about calls written as Python text, about the form of tools, and about 800 multi-turn questions with 13 answers each.
Exit status 0 only if every verdict is equal. A case on which the official checker
fails with an exception has no official verdict; ours must then not be "right".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import made_answers as making
import made_turns
import official_venv

from benchmarks.bfcl.simulation import Simulations
from benchmarks.bfcl.tool_schemas import add_hints, tools
from benchmarks.bfcl.wheel import functions_of
from pytest_modeleval.graders.calls import (
    Call,
    Language,
    NoCallsFound,
    Wanted,
    check_calls,
    decode_python_text,
    java,
    javascript,
)
from pytest_modeleval.graders.calls.python_text import parse_call

WANTED = {
    "simple_python": Wanted.ONE, "simple_java": Wanted.ONE, "simple_javascript": Wanted.ONE, "live_simple": Wanted.ONE,
    "multiple": Wanted.CHOICE, "live_multiple": Wanted.CHOICE, "parallel": Wanted.SEVERAL,
    "parallel_multiple": Wanted.SEVERAL, "live_parallel": Wanted.SEVERAL, "live_parallel_multiple": Wanted.SEVERAL,
}  # fmt: skip
LITERALS = 20_000


def language_of(category: str) -> str:
    """The language of a category's functions."""
    return {"simple_java": "java", "simple_javascript": "javascript"}.get(category, "python")


def entries(data: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    """Every question of the AST categories with its accepted calls."""
    for category in WANTED:
        name = f"BFCL_v4_{category}.json"
        known = {row["id"]: row["ground_truth"] for row in map(json.loads, (data / "possible_answer" / name).open())}
        rows = [json.loads(line) for line in (data / name).open()]
        for row in rows[:limit]:
            yield {
                "kind": "entry", "id": row["id"], "category": category, "language": language_of(category),
                "function": row["function"], "accepted": known[row["id"]],
            }  # fmt: skip


def ast_cases(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each answer with names as tool calls spell them, the first few with dots as well."""
    for number, (label, answer) in enumerate(making.answers(entry, entry["accepted"], entry["language"])):
        spelled = [{name.replace(".", "_"): args for name, args in call.items()} for call in answer]
        yield {"kind": "ast", "id": entry["id"], "label": label, "answer": repr(spelled), "has_dots": False}
        if number < 4:
            yield {"kind": "ast", "id": entry["id"], "label": label, "answer": repr(answer), "has_dots": True}


def literal_cases(source: random.Random) -> Iterator[dict[str, Any]]:
    """Random source text for every type that the data describes."""
    for _ in range(LITERALS):
        language = source.choice(("java", "javascript"))
        types = java.TYPES if language == "java" else javascript.TYPES
        described = source.choice(sorted(types))
        has_elements = described in ("Array", "ArrayList", "array")
        element = source.choice([name for name in sorted(types) if name not in ("HashMap",)]) if has_elements else None
        text = making.random_literal(source)
        yield {"kind": "literal", "language": language, "described": described, "element": element, "text": text}


def text_cases(entry: dict[str, Any], source: random.Random) -> Iterator[dict[str, Any]]:
    """Python text of the right answer, whole and damaged."""
    for label, answer in list(making.answers(entry, entry["accepted"], "python"))[:4]:
        calls = [
            f"{name}({', '.join(f'{key}={value!r}' for key, value in args.items())})"
            for call in answer
            for name, args in call.items()
        ]
        text = f"[{', '.join(calls)}]"
        if "inf" not in text:
            yield {"kind": "text", "label": label, "text": text}
            yield {"kind": "text", "label": "in code marks", "text": f"```\n{text}\n```"}
            yield {"kind": "text", "label": "without brackets", "text": ", ".join(calls)}
            yield {"kind": "text", "label": "true for True", "text": text.replace("True", "true")}
            place = source.randrange(len(text))
            yield {"kind": "text", "label": "a character dropped", "text": text[:place] + text[place + 1 :]}
            yield {"kind": "text", "label": "a minus", "text": text.replace("=", "=-", 1)}


def _written(name: str, args: dict[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in args.items())})"


TURN_CATEGORIES = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context")


def turn_entries(data: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    """Every multi-turn question with its true calls."""
    for category in TURN_CATEGORIES:
        name = f"BFCL_v4_{category}.json"
        known = {row["id"]: row["ground_truth"] for row in map(json.loads, (data / "possible_answer" / name).open())}
        for row in [json.loads(line) for line in (data / name).open()][:limit]:
            yield {**row, "kind": "entry", "category": category, "accepted": known[row["id"]]}


def turn_cases(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each answer to one multi-turn question."""
    parameters = {
        function["name"]: list(function["parameters"]["properties"])
        for name in entry["involved_classes"]
        for function in functions_of(name, official_venv.VERSION)
    }
    turns = made_turns.true_turns(entry["accepted"], parameters)
    for number, (label, answer) in enumerate(made_turns.variants(entry["id"], turns)):
        number_text = f"{entry['id']}_{number}"
        yield {"kind": "turns", "id": entry["id"], "label": label, "turns": answer, "number": number_text}


async def our_turns(cases: list[dict[str, Any]], known: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Our verdicts on multi-turn answers, many at once and in an order of their own."""
    simulations = Simulations(official_venv.VERSION)
    places = asyncio.Semaphore(100)

    async def one(case: dict[str, Any]) -> dict[str, Any]:
        entry = known[case["id"]]
        turns = [[[Call(name, keywords) for name, keywords in step] for step in turn] for turn in case["turns"]]
        truth = [[parse_call(text) for text in turn] for turn in entry["accepted"]]
        async with (
            places,
            simulations.session(
                entry["involved_classes"], entry["initial_config"], has_long_context="long_context" in entry["id"]
            ) as session,
        ):
            cause, _ = await session.check(turns, truth)
        return {"valid": not cause, "cause": cause}

    order = list(range(len(cases)))
    random.Random(1).shuffle(order)
    found = await asyncio.gather(*(one(cases[place]) for place in order))
    simulations.close()
    answers = dict(zip(order, found, strict=True))
    return [answers[place] for place in range(len(cases))]


def _bare(value: Any) -> Any:
    """Tools without the sentences that both sides put in their own words."""
    if isinstance(value, dict):
        return {key: _bare(part) for key, part in value.items() if key != "description" or not isinstance(part, str)}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def ours(case: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Our answer to a case, in the form of `official`."""
    if case["kind"] == "literal":
        read = java.read if case["language"] == "java" else javascript.read
        return {"value": repr(read(case["text"], case["described"], case["element"]))}
    if case["kind"] == "tools":
        entry = known[case["id"]]
        return {"value": tools(add_hints(entry["function"], Language(entry["language"])))}
    if case["kind"] == "text":
        try:
            return {"value": repr([{call.name: dict(call.arguments)} for call in decode_python_text(case["text"])])}
        except NoCallsFound as refused:
            return {"crash": refused.cause}
    entry = known[case["id"]]
    answer = eval(case["answer"], {"__builtins__": {}}, {"inf": math.inf})  # our own text
    found = check_calls(
        [Call(name, args) for call in answer for name, args in call.items()],
        functions=entry["function"],
        accepted=entry["accepted"],
        wanted=WANTED[entry["category"]],
        language=Language(entry["language"]),
        has_dots=case["has_dots"],
    )
    return {"valid": found is None, "cause": found.cause if found else ""}


def main() -> int:
    """Compare; print what differs and how much was compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pytest-modeleval" / "conformance-bfcl"
    parser.add_argument("--venv", type=Path, default=default)
    parser.add_argument("--limit", type=int, help="questions per category")
    options = parser.parse_args()
    python = official_venv.make(options.venv.resolve())
    known = {entry["id"]: entry for entry in entries(official_venv.data_folder(python), options.limit)}
    source = random.Random(20251027)
    cases = [case for entry in known.values() for case in ast_cases(entry)]
    cases += literal_cases(source)
    cases += [case for entry in known.values() if entry["language"] == "python" for case in text_cases(entry, source)]
    cases += [{"kind": "tools", "id": identifier} for identifier in known]
    turning = {entry["id"]: entry for entry in turn_entries(official_venv.data_folder(python), options.limit)}
    known |= turning
    cases += [case for entry in turning.values() for case in turn_cases(entry)]
    lines = "".join(json.dumps(case) + "\n" for case in [*known.values(), *cases])
    started = time.perf_counter()
    run = subprocess.run(
        [str(python), str(Path(__file__).with_name("run_official.py"))],
        input=lines, text=True, capture_output=True, check=False, env=official_venv.environment(options.venv.resolve()),
    )  # fmt: skip
    if run.returncode:
        sys.stderr.write(run.stderr[-3000:])
        return 3
    theirs = [json.loads(line) for line in run.stdout.splitlines()]
    between = time.perf_counter()
    conversations = [case for case in cases if case["kind"] == "turns"]
    mine = [_ours_or_crash(case, known) for case in cases if case["kind"] != "turns"]
    mine += asyncio.run(our_turns(conversations, known))
    print(f"official {between - started:.1f} s with its import, ours {time.perf_counter() - between:.1f} s")
    return report(cases, theirs, mine, known)


def _ours_or_crash(case: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    try:
        return ours(case, known)
    except Exception as error:  # noqa: BLE001 - a crash is one of the things compared
        return {"crash": f"{type(error).__name__}: {error}"}


def report(
    cases: list[dict[str, Any]], theirs: list[dict[str, Any]], mine: list[dict[str, Any]], known: dict[str, Any]
) -> int:
    """Print a table of what was compared; 0 if nothing differs."""
    total: Counter[str] = Counter()
    right: Counter[str] = Counter()
    crashed: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    causes: Counter[tuple[str, str]] = Counter()
    shown = 0
    for case, official, our in zip(cases, theirs, mine, strict=True):
        group = known[case["id"]]["category"] if case["kind"] in ("ast", "turns") else case["kind"]
        total[group] += 1
        right[group] += bool(official.get("valid", "value" in official))
        if case["kind"] in ("ast", "turns") and "crash" in official:
            crashed[group] += 1
            is_equal = not our.get("valid", False)
        elif case["kind"] == "tools":
            is_equal = _bare(official["value"]) == _bare(our.get("value"))
        elif case["kind"] in ("ast", "turns"):
            is_equal = official["valid"] is our.get("valid")
            if not official["valid"]:
                causes[official["cause"], our.get("cause", "?")] += 1
        else:
            is_equal = official.get("value") == our.get("value") or ("crash" in official and case["kind"] == "literal")
        if not is_equal:
            differ[group] += 1
            shown += 1
            if shown <= 20:
                print("DIFFERS", json.dumps(case)[:700], "official:", official, "ours:", our)
    print(f"{'group':24} {'cases':>8} {'accepted':>9} {'no verdict':>10} {'differ':>7}")
    for group in total:
        print(f"{group:24} {total[group]:>8} {right[group]:>9} {crashed[group]:>10} {differ[group]:>7}")
    print(f"{'all':24} {total.total():>8} {right.total():>9} {crashed.total():>10} {differ.total():>7}")
    print("official cause -> our cause:")
    for (official_cause, cause), count in causes.most_common(40):
        print(f"  {count:>7}  {official_cause} -> {cause}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
