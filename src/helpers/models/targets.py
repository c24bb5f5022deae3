"""A target for a feature that does not exist yet: its design's components at prices paid today, with confidence by simulation.

What a unit needs of each component is a range (low, likely, high: a triangular distribution); the price of a component is the
mean of the last months' prices, and varies as they varied. The target is the unit cost that the design keeps with the
confidence asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

DRAWS = 20_000
LEAST_SPREAD = 0.02  # a price that never moved may move: two percent, ours
PLACES = Decimal("1E-9")


@dataclass(frozen=True)
class Component:
    """One part of a design.

    Attributes
    ----------
    name : str
    low, likely, high : Decimal
        Use for one unit of the feature [the component's pricing unit].
    prices : tuple of Decimal
        Effective price a unit [currency/pricing unit] in the last months, oldest first.
    unit : str
        The pricing unit.
    """

    name: str
    low: Decimal
    likely: Decimal
    high: Decimal
    prices: tuple[Decimal, ...]
    unit: str = ""

    @property
    def price(self) -> Decimal | None:
        """The latest price [currency/unit]."""
        return self.prices[-1] if self.prices else None


@dataclass(frozen=True)
class Target:
    """Unit cost of a design [currency/unit].

    Attributes
    ----------
    likely : Decimal or None
        All components at their likely use and latest price.
    low, middle, high : Decimal or None
        5th, 50th and 95th percentile.
    target : Decimal or None
        Kept with the confidence asked for.
    confidence : Decimal
        Asked for, or that of a target that was given [ratio].
    reason : str
        Why there is none.
    """

    likely: Decimal | None
    low: Decimal | None
    middle: Decimal | None
    high: Decimal | None
    target: Decimal | None
    confidence: Decimal
    reason: str = ""
    shares: tuple[tuple[str, Decimal], ...] = ()


def target(
    components: Sequence[Component],
    confidence: Decimal = Decimal("0.8"),
    *,
    seed: int = 7,
    given: Decimal | None = None,
) -> Target:
    """Simulate the unit cost of a design.

    Parameters
    ----------
    components : sequence of Component
    confidence : Decimal
        That the target is kept [ratio].
    seed : int
        The same draws each time: a page does not change when it is opened again.
    given : Decimal, optional
        A target that was set [currency/unit]: `confidence` of the result is then the chance to keep it.

    Examples
    --------
    >>> one = Component("tokens", Decimal(1), Decimal(2), Decimal(3), (Decimal("0.5"),))
    >>> found = target([one])
    >>> found.likely, found.low < found.middle < found.target < found.high
    (Decimal('1.000000000'), True)
    """
    import numpy as np

    lacking = [c.name for c in components if not c.prices]
    if lacking or not components:
        what = (
            f"no price is paid today for {', '.join(lacking)}" if lacking else "the design has no component"
        )
        return Target(None, None, None, None, None, confidence, what)
    rng = np.random.default_rng(seed)
    whole = np.zeros(DRAWS)
    likely = []
    for c in components:
        low, mode, high = (float(x) for x in (c.low, c.likely, c.high))
        use = rng.triangular(low, mode, high, DRAWS) if high > low else np.full(DRAWS, mode)
        prices = np.array([float(p) for p in c.prices])
        spread = max(LEAST_SPREAD, float(prices.std() / prices.mean()) if prices.mean() > 0 else 0.0)
        moved = np.exp(rng.normal(-(spread**2) / 2, spread, DRAWS))
        whole += use * float(c.prices[-1]) * moved
        likely.append((c.name, Decimal(c.likely) * c.prices[-1]))
    sum_likely = sum((v for _, v in likely), Decimal(0))
    low, middle, high, aim = np.quantile(whole, [0.05, 0.5, 0.95, float(confidence)])
    kept = (
        Decimal(repr(float((whole <= float(given)).mean()))).quantize(Decimal("0.001"))
        if given is not None
        else confidence
    )
    shares = tuple((n, (v / sum_likely).quantize(PLACES)) for n, v in likely) if sum_likely else ()
    return Target(
        sum_likely.quantize(PLACES), _money(low), _money(middle), _money(high), _money(aim) if given is None else given,
        kept, "", shares,
    )  # fmt: skip


def _money(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(PLACES)
