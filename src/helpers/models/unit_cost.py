"""What part of a cost follows volume: a regression of weekly cost on weekly volume, with an interval that is measured.

``cost = fixed + drift × week + per unit × volume``, by ordinary least squares with Newey–West standard errors, since a week's
error looks like the week's before. The drift keeps growth that has nothing to do with volume (waste, prices, more features)
out of the cost of one more unit. Against naive and published methods: benchmarks/unit_cost.py, docs/unit-economics.md.

References
----------
Newey, W. K., West, K. D., A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent covariance matrix,
Econometrica 55, 1987; lags 4 (n / 100)^(2/9), Newey and West 1994. High-low method: any textbook of management accounting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

LEAST = 16  # weeks: below, three unknowns and their errors are guesses
STILL = 0.01  # a volume whose weeks differ by less than this share says nothing about one unit more
WEEK = 7
PLACES = Decimal("1E-12")


@dataclass(frozen=True)
class Fit:
    """Fixed and variable part of a cost.

    Attributes
    ----------
    per_unit, per_unit_low, per_unit_high : Decimal or None
        What one more unit costs [currency/unit], and its 95 % interval.
    fixed, fixed_low, fixed_high : Decimal or None
        What a day costs without any unit, as of the last week [currency/day].
    fixed_share : Decimal or None
        Part of the last weeks' cost that does not follow volume [ratio], kept within 0 and 1.
    average : Decimal or None
        Cost ÷ volume over all weeks [currency/unit]: what marginal cost is mistaken for.
    weeks : int
    explained : Decimal or None
        R² [ratio].
    reason : str
        Why there is no split, or what to mind about it.
    points : tuple of (volume, cost)
        Weekly volumes [unit] and costs [currency] as daily means, oldest first.
    lag, drift : int, Decimal
        Lags of the standard error [weeks]; drift [currency/day per week].
    """

    per_unit: Decimal | None
    per_unit_low: Decimal | None
    per_unit_high: Decimal | None
    fixed: Decimal | None
    fixed_low: Decimal | None
    fixed_high: Decimal | None
    fixed_share: Decimal | None
    average: Decimal | None
    weeks: int
    explained: Decimal | None
    reason: str
    points: tuple[tuple[float, float], ...] = ()
    lag: int = 0
    drift: Decimal | None = None
    covariance: tuple[tuple[float, ...], ...] = ()

    @property
    def known(self) -> bool:
        """Whether one more unit has a cost that the data tell apart from nothing known."""
        return self.per_unit is not None

    def at(self, volume: float, ahead: int = 0) -> float:
        """Expected cost of a day [currency] at a daily volume, `ahead` weeks after the last."""
        if self.per_unit is None or self.fixed is None:
            raise ValueError(self.reason)
        return float(self.fixed) + float(self.drift or 0) * ahead + float(self.per_unit) * volume

    def band(self, volume: float) -> tuple[float, float]:
        """95 % interval of the expected cost of a day at a volume, as of the last week."""
        import numpy as np
        from scipy import stats

        x = np.array([1.0, volume, 0.0])
        spread = math.sqrt(max(float(x @ np.array(self.covariance) @ x), 0.0))
        t = float(stats.t.ppf(0.975, max(self.weeks - 3, 1)))
        middle = self.at(volume)
        return middle - t * spread, middle + t * spread


def weekly(
    cost: Mapping[date, Decimal], volume: Mapping[date, Decimal], last: date | None = None
) -> list[tuple[float, float]]:
    """(mean daily volume, mean daily cost) of each whole week that ends with `last` or a multiple of seven days before it.

    A week with a day missing on either side, or with a volume below zero, is left out.
    """
    days = sorted(set(cost) & set(volume))
    if not days:
        return []
    end, found = last or days[-1], []
    while end - timedelta(days=WEEK - 1) >= days[0]:
        span = [end - timedelta(days=n) for n in range(WEEK)]
        if all(d in cost and d in volume and volume[d] >= 0 for d in span):
            found.append(
                (float(sum(volume[d] for d in span)) / WEEK, float(sum(cost[d] for d in span)) / WEEK)
            )
        else:
            found.append((math.nan, math.nan))
        end -= timedelta(days=WEEK)
    return found[::-1]


def fit(points: Sequence[tuple[float, float]], *, drift: bool = True, level: float = 0.95) -> Fit:
    """Split a weekly cost into what follows volume and what does not.

    Parameters
    ----------
    points : sequence of (volume, cost)
        Of `weekly`, oldest first; NaN for a week left out.
    drift : bool
        Allow for a growth that does not come from volume.

    Returns
    -------
    Fit
        Without numbers and with a reason where the weeks are too few, the volume hardly moves, or nothing was sold.
    """
    import numpy as np

    known = [(i, v, c) for i, (v, c) in enumerate(points) if not math.isnan(v) and not math.isnan(c)]
    kept = tuple((v, c) for _, v, c in known)
    weeks = len(known)
    total = sum(v for v, _ in kept)
    average = _decimal(sum(c for _, c in kept) / total) if total > 0 else None

    def nothing(reason: str) -> Fit:
        return Fit(None, None, None, None, None, None, None, average, weeks, None, reason, kept)

    if weeks < LEAST:
        return nothing(f"{weeks} whole weeks with cost and volume, {LEAST} are needed")
    volume, cost = (np.array([p[k] for p in kept]) for k in (0, 1))
    if volume.max() <= 0:
        return nothing("the volume is zero in every week")
    week = np.array([float(i) for i, _, _ in known])
    week -= week[-1]
    trend = drift and week[0] < 0
    base = np.column_stack([np.ones(weeks), week]) if trend else np.ones((weeks, 1))
    left = volume - base @ np.linalg.lstsq(base, volume, rcond=None)[0]
    if left.std() < STILL * volume.mean():
        return nothing(
            "the volume hardly moves apart from its trend, so nothing shows what one unit more costs"
        )
    return _fitted(volume, cost, week, trend, level, average, kept)


def _fitted(volume, cost, week, trend, level, average, kept) -> Fit:
    import numpy as np
    import statsmodels.api as sm

    scale = volume.mean()
    columns = [np.ones(len(volume)), volume / scale] + ([week] if trend else [])
    lag = lags(len(volume))
    result = sm.OLS(cost, np.column_stack(columns)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": True}, use_t=True
    )
    low, high = result.conf_int(1 - level).T
    last = float(np.mean(cost[-4:]))
    fixed = float(result.params[0])
    share = min(max(fixed / last, 0.0), 1.0) if last > 0 else None
    reason = ""
    if low[1] <= 0 <= high[1]:
        reason = "the interval holds zero: these weeks do not show that cost follows volume"
    elif fixed < 0:
        reason = "cost grows faster than volume: no fixed part is left"
    to = np.diag([1.0, 1 / scale] + ([1.0] if trend else []))
    covariance = to @ result.cov_params() @ to
    if not trend:
        covariance = np.pad(covariance, ((0, 1), (0, 1)))
    return Fit(
        _decimal(result.params[1] / scale), _decimal(low[1] / scale), _decimal(high[1] / scale),
        _decimal(fixed), _decimal(low[0]), _decimal(high[0]),
        None if share is None else _decimal(share), average, len(volume),
        _decimal(result.rsquared), reason, kept, lag,
        _decimal(result.params[2]) if trend else Decimal(0), tuple(map(tuple, covariance.tolist())),
    )  # fmt: skip


def lags(weeks: int) -> int:
    """Lags of the Newey–West error [weeks]."""
    return max(1, int(4 * (weeks / 100) ** (2 / 9)))


def high_low(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The textbook's high-low method: (per unit, fixed a day) from the weeks of highest and lowest volume."""
    known = [p for p in points if not math.isnan(p[0])]
    low, high = min(known), max(known)
    slope = (high[1] - low[1]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
    return slope, low[1] - slope * low[0]


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(PLACES)
