"""The program that compares two LaTeX texts: reads one JSON object a line and writes one, started by graders.symbolic.

It is started by its path and imports nothing of this package. Only math-verify's LaTeX grammar is used: its parser of
plain expressions ends in Python's eval.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

MEMORY_BYTES = 3 * 1024**3


def main() -> None:
    """Report that it is ready, then answer until the input ends."""
    _limit_memory()
    # Without time limits math-verify warns that the caller has to limit the time, which the caller does.
    logging.disable(logging.CRITICAL)
    try:
        import math_verify  # noqa: PLC0415 - its absence is reported to the parent, not printed
    except ImportError as error:
        _say({"error": f"math-verify cannot be imported: {error}"})
        return
    _say({"ready": True})
    for line in sys.stdin:
        question = json.loads(line)
        _set_alarm(question["alarm_s"])
        _limit_cpu(question["cpu_s"])
        try:
            reply: dict[str, Any] = {"equal": _is_equal(math_verify, question["target"], question["answer"])}
        except Exception as error:  # noqa: BLE001 - every exception is reported to the parent
            reply = {"error": f"{type(error).__name__}: {str(error)[:150]}"}
        _set_alarm(0)
        _say(reply)


def _is_equal(math_verify: Any, target: str, answer: str) -> bool:
    config = [math_verify.LatexExtractionConfig(boxed_match_priority=0)]
    found = [
        math_verify.parse(f"\\boxed{{{text}}}", extraction_config=config, parsing_timeout=0, raise_on_error=True)
        for text in (target, answer)
    ]
    return bool(math_verify.verify(found[0], found[1], timeout_seconds=0, raise_on_error=True))


def _say(reply: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    except (ValueError, OSError):
        # macOS refuses; the time limit still holds.
        return


def _limit_cpu(seconds: int) -> None:
    """End this process with SIGXCPU after so many more seconds of CPU time, or up to twice as many."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Twice: the kernel counts clock ticks, among busy processes up to half as many again as there were.
    limit = int(usage.ru_utime + usage.ru_stime) + 1 + 2 * seconds
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    except (ValueError, OSError):
        # A lower hard limit is set from outside; it holds as well.
        return


def _set_alarm(seconds: int) -> None:
    """End this process after so many seconds, also if its parent has died and cannot kill it."""
    if sys.platform != "win32":
        import signal  # noqa: PLC0415 - not on Windows

        signal.alarm(seconds)


if __name__ == "__main__":
    main()
