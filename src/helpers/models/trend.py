"""The trend of a short monthly series: the median of all pairwise growth rates, which one odd month does not move.

References
----------
Theil 1950, Sen 1968: estimates of the regression coefficient based on Kendall's tau; the interval is Sen's, from scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LEAST = 6  # months: below, the interval of a median slope holds everything


@dataclass(frozen=True)
class Trend:
    """Growth a month.

    Attributes
    ----------
    rate, low, high : Decimal or None
        Growth a month [ratio] and its 90 % interval.
    months : int
    reason : str
        Why there is none.
    """

    rate: Decimal | None
    low: Decimal | None
    high: Decimal | None
    months: int
    reason: str = ""

    @property
    def rises(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low is not None and self.low > 0

    @property
    def falls(self) -> bool:
        """Whether the whole interval is below zero."""
        return self.high is not None and self.high < 0


def trend(values: Sequence[Decimal | None], level: float = 0.90) -> Trend:
    """Growth a month of positive monthly values, oldest first; None or NaN is a gap, which keeps its place in time.

    Examples
    --------
    >>> found = trend([Decimal(100) * Decimal("1.02") ** n for n in range(12)])
    >>> round(found.rate, 4), found.rises
    (Decimal('0.0200'), True)
    >>> trend([Decimal(5)] * 3).reason
    '3 months with a value above zero, 6 are needed'
    """
    from scipy import stats

    known = [
        (n, math.log(float(v))) for n, v in enumerate(values) if v is not None and not v.is_nan() and v > 0
    ]
    if len(known) < LEAST:
        reason = f"{len(known)} months with a value above zero, {LEAST} are needed"
        return Trend(None, None, None, len(known), reason)
    found: Any = stats.theilslopes([y for _, y in known], [x for x, _ in known], level)
    return Trend(_rate(found[0]), _rate(found[2]), _rate(found[3]), len(known))


def _rate(slope: float) -> Decimal:
    return Decimal(repr(math.expm1(slope))).quantize(Decimal("1E-9"))
