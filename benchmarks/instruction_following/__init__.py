"""Instruction following judged by rules: IFEval's 25 and IFBench's 58 types of instruction, strictly and loosely.

What the pages `ifeval` and `ifbench` in benchmarks/ declare with.
"""

from .checkers import Checker, Verdicts, check_reply, reply_variants
from .grading import MEASURES, PROMPT_LOOSE, PROMPT_STRICT, InstructionGrader
from .ifbench import IFBENCH
from .ifeval import IFEVAL
from .rows import missing_for_ifbench, missing_for_ifeval, sample_id, to_sample

__all__ = [
    "IFBENCH",
    "IFEVAL",
    "MEASURES",
    "PROMPT_LOOSE",
    "PROMPT_STRICT",
    "Checker",
    "InstructionGrader",
    "Verdicts",
    "check_reply",
    "missing_for_ifbench",
    "missing_for_ifeval",
    "reply_variants",
    "sample_id",
    "to_sample",
]
