"""How much of what is spent can be seen: known sources, and invoices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from helpers.measures.measure import CURRENCY, Measure, Sums, Table, number
from helpers.terms.money import exact, ratio
from helpers.terms.money import total as add

if TYPE_CHECKING:
    import pandas as pd


def sources(register: pd.DataFrame) -> Measure:
    """Sources of cost that are loaded / sources that are known [ratio].

    Parameters
    ----------
    register : DataFrame
        Columns source (each known one once) and loaded (truth).
    """
    known = len(register)
    loaded = sum(bool(x) for x in register["loaded"])
    return Measure(
        "unified-cost-usage-visibility",
        {"loaded": loaded, "known": known},
        lambda s: ratio(s["loaded"], s["known"]),
        "ratio",
    )


def invoiced(charges: Table, invoices: pd.DataFrame) -> Measure:
    """Billed cost loaded for invoices / the invoices' totals [ratio], of issuers and months that have an invoice.

    Parameters
    ----------
    charges : ibis Table
        Columns BilledCost [currency], InvoiceIssuerName, x_KitPeriod, BillingCurrency.
    invoices : DataFrame
        Columns issuer, period (``YYYY-MM``), currency and total [currency, Decimal or text]. Give those of the months that
        `charges` holds.
    """
    totals: dict[str, Decimal] = {}
    for currency, amount in zip(invoices["currency"], invoices["total"], strict=True):
        totals[currency] = add([totals.get(currency, Decimal(0)), exact(amount)])
    covered = None
    for issuer, period, currency in sorted(
        set(zip(invoices["issuer"], invoices["period"], invoices["currency"], strict=True))
    ):
        one = (
            (charges.InvoiceIssuerName == issuer)
            & (charges.x_KitPeriod == period)
            & (charges[CURRENCY] == currency)
        )
        covered = one if covered is None else covered | one
    billed = charges.BilledCost.sum(where=covered) if covered is not None else charges.BilledCost.sum()

    def value(s: Sums) -> Decimal:
        return ratio(number(s["billed"]), totals.get(s[CURRENCY], Decimal(0)))

    return Measure(
        "percentage-of-normalized-queryable-data-within-repository",
        {"billed": billed},
        value,
        "ratio",
        charges,
    )
