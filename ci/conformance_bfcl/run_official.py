# mypy: disable-error-code="import-not-found"
"""Runs inside the environment that holds bfcl-eval: one JSON line in, one JSON line out, per case.

    {"kind": "ast", ...}       -> {"valid": bool, "cause": str} or {"crash": str}
    {"kind": "literal", ...}   -> {"value": repr} or {"crash": str}
    {"kind": "text", ...}      -> {"value": repr} or {"crash": str}
    {"kind": "tools", ...}     -> {"value": tools}
    {"kind": "turns", ...}     -> {"valid": bool, "cause": str} or {"crash": str}

Values travel as Python literals, because JSON has neither tuples nor bytes.
"""

import contextlib
import io
import json
import sys
from typing import Any

from bfcl_eval.constants.enums import Language, ModelStyle
from bfcl_eval.constants.type_mappings import GORILLA_TO_OPENAPI
from bfcl_eval.eval_checker.ast_eval.ast_checker import ast_checker
from bfcl_eval.eval_checker.ast_eval.type_convertor.java_type_converter import java_type_converter
from bfcl_eval.eval_checker.ast_eval.type_convertor.js_type_converter import js_type_converter
from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker
from bfcl_eval.model_handler.utils import convert_to_tool, default_decode_ast_prompting
from bfcl_eval.utils import add_language_specific_hint_to_function_doc

MODELS = {False: "gpt-4o-2024-11-20-FC", True: "gpt-4o-2024-11-20"}
LANGUAGES = {"python": Language.PYTHON, "java": Language.JAVA, "javascript": Language.JAVASCRIPT}
DOTTED = "meta-llama/Llama-3.1-8B-Instruct"


def read(text: str) -> Any:
    """A Python literal that may hold infinity."""
    return eval(text, {"__builtins__": {}}, {"inf": float("inf"), "nan": float("nan")})  # our own text


def judge(case: dict[str, Any], entries: dict[str, Any]) -> dict[str, Any]:
    """The official answer to one case."""
    if case["kind"] == "ast":
        entry = entries[case["id"]]
        found = ast_checker(
            entry["function"],
            read(case["answer"]),
            entry["accepted"],
            LANGUAGES[entry["language"]],
            entry["category"],
            DOTTED if case["has_dots"] else MODELS[False],
        )
        return {"valid": found["valid"], "cause": found.get("error_type", "")}
    if case["kind"] == "literal":
        convert = java_type_converter if case["language"] == "java" else js_type_converter
        return {"value": repr(convert(case["text"], case["described"], case["element"]))}
    if case["kind"] == "tools":
        functions = add_language_specific_hint_to_function_doc([json.loads(json.dumps(entries[case["id"]]))])[0][
            "function"
        ]
        return {"value": convert_to_tool(functions, GORILLA_TO_OPENAPI, ModelStyle.OPENAI_COMPLETIONS)}
    if case["kind"] == "turns":
        entry = entries[case["id"]]
        turns = [[[_call_text(*call) for call in step] for step in turn] for turn in case["turns"]]
        # Instances are kept for ever under the model's name: a fresh name per case, or answers leak into each other.
        name = f"case_{case['number']}"
        found = multi_turn_checker(turns, entry["accepted"], entry, entry["category"], name)
        for kept in [key for key in vars(multi_turn_utils) if key.startswith(name + "_")]:
            del vars(multi_turn_utils)[kept]
        return {"valid": found["valid"], "cause": found.get("error_type", "")}
    return {"value": repr(default_decode_ast_prompting(case["text"]))}


def _call_text(name: str, keywords: dict[str, Any]) -> str:
    return f"{name}({','.join(f'{key}={value!r}' for key, value in keywords.items())})"


def main() -> None:
    """Answer the cases on standard input."""
    entries: dict[str, Any] = {}
    for line in sys.stdin:
        case = json.loads(line)
        if case["kind"] == "entry":
            entries[case["id"]] = case
            continue
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer = judge(case, entries)
        except Exception as error:  # noqa: BLE001 - a crash is one of the things compared
            answer = {"crash": f"{type(error).__name__}: {error}"[:200]}
        sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
