"""What part of a cost follows volume: a regression of weekly cost on weekly volume, with an interval that is measured.

``cost = fixed + drift × week + per unit × volume``, by Prais and Winsten's least squares, since a week's error looks like the
week's before. The drift keeps growth that has nothing to do with volume (waste, prices, more features) out of the cost of one
more unit. Newey–West errors were tried first: their 95 % interval held the truth in 79 % of made cases, this one's in 92 to 95 %
(benchmarks/unit_cost.py, docs/unit-economics.md).

References
----------
Prais, S. J., Winsten, C. B., Trend estimators and serial correlation, Cowles Commission discussion paper 383, 1954. Marriott, F. H. C.,
Pope, J. A., Bias in the estimation of autocorrelations, Biometrika 41, 1954. High-low method: any textbook of management accounting.
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
    rho, rest : float
        How much of a week's error is in the next [ratio]; the last week's error [currency/day].
    drift : Decimal
        Growth that does not come from volume [currency/day per week].
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
    rho: float = 0.0
    rest: float = 0.0
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

    def forecast(self, volume: float, ahead: int) -> float:
        """The same with what is left of the last week's error: for the next weeks."""
        return self.at(volume, ahead) + self.rho**ahead * self.rest

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
    from scipy import stats

    scale, n = volume.mean(), len(volume)
    x = np.column_stack([np.ones(n), volume / scale] + ([week] if trend else []))
    beta, cov, rho = prais_winsten(x, cost)
    t = float(stats.t.ppf(0.5 + level / 2, n - x.shape[1]))
    half = t * np.sqrt(np.maximum(np.diag(cov), 0.0))
    low, high = beta - half, beta + half
    left = cost - x @ beta
    last = float(np.mean(cost[-4:]))
    fixed = float(beta[0])
    share = min(max(fixed / last, 0.0), 1.0) if last > 0 else None
    reason = ""
    if low[1] <= 0 <= high[1]:
        reason = "the interval holds zero: these weeks do not show that cost follows volume"
    elif fixed < 0:
        reason = "cost grows faster than volume: no fixed part is left"
    to = np.diag([1.0, 1 / scale] + ([1.0] if trend else []))
    covariance = to @ cov @ to
    if not trend:
        covariance = np.pad(covariance, ((0, 1), (0, 1)))
    whole = float(((cost - cost.mean()) ** 2).sum())
    explained = 1 - float((left**2).sum()) / whole if whole > 0 else 0.0
    return Fit(
        _decimal(beta[1] / scale), _decimal(low[1] / scale), _decimal(high[1] / scale),
        _decimal(fixed), _decimal(low[0]), _decimal(high[0]),
        None if share is None else _decimal(share), average, n,
        _decimal(explained), reason, kept, rho, float(left[-1]),
        _decimal(beta[2]) if trend else Decimal(0), tuple(map(tuple, covariance.tolist())),
    )  # fmt: skip


def prais_winsten(x, y, rounds: int = 8):
    """Least squares with errors of which each week's is `rho` of the week's before: coefficients, covariance, rho.

    rho from residuals is too small in short series; it is raised by (2 + 4 rho) / n plus (rho) / n, after Marriott and Pope's
    bias of order 1 / n with a trend, and kept between 0 and 0.95.
    """
    import numpy as np

    n, k = x.shape
    rho, beta, cov = 0.0, np.zeros(k), np.zeros((k, k))
    for _ in range(rounds):
        root = math.sqrt(1 - rho**2)
        a = np.vstack([root * x[0], x[1:] - rho * x[:-1]])
        b = np.concatenate([[root * y[0]], y[1:] - rho * y[:-1]])
        beta = np.linalg.lstsq(a, b, rcond=None)[0]
        left = b - a @ beta
        cov = float(left @ left) / (n - k) * np.linalg.pinv(a.T @ a)
        rest = y - x @ beta
        past = float(rest[:-1] @ rest[:-1])
        raw = float(rest[1:] @ rest[:-1]) / past if past > 1e-12 * float(y @ y) else 0.0
        following = min(max(raw + (3 + 5 * raw) / n, 0.0), 0.95) if raw else 0.0
        if abs(following - rho) < 1e-6:
            break
        rho = following
    return beta, cov, rho


def high_low(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The textbook's high-low method: (per unit, fixed a day) from the weeks of highest and lowest volume."""
    known = [p for p in points if not math.isnan(p[0])]
    low, high = min(known), max(known)
    slope = (high[1] - low[1]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
    return slope, low[1] - slope * low[0]


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(PLACES)
