"""Which bets a budget buys: expected value within it, at most one of several, each after what it needs; by HiGHS, exactly.

References
----------
0/1 knapsack with side conditions as an integer programme, solved by scipy.optimize.milp (HiGHS; Huangfu and Hall, Parallelizing the
dual revised simplex method, 2018). The baseline, taking bets by value per money until the budget is gone, is Dantzig's greedy of 1957.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations
from typing import Any

from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT, ratio

CENT = Decimal("0.01")
WEEKS = Decimal(52)


@dataclass(frozen=True)
class Bet:
    """One thing that could be built.

    Attributes
    ----------
    name, product : str
    cost : Decimal
        What it takes from the budget [currency].
    low, likely, high : Decimal
        Value in the first year if it works [currency].
    probability : Decimal
        That it works at all [ratio]; else it is worth nothing.
    either, needs : str
        At most one bet of the same `either` is made; none without the bet that it needs.
    hurry_cost, hurry_weeks : Decimal
        What it costs more to have it so much earlier [currency], [weeks].
    """

    name: str
    product: str
    cost: Decimal
    low: Decimal
    likely: Decimal
    high: Decimal
    probability: Decimal
    either: str = ""
    needs: str = ""
    hurry_cost: Decimal = Decimal(0)
    hurry_weeks: Decimal = Decimal(0)

    @property
    def value(self) -> Decimal:
        """Expected value of a year [currency]: probability × (low + 4 likely + high) ÷ 6, the mean of a PERT range, to the cent."""
        middle = CONTEXT.divide(self.low + 4 * self.likely + self.high, Decimal(6))
        return CONTEXT.multiply(self.probability, middle).quantize(CENT)

    @property
    def gain(self) -> Decimal:
        """Expected value less cost [currency]."""
        return CONTEXT.subtract(self.value, self.cost)

    @property
    def rate(self) -> Decimal:
        """Expected gain for each unit of money [ratio]."""
        return ratio(self.gain, self.cost)

    @property
    def week(self) -> Decimal:
        """What a week earlier is worth: a week of the expected value [currency]."""
        return CONTEXT.divide(self.value, WEEKS).quantize(CENT)

    @property
    def haste(self) -> Decimal | None:
        """What hurrying gains less what it costs [currency]; None where no hurried plan is known."""
        if not self.hurry_weeks:
            return None
        return CONTEXT.subtract(CONTEXT.multiply(self.week, self.hurry_weeks), self.hurry_cost).quantize(CENT)


def read(rows: Sequence[Mapping[str, Any]], currency: str) -> list[Bet]:
    """Bets of one currency from bets.csv.

    Raises
    ------
    BadInput
        A chance outside 0 and 1, a range out of order, a bet that needs an unknown one: row and column.
    """
    names = {r["bet"] for r in rows}
    found = []
    for r in rows:
        line = int(r["row"]) if r.get("row") is not None else None

        def bad(found: str, needed: str, remedy: str, column: str, line: int | None = line) -> BadInput:
            return BadInput(found, needed, remedy, file="bets.csv", row=line, column=column)

        if not 0 <= r["probability"] <= 1:
            raise bad(f"{r['probability']:f}", "a chance from 0 to 1", "write 60 % as 0.6", "probability")
        if not r["value_low"] <= r["value_likely"] <= r["value_high"]:
            raise bad("values out of order", "low ≤ likely ≤ high", "put them in order", "value_likely")
        if _text(r.get("needs")) and r["needs"] not in names:
            raise bad(f"{r['needs']!r}", "the name of another bet", "correct the name", "needs")
        if r["currency"] == currency:
            found.append(
                Bet(
                    r["bet"], _text(r.get("product")), r["cost"], r["value_low"], r["value_likely"], r["value_high"],
                    r["probability"], _text(r.get("either")), _text(r.get("needs")),
                    _number(r.get("hurry_cost")), _number(r.get("hurry_weeks")),
                )
            )  # fmt: skip
    kept = {b.name for b in found}
    return [b if b.needs in kept or not b.needs else replace(b, needs="") for b in found]


def best(bets: Sequence[Bet], budget: Decimal) -> list[Bet]:
    """The bets of highest expected gain that the budget buys; none that is expected to lose.

    Amounts are taken in cents, so that the solver works on whole numbers.

    Examples
    --------
    >>> def bet(name, cost, value): return Bet(name, "", *map(Decimal, (cost, value, value, value, 1)))
    >>> [b.name for b in best([bet("a", 6, 13), bet("b", 5, 10), bet("c", 5, 10)], Decimal(10))]
    ['b', 'c']
    """
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    bets = list(bets)
    if not bets:
        return []
    cents = np.array([float((b.cost / CENT).to_integral_value()) for b in bets])
    gains = np.array([float((b.gain / CENT).to_integral_value()) for b in bets])
    rows, tops = [cents], [float((budget / CENT).to_integral_value(rounding="ROUND_FLOOR"))]
    place = {b.name: i for i, b in enumerate(bets)}
    for word in sorted({b.either for b in bets} - {""}):
        rows.append(np.array([1.0 if b.either == word else 0.0 for b in bets]))
        tops.append(1.0)
    for i, b in enumerate(bets):
        if b.needs:
            row = np.zeros(len(bets))
            row[i], row[place[b.needs]] = 1.0, -1.0
            rows.append(row)
            tops.append(0.0)
    limits: Any = np.array(tops)
    solved: Any = milp(
        -gains,
        constraints=LinearConstraint(np.vstack(rows), ub=limits),
        integrality=np.ones(len(bets)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    taken = [b for b, x in zip(bets, np.round(solved.x), strict=True) if x]
    return sorted(taken, key=lambda b: (-b.rate, b.name))


def greedy(bets: Sequence[Bet], budget: Decimal) -> list[Bet]:
    """By gain per money until nothing fits: what most lists do, and what `best` is held against."""
    taken: list[Bet] = []
    for b in sorted(bets, key=lambda b: (-b.rate, b.name)):
        if b.gain > 0 and feasible([*taken, b], budget):
            taken.append(b)
    return taken


def exhaustive(bets: Sequence[Bet], budget: Decimal) -> list[Bet]:
    """The best of all choices, one by one: for tests and small cases."""
    choices = (list(c) for n in range(len(bets) + 1) for c in combinations(bets, n))
    return max((c for c in choices if feasible(c, budget)), key=gain)


def feasible(chosen: Sequence[Bet], budget: Decimal) -> bool:
    """Whether the budget pays for all, no two exclude each other, and what each needs is there."""
    words = [b.either for b in chosen if b.either]
    names = {b.name for b in chosen}
    return (
        sum((b.cost for b in chosen), Decimal(0)) <= budget
        and len(words) == len(set(words))
        and all(not b.needs or b.needs in names for b in chosen)
    )


def gain(chosen: Sequence[Bet]) -> Decimal:
    """Expected gain of all [currency]."""
    return sum((b.gain for b in chosen), Decimal(0))


def next_money(bets: Sequence[Bet], budget: Decimal, more: Decimal) -> tuple[Decimal, list[Bet], list[Bet]]:
    """What `more` budget would buy: added expected gain [currency], bets that come in, bets that go out."""
    now, then = best(bets, budget), best(bets, budget + more)
    return gain(then) - gain(now), [b for b in then if b not in now], [b for b in now if b not in then]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) and not value.is_nan() else Decimal(0)
