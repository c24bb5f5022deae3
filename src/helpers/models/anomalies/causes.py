"""Which dimension moved, and whether it was the price or how much was used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from helpers.terms.money import foot
from helpers.terms.money import total as add

Array = Any
Frame = Any
BEFORE = 28  # days before the incident with which it is compared
MOST = 0.8  # share of the excess with which one value of a dimension is the cause
DIMENSIONS = {"sku": "meter", "resource_id": "resource", "region": "region", "service": "service", "account": "account", "provider": "provider"}  # the finest first; in words  # fmt: skip
STEPS = ("volume", "price", "commitment", "new")
SAID = {"volume": "more was used", "price": "the price rose", "commitment": "less was covered by a commitment", "new": "something new runs"}  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """What moved.

    Attributes
    ----------
    dimension, value, share : str, str, float
        The finest of `DIMENSIONS` of which one value holds most of the rise, that value in words, and its share [1];
        ``spread`` where none does.
    parts : dict of str to Decimal
        Volume, price, commitment and new; they add up to the excess [currency].
    ended : str
        A commitment that ended within the days before, where that is the largest part.
    """

    dimension: str
    value: str
    share: float
    parts: dict[str, Decimal]
    ended: str = ""

    @property
    def main(self) -> str:
        """The largest part."""
        return max(self.parts, key=lambda p: self.parts[p]) if self.parts else "volume"

    @property
    def words(self) -> str:
        """In one short sentence."""
        named = f"{DIMENSIONS[self.dimension]} " if self.dimension in DIMENSIONS else ""
        place = f", {named}{self.value}" if self.value else ""
        return f"{SAID[self.main]}{place}"

    @staticmethod
    def joined(several: Sequence[Cause], biggest: str) -> Cause:
        """Of incidents that are one."""
        parts = {s: add(c.parts.get(s, Decimal(0)) for c in several) for s in STEPS}
        ended = next((c.ended for c in several if c.ended), "")
        return Cause("spread", f"spread over {len(several)}, most of it {biggest}", 1.0, parts, ended)


def cause(lines: Frame, at: Array, start: int, end: int, excess: Decimal, kind: str) -> Cause:
    """Compare the days of an incident with the four weeks before it.

    Parameters
    ----------
    lines : DataFrame
        As `helpers.measures.daily.lines`: those of the incident's place.
    at : array of int
        Day of each row.
    start, end : int
        First and last day of the incident.
    excess : Decimal
        To which the parts add up [currency].
    kind : str
        Of the incident.
    """
    first = max(0, start - BEFORE)
    if kind == "creep":  # the last week against the four weeks of half a year before
        first, start, before_end = max(0, end - 182), max(0, end - 6), max(0, end - 182) + BEFORE
    else:
        before_end = start
    now = lines.loc[(at >= start) & (at <= end)]
    was = lines.loc[(at >= first) & (at < before_end)]
    days, before = max(end - start + 1, 1), max(before_end - first, 1)
    found = _dimension(now, was, days, before)
    parts = _parts(now, was, days, before)
    ended = _ended(lines, at, start) if parts["commitment"] >= max(parts.values()) > 0 else ""
    return Cause(*found, _footed(parts, excess), ended)


def _dimension(now, was, days: int, before: int) -> tuple[str, str, float]:
    for column in DIMENSIONS:
        a, b = now.groupby(column)["cost"].sum() / days, was.groupby(column)["cost"].sum() / before
        moved = a.sub(b, fill_value=0.0)
        rise = moved[moved > 0].sum()
        if rise <= 0 or not len(moved):
            continue
        share = float(moved.max() / rise)
        if share >= MOST and moved.idxmax():
            value = str(moved.idxmax())
            return column, _worded(now, column, value), share
    return "spread", "", 0.0


def _worded(now, column: str, value: str) -> str:
    """A meter or resource by its name where it has one."""
    named = {"sku": ("meter", "description"), "resource_id": ("name",)}.get(column, ())
    rows = now.loc[now[column] == value]
    for other in named:
        known = [w for w in rows[other] if isinstance(w, str) and w]
        if known:
            return known[0]
    return value.rsplit("/", 1)[-1]


def _parts(now, was, days: int, before: int) -> dict[str, float]:
    """Volume, price, commitment and new of a day's rise, by resource and meter."""
    keys = ["resource_id", "sku", "unit"]
    sums = ["quantity", "cost", "at_contract"]
    a, b = now.groupby(keys)[sums].sum() / days, was.groupby(keys)[sums].sum() / before
    both = a.add_suffix("1").join(b.add_suffix("0"), how="outer").fillna(0.0)
    q0, q1, e0, e1, c0, c1 = (
        both[n].to_numpy()
        for n in ("quantity0", "quantity1", "cost0", "cost1", "at_contract0", "at_contract1")
    )
    known = (q0 > 0) & (q1 > 0) & (e0 > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        volume = np.where(known, e0 * q1 / q0 - e0, 0.0)
        priced = known & (c0 > 0) & (c1 > 0)
        price = np.where(priced, e0 * c1 / c0 - e0 * q1 / q0, np.where(known, e1 - e0 * q1 / q0, 0.0))
        covered = np.where(priced, e1 - e0 * c1 / c0, 0.0)
    fresh = np.where(~known, e1 - e0, 0.0)
    return dict(zip(STEPS, (float(np.nansum(x)) for x in (volume, price, covered, fresh)), strict=True))


def _ended(lines, at: Array, start: int) -> str:
    """Name of a commitment that covered this place until the incident and no longer does."""
    near = (at >= start - 7) & (at < start) & (lines["status"] == "Used").to_numpy()
    later = (at > start) & (lines["status"] == "Used").to_numpy()
    gone = set(lines.loc[near, "commitment_id"]) - set(lines.loc[later, "commitment_id"]) - {""}
    if not gone:
        return ""
    rows = lines.loc[near & lines["commitment_id"].isin(gone).to_numpy()]
    named = [w for w in rows["commitment"] if isinstance(w, str) and w]
    return named[0] if named else sorted(gone)[0]


def _footed(parts: dict[str, float], excess: Decimal) -> dict[str, Decimal]:
    """Shares of the excess, to the cent."""
    whole = sum(parts.values())
    if whole <= 0:
        return {s: excess if s == "volume" else Decimal(0) for s in STEPS}
    shares = foot([excess * Decimal(repr(v / whole)) for v in parts.values()])
    return dict(zip(parts, shares, strict=True))
