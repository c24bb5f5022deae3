"""Forecasts of many series at once, with intervals measured on the series' own past.

From each of up to a hundred past origins every candidate (`helpers.models.smoothing`) forecasts what is known by now.
Candidates are weighted for each series by that walk-forward error, shrunk towards a robust combination that holds the
seasonal naive; the weighted forecast's own errors from all origins and series, scaled, give the intervals. Nothing
behind an origin is used at it. Method, figures and limits: docs/forecast.md.

References
----------
R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, https://otexts.com/fpp3/ (MASE,
damped trend, seasonal naive); the combination and the calibration are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from helpers.models.smoothing import CANDIDATES, DAY, Grain, Walk

Array = Any
LEVELS = (0.5, 0.8, 0.95)
SHARPNESS = 30.0  # how strongly a smaller past error counts
CAUTION = 2.0  # origins' worth of "all candidates are alike" that stand before the first error
TRUST = 0.5  # share of the combination where past errors do not tell the candidates apart
OWN = 200.0  # origins from which a series' own errors count as much as all series' together
SAME_SIZE = 3.0  # own errors count from times when the scale was within this factor of today's
PRIOR = 12.0  # errors' worth of the table below, so that a file of one short series has an interval too
# 97.5 % point of scaled errors over all horizons, one step and one walk's end ahead: round numbers of our own, which a
# dozen real errors outweigh
PRIOR_REACH = (0.40, 1.50)
# after a shift of level only candidates that follow it within days are asked
FOLLOW = ("last step's level", "last three steps' level")
FAST = np.array([c in FOLLOW or c.startswith("damped") for c in CANDIDATES], dtype=float)
SHIFT_NOISE, SHIFT_SHARE = 6.0, 0.25
CHUNK = 100  # series at once: bounds the memory
LEVEL_SHARE, NAIVE_SHARE = (
    0.5,
    2.0,
)  # scale of errors: half the level and twice the seasonal naive's usual error
FEW, MOST_SPARE = (
    20.0,
    0.6,
)  # width added to the 95 % interval: FEW ÷ independent windows of the horizon, at most this
SAMPLE = 20_000  # pooled errors kept for each horizon


@dataclass(frozen=True)
class Panel:
    """Forecasts of several series with one grain.

    Attributes
    ----------
    names : tuple of str
    mean : array, series by steps ahead [unit of the series]
    bounds : dict
        Share (0.5, 0.8, 0.95) to lower and upper bound, each series by steps ahead.
    weights : array, series by candidates
        How much each of `helpers.models.smoothing.CANDIDATES` was trusted; sums to 1.
    scale : array
        Unit of each series' errors.
    past : array, series by origins by grid
        Scaled errors of past forecasts, the newest origin first; NaN where not known.
    grid : array of int
        Steps ahead of `past`.
    origins : array of int
        Steps back of each origin of `past`.
    notes : dict
        Name to sentences about what makes a forecast less sure.
    """

    names: tuple[str, ...]
    mean: Array
    bounds: Mapping[float, tuple[Array, Array]]
    weights: Array
    scale: Array
    past: Array
    grid: Array
    origins: Array
    grain: Grain
    notes: Mapping[str, list[str]] = field(default_factory=dict)

    def first(self, name: str) -> int:
        """Place of a series."""
        return self.names.index(name)

    def trusted(self, name: str) -> str:
        """The candidate with the largest weight."""
        return CANDIDATES[int(self.weights[self.first(name)].argmax())]


def forecast(
    series: Mapping[str, Sequence[float]],
    horizon: int,
    *,
    grain: Grain = DAY,
    behind: Mapping[str, int] | None = None,
    levels: Sequence[float] = LEVELS,
) -> Panel:
    """Forecast every series `horizon` steps ahead.

    Parameters
    ----------
    series : mapping of str to sequence of float
        Values of consecutive steps [any unit], oldest first; NaN for a gap.
    horizon : int
        Steps ahead.
    grain : Grain
    behind : mapping of str to int, optional
        How many steps before the file's newest step a series ends; errors of other series from later than its end are
        not used for it. 0 where not named.
    levels : sequence of float
        Shares of the intervals, rising.

    Returns
    -------
    Panel

    Examples
    --------
    >>> panel = forecast({"a": [5.0] * 100}, 3)
    >>> panel.mean.tolist()
    [[5.0, 5.0, 5.0]]
    """
    names = tuple(series)
    held, notes = {}, {}
    for name in names:
        held[name], notes[name] = _filled(np.asarray(series[name], dtype=float), grain)
    ends = np.array([(behind or {}).get(n, 0) for n in names])
    grid = _grid(horizon, grain)
    longest = max(len(v) for v in held.values())
    origins = np.arange(0, min(grain.most, max(longest // grain.block - 1, 0)) + 1)
    parts = [
        _one(np.array(chunk), [held[names[i]] for i in chunk], horizon, grain, grid, origins)
        for chunk in _chunks(len(names))
    ]
    mean, weights, scale, past, here = (np.concatenate([p[i] for p in parts]) for i in range(5))
    signed = np.array([(held[n] < 0).any() for n in names])
    own = np.where(here[:, :, None], past, np.nan)
    bounds = _bounds(
        mean, scale, past, own, grid, origins * grain.block, ends, horizon, grain, levels, signed
    )
    lengths = [int(np.isfinite(np.asarray(series[n], dtype=float)).sum()) for n in names]
    for i, name in enumerate(names):
        notes[name] += _said(held[name], lengths[i], grain)
        _widened(i, held[name], bounds, mean, grain, levels, notes[name])
    return Panel(
        names,
        mean,
        bounds,
        weights,
        scale,
        own[:, 1:],
        grid,
        origins[1:] * grain.block,
        grain,
        {n: s for n, s in notes.items() if s},
    )


def _chunks(count: int) -> Iterator[range]:
    for at in range(0, count, CHUNK):
        yield range(at, min(at + CHUNK, count))


def _grid(horizon: int, grain: Grain) -> Array:
    """Steps ahead at which past forecasts are judged: all of the first season, then every fourth or so, all weekdays alike."""
    if horizon <= grain.period:
        return np.arange(1, horizon + 1)
    step = 4 if horizon > 40 else 2
    if grain.period % step == 0:
        step += 1
    late = np.arange(grain.period + step, horizon + 1, step)
    return np.unique(np.concatenate([np.arange(1, grain.period + 1), late, [horizon]]))


def _filled(values: Array, grain: Grain) -> tuple[Array, list[str]]:
    """Gaps take the value of a season before (else the step before); said in a note."""
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("a series without any value")
    values = values[known.argmax() :]
    last = len(values) - np.isfinite(values)[::-1].argmax()
    gaps = int((~np.isfinite(values)).sum())
    if not gaps:
        return values, []
    filled = values.copy()
    for i in np.flatnonzero(~np.isfinite(filled)):
        before = filled[i - grain.period] if i >= grain.period else filled[i - 1]
        filled[i] = before if np.isfinite(before) else filled[i - 1]
    note = f"{gaps} of {len(values)} {grain.name}s have no value; each takes that of a season before it"
    if last < len(values):
        note += f", also the last {len(values) - last}"
    return filled, [note]


def _one(places, values, horizon, grain, grid, origins):
    """Forecast, weights, scale and past scaled errors of some series."""
    width = max(max(len(v) for v in values), 2 * grain.block)
    panel = np.full((len(values), width), np.nan)
    for i, v in enumerate(values):
        panel[i, width - len(v) :] = v
    usable = origins[width - origins * grain.block >= 2]
    walk = Walk(panel, grain, usable)
    ahead = np.arange(1, horizon + 1)
    known = _futures(panel, walk.ends, grid)
    tried = walk.forecasts(grid)
    lengths = walk.lengths[:, walk.ends - 1]
    shifted = _shifted(panel, walk.ends, grain)
    weights, combined = _weighted(tried, known, usable * grain.block, grid, grain, lengths, shifted)
    final = (walk.forecasts(ahead, np.array([0]))[:, 0] * weights[:, 0, :, None]).sum(axis=1)
    scale = _scales(panel, walk.ends, grain)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = (known - combined) / scale[:, :, None]
    enough = (lengths >= max(grain.period + 1, min(5 * grain.block, 35))) & _alive(panel, walk.ends, grain)
    errors = np.where(enough[:, :, None] & np.isfinite(errors), errors, np.nan)
    past = np.full((len(values), len(origins), len(grid)), np.nan)
    past[:, : len(usable)] = errors
    here = np.zeros((len(values), len(origins)), dtype=bool)
    here[:, : len(usable)] = _same_kind(scale)
    return final, weights[:, 0], scale[:, 0], past, here


def _shifted(panel: Array, ends: Array, grain: Grain) -> Array:
    """Origins behind a shift of level within the last season: three steps alike, far from the season before."""
    period, found = grain.period, []
    for end in ends:
        begin = end - 5 * period
        if begin < 0 or grain.name == "month":
            found.append(np.zeros(len(panel), dtype=bool))
            continue
        before = panel[:, begin : end - period]
        usual = np.abs(before[:, period:] - before[:, :-period]).mean(axis=1)
        moved = np.abs(panel[:, end - 3 : end] - panel[:, end - 3 - period : end - period])
        spread = np.ptp(panel[:, end - 3 : end], axis=1)
        least = np.maximum(SHIFT_NOISE * usual, SHIFT_SHARE * np.abs(before).mean(axis=1))
        found.append((moved.min(axis=1) > least + 1e-9) & (spread < moved.min(axis=1) / 4))
    return np.stack(found, axis=1)


def _same_kind(scale: Array) -> Array:
    """Origins at which a series was of the size that it has now: before a launch its own errors say nothing of today."""
    ratio = scale / np.maximum(scale[:, :1], 1e-12)
    return (ratio <= SAME_SIZE) & (ratio >= 1 / SAME_SIZE)


def _alive(panel: Array, ends: Array, grain: Grain) -> Array:
    """Whether half of the last seasons' values before each origin were not zero; else an error there says nothing of now."""
    moved = np.pad(((panel != 0) & np.isfinite(panel)).cumsum(axis=1), ((0, 0), (1, 0)))
    steps = max(min(4 * grain.period, panel.shape[1] // 2), 1)
    return np.stack(
        [(moved[:, e] - moved[:, max(e - steps, 0)]) >= 0.5 * min(steps, e) for e in ends], axis=1
    )


def _futures(panel: Array, ends: Array, grid: Array) -> Array:
    """What came after each origin, NaN where it is not known yet: series, origins, steps ahead."""
    steps = panel.shape[1]
    at = ends[:, None] + grid[None, :] - 1
    found = panel[:, np.minimum(at, steps - 1)]
    return np.where(at[None] < steps, found, np.nan)


def _weighted(tried, known, back, grid, grain, lengths, shifted):
    """Weights of the candidates at each origin from errors known by then, and the weighted forecasts."""
    count, origins, candidates, _ = tried.shape
    missed = np.abs(tried - known[:, :, None, :])
    summed = np.nancumsum(missed, axis=3)  # over steps ahead
    steps = np.arange(1, len(grid) + 1)
    weights = np.zeros((count, origins, candidates))
    weights[:, :, 0] = 1.0  # without any past the combination stands
    first = np.full(candidates, (1 - TRUST) / (candidates - 1))
    first[0] = TRUST
    judged = lengths >= max(grain.period + 1, 2 * grain.block)
    for j in range(origins - 1):
        older = np.arange(j + 1, origins)
        elapsed = back[older] - back[j]
        older, elapsed = older[elapsed >= grain.shortest], elapsed[elapsed >= grain.shortest]
        if not len(older):
            continue
        reach = np.minimum(np.searchsorted(grid, elapsed, side="right"), len(grid)) - 1
        error = (
            summed[:, older, :, :][:, np.arange(len(older)), :, reach].transpose(1, 0, 2)
            / steps[reach][None, :, None]
        )
        importance = (np.minimum(elapsed, grid[-1]) / grid[-1]) * 0.5 ** (elapsed / grain.memory)
        importance = importance[None, :] * judged[:, older]
        size = importance.sum(axis=1)
        total = (importance[:, :, None] * error).sum(axis=1)
        usual = total[:, 0] / np.maximum(size, 1e-12)
        relative = (total + CAUTION * usual[:, None]) / (total[:, 0] + CAUTION * usual + 1e-12)[:, None]
        relative = np.where((size > 0)[:, None] & (total[:, :1] > 0), relative, 1.0)
        strength = np.exp(-SHARPNESS * (relative - relative.min(axis=1, keepdims=True))) * first
        some = size > 0
        weights[some, j] = (strength / strength.sum(axis=1, keepdims=True))[some]
    weights[shifted] *= FAST
    left = weights.sum(axis=2, keepdims=True)
    rest = np.eye(candidates)[CANDIDATES.index("last three steps' level")]
    weights = np.where(left > 1e-9, weights / np.where(left > 1e-9, left, 1.0), rest)
    combined = (tried * weights[:, :, :, None]).sum(axis=2)
    return weights, combined


def _scales(panel: Array, ends: Array, grain: Grain) -> Array:
    """Unit of errors at each origin: half the recent level and twice the mean error of the seasonal naive so far."""
    period = grain.period if panel.shape[1] > grain.period else 1
    known = np.isfinite(panel)
    moved = np.abs(panel[:, period:] - panel[:, :-period])
    there = np.isfinite(moved)
    summed = np.pad(np.where(there, moved, 0).cumsum(axis=1), ((0, 0), (period, 0)))
    counted = np.pad(there.cumsum(axis=1), ((0, 0), (period, 0)))
    size = np.where(known, np.abs(panel), 0).cumsum(axis=1)
    number = known.cumsum(axis=1)
    scales = []
    for end in ends:
        begin = end - grain.recent - 1
        recent = size[:, end - 1] - (size[:, begin] if begin >= 0 else 0)
        steps = number[:, end - 1] - (number[:, begin] if begin >= 0 else 0)
        level = recent / np.maximum(steps, 1)
        naive = summed[:, end - 1] / np.maximum(counted[:, end - 1], 1)
        scales.append(LEVEL_SHARE * level + NAIVE_SHARE * naive)
    return np.maximum(np.stack(scales, axis=1), 1e-12)


def _nodes(grid: Array) -> list[tuple[int, Array]]:
    """A few horizons, each with the columns of the grid around it."""
    last = int(grid[-1])
    steps = sorted({1, 4, 7, 14, 21, 30, 45, 60, 75, 90, last} | set(range(90, last, 30)))
    found = []
    for h in (s for s in steps if s <= last):
        near = np.flatnonzero(np.abs(grid - h) <= max(1, min(3, h // 3 + 1)))
        found.append((h, near if len(near) else np.array([int(np.abs(grid - h).argmin())])))
    return found


def _bounds(mean, scale, past, own, grid, back, ends, horizon, grain, levels, signed):
    """Bounds from the mixed distribution of a series' own scaled errors, all series' errors, and the prior."""
    ahead = np.arange(1, horizon + 1)
    tails = np.array([t for level in levels for t in ((1 - level) / 2, (1 + level) / 2)])
    points = np.zeros((len(mean), len(tails), 0))
    steps = []
    for h, near in _nodes(grid):
        rows = []
        for end in np.unique(ends):
            mine = np.flatnonzero(ends == end)
            # an error counts where what was forecast had happened by this series' last step
            happened = (back[None, :, None] + ends[:, None, None] - grid[None, None, near]) >= end
            usable = happened & np.isfinite(past[:, :, near]) & (back > 0)[None, :, None]
            pool = np.sort(past[:, :, near][usable])
            rows.append((mine, _mixed(own[mine][:, 1:][:, :, near], pool, h / horizon, tails)))
        found = np.zeros((len(mean), len(tails)))
        for mine, values in rows:
            found[mine] = values
        points = np.concatenate([points, found[:, :, None]], axis=2)
        steps.append(h)
    # walks overlap: the tail of few independent windows is known badly, and the widest interval pays for it
    windows = np.isfinite(past).any(axis=2).sum() * grain.block / horizon
    spare = min(FEW / max(windows, 1e-9), MOST_SPARE)
    bounds = {}
    for i, level in enumerate(levels):
        low = np.minimum.accumulate(np.minimum(points[:, 2 * i], 0), axis=1)
        high = np.maximum.accumulate(np.maximum(points[:, 2 * i + 1], 0), axis=1)
        low, high = (np.stack([np.interp(ahead, steps, row) for row in side]) for side in (low, high))
        wider = 1 + spare * max(level - 0.5, 0) / 0.45
        reach = wider * scale[:, None]
        lower, upper = mean + low * reach, mean + high * reach
        lower = np.where(signed[:, None], lower, np.maximum(lower, 0.0))
        bounds[level] = (np.minimum(lower, mean), np.maximum(upper, mean))
    return _nested(bounds, levels)


def _nested(bounds, levels):
    """A wider share is never a narrower interval."""
    for inner, outer in pairwise(levels):
        low, high = bounds[outer]
        bounds[outer] = (np.minimum(low, bounds[inner][0]), np.maximum(high, bounds[inner][1]))
    return bounds


def _prior(share: float) -> Array:
    """A normal-like sample of scaled errors at a share of the horizon, for where nothing is known."""
    from statistics import NormalDist

    reach = PRIOR_REACH[0] + (PRIOR_REACH[1] - PRIOR_REACH[0]) * share**0.5
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 200) for i in range(200)])
    return quantiles / 1.96 * reach


def _mixed(own: Array, pool: Array, share: float, tails: Array) -> Array:
    """Quantiles of the mixture, by bisection on its distribution function: series by tails."""
    if len(pool) > SAMPLE:
        pool = pool[np.linspace(0, len(pool) - 1, SAMPLE).round().astype(int)]
    prior = _prior(share)
    count = own.shape[0]
    flat = np.sort(np.where(np.isfinite(own), own, np.inf).reshape(count, -1), axis=1)
    number = np.isfinite(flat).sum(axis=1)
    origins = np.isfinite(own).any(axis=2).sum(axis=1)
    weight_own = origins / (origins + OWN)
    weight_prior = (1 - weight_own) * PRIOR / (PRIOR + len(pool) / max(own.shape[2], 1))
    weight_pool = 1 - weight_own - weight_prior if len(pool) else np.zeros(count)
    if not len(pool):
        weight_prior = 1 - weight_own
    ends = [np.abs(x).max() for x in (prior, pool) if len(x)] + [
        np.abs(np.where(np.isfinite(flat), flat, 0)).max(initial=0)
    ]
    result = np.zeros((count, len(tails)))
    for t, tail in enumerate(tails):
        low, high = np.full(count, -max(ends)), np.full(count, max(ends))
        for _ in range(40):
            middle = (low + high) / 2
            below = (flat <= middle[:, None]).sum(axis=1) / np.maximum(number, 1)
            reached = weight_own * below + weight_prior * np.searchsorted(prior, middle, side="right") / len(
                prior
            )
            if len(pool):
                reached = reached + weight_pool * np.searchsorted(pool, middle, side="right") / len(pool)
            more = reached < tail
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        result[:, t] = (low + high) / 2
    return result


def _said(values: Array, known: int, grain: Grain) -> list[str]:
    """What a reader must know about a series."""
    said = []
    if known < 2 * grain.period:
        said.append(
            f"only {known} {grain.name}s are known: the interval rests on other series and on a prior, and is wide"
        )
    if known >= 2 and np.ptp(values) == 0:
        said.append("the series never moved: its own past says nothing about how it may")
    return said


def _widened(place, values, bounds, mean, grain, levels, notes) -> None:
    """After a shift of level within the last season the widest interval holds the old level too."""
    period = grain.period
    if grain.name == "month" or len(values) < 5 * period:
        return
    before = values[-5 * period : -period]
    if not _shifted(values[None], np.array([len(values)]), grain)[0, 0]:
        return
    notes.append(
        "the level shifted within the last season: the widest interval holds the level before it too"
    )
    low, high = bounds[levels[-1]]
    old = np.resize(before[-period:], mean.shape[1])
    low[place], high[place] = np.minimum(low[place], old), np.maximum(high[place], old)
