"""What each resource cost in a month and how much of it was kept: the charges as engineering sees them.

The engine adds; one row is one meter of one resource. Everything that advises (helpers.models.rightsizing, waste)
starts from these rows, so advice adds up to the same charges that every page reconciles.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, month, window
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

KEYS = {  # name of a line's field -> column of the charges
    "provider": "ServiceProviderName",
    "account": "SubAccountName",
    "account_id": "SubAccountId",
    "region": "RegionId",
    "service": "ServiceName",
    "category": "ServiceCategory",
    "subcategory": "ServiceSubcategory",
    "resource_id": "ResourceId",
    "sku": "SkuId",
    "meter": "SkuMeter",
    "details": "SkuPriceDetails",
    "description": "ChargeDescription",
    "unit": "PricingUnit",
}
WORDS = {  # the same for what may differ within a line: any of it will do
    "name": "ResourceName",
    "type": "ResourceType",
    "department": "x_KitDepartment",
    "owner": "x_KitOwner",
    "tier": "x_KitTier",
}
STILL = timedelta(days=2)  # a provider's newest charges may come a day apart


def lines(charges: Table, which: Month, *, currency: str) -> pd.DataFrame:
    """One month's usage by resource and meter.

    Parameters
    ----------
    charges : ibis Table
        Columns of `KEYS` and `WORDS`, Tags, x_KitCores, x_KitLegacy, PricingQuantity [PricingUnit], EffectiveCost,
        ContractedCost [currency], ChargeCategory, ChargeClass, CommitmentDiscountStatus, PricingCategory, x_KitPeriod.
    which : Month
    currency : str
        BillingCurrency: currencies are never added.

    Returns
    -------
    DataFrame
        Fields of `KEYS` and `WORDS`; tags (dict); cores [1]; legacy; quantity, on_demand_quantity, spot_quantity [unit];
        effective, contracted; on_demand, covered and spot, the parts of effective without a discount, covered by a
        commitment, and at a spot price; on_demand_contracted and covered_contracted, what the parts without and with a
        commitment cost by contract [currency]; last, the end of the last charge [UTC].
        Charges without a resource and unused commitment are left out.
    """
    held = month(charges, which)
    held = held.filter(held[CURRENCY] == currency, rows.ran(held), held.ResourceId.notnull())
    covered, spot = held.CommitmentDiscountStatus.fill_null("") == "Used", rows.spot(held)
    plain = ~covered & ~spot
    sums: dict[str, Any] = {name: held[column].max() for name, column in WORDS.items()}
    sums |= {
        "tags": held.Tags.arbitrary(),
        "cores": held.x_KitCores.max(),
        "legacy": held.x_KitLegacy.max(),
        "quantity": held.PricingQuantity.sum(),
        "on_demand_quantity": held.PricingQuantity.sum(where=plain),
        "spot_quantity": held.PricingQuantity.sum(where=spot),
        "effective": held.EffectiveCost.sum(),
        "contracted": held.ContractedCost.sum(),
        "on_demand": held.EffectiveCost.sum(where=plain),
        "on_demand_contracted": held.ContractedCost.sum(where=plain),
        "covered": held.EffectiveCost.sum(where=covered),
        "covered_contracted": held.ContractedCost.sum(where=covered),
        "spot": held.EffectiveCost.sum(where=spot),
        "last": held.ChargePeriodEnd.max(),
    }
    return _taken(held, KEYS, sums)


def alive(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines of resources that still ran when their provider's charges of the month end: what is gone needs no advice."""
    ends: dict[Any, Any] = {}
    latest: dict[Any, Any] = {}
    for provider, resource, last in zip(frame["provider"], frame["resource_id"], frame["last"], strict=True):
        ends[provider] = max(ends.get(provider, last), last)
        latest[resource] = max(latest.get(resource, last), last)
    kept = [
        ends[p] - latest[r] <= STILL for p, r in zip(frame["provider"], frame["resource_id"], strict=True)
    ]
    return frame.loc[kept].reset_index(drop=True)


def history(charges: Table, which: Month, *, currency: str, months: int = 13) -> pd.DataFrame:
    """How much of each SKU of each resource there was, month by month; meters have no name before FOCUS 1.1.

    Returns
    -------
    DataFrame
        resource_id, sku, unit, period (``YYYY-MM``), quantity [unit], effective [currency], days with a charge [1]; the
        `months` months that end with `which`.
    """
    held = window(charges, which, months)
    held = held.filter(held[CURRENCY] == currency, rows.ran(held), held.ResourceId.notnull())
    keys = {"resource_id": "ResourceId", "sku": "SkuId", "unit": "PricingUnit", "period": "x_KitPeriod"}
    sums = {
        "quantity": held.PricingQuantity.sum(),
        "effective": held.EffectiveCost.sum(),
        "days": held.ChargePeriodStart.truncate("D").nunique(),
    }
    return _taken(held, keys, sums)


def total(frame: pd.DataFrame) -> Any:
    """Effective cost of all lines [currency]: what a page's advice is a part of."""
    from helpers.terms.money import total as add

    return add(v for v in frame["effective"] if v is not None)


def _taken(held: Table, keys: dict[str, str], sums: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    by = [held[column].name(name) for name, column in keys.items()]
    taken = held.aggregate(by=by, **sums).to_pyarrow().to_pylist()
    for row in taken:
        if "tags" in row:
            row["tags"] = dict(row["tags"] or {})
    taken.sort(key=lambda r: tuple(str(r[k] or "") for k in keys))
    return pd.DataFrame(taken, columns=[*keys, *sums], dtype=object)
