"""What each resource cost on each day, by meter: the lines that anomalies are looked for in.

The engine adds; one row is one meter of one resource on one day. Sums stand twice: exact, and as floats for what estimates.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

KEYS = {
    "provider": "ServiceProviderName",
    "account": "SubAccountName",
    "service": "ServiceName",
    "region": "RegionId",
    "resource_id": "ResourceId",
    "sku": "SkuId",
    "unit": "PricingUnit",
    "commitment_id": "CommitmentDiscountId",
    "status": "CommitmentDiscountStatus",
}
WORDS = {
    "name": "ResourceName",
    "meter": "SkuMeter",
    "description": "ChargeDescription",
    "department": "x_KitDepartment",
    "owner": "x_KitOwner",
    "category": "ServiceCategory",
    "commitment": "CommitmentDiscountName",
}


def lines(charges: Table, until: Month, *, currency: str, months: int, as_of: date) -> pd.DataFrame:
    """Usage by resource, meter and day, of charges of a day or less.

    Parameters
    ----------
    charges : ibis Table
        Columns of `KEYS` and `WORDS`, Tags, ChargePeriodStart, ChargePeriodEnd, ChargeCategory, ChargeClass, EffectiveCost,
        ContractedCost [currency], PricingQuantity [PricingUnit], x_KitPeriod, BillingCurrency.
    until : Month
        The last month.
    currency : str
        BillingCurrency: currencies are never added.
    months : int
        How many months, with the last.
    as_of : date
        The last day that counts.

    Returns
    -------
    DataFrame
        Fields of `KEYS` (empty text where the charge has none) and `WORDS`; tags (dict or None); day; effective, contracted
        [currency, Decimal]; cost, at_contract [currency, float]; quantity [unit, float]. Without corrections.
        ``attrs["longer"]``: effective cost of charges for longer than a day, which have no day [currency, Decimal].
    """
    first, last = until.plus(1 - months), until
    held = charges.filter(charges.x_KitPeriod >= str(first), charges.x_KitPeriod <= str(last))
    held = held.filter(held[CURRENCY] == currency, rows.usage(held))
    end = min(until.end.date(), as_of + timedelta(days=1))
    held = held.filter(held.ChargePeriodStart < end.isoformat())
    short = held.ChargePeriodEnd <= held.ChargePeriodStart + timedelta(days=1)
    longer = held.aggregate(cost=held.EffectiveCost.sum(where=~short)).to_pyarrow().to_pylist()[0]["cost"]
    held = held.filter(short)
    keys = [held[column].fill_null("").name(name) for name, column in KEYS.items()]
    sums: dict[str, Any] = {name: held[column].max() for name, column in WORDS.items()}
    sums |= {
        "tags": held.Tags.arbitrary(),
        "effective": held.EffectiveCost.sum(),
        "contracted": held.ContractedCost.sum(),
        "cost": held.EffectiveCost.sum().cast("float64"),
        "at_contract": held.ContractedCost.sum().cast("float64"),
        "quantity": held.PricingQuantity.sum().cast("float64"),
    }
    day = held.ChargePeriodStart.truncate("D").name("day")
    frame = held.aggregate(by=[day, *keys], **sums).to_pyarrow().to_pandas()
    frame["day"] = frame["day"].dt.tz_localize(None).dt.date if len(frame) else frame["day"]
    frame = frame.sort_values(["day", *KEYS], ignore_index=True)
    frame.attrs["longer"] = longer
    return frame
