"""Forecasts of checked series, as plain data: each series' next steps with mean and bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from helpers.models.forecast import LEVELS, forecast
from helpers.models.smoothing import GRAINS
from helpers.terms.period import Month

DIGITS = 10  # significant ones of a number in the answer


@dataclass(frozen=True)
class Outlook:
    """The answer of ``finops forecast``.

    Attributes
    ----------
    values : dict
        Series -> list of {date, mean, lo50, hi50, lo80, hi80, lo95, hi95}.
    notes : dict
        Series -> sentences about what makes its forecast less sure.
    trusted : dict
        Series -> the model with the largest weight.
    """

    values: dict[str, list[dict[str, Any]]]
    notes: dict[str, list[str]]
    trusted: dict[str, str]


def outlook(series: Sequence[Any], horizon: int) -> Outlook:
    """Forecast every series `horizon` steps after its own last date.

    Parameters
    ----------
    series : sequence
        With name, grain (``day`` or ``month``), last (date), values, notes, and ``after(steps)`` for the dates.
    horizon : int
        Steps ahead.
    """
    values: dict[str, list[dict[str, Any]]] = {s.name: [] for s in series}
    notes: dict[str, list[str]] = {}
    trusted: dict[str, str] = {}
    for grain in dict.fromkeys(s.grain for s in series):
        mine = [s for s in series if s.grain == grain]
        newest = max(s.last for s in mine)
        behind = {s.name: _steps(s.last, newest, grain) for s in mine}
        panel = forecast({s.name: s.values for s in mine}, horizon, grain=GRAINS[grain], behind=behind)
        for i, s in enumerate(mine):
            values[s.name] = [_step(panel, i, h, day) for h, day in enumerate(s.after(horizon))]
            said = [*s.notes, *panel.notes.get(s.name, [])]
            if said:
                notes[s.name] = said
            trusted[s.name] = panel.trusted(s.name)
    return Outlook(values, notes, trusted)


def _steps(last: Any, newest: Any, grain: str) -> int:
    if grain == "day":
        return (newest - last).days
    a, b = Month.of(last), Month.of(newest)
    return (b.year - a.year) * 12 + b.month - a.month


def _step(panel: Any, i: int, h: int, day: str) -> dict[str, Any]:
    numbers = {"mean": panel.mean[i, h]}
    for level in LEVELS:
        for side, name in enumerate(("lo", "hi")):
            numbers[f"{name}{level * 100:.0f}"] = panel.bounds[level][side][i, h]
    return {"date": day} | {n: float(f"{v:.{DIGITS}g}") for n, v in numbers.items()}
