"""Gates tell a regression from noise: rules over a run, judged against floors, ceilings and an earlier result. Pure."""

from pytest_modeleval.gates.early_stop import EarlyStop, passed_only_late, seeded_order
from pytest_modeleval.gates.evidence import Evidence
from pytest_modeleval.gates.feasibility import Obstacle, obstacles
from pytest_modeleval.gates.gate import Gate, GateFile
from pytest_modeleval.gates.gate_file import measure_mistakes, parse_gates, read_gates, unknown_targets
from pytest_modeleval.gates.judgement import Judgement, judge, judge_in_detail, to_repeat
from pytest_modeleval.gates.scope import planned_scopes
from pytest_modeleval.gates.trust import judge_obstacles
from pytest_modeleval.results import CANNOT_JUDGE, FAILED, PASSED, Baseline, ExperimentIdentity

__all__ = [
    "CANNOT_JUDGE",
    "FAILED",
    "PASSED",
    "Baseline",
    "EarlyStop",
    "Evidence",
    "ExperimentIdentity",
    "Gate",
    "GateFile",
    "Judgement",
    "Obstacle",
    "judge",
    "judge_in_detail",
    "judge_obstacles",
    "measure_mistakes",
    "obstacles",
    "parse_gates",
    "passed_only_late",
    "planned_scopes",
    "read_gates",
    "seeded_order",
    "to_repeat",
    "unknown_targets",
]
