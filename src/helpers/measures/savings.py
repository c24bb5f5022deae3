"""Effective savings rate: what was paid against what the same usage costs without discounts.

References
----------
FinOps Foundation KPI library, https://www.finops.org/kpi/effective-savings-rate-percentage/ (read 2026-11-23).
Row sets and why other tools differ: docs/measures.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from helpers.measures import rows
from helpers.measures.measure import Condition, Measure, Sums, Table, number, quotient
from helpers.terms.money import CONTEXT, ratio

ESR = "effective-savings-rate-percentage"


@dataclass(frozen=True)
class Scope:
    """Which usage a savings rate speaks of; all by default.

    Attributes
    ----------
    spot, marketplace, support : bool
        Whether spot usage, third parties' products and support fees count.
    category, provider : str
        One ServiceCategory, one ServiceProviderName; empty for all.
    """

    spot: bool = True
    marketplace: bool = True
    support: bool = True
    category: str = ""
    provider: str = ""

    def rows(self, charges: Table) -> Condition | None:
        """The rows inside, None for all."""
        conditions = [
            None if self.spot else ~rows.spot(charges),
            None if self.marketplace else ~rows.marketplace(charges),
            None if self.support else ~rows.support(charges),
            charges.ServiceCategory == self.category if self.category else None,
            charges.ServiceProviderName == self.provider if self.provider else None,
        ]
        inside = None
        for c in conditions:
            if c is not None:
                inside = c if inside is None else inside & c
        return inside

    @property
    def name(self) -> str:
        """In words, for the page: ``all usage``, ``Compute of AWS without spot``."""
        left = [
            w
            for w, kept in (("spot", self.spot), ("marketplace", self.marketplace), ("support", self.support))
            if not kept
        ]
        what = (self.category or "all usage") + (f" of {self.provider}" if self.provider else "")
        return what + (f" without {', '.join(left)}" if left else "")


ALL = Scope()
BENCHMARK = Scope(spot=False, marketplace=False, support=False, category="Compute", provider="AWS")


def over_list(charges: Table, scope: Scope = ALL) -> Measure:
    """Effective savings rate over list price: 1 − ΣEC / ΣLC [ratio].

    Usage without corrections and with a list price; unused commitment in EffectiveCost only; purchases nowhere.
    """
    return _rate(charges, "ListCost", scope, "list")


def over_contracted(charges: Table, scope: Scope = ALL) -> Measure:
    """Effective savings rate over contracted price: 1 − ΣEC / ΣCC [ratio]. Row set as `over_list`."""
    return _rate(charges, "ContractedCost", scope, "contracted")


def commitments_only(charges: Table, scope: Scope = ALL) -> Measure:
    """What commitment discounts save where they could: 1 − ΣEC(Used + Unused + eligible) / ΣCC(Used + eligible) [ratio]."""
    reach = (rows.used(charges) | rows.eligible(charges)) & rows.priced(charges, "ContractedCost")
    lost = _within(rows.unused(charges), charges, scope)
    reach = _within(reach, charges, scope)
    return Measure(
        ESR,
        {
            "paid": charges.EffectiveCost.sum(where=reach),
            "unused": charges.EffectiveCost.sum(where=lost),
            "without": charges.ContractedCost.sum(where=reach),
        },
        _saved,
        "ratio",
        charges,
        "commitments",
    )


def negotiated(charges: Table, scope: Scope = ALL) -> Measure:
    """What the contract saves on list price: 1 − ΣCC / ΣLC [ratio], over usage with both prices."""
    both = rows.ran(charges) & rows.priced(charges, "ListCost") & rows.priced(charges, "ContractedCost")
    both = _within(both, charges, scope)
    return Measure(
        "negotiated-savings-rate",
        {"contracted": charges.ContractedCost.sum(where=both), "list": charges.ListCost.sum(where=both)},
        lambda s: _one_minus(ratio(number(s["contracted"]), number(s["list"]))),
        "ratio",
        charges,
    )


def without_list_price(charges: Table, scope: Scope = ALL) -> Measure:
    """Share of usage cost [EffectiveCost, ratio] that a rate over list price leaves out for want of a price."""
    ran = _within(rows.ran(charges), charges, scope)
    return Measure(
        "cost-without-list-price",
        {
            "without": charges.EffectiveCost.sum(where=ran & ~rows.priced(charges, "ListCost")),
            "all": charges.EffectiveCost.sum(where=ran),
        },
        quotient("without", "all"),
        "ratio",
        charges,
    )


def charges_without_list_price(charges: Table, scope: Scope = ALL) -> Measure:
    """How many charges of usage have no list price [charges]."""
    ran = _within(rows.ran(charges), charges, scope)
    return Measure(
        "cost-without-list-price",
        {"count": charges.count(where=ran & ~rows.priced(charges, "ListCost"))},
        lambda s: number(s["count"]),
        "charges",
        charges,
        "charges",
    )


def _rate(charges: Table, price: str, scope: Scope, variant: str) -> Measure:
    ran = _within(rows.ran(charges) & rows.priced(charges, price), charges, scope)
    lost = _within(rows.unused(charges), charges, scope)
    return Measure(
        ESR,
        {
            "paid": charges.EffectiveCost.sum(where=ran),
            "unused": charges.EffectiveCost.sum(where=lost),
            "without": charges[price].sum(where=ran),
        },
        _saved,
        "ratio",
        charges,
        variant,
    )


def _saved(s: Sums) -> Decimal:
    paid = CONTEXT.add(number(s["paid"]), number(s["unused"]))
    return _one_minus(ratio(paid, number(s["without"])))


def _one_minus(part: Decimal) -> Decimal:
    return CONTEXT.subtract(Decimal(1), part)


def _within(condition: Condition, charges: Table, scope: Scope) -> Condition:
    inside = scope.rows(charges)
    return condition if inside is None else condition & inside
