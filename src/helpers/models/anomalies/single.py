"""One measured series: alerts as they would have come, each from values up to its own time only.

Three things are watched: the value, its spread over the last hours, and, where the time of day explains it, its distance
from what that time usually shows. Each is held against the highest of its own past; an alert needs to be higher by a
margin in the unit of the past's own tail (the mean excess of its highest blocks), on the plain and on the logarithmic
scale, so that neither a narrow nor a heavy tail alarms by itself. One incident is one alert. Settings, measured figures
and limits: docs/anomalies.md.

References
----------
J. Pickands, Statistical inference using extreme order statistics, Annals of Statistics 3, 1975 (excesses over a high level).
A. Lavin and S. Ahmad, Evaluating real-time anomaly detection algorithms: the Numenta anomaly benchmark, 2015, arXiv
1510.03336 (a detector that learns before its first alert; windows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
DAY, HOUR = 86_400, 3_600
TINY = 1e-12


@dataclass(frozen=True)
class Settings:
    """How a series is watched; times in seconds.

    Attributes
    ----------
    margin : float
        Height above the highest so far, in mean excesses of its highest blocks [1].
    warm : int
        Time without alerts at the beginning [s].
    mute : int
        One incident: no second alert for so long after one [s].
    spread : int
        Window of the spread [s].
    block : int
        Blocks whose highest values make the tail [s].
    top : int
        Blocks taken for the tail [1].
    memory : int
        How far back the past reaches [s].
    fewest : int
        Steps that warm-up and spread hold at least [1], for series with longer steps.
    """

    margin: float = 1.25
    warm: int = 2 * DAY
    mute: int = DAY
    spread: int = 6 * HOUR
    block: int = HOUR
    top: int = 8
    memory: int = 28 * DAY
    fewest: int = 7


@dataclass(frozen=True)
class Alert:
    """What one incident was: places in the series, and how far above the highest of its past [mean excesses]."""

    start: int
    end: int
    score: float
    what: str


def detect(values: Sequence[float], step: int, settings: Settings | None = None) -> list[Alert]:
    """Alerts of a series, in the order in which they came.

    Parameters
    ----------
    values : sequence of float
        Evenly spaced, NaN where there is none; a gap is neither judged nor learned from.
    step : int
        Time between two values [s].
    settings : Settings, optional

    Returns
    -------
    list of Alert

    Examples
    --------
    >>> import numpy as np
    >>> quiet = 10 + np.sin(np.arange(2000) * 0.7)
    >>> quiet[1500:1510] = 40
    >>> [(a.start, a.end, a.what) for a in detect(quiet, 300)]
    [(1500, 1509, 'value')]
    """
    settings = settings or Settings()
    heights = scores(values, step, settings)
    names = list(heights)
    stack = np.stack([heights[n] for n in names]) if names else np.empty((0, 0))
    best = stack.max(axis=0, initial=-np.inf)
    mute = max(settings.mute // step, 3)
    found: list[Alert] = []
    free = 0
    for i in np.flatnonzero(best > settings.margin):
        if i < free:
            continue
        end = _end(np.asarray(values, dtype=float), int(i), int(min(i + mute, len(best))))
        first = int((stack[:, i] > settings.margin).argmax())  # the plainest thing that stands out names it
        found.append(Alert(int(i), end, float(min(best[i], 1e6)), names[first]))
        free = i + mute
    return found


def scores(values: Sequence[float], step: int, settings: Settings | None = None) -> dict[str, Array]:
    """Height of every watched thing above its highest so far, at each step [mean excesses]; −inf where it is not judged."""
    settings = settings or Settings()
    series = np.asarray(values, dtype=float)
    warm = warm_up(step, settings)
    wide = _steps(settings.spread, step, settings.fewest)
    found = {
        "value": _above(series, warm, step, settings),
        "spread": _above(_rolling_spread(series, wide), warm, step, settings),
    }
    if DAY % step == 0 and DAY // step >= 12:
        rest = _of_the_day(series, DAY // step)
        heights = _above(rest, warm + 2 * (DAY // step), step, settings, plain=True)
        found["time of day"] = np.where(_explains(series, rest), heights, -np.inf)
    return found


def warm_up(step: int, settings: Settings | None = None) -> int:
    """Steps that are looked at before the first alert may come [1]."""
    settings = settings or Settings()
    return _steps(settings.warm, step, 4 * settings.fewest)


def _steps(seconds: int, step: int, fewest: int) -> int:
    return max(seconds // step, fewest)


def _above(series: Array, warm: int, step: int, settings: Settings, plain: bool = False) -> Array:
    """The lower of the heights on the plain and on the logarithmic scale."""
    block = max(settings.block // step, 1)
    memory = max(settings.memory // step, 4 * warm)
    height = _height(series, warm, block, settings.top, memory)
    if plain:
        return height
    early = series[:warm][np.isfinite(series[:warm])]
    positive = early[early > 0]
    if not len(positive):
        return height
    small = np.median(positive) * 1e-3  # of the warm-up alone: nothing later is known yet
    logs = _height(np.log(np.maximum(series, 0.0) + small), warm, block, settings.top, memory)
    below = np.minimum.accumulate(np.where(np.isfinite(series), series, np.inf)) < 0
    return np.where(
        below, height, np.minimum(height, logs)
    )  # from its first negative value on, a series has no logarithm


def _height(series: Array, warm: int, block: int, top: int, memory: int) -> Array:
    """(value − highest so far) ÷ mean excess of the highest blocks so far; −inf before the end of the warm-up."""
    count = len(series)
    blocks = -(-count // block)
    padded = np.full(blocks * block, -np.inf)
    padded[:count] = np.where(np.isfinite(series), series, -np.inf)
    parts = padded.reshape(blocks, block)
    highest = parts.max(axis=1)
    so_far = np.maximum.accumulate(parts, axis=1)
    out = np.full((blocks, block), -np.inf)
    back = max(memory // block, top + 1)
    for b in range(warm // block, blocks):
        past = highest[max(0, b - back) : b]
        past = past[np.isfinite(past)]
        if len(past) <= 3:
            continue
        best = np.sort(past)[::-1][: top + 1]
        excess = float((best[:-1] - best[-1]).mean())
        least = max(abs(best[0]) * 1e-6, TINY)  # a constant past: anything that shows is above it
        before = np.concatenate([[-np.inf], so_far[b, :-1]])
        over = parts[b] - np.maximum(best[0], before)
        out[b] = over / max(excess, least)
    flat = out.reshape(-1)[:count]
    flat[:warm] = -np.inf
    return np.where(np.isfinite(series), flat, -np.inf)


def _rolling_spread(series: Array, wide: int) -> Array:
    """Standard deviation of the last values; NaN where fewer than half of them are known."""
    known = np.isfinite(series)
    shift = np.median(series[known][:wide]) if known.any() else 0.0  # keeps the sums of squares small
    moved = np.where(known, series - shift, 0.0)
    number = _summed(known.astype(float), wide)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _summed(moved, wide) / number
        spread = np.sqrt(np.maximum(_summed(moved**2, wide) / number - mean**2, 0.0))
    enough = number >= max(wide // 2, 2)
    enough[: wide - 1] = False
    return np.where(enough & known, spread, np.nan)


def _summed(values: Array, wide: int) -> Array:
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) + 1 - wide, 0)
    return total[1:] - total[first]


def _of_the_day(series: Array, day: int) -> Array:
    """Distance from the median of the same time on earlier days (two steps either side, at most 14 days)."""
    count = len(series)
    rest = np.full(count, np.nan)
    for begin in range(3 * day, count, day):
        end = min(begin + day, count)
        days = range(1, min(begin // day, 14) + 1)
        places = np.arange(begin, end)
        past = np.stack(
            [series[np.maximum(places - d * day + s, 0)] for d in days for s in (-2, -1, 0, 1, 2)]
        )
        known = np.isfinite(past).any(axis=0)
        usual = np.full(end - begin, np.nan)
        usual[known] = np.nanmedian(past[:, known], axis=0)
        rest[begin:end] = series[begin:end] - usual
    return rest


def _explains(series: Array, rest: Array) -> Array:
    """Whether, over the past, the time of day left less than three fifths of the distances from the median."""
    both = np.isfinite(series) & np.isfinite(rest)
    middle = _running_middle(series)
    plain = np.where(both, np.abs(series - middle), 0.0)
    left = np.where(both, np.abs(np.where(both, rest, 0.0)), 0.0)
    before = lambda x: np.concatenate([[0.0], np.cumsum(x)[:-1]])  # noqa: E731
    return before(left) < 0.6 * before(plain)


def _running_middle(series: Array) -> Array:
    """Mean of the past at each step."""
    known = np.isfinite(series)
    total = np.cumsum(np.where(known, series, 0.0))
    number = np.maximum(np.cumsum(known), 1)
    return np.concatenate([[series[0] if known[0] else 0.0], (total / number)[:-1]])


def _end(series: Array, start: int, limit: int) -> int:
    """Last step before `limit` that lies nearer to the alert than to the median before it."""
    past = series[max(0, start - 4032) : start]
    past = past[np.isfinite(past)]
    if not len(past):
        return start
    usual, high = float(np.median(past)), series[start]
    later = series[start:limit]
    with np.errstate(invalid="ignore"):
        near = np.abs(later - usual) >= np.abs(later - high)
    if high == usual:
        return start
    return start + int(np.flatnonzero(near)[-1]) if near.any() else start
