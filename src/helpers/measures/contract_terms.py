"""Contracts against charges: what counts towards a promised minimum, and discounts that a contract names and charges lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, number, window
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

ZERO = Decimal(0)
MOST = Decimal(
    "0.9"
)  # of a provider's usage that has the discount: below it, the contract may not be in force yet
AGREEMENT = (
    "contract_id", "vendor", "subject", "currency", "first", "last", "committed", "consumed", "pace", "expected", "gap", "known",
)  # fmt: skip
Spend = dict[tuple[str, str, str, str], Decimal]  # provider, seller, currency, month


def spend(charges: Table) -> Spend:
    """(provider, seller, currency, month) -> billed cost of usage and purchases without corrections and tax [currency].

    The seller is the publisher where one is named, else the provider.
    """
    held = charges.filter(rows.spent(charges))
    keys = {
        "provider": held.ServiceProviderName.fill_null(""),
        "seller": held.x_KitPublisherName.coalesce(held.ServiceProviderName).fill_null(""),
        "currency": held[CURRENCY].fill_null(""),
        "period": held.x_KitPeriod,
    }
    taken = held.aggregate(by=[c.name(n) for n, c in keys.items()], billed=held.BilledCost.sum())
    return {tuple(r[k] for k in keys): number(r["billed"]) for r in taken.to_pyarrow().to_pylist()}


def belongs(
    contracts: Iterable[Mapping[str, Any]], spent: Spend, short: Any
) -> dict[str, dict[str, Decimal]]:
    """Contract -> month -> billed cost under it; a charge counts under one contract only.

    A contract with the seller comes first (a product on somebody's marketplace), then one with the provider; both in the
    contract's currency. `short` gives the usual name of a vendor.
    """
    contracts = list(contracts)
    found: dict[str, dict[str, Decimal]] = {c["contract_id"]: {} for c in contracts}
    for (provider, seller, currency, period), amount in spent.items():
        mine = [c for c in contracts if c["currency"] == currency]
        one = (
            next((c for c in mine if _same(c["vendor"], seller)), None)
            or next((c for c in mine if short(c["vendor"]) == short(seller)), None)
            or next((c for c in mine if short(c["vendor"]) == short(provider)), None)
        )
        if one is not None:
            months = found[one["contract_id"]]
            months[period] = CONTEXT.add(months.get(period, ZERO), amount)
    return found


def agreements(
    contracts: Iterable[Mapping[str, Any]],
    under: Mapping[str, Mapping[str, Decimal]],
    *,
    as_of: date,
    which: Month,
) -> pd.DataFrame:
    """Promised minimums: committed and consumed as money, and what is to be expected at the end of the period.

    Parameters
    ----------
    contracts : iterable of mapping
        contract_id, vendor, subject, start, end, commitment_amount, commitment_period, currency.
    under : mapping
        As `belongs`.
    as_of : date
    which : Month
        Last month that is counted.

    Returns
    -------
    DataFrame
        `AGREEMENT`; first and last are the months of the commitment period at hand, pace is the mean of the last three months,
        expected is consumed + pace × months to come, gap is what would be owed for nothing (0 where the promise is kept); known
        is no where charges begin later than the period: then expected is NaN, and gap too unless the promise is kept already
        [currency].
    """
    import pandas as pd

    first_known = min((p for months in under.values() for p in months), default=str(which))
    found = []
    for c in contracts:
        amount = c["commitment_amount"]
        if not isinstance(amount, Decimal) or not amount or not c["start"] <= as_of <= c["end"]:
            continue
        first, last = _period(c, as_of)
        months = {
            p: a
            for p, a in under.get(c["contract_id"], {}).items()
            if str(first) <= p <= min(str(last), str(which))
        }
        consumed = add(months.values())
        recent = [
            months.get(str(which.plus(-n)), ZERO) for n in range(3) if str(which.plus(-n)) >= str(first)
        ]
        pace = ratio(add(recent), len(recent)) if recent else NAN
        to_come = max(last.since(which), 0)
        known = str(first) >= first_known
        expected = (
            CONTEXT.add(consumed, CONTEXT.multiply(pace, Decimal(to_come)))
            if known and not pace.is_nan()
            else NAN
        )
        gap = NAN if expected.is_nan() else max(CONTEXT.subtract(amount, expected), ZERO)
        gap = ZERO if consumed >= amount else gap  # kept already, whatever was before
        row = (c["contract_id"], c["vendor"], c["subject"] or "", c["currency"], str(first), str(last), amount, consumed, pace, expected, gap, known)  # fmt: skip
        found.append(dict(zip(AGREEMENT, row, strict=True)))
    found.sort(
        key=lambda r: (r["gap"].is_nan(), -(ZERO if r["gap"].is_nan() else r["gap"]), r["contract_id"])
    )
    return pd.DataFrame(found, columns=list(AGREEMENT), dtype=object)


def off_budget(contracts: Iterable[Mapping[str, Any]], starts: int | None, *, as_of: date) -> pd.DataFrame:
    """Promises whose year does not begin with a budget year: what of a year's amount falls into the next budget.

    Parameters
    ----------
    starts : int or None
        Month in which the budget year begins; None: nobody says, and the table is empty.

    Returns
    -------
    DataFrame
        contract_id, vendor, subject, currency, begins (month), year (amount of a contract year), next (part of it in the budget
        year after the one in which it begins) [currency], the largest first.
    """
    import pandas as pd

    found = []
    for c in contracts if starts is not None else ():
        amount = c["commitment_amount"]
        if not isinstance(amount, Decimal) or not amount or not c["start"] <= as_of <= c["end"]:
            continue
        months = max(Month.of(c["end"]).since(Month.of(c["start"])) + 1, 1)
        year = {"term": ratio(amount * 12, months), "month": amount * 12}.get(c["commitment_period"], amount)
        after = (
            12 - (c["start"].month - starts) % 12
        )  # months from the contract's start to the next budget year
        if after == 12:
            continue
        part = CONTEXT.multiply(year, ratio(Decimal(12 - after), 12)).quantize(Decimal("0.01"))
        found.append(
            {
                "contract_id": c["contract_id"], "vendor": c["vendor"], "subject": c["subject"] or "", "currency": c["currency"],
                "begins": c["start"].month, "year": year.quantize(Decimal("0.01")), "next": part,
            }
        )  # fmt: skip
    found.sort(key=lambda r: (-r["next"], r["contract_id"]))
    names = ["contract_id", "vendor", "subject", "currency", "begins", "year", "next"]
    return pd.DataFrame(found, columns=names, dtype=object)


def missing_discount(
    charges: Table, which: Month, discounts: Mapping[str, Decimal], *, currency: str, months: int = 12
) -> pd.DataFrame:
    """On-demand usage that costs its list price although the contract names a discount.

    Parameters
    ----------
    charges : ibis Table
        Columns ListCost, ListUnitPrice, ContractedCost [currency], ServiceProviderName, ResourceId, ResourceName, PricingCategory,
        CommitmentDiscountStatus, ChargeCategory, ChargeClass, InvoiceIssuerName, x_KitPublisherName, x_KitPeriod.
    which : Month
        The last of the months.
    discounts : mapping
        Provider -> discount of the contract [1].

    Returns
    -------
    DataFrame
        provider, resource_id, name, months (how many), first, last, list, missing [currency], the largest first. A month in
        which less than nine tenths of a provider's usage has the discount is left out: there the contract may not hold yet.
        Spot, marketplace, support and what a commitment covers are not looked at: contracts leave them out.
    """
    import pandas as pd

    held = window(charges, which, months)
    plain = rows.usage(held) & held.CommitmentDiscountStatus.isnull() & ~rows.spot(held)
    held = held.filter(plain, held[CURRENCY] == currency, ~rows.marketplace(held), ~rows.support(held))
    held = held.filter(
        held.ListCost.notnull(),
        held.ContractedCost.notnull(),
        held.ListCost > 0,
        held.ListUnitPrice.notnull(),
    )
    keys = {"provider": "ServiceProviderName", "resource_id": "ResourceId", "period": "x_KitPeriod"}
    taken = held.aggregate(
        by=[held[c].name(n) for n, c in keys.items()],
        name=held.ResourceName.max(), list=held.ListCost.sum(), contracted=held.ContractedCost.sum(),
    ).to_pyarrow().to_pylist()  # fmt: skip
    have: dict[tuple[str, str], list[Decimal]] = {}
    lacking = []
    for r in taken:
        discount = discounts.get(r["provider"])
        if not discount:
            continue
        both = have.setdefault((r["provider"], r["period"]), [ZERO, ZERO])
        both[1] = CONTEXT.add(both[1], number(r["list"]))
        given = CONTEXT.subtract(Decimal(1), ratio(number(r["contracted"]), number(r["list"])))
        if given * 2 >= discount:
            both[0] = CONTEXT.add(both[0], number(r["list"]))
        elif r["resource_id"]:
            lacking.append(
                r
                | {
                    "missing": CONTEXT.multiply(
                        number(r["list"]), CONTEXT.subtract(discount, max(given, ZERO))
                    )
                }
            )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for r in lacking:
        with_it, all_of_it = have[r["provider"], r["period"]]
        if ratio(with_it, all_of_it) < MOST:
            continue
        one = found.setdefault(
            (r["provider"], r["resource_id"]),
            {"provider": r["provider"], "resource_id": r["resource_id"], "name": r["name"] or r["resource_id"], "months": 0,
             "first": r["period"], "last": r["period"], "list": ZERO, "missing": ZERO},
        )  # fmt: skip
        one["months"] += 1
        one["first"], one["last"] = min(one["first"], r["period"]), max(one["last"], r["period"])
        one["list"] = CONTEXT.add(one["list"], number(r["list"]))
        one["missing"] = CONTEXT.add(one["missing"], r["missing"])
    lines = sorted(found.values(), key=lambda r: (-r["missing"], r["resource_id"]))
    return pd.DataFrame(lines, columns=["provider", "resource_id", "name", "months", "first", "last", "list", "missing"], dtype=object)  # fmt: skip


def year_start(budgets: Iterable[Mapping[str, Any]]) -> int | None:
    """Month in which the budget year begins [1 to 12], as the budgets' versions have it; None where they do not say.

    Examples
    --------
    >>> year_start([{"month": "2025-10", "version": "2026"}, {"month": "2025-11", "version": "2026"}, {"month": "2024-10", "version": "2025"}])
    10
    """
    first: dict[str, str] = {}
    for b in budgets:
        if isinstance(b.get("version"), str) and b["version"]:
            first[b["version"]] = min(first.get(b["version"], "9999"), str(b["month"]))
    if not first:
        return None
    kept = sorted(first.values())[1:] or list(first.values())  # the oldest may begin where the table was cut
    months = sorted(m[5:7] for m in kept)
    usual = max(set(months), key=lambda m: (months.count(m), m))
    return int(usual) if months.count(usual) * 2 > len(months) else None


def _period(c: Mapping[str, Any], as_of: date) -> tuple[Month, Month]:
    start, end = Month.of(c["start"]), Month.of(c["end"])
    if c["commitment_period"] == "month":
        return Month.of(as_of), Month.of(as_of)
    if c["commitment_period"] != "year":
        return start, end
    while start.plus(12).start.date() <= as_of:
        start = start.plus(12)
    return start, min(start.plus(11), end)


def _same(vendor: str, seller: str) -> bool:
    return bool(seller) and vendor.casefold().strip() == seller.casefold().strip()
