"""The simulation of gates over measures judges as the package does."""

from __future__ import annotations

import pytest

from ci.simulate_gates import Cell, measured_cells
from ci.simulate_measures import STEPS, WORLDS, check


def test_every_world_holds_its_level() -> None:
    """Few small runs: what counts is that the first of each world have the package's own p-value."""
    cells: list[Cell] = list(measured_cells(40, 1, [], (25,)))
    assert len(cells) == 2 * len(WORLDS)
    # At 0.001 a single alarm in so few runs would be too many.
    assert all(cell.holds for cell in cells if cell.alpha == 0.05)


def test_another_p_value_is_noticed() -> None:
    """The check fails where the simulation and the package differ."""
    with pytest.raises(RuntimeError, match=r"the package has p .*, the simulation 0\.9"):
        check(STEPS, 'kind = "floor"\nfloor = 0.5', 0.9, [{"steps": (1, 2)}] * 20)
