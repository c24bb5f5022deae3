"""Simple forecasting models of many series at once, from every past origin: one pass of numpy over all of them.

The same recursions as statsmodels' `SimpleExpSmoothing`, `Holt` (damped) and a seasonal naive, held equal to them by a
test; fitted one series at a time they would take minutes where a walk over a hundred origins takes seconds
(docs/decisions/0008-forecast.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any


@dataclass(frozen=True)
class Grain:
    """How a step of time is treated.

    Attributes
    ----------
    name : str
        ``hour``, ``day`` or ``month``.
    period : int
        Steps of a season.
    block : int
        Steps between two origins.
    levels : tuple of int
        Steps over which a level is taken, shortest first.
    trends : tuple of int
        Blocks over which a trend is taken, shortest first.
    profile : int
        Seasons from which the seasonal shape is taken.
    recent : int
        Steps of the level by which errors are scaled.
    memory : float
        Steps after which an old error counts half.
    shortest : int
        Steps of known future from which an origin's errors count.
    most : int
        Origins walked at most.
    """

    name: str
    period: int
    block: int
    levels: tuple[int, int, int]
    trends: tuple[int, int, int]
    profile: int
    recent: int
    memory: float
    shortest: int
    most: int


DAY = Grain("day", 7, 7, (1, 3, 7), (13, 26, 52), 8, 91, 270.0, 21, 104)
MONTH = Grain("month", 12, 1, (1, 3, 6), (6, 12, 24), 4, 3, 18.0, 1, 60)
HOUR = Grain("hour", 24, 6, (1, 3, 24), (12, 20, 40), 7, 72, 240.0, 12, 60)
GRAINS = {g.name: g for g in (HOUR, DAY, MONTH)}

SLOW = (0.01, 0.03, 0.1)  # smoothing of a level that reverts to its mean
DAMPED = ((0.3, 0.05, 0.9), (0.6, 0.05, 0.9))  # level, trend, damping
CANDIDATES = (
    "combination",
    "seasonal naive",
    "last step's level",
    "last three steps' level",
    "last season's level",
    *(f"exponential smoothing {a}" for a in SLOW),
    "level and half the short trend",
    "level and half the middle trend",
    "level and half the long trend",
    *(f"damped trend {a}" for a, _, _ in DAMPED),
)
FLAT = 0.02  # a season whose values differ by less than this share of their mean is flat


def medians(values: Array, axis: int) -> Array:
    """Median along an axis, NaN left out; NaN where there is nothing."""
    ordered = np.sort(values, axis=axis)  # NaN goes last
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    high = np.minimum(high, values.shape[axis] - 1)
    pick = np.take_along_axis
    middle = (pick(ordered, low, axis) + pick(ordered, high, axis)) / 2
    return np.where(count > 0, middle, np.nan).squeeze(axis)


def smooth(values: Array, level: float, trend: float = 0.0, damping: float = 0.0) -> tuple[Array, Array]:
    """Level and trend of exponential smoothing after each step, all series at once.

    Parameters
    ----------
    values : array, series by steps
        NaN before a series begins; inside, a NaN leaves the state as it is.
    level, trend, damping : float
        Smoothing of the level (alpha), of the trend relative to it (beta* of Holt), damping (phi) [1].

    Returns
    -------
    tuple of array
        Level and trend, each series by steps; both start with the first value and a trend of zero.
    """
    steps = values.shape[1]
    levels, trends = np.full(values.shape, np.nan), np.zeros(values.shape)
    state, slope = np.full(values.shape[0], np.nan), np.zeros(values.shape[0])
    for t in range(steps):
        now = values[:, t]
        expected = state + damping * slope
        error = np.where(np.isfinite(now), now - expected, 0.0)
        began = np.isfinite(state)
        slope = np.where(began, damping * slope + trend * level * np.where(began, error, 0.0), 0.0)
        state = np.where(began, expected + level * np.where(began, error, 0.0), now)
        levels[:, t], trends[:, t] = state, slope
    return levels, trends


class Walk:
    """All candidates' forecasts of a panel from each of its origins.

    Parameters
    ----------
    values : array, series by steps
        Right-aligned: the last column is each series' last step. NaN before a series begins.
    grain : Grain
    origins : array of int
        Blocks back from the end, 0 first.
    """

    def __init__(self, values: Array, grain: Grain, origins: Array) -> None:
        self.values, self.grain, self.origins = values, grain, origins
        steps = values.shape[1]
        self.lengths = np.isfinite(values).cumsum(axis=1)
        self.ends = steps - origins * grain.block  # exclusive
        self.signed = (values < 0).any(axis=1)
        self.profile = np.stack([self._profile(e) for e in self.ends], axis=1)
        self.last = np.stack([self._last_season(e) for e in self.ends], axis=1)
        flat = np.ptp(self.last, axis=2) <= FLAT * np.abs(self.last.mean(axis=2))
        self.flat = flat & (self._known(grain.period))
        self._levels()
        self._smoothed()
        self._trends()

    def _known(self, steps: int) -> Array:
        """Whether a series has so many values before each origin."""
        return self.lengths[:, self.ends - 1] >= steps

    def _profile(self, end: int) -> Array:
        """Seasonal shape as of an origin, mean 1; 1 where it is not told from noise. Series by season's steps."""
        period, count = self.grain.period, self.values.shape[0]
        seasons = min(self.grain.profile, end // period)
        if seasons < 2:
            return np.ones((count, period))
        block = self.values[:, end - seasons * period : end].reshape(count, seasons, period)
        mean = block.mean(axis=2, keepdims=True)
        share = np.where(mean > 0, block / np.where(mean > 0, mean, 1.0), np.nan)
        share[self.signed] = np.nan
        known = np.isfinite(share[:, :, 0]).sum(axis=1)
        shape = medians(share, 1)
        shape = np.where(np.isfinite(shape), shape, 1.0)
        size = shape.mean(axis=1, keepdims=True)
        shape = np.where(size > 0, shape / np.where(size > 0, size, 1.0), 1.0)
        usual = np.nansum(share, axis=1, keepdims=True) / np.maximum(known, 1)[:, None, None]
        noise = np.nansum((share - usual) ** 2, axis=(1, 2)) / np.maximum(known, 1) ** 2 / period
        between = ((shape - 1) ** 2).mean(axis=1)
        trust = np.where(known >= 2, between / (between + noise + 1e-12), 0.0)
        return np.maximum(1 + trust[:, None] * (shape - 1), 0.02)

    def _last_season(self, end: int) -> Array:
        """The last season's values; where the season is not whole, its last value throughout."""
        period = self.grain.period
        tail = self.values[:, max(end - period, 0) : end]
        if tail.shape[1] < period:
            tail = np.pad(tail, ((0, 0), (period - tail.shape[1], 0)), constant_values=np.nan)
        whole = np.isfinite(tail).all(axis=1, keepdims=True)
        return np.where(whole, tail, tail[:, -1:])

    def _levels(self) -> None:
        """Levels without season over the last steps before each origin."""
        period = self.grain.period
        found = []
        for o, end in enumerate(self.ends):
            width = min(max(*self.grain.levels, 1), end)
            tail = self.values[:, end - width : end]
            places = (np.arange(end - width, end) - end) % period
            plain = tail / self.profile[:, o, places]
            _, middle, long = self.grain.levels
            one = plain[:, -1]
            mid = medians(plain[:, -min(middle, width) :], 1)
            wide = plain[:, -min(long, width) :]
            known = np.isfinite(wide)
            mean = np.where(known, wide, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
            found.append(np.stack([one, mid, mean], axis=1))
        self.level = np.stack(found, axis=1)  # series, origins, three levels

    def _smoothed(self) -> None:
        """States of exponential smoothing at each origin, of values without season."""
        steps = self.values.shape[1]
        # a value is freed of season by the shape as of its own block's end: nothing behind an origin is used at it
        back = np.minimum((steps - 1 - np.arange(steps)) // self.grain.block, self.origins[-1])
        at = np.searchsorted(self.origins, back)
        ends = self.ends[at]
        places = (np.arange(steps) - ends) % self.grain.period
        plain = self.values / self.profile[:, at, places]
        self.slow = np.stack([smooth(plain, a)[0][:, self.ends - 1] for a in SLOW], axis=2)
        damped = [smooth(plain, *d) for d in DAMPED]
        self.damped = np.stack([s[0][:, self.ends - 1] for s in damped], axis=2)
        self.damped_trend = np.stack([s[1][:, self.ends - 1] for s in damped], axis=2)

    def _trends(self) -> None:
        """Slope a step, robust: median of differences between halves (Theil's incomplete method) of block means."""
        count, steps = self.values.shape
        block = self.grain.block
        blocks = steps // block
        means = self.values[:, steps - blocks * block :].reshape(count, blocks, block).mean(axis=2)
        slopes = np.zeros((count, len(self.origins), 3))
        for o, back in enumerate(self.origins):
            upto = means[:, : blocks - back]
            previous = np.zeros(count)
            for w, window in enumerate(self.grain.trends):
                width = min(window, upto.shape[1])
                half = width // 2
                if half < 2:
                    slopes[:, o, w] = previous
                    continue
                tail = upto[:, -width:]
                rise = (tail[:, half:] - tail[:, : width - half]) / half
                slope = medians(rise, 1) / block
                enough = np.isfinite(rise).sum(axis=1) >= max(2, half // 2)
                previous = np.where(enough & np.isfinite(slope), slope, previous)
                slopes[:, o, w] = previous
        self.slope = slopes

    def forecasts(self, ahead: Array, which: Array | None = None) -> Array:
        """Candidates' forecasts: series, origins, candidates, steps ahead.

        Parameters
        ----------
        ahead : array of int
            Steps ahead, from 1.
        which : array of int, optional
            Places in `origins`; all of them without it.
        """
        take = slice(None) if which is None else which
        period = self.grain.period
        place = (ahead - 1) % period
        shape = self.profile[:, take][:, :, place]
        naive = self.last[:, take][:, :, place]
        level = self.level[:, take]
        flat = shape[:, :, None, :] * level[..., None]
        slow = shape[:, :, None, :] * self.slow[:, take][..., None]
        rise = level[:, :, :1, None] + 0.5 * self.slope[:, take][..., None] * ahead
        damping = np.array([d[2] for d in DAMPED])[None, None, :, None]
        reach = damping * (1 - damping**ahead) / (1 - damping)
        bend = self.damped[:, take][..., None] + self.damped_trend[:, take][..., None] * reach
        moving = np.concatenate([rise, bend], axis=2)
        moving = (
            np.where(self.signed[:, None, None, None], moving, np.maximum(moving, 0.0)) * shape[:, :, None, :]
        )
        every = np.concatenate([naive[:, :, None, :], flat, slow, moving], axis=2)
        every = np.where(np.isfinite(every), every, naive[:, :, None, :])
        every = np.where(self.flat[:, take][:, :, None, None], naive[:, :, None, :], every)
        chosen = every[:, :, [0, 2, 1, 9, 8], :]  # naive, three steps, one step, long and middle trend
        combination = np.sort(chosen, axis=2)[:, :, 2:3, :]
        combination[:, :, 0, :] = np.where(self.flat[:, take][:, :, None], naive, combination[:, :, 0, :])
        return np.concatenate([combination, every], axis=2)
