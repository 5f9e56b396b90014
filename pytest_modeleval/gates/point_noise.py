"""How much figures of operating points differ between runs of an unchanged deployment. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from pytest_modeleval.gates.compare_points import COMPARED
from pytest_modeleval.gates.point_format import percent
from pytest_modeleval.results import Baseline


def spread_lines(sides: Sequence[Baseline]) -> Iterator[str]:
    """For each point and figure that two sides have: the standard deviation between runs, as a fraction of the mean.

    It holds what differs within each run as well, so that it is rather too large as the `run_spread` of a gate. Of a
    few runs it is rough: of three, the truth lies between half of it and six times as much (95 %).
    """
    for (benchmark, point), found in _values(sides).items():
        spreads = {measure: spread for measure, values in found.items() if (spread := _spread(values)) is not None}
        if spreads:
            runs = max(map(len, found.values()))
            said = ", ".join(f"{measure} {spread:.3g} ({percent(spread)})" for measure, spread in spreads.items())
            yield f"{benchmark} {point}: run_spread over {runs} runs: {said}"


def _values(sides: Sequence[Baseline]) -> dict[tuple[str, str], dict[str, list[float]]]:
    """(benchmark, point) -> measure -> its value in each side that has it."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for side in sides:
        for benchmark, results in side.points.items():
            for result in (each for each in results if not each.role and not each.unjudged):
                values = found.setdefault((benchmark, result.point), {})
                for measure in COMPARED:
                    figure = result.figures.get(measure)
                    if figure is not None and figure.value is not None:
                        values.setdefault(measure, []).append(figure.value)
    return found


def _spread(values: Sequence[float]) -> float | None:
    mean = fmean(values)
    return stdev(values) / mean if len(values) > 1 and mean > 0.0 else None
