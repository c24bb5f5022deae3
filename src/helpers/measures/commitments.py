"""Commitment discounts: how much they cover, how much of them is used, what is wasted."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import Measure, Sums, Table, number, quotient
from helpers.terms.money import NAN, exact, ratio
from helpers.terms.money import total as add

if TYPE_CHECKING:
    import pandas as pd

COVERAGE = "percent-of-compute-spend-covered-by-commitment-based-discounts"


def coverage(charges: Table, cost: str = "ContractedCost", category: str = "Compute") -> Measure:
    """Covered share of what commitments could cover: ΣCC(Used) / ΣCC(Used + eligible on-demand) [ratio], spot out.

    In contracted cost it is in on-demand value (variant ``contracted``); in EffectiveCost (variant ``effective``) covered
    usage weighs less because it is cheaper.
    """
    inside = charges.ServiceCategory == category if category else None
    covered = rows.used(charges) & rows.priced(charges, cost)
    open_to = rows.eligible(charges) & rows.priced(charges, cost)
    if inside is not None:
        covered, open_to = covered & inside, open_to & inside
    return Measure(
        COVERAGE,
        {"covered": charges[cost].sum(where=covered), "all": charges[cost].sum(where=covered | open_to)},
        quotient("covered", "all"),
        "ratio",
        charges,
        cost.removesuffix("Cost").lower(),
    )


def utilisation(charges: Table, by_quantity: bool = True) -> Measure:
    """Used share of what was committed [ratio].

    By CommitmentDiscountQuantity where every row of a commitment has one and all are in one unit; else by EffectiveCost.
    With `by_quantity` false always by EffectiveCost (variant ``effective``).
    """
    committed = rows.used(charges) | rows.unused(charges)
    sums = {
        "used": charges.EffectiveCost.sum(where=rows.used(charges)),
        "committed": charges.EffectiveCost.sum(where=committed),
    }
    if not by_quantity:
        return Measure(
            "commitment-utilization-score", sums, quotient("used", "committed"), "ratio", charges, "effective"
        )
    quantity, unit = charges.CommitmentDiscountQuantity, charges.CommitmentDiscountUnit.fill_null("")
    sums |= {
        "used quantity": quantity.sum(where=rows.used(charges)),
        "committed quantity": quantity.sum(where=committed),
        "rows": charges.EffectiveCost.count(where=committed),
        "with quantity": quantity.count(where=committed),
        "first unit": unit.min(where=committed),
        "last unit": unit.max(where=committed),
    }
    return Measure("commitment-utilization-score", sums, _utilisation, "ratio", charges)


def _utilisation(s: Sums) -> Decimal:
    if s["rows"] and s["rows"] == s["with quantity"] and s["first unit"] == s["last unit"]:
        return ratio(number(s["used quantity"]), number(s["committed quantity"]))
    return ratio(number(s["used"]), number(s["committed"]))


def waste(charges: Table) -> Measure:
    """Share of commitments' effective cost that nothing used: ΣEC(Unused) / ΣEC(Used + Unused) [ratio]."""
    return Measure(
        "percentage-of-commitment-based-discount-waste",
        {
            "unused": charges.EffectiveCost.sum(where=rows.unused(charges)),
            "committed": charges.EffectiveCost.sum(where=rows.used(charges) | rows.unused(charges)),
        },
        quotient("unused", "committed"),
        "ratio",
        charges,
    )


def consumption(charges: Table, commitments: pd.DataFrame | None = None) -> Measure:
    """Units consumed / units committed [ratio]; above 1 is overage.

    Parameters
    ----------
    charges : ibis Table
        Columns CommitmentDiscountQuantity, CommitmentDiscountUnit, CommitmentDiscountId, CommitmentDiscountStatus.
    commitments : DataFrame, optional
        FOCUS Contract Commitments: ContractCommitmentId, ContractCommitmentQuantity, ContractCommitmentUnit. With it, the
        units that charges consumed of these commitments against the whole quantity promised. Without it, against what was
        committed for the charges' own period (used and unused).

    Notes
    -----
    NaN where units differ: hours and dollars do not add.
    """
    covered = rows.used(charges)
    quantity = charges.CommitmentDiscountQuantity
    id = "consumption-versus-commitment"
    if commitments is None:
        sums = {
            "used": quantity.sum(where=covered),
            "committed": quantity.sum(where=covered | rows.unused(charges)),
        }

        def value(s: Sums) -> Decimal:
            units = {u for u, q in s["committed"].items() if q is not None}
            if len(units) != 1:
                return NAN
            (unit,) = units
            return ratio(number(s["used"].get(unit)), number(s["committed"][unit]))

        return Measure(id, sums, value, "ratio", charges, along=("CommitmentDiscountUnit",))
    promised = [
        (i, exact(q), u)
        for i, q, u in zip(
            commitments["ContractCommitmentId"],
            commitments["ContractCommitmentQuantity"],
            commitments["ContractCommitmentUnit"],
            strict=True,
        )
        if isinstance(q, Decimal | int | str)
    ]
    covered = covered & charges.CommitmentDiscountId.isin([i for i, _, _ in promised])

    def against(s: Sums) -> Decimal:
        units = {u for _, _, u in promised} | {u for u, q in s["used"].items() if q is not None}
        return (
            NAN
            if len(units) != 1
            else ratio(add(number(q) for q in s["used"].values()), add(q for _, q, _ in promised))
        )

    sums = {"used": quantity.sum(where=covered)}
    return Measure(id, sums, against, "ratio", charges, "contract", along=("CommitmentDiscountUnit",))
