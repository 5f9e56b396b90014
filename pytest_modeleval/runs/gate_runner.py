"""Gates at the end of a run: judged once, in the main process, and reported as test items of their own."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import SettingsError
from pytest_modeleval.evaluation.experiment_identity import identities_of
from pytest_modeleval.evaluation.summary import merge_plans, parts_text, selected_parts
from pytest_modeleval.metrics import Measure
from pytest_modeleval.records import ItemKey
from pytest_modeleval.reports.text_layout import counted
from pytest_modeleval.results import CANNOT_JUDGE, ExperimentIdentity, GateVerdict, RunSummary
from pytest_modeleval.runs.judge_records import read_records
from pytest_modeleval.runs.run_evidence import aggregates_of, evidence, evidence_of_repeats
from pytest_modeleval.settings import Limit, Settings
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import utc_now

if TYPE_CHECKING:
    from pytest_modeleval.gates import Baseline, EarlyStop, GateFile, Judgement

FIRST_BASELINE = "there is no baseline yet: this run becomes the first one (--eval-bless)."
INTERRUPTED = "The run did not come to its end, so nothing is judged; the same command goes on with it."


class GateRunner:
    """Judges the gates of a run. Gates and baseline are read, and their mistakes reported, before anything is asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.gates: GateFile | None = None
        self.has_refused = False
        self._baseline: Baseline | None = None
        # Judge gate -> the stored run of the judge that it names.
        self._records: Mapping[str, Baseline] = {}
        # Gates that had nothing to compare with in a run that is to become the first baseline.
        self._first: frozenset[str] = frozenset()
        self._is_blessed = False
        if settings.gates_file is None and settings.baseline_file is None and settings.bless_file is None:
            return
        if settings.bless_file is not None:
            _check_writable(settings.bless_file)
        # numpy comes with the gates: only where they are asked for.
        from pytest_modeleval.gates import read_gates  # noqa: PLC0415

        if settings.gates_file is not None:
            self.gates = read_gates(settings.gates_file)
            self._records = read_records(self.gates, settings.gates_file.parent)
        if settings.baseline_file is not None and settings.baseline_file.exists():
            from pytest_modeleval.store.baseline import read_baseline  # noqa: PLC0415

            # One that is not there yet is no mistake: its gates cannot be judged, and say how to make it.
            self._baseline = read_baseline(settings.baseline_file)

    @property
    def idle(self) -> str:
        """A sentence where a baseline is named and nothing compares with it; "" otherwise."""
        if self.gates is not None or self._settings.baseline_file is None or self._settings.bless_file is not None:
            return ""
        return (
            f"nothing is compared with the baseline {self._settings.baseline_file}, since no gates are named: "
            "--eval-gates FILE (--gates of modeleval merge)"
        )

    def verdicts(
        self, summary: RunSummary, contents: Contents, folder: Path, run: Mapping[str, Any] | None = None
    ) -> tuple[GateVerdict, ...]:
        """The verdict of every gate over a run that came to its end, with its evidence.

        run: its run.json, which says whether it might stop early or repeat; the same journals give the same verdicts.
        """
        if self.gates is None:
            return ()
        from pytest_modeleval.runs.verdict_evidence import ComparedFiles, verdicts_with_evidence  # noqa: PLC0415

        judged = self._judge(self.gates, summary, contents, folder, run or {})
        # A baseline that this run replaces is gone when a reader could compare with it.
        replaced = self._is_first_baseline
        files = ComparedFiles(run=folder, baseline=None if replaced else self._settings.baseline_file)
        verdicts = verdicts_with_evidence(judged, evidence(summary, contents, folder).outcomes, self._baseline, files)
        if not replaced:
            return verdicts
        self._first = frozenset(entry.gate.name for entry in judged if entry.measurement.lacks_baseline)
        return tuple(
            dataclasses.replace(verdict, reason=f"{entry.gate.scope}: {FIRST_BASELINE}")
            if entry.measurement.lacks_baseline
            else verdict
            for entry, verdict in zip(judged, verdicts, strict=True)
        )

    def _judge(
        self, gates: GateFile, summary: RunSummary, contents: Contents, folder: Path, run: Mapping[str, Any]
    ) -> Sequence[Judgement]:
        from pytest_modeleval.gates import judge_in_detail  # noqa: PLC0415

        if run.get("until_decided"):
            most = int(run["until_decided"])
            return self._looks(
                summary.model, contents, base=int(run.get("repeats") or 1), most=most, now=most, folder=folder
            )
        early = self.early_stop(contents, int(run["order_seed"])) if run.get("order_seed") is not None else None
        if early is not None:
            for outcome in contents.outcomes.values():
                if not outcome.is_stopped_early:
                    early.observe(outcome)
        return judge_in_detail(
            gates,
            evidence(summary, contents, folder),
            self._baseline,
            max_ungraded=_ungraded(self._settings.max_ungraded),
            early=early,
            records=self._records,
        )

    def early_stop(self, contents: Contents, seed: int) -> EarlyStop:
        """What says when a run may stop, before it has seen any outcome. The gates must be there."""
        from pytest_modeleval.gates import EarlyStop, seeded_order  # noqa: PLC0415

        assert self.gates is not None
        plans = merge_plans(contents.plans)
        return EarlyStop(
            self.gates,
            seeded_order([key for plan in plans for key in plan.item_keys()], seed),
            self._baseline,
            metrics={plan.benchmark: plan.metric for plan in plans},
            identities=self._as_in_baseline(identities_of(plans, {})),
            aggregates=aggregates_of(plans),
        )

    def _as_in_baseline(self, identities: Mapping[str, ExperimentIdentity]) -> dict[str, ExperimentIdentity]:
        """Nothing was asked yet: the prompts are taken for those of the baseline until the run is judged."""
        then = self._baseline.identities if self._baseline is not None else {}
        return {
            name: dataclasses.replace(identity, prompts={}, prompt_sha256=then[name].prompt_sha256)
            if name in then
            else identity
            for name, identity in identities.items()
        }

    def foreseen(self, contents: Contents) -> list[str]:
        """A line for each gate that this run cannot judge whatever is answered: known before the first request."""
        if self.gates is None:
            return []
        from pytest_modeleval.gates import judge_obstacles, obstacles, planned_scopes  # noqa: PLC0415

        plans = merge_plans(contents.plans)
        identities = self._as_in_baseline(identities_of(plans, {}))
        scopes = planned_scopes(
            self.gates,
            [key for plan in plans for key in plan.item_keys()],
            self._baseline,
            metrics={plan.benchmark: plan.metric for plan in plans},
            identities=identities,
            aggregates=aggregates_of(plans),
        )
        found = [*obstacles(scopes), *judge_obstacles(self.gates, self._records, identities)]
        return [
            f"gate {obstacle.gate.name!r}: {FIRST_BASELINE}"
            if obstacle.lacks_baseline and self._is_first_baseline
            else f"warning: gate {obstacle.gate.name!r} cannot be judged in this run: {obstacle.reason}"
            for obstacle in found
        ]

    @property
    def _is_first_baseline(self) -> bool:
        """The run is to become the baseline that is missing: the file to bless is the one to compare with."""
        blessed, compared = self._settings.bless_file, self._settings.baseline_file
        return blessed is not None and (compared is None or compared.resolve() == blessed.resolve())

    def binding(self, verdicts: Sequence[GateVerdict]) -> tuple[str, ...]:
        """The verdicts that decide the exit status.

        A gate that had nothing to compare with does not count where this run was blessed to be compared with.
        """
        first = self._first if self._is_blessed else frozenset()
        return tuple(gate.verdict for gate in verdicts if gate.name not in first)

    def prevented_passes(self) -> list[str]:
        """Names of the gates that can fail early but are passed only when next to nothing is left to ask."""
        if self.gates is None:
            return []
        from pytest_modeleval.gates import passed_only_late  # noqa: PLC0415

        return passed_only_late(self.gates)

    def undecided(self, contents: Contents, *, base: int, most: int, now: int) -> frozenset[tuple[str, str]]:
        """(benchmark, subset) pairs of which another repeat could help a gate that cannot judge after `now` repeats.

        base, most: repeats that were planned, and the most there may be.
        """
        from pytest_modeleval.gates import to_repeat  # noqa: PLC0415

        looked = self._looks("", contents, base=base, most=most, now=now)
        scopes = {ItemKey(plan.benchmark, subset, "") for plan in merge_plans(contents.plans) for subset in plan.items}
        return frozenset((key.benchmark, key.subset) for key in to_repeat(looked, scopes))

    def _looks(
        self, model: str, contents: Contents, *, base: int, most: int, now: int, folder: Path | None = None
    ) -> list[Judgement]:
        """Judge after `base` repeats, after one more, ... up to `now`; a gate's first verdict stands.

        That is no best of several: each look has its share of alpha (judge_in_detail), and what failed has failed.
        """
        from pytest_modeleval.gates import judge_in_detail  # noqa: PLC0415

        assert self.gates is not None
        verdicts: dict[str, Judgement] = {}
        for repeats in range(base, now + 1):
            found = judge_in_detail(
                self.gates,
                evidence_of_repeats(model, contents, repeats, folder),
                self._baseline,
                max_ungraded=_ungraded(self._settings.max_ungraded),
                looks=most - base + 1,
                records=self._records,
            )
            for entry in found:
                if entry.gate.name not in verdicts or verdicts[entry.gate.name].verdict == CANNOT_JUDGE:
                    verdicts[entry.gate.name] = entry
            if not any(entry.is_undecided for entry in verdicts.values()):
                break
        return [verdicts[gate.name] for gate in self.gates.gates]

    def unjudged(self) -> tuple[GateVerdict, ...]:
        """The verdicts of a run that was stopped."""
        if self.gates is None:
            return ()
        return tuple(GateVerdict(gate.name, CANNOT_JUDGE, INTERRUPTED) for gate in self.gates.gates)

    def bless(self, summary: RunSummary, contents: Contents) -> str:
        """Write the run as a baseline, if it was asked for and the run is complete; a line for the user."""
        target = self._settings.bless_file
        if target is None:
            return ""
        if parts := selected_parts(merge_plans(contents.plans)):
            self.has_refused = True
            held = parts_text(parts)
            return f"not blessed: the run holds {held}, and a baseline holds every sample; {target} is as it was"
        why = "the run is incomplete" if not summary.is_complete else ""
        if summary.saved is not None and summary.saved.because == "stopped early":
            why = "the run might stop early, and a baseline holds every sample"
        elif summary.ungraded and not why:
            why = f"{counted(summary.ungraded, 'item')} without a grade, though --eval-max-ungraded allows it"
        if why:
            self.has_refused = True
            return f"not blessed: {why}; {target} is as it was. Run the same command again"
        from pytest_modeleval.gates.noise import flip_rates  # noqa: PLC0415
        from pytest_modeleval.store.baseline import write_baseline  # noqa: PLC0415

        try:
            write_baseline(
                target,
                evidence(summary, contents),
                made_utc=utc_now(),
                flip_rates=flip_rates(contents.outcomes),
                facts=dict(summary.facts),
            )
        except SettingsError as error:
            # The run is over and its scores stand; only this file is missing.
            self.has_refused = True
            return f"not blessed: {error}"
        self._is_blessed = True
        return f"blessed: {target} holds this run as a baseline; review it and commit it"


def _check_writable(path: Path) -> None:
    """Raises SettingsError where no baseline can be written: hours later it would be too late to say so."""
    wished = "name a file that can be written with --eval-bless (--bless of modeleval merge)"
    if path.is_dir():
        raise SettingsError(f"expected a file for the baseline, found the folder {path}; {wished}")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise SettingsError(f"cannot write the baseline {path}: {above} is no folder that may be written; {wished}")


def check_targets(settings: Settings, known: Mapping[str, tuple[list[str], list[str]]]) -> None:
    """Every gate names a benchmark, subset and aggregate that exist. Raises SettingsError."""
    if settings.gates_file is None:
        return
    from pytest_modeleval.gates import read_gates, unknown_targets  # noqa: PLC0415

    found = unknown_targets(read_gates(settings.gates_file), known)
    if found:
        raise SettingsError("\n".join(found))


def check_measures(settings: Settings, known: Mapping[str, Sequence[Measure]]) -> None:
    """Every gate over a measure names one that its benchmark declares and its kind can judge. Raises SettingsError.

    known: the benchmarks of the run -> their measures.
    """
    if settings.gates_file is None:
        return
    from pytest_modeleval.gates import measure_mistakes, read_gates  # noqa: PLC0415

    if found := measure_mistakes(read_gates(settings.gates_file), known):
        raise SettingsError("\n".join(found))


def attach_verdicts(summary: RunSummary, gates: tuple[GateVerdict, ...]) -> RunSummary:
    """The summary with verdicts."""
    return dataclasses.replace(summary, gates=gates)


def _ungraded(limit: Limit) -> float:
    """As gates take it: a number of items, or below 1 a share. All of them are no number."""
    if limit.fraction == 1.0:
        return float("inf")
    return float(limit.rows) if limit.rows is not None else float(limit.fraction or 0.0)
