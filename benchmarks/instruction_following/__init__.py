"""Instruction following judged by rules: IFEval's 25 and IFBench's 58 types of instruction, strictly and loosely.

What the pages `ifeval` and `ifbench` in benchmarks/ declare with.
"""

from .checkers import Checker, Verdicts, check_reply, reply_variants
from .ifbench import IFBENCH
from .ifeval import IFEVAL

__all__ = ["IFBENCH", "IFEVAL", "Checker", "Verdicts", "check_reply", "reply_variants"]
