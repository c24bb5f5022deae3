"""Who gets what commitments save, and who bears what lies unused: as used, as bought, or pooled; the sums are the same.

The three ways move money between departments and never change its total: contracted cost of what commitments covered, less
their effective cost (used and unused), is the benefit of the month. Each way's parts foot to it to the cent.

References
----------
Shared benefit as default of a commercial showback: help.prosperops.com/showback-savings-reallocation (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, month, number
from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

WAYS = ("used", "bought", "pooled")
COLUMNS = ("way", "department", "on_demand", "saving", "unused", "net")
ZERO = Decimal(0)


def benefit(charges: Table, which: Month, *, currency: str) -> pd.DataFrame:
    """A month's savings and unused cost by department, three ways.

    Parameters
    ----------
    charges : ibis Table
        Columns x_KitDepartment, CommitmentDiscountId, CommitmentDiscountStatus, ServiceProviderName, EffectiveCost,
        ContractedCost [currency], ChargeCategory, ChargeClass, PricingCategory, x_KitEligible, x_KitPeriod.
    which : Month
    currency : str
        BillingCurrency: currencies are never added.

    Returns
    -------
    DataFrame
        `COLUMNS`; way is ``used`` (saving to whom it covered; unused cost to whom the same commitment covered, in proportion),
        ``bought`` (both to whom the commitment's own charges belong; users pay the price without it) or ``pooled`` (both to
        all usage of the provider that commitments cover or could cover, in proportion to its contracted cost). on_demand is
        the contracted cost of what was covered, saving what it would cost more, unused what nobody used, net saving less
        unused [currency, two places]. Each way's columns add up to the same totals. A missing department is empty.
    """
    import pandas as pd

    held = month(charges, which).filter(charges[CURRENCY] == currency)
    covered, idle = _taken(held)
    owners, reach = _owners(held), _reach(held)
    ways = {
        "used": _used(covered, idle, owners),
        "bought": _bought(covered, idle, owners),
        "pooled": _pooled(covered, idle, reach),
    }
    names = sorted({d for saved, lost in ways.values() for d in (*saved, *lost)})
    worth = _by(covered, 0)
    found = []
    for way, (saved, lost) in ways.items():
        columns = [foot([part.get(n, ZERO) for n in names]) for part in (worth, saved, lost)]
        for name, on_demand, saving, unused in zip(names, *columns, strict=True):
            net = CONTEXT.subtract(saving, unused)
            found.append(dict(zip(COLUMNS, (way, name, on_demand, saving, unused, net), strict=True)))
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=object)


def _taken(
    held: Table,
) -> tuple[dict[tuple[str, str, str], tuple[Decimal, Decimal]], dict[tuple[str, str], Decimal]]:
    """(commitment, provider, department) -> contracted, effective of what it covered; (commitment, provider) -> unused."""
    held = held.filter(rows.used(held) | rows.unused(held))
    keys = {
        "id": held.CommitmentDiscountId,
        "provider": held.ServiceProviderName,
        "who": held.x_KitDepartment,
    }
    used = rows.used(held) & held.ContractedCost.notnull()
    found = held.aggregate(
        by=[c.fill_null("").name(n) for n, c in keys.items()],
        contracted=held.ContractedCost.sum(where=used),
        effective=held.EffectiveCost.sum(where=used),
        unused=held.EffectiveCost.sum(where=rows.unused(held)),
    )
    covered: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
    idle: dict[tuple[str, str], Decimal] = {}
    for r in found.to_pyarrow().to_pylist():
        both = number(r["contracted"]), number(r["effective"])
        if any(both):
            covered[r["id"], r["provider"], r["who"]] = both
        if number(r["unused"]):
            key = r["id"], r["provider"]
            idle[key] = CONTEXT.add(idle.get(key, ZERO), number(r["unused"]))
    return covered, idle


def _owners(held: Table) -> dict[str, dict[str, Decimal]]:
    """Commitment -> departments of its own charges (purchases; unused where none was bought this month), with their cost."""
    bought = (held.ChargeCategory == "Purchase") & held.ChargeClass.isnull()
    own = held.filter(held.CommitmentDiscountId.notnull(), bought | rows.unused(held))
    keys = [
        own.CommitmentDiscountId.name("id"),
        own.x_KitDepartment.fill_null("").name("who"),
        own.ChargeCategory.name("kind"),
    ]
    found: dict[str, dict[str, dict[str, Decimal]]] = {}
    for r in (
        own.aggregate(by=keys, billed=own.BilledCost.sum(), cost=own.EffectiveCost.sum())
        .to_pyarrow()
        .to_pylist()
    ):
        weight = number(r["billed"]) if r["kind"] == "Purchase" else number(r["cost"])
        found.setdefault(r["id"], {}).setdefault(r["kind"], {})[r["who"]] = weight
    return {id: kinds.get("Purchase") or kinds.get("Usage") or {} for id, kinds in found.items()}


def _reach(held: Table) -> dict[str, dict[str, Decimal]]:
    """Provider -> department -> contracted cost of what commitments cover or could cover."""
    inside = (rows.used(held) | rows.eligible(held)) & held.ContractedCost.notnull()
    open_to = held.filter(inside)
    keys = [
        open_to.ServiceProviderName.fill_null("").name("provider"),
        open_to.x_KitDepartment.fill_null("").name("who"),
    ]
    found: dict[str, dict[str, Decimal]] = {}
    for r in open_to.aggregate(by=keys, cost=open_to.ContractedCost.sum()).to_pyarrow().to_pylist():
        found.setdefault(r["provider"], {})[r["who"]] = number(r["cost"])
    return found


def _used(covered, idle, owners) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    saved, lost = {}, {}
    for (_, _, who), (contracted, effective) in covered.items():
        _put(saved, who, CONTEXT.subtract(contracted, effective))
    for (id, _), amount in idle.items():
        users = {who: effective for (i, _, who), (_, effective) in covered.items() if i == id}
        _shared(lost, amount, users if any(users.values()) else owners.get(id, {}))
    return saved, lost


def _bought(covered, idle, owners) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    saved, lost = {}, {}
    for (id, _, who), (contracted, effective) in covered.items():
        _shared(saved, CONTEXT.subtract(contracted, effective), owners.get(id) or {who: Decimal(1)})
    for (id, _), amount in idle.items():
        _shared(lost, amount, owners.get(id, {}))
    return saved, lost


def _pooled(covered, idle, reach) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    saved, lost = {}, {}
    for (_, provider, _), (contracted, effective) in covered.items():
        _shared(saved, CONTEXT.subtract(contracted, effective), reach.get(provider, {}))
    for (_, provider), amount in idle.items():
        _shared(lost, amount, reach.get(provider, {}))
    return saved, lost


def _shared(into: dict[str, Decimal], amount: Decimal, weights: Mapping[str, Decimal]) -> None:
    """Share an amount by weights; to nobody by name where there is no weight."""
    whole = add(weights.values())
    if whole <= 0:
        _put(into, "", amount)
        return
    for who, weight in weights.items():
        _put(into, who, CONTEXT.multiply(amount, ratio(weight, whole)))


def _put(into: dict[str, Decimal], who: str, amount: Decimal) -> None:
    into[who] = CONTEXT.add(into.get(who, ZERO), amount)


def _by(covered, which: int) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for (_, _, who), both in covered.items():
        _put(found, who, both[which])
    return found
