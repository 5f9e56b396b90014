"""Reads the stored runs of judges that judge gates name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modeleval.errors import SettingsError

if TYPE_CHECKING:
    from pytest_modeleval.gates import Baseline, Gate, GateFile


def read_records(gates: GateFile, folder: Path) -> dict[str, Baseline]:
    """Judge gate -> the baseline that it names, relative to the folder. Raises SettingsError."""
    return {gate.name: _read(gate, folder / gate.record, gates.label) for gate in gates.gates if gate.record}


def _read(gate: Gate, path: Path, label: str) -> Baseline:
    from pytest_modeleval.store.baseline import read_baseline  # noqa: PLC0415 - few runs have one

    place = f"{label}:{gate.line}: gate {gate.name!r}"
    try:
        found = read_baseline(path)
    except SettingsError as mistake:
        raise SettingsError(f"{place}: record: {str(mistake).removeprefix('--eval-baseline: ')}") from mistake
    if gate.benchmark not in found.identities:
        raise SettingsError(
            f"{place}: expected a run of {gate.benchmark} in {path}, found {', '.join(found.identities) or 'none'}; "
            f"make it with pytest --model JUDGE -k {gate.benchmark} --eval-bless={path.name}"
        )
    return found
