"""The commitments that charges show: what was committed, used, unused and paid in each month, and what they covered.

Used and unused usage carries the cost of a commitment, purchases carry what was billed for it. The two say the same money
twice, so they stand in columns of their own and are never added (FOCUS_Spec issue 974).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures import rows
from helpers.measures.measure import CURRENCY, Table, number, window
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

ID = "CommitmentDiscountId"
COLUMNS = (
    "id", "currency", "period", "name", "type", "category", "provider", "unit", "used", "unused", "used_contracted",
    "used_list", "used_quantity", "unused_quantity", "billed", "corrected", "begins", "ends", "first_used", "last_used",
)  # fmt: skip


def book(charges: Table, which: Month, *, months: int = 13, last: Month | None = None) -> pd.DataFrame:
    """What each commitment was, month by month.

    Parameters
    ----------
    charges : ibis Table
        Columns CommitmentDiscount…, ChargeCategory, ChargeClass, ServiceProviderName, ChargePeriodStart, ChargePeriodEnd,
        x_KitPeriod, BilledCost, EffectiveCost, ContractedCost, ListCost [currency].
    which : Month
        The last of the `months` months.
    last : Month, optional
        A later month up to which rows are wanted too, such as the one that is still open.

    Returns
    -------
    DataFrame
        One row for each commitment, currency and month: `COLUMNS`. used and unused are effective cost, used_contracted and
        used_list what the used part costs without the commitment, billed what its purchases were billed, corrected what
        corrections of it were billed [currency]; quantities [unit]; begins and ends the widest period of its purchases,
        first_used and last_used of its usage (UTC).
    """
    import pandas as pd

    end = max(which, last or which)
    held = window(charges, end, months + end.since(which))
    held = held.filter(held[ID].notnull())
    used, unused = rows.used(held), rows.unused(held)
    both = used | unused
    bought = (held.ChargeCategory == "Purchase") & held.ChargeClass.isnull()
    keys = {"id": held[ID], "currency": held[CURRENCY], "period": held.x_KitPeriod}
    taken = held.aggregate(
        by=[column.name(name) for name, column in keys.items()],
        name=held.CommitmentDiscountName.max(),
        type=held.CommitmentDiscountType.max(),
        category=held.CommitmentDiscountCategory.max(),
        provider=held.ServiceProviderName.max(),
        unit=held.CommitmentDiscountUnit.max(),
        used=held.EffectiveCost.sum(where=used),
        unused=held.EffectiveCost.sum(where=unused),
        used_contracted=held.ContractedCost.sum(where=used),
        used_list=held.ListCost.sum(where=used),
        used_quantity=held.CommitmentDiscountQuantity.sum(where=used),
        unused_quantity=held.CommitmentDiscountQuantity.sum(where=unused),
        billed=held.BilledCost.sum(where=bought),
        corrected=held.BilledCost.sum(where=held.ChargeClass == "Correction"),
        begins=held.ChargePeriodStart.min(where=bought),
        ends=held.ChargePeriodEnd.max(where=bought),
        first_used=held.ChargePeriodStart.min(where=both),
        last_used=held.ChargePeriodEnd.max(where=both),
    )
    found = taken.to_pyarrow().to_pylist()
    for r in found:
        for c in ("used", "unused", "used_contracted", "used_list", "billed", "corrected"):
            r[c] = number(r[c])
    found.sort(key=lambda r: (r["id"], r["currency"] or "", r["period"]))
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=object)


def covers(charges: Table, which: Month, *, months: int = 13) -> pd.DataFrame:
    """What each commitment covered: by SKU and region, with its cost without the commitment.

    Returns
    -------
    DataFrame
        id, currency, period, sku, service, category, region, resource_id, department; meter, details, description, name (any
        of the group's); contracted, effective [currency].
    """
    import pandas as pd

    held = window(charges, which, months)
    held = held.filter(rows.used(held), held[ID].notnull())
    keys = {
        "id": ID, "currency": CURRENCY, "period": "x_KitPeriod", "sku": "SkuId", "service": "ServiceName",
        "category": "ServiceCategory", "region": "RegionId", "resource_id": "ResourceId", "department": "x_KitDepartment",
    }  # fmt: skip
    taken = held.aggregate(
        by=[held[column].name(name) for name, column in keys.items()],
        name=held.ResourceName.max(),
        meter=held.SkuMeter.max(),
        details=held.SkuPriceDetails.max(),
        description=held.ChargeDescription.max(),
        contracted=held.ContractedCost.sum(),
        effective=held.EffectiveCost.sum(),
    )
    found = taken.to_pyarrow().to_pylist()
    for r in found:
        r["contracted"], r["effective"] = number(r["contracted"]), number(r["effective"])
    found.sort(key=lambda r: tuple(str(r[k] or "") for k in keys))
    return pd.DataFrame(found, dtype=object, columns=[*keys, "name", "meter", "details", "description", "contracted", "effective"])  # fmt: skip


def demand(charges: Table, which: Month, *, months: int = 24) -> pd.DataFrame:
    """What commitments cover or could cover, at the price without them: by SKU, region and charge period.

    Returns
    -------
    DataFrame
        currency, provider, service, category, region, sku, start, hours (length of the charge's period [h]); meter, details,
        description (any of the group's; months before FOCUS 1.1 have no meter); on_demand and covered, what runs without and
        with a commitment at contracted cost, covered_effective, what the covered part costs with it [currency]. Spot and
        what no programme covers are left out. An hourly export gives hours; a daily one days, whose hours are taken as even.
    """
    import pandas as pd

    held = window(charges, which, months)
    open_to, used = rows.eligible(held), rows.used(held)
    held = held.filter(open_to | used, held.ContractedCost.notnull())
    open_to, used = rows.eligible(held), rows.used(held)
    keys = {
        "currency": CURRENCY, "provider": "ServiceProviderName", "service": "ServiceName", "category": "ServiceCategory",
        "region": "RegionId", "sku": "SkuId", "start": "ChargePeriodStart", "end": "ChargePeriodEnd",
    }  # fmt: skip
    taken = held.aggregate(
        by=[held[column].name(name) for name, column in keys.items()],
        meter=held.SkuMeter.max(),
        details=held.SkuPriceDetails.max(),
        description=held.ChargeDescription.max(),
        on_demand=held.ContractedCost.sum(where=open_to),
        covered=held.ContractedCost.sum(where=used),
        covered_effective=held.EffectiveCost.sum(where=used),
    )
    found = []
    for r in taken.to_pyarrow().to_pylist():
        for c in ("on_demand", "covered", "covered_effective"):
            r[c] = number(r[c])
        seconds = (r.pop("end") - r["start"]).total_seconds()
        r["hours"] = max(round(seconds / 3600), 1)
        found.append(r)
    found.sort(
        key=lambda r: (
            r["currency"],
            str(r["provider"]),
            str(r["service"]),
            str(r["region"]),
            str(r["sku"]),
            r["start"],
        )
    )
    names = ["currency", "provider", "service", "category", "region", "sku", "start", "hours", "meter", "details",
             "description", "on_demand", "covered", "covered_effective"]  # fmt: skip
    return pd.DataFrame(found, columns=names, dtype=object)


def reach(charges: Table, which: Month, *, currency: str) -> pd.DataFrame:
    """What commitments cover or could cover in a month, by resource and SKU.

    Returns
    -------
    DataFrame
        resource_id, sku, provider, service, category, region; name, department, meter, details, description; on_demand and
        covered, at contracted cost; effective [currency]; first and last charge (UTC).
    """
    import pandas as pd

    held = window(charges, which, 1).filter(charges[CURRENCY] == currency)
    open_to, used = rows.eligible(held), rows.used(held)
    held = held.filter(open_to | used, held.ContractedCost.notnull())
    open_to, used = rows.eligible(held), rows.used(held)
    keys = {
        "resource_id": "ResourceId", "sku": "SkuId", "provider": "ServiceProviderName", "service": "ServiceName",
        "category": "ServiceCategory", "region": "RegionId",
    }  # fmt: skip
    sums: dict[str, Any] = {
        "name": held.ResourceName.max(),
        "department": held.x_KitDepartment.max(),
        "meter": held.SkuMeter.max(),
        "details": held.SkuPriceDetails.max(),
        "description": held.ChargeDescription.max(),
        "on_demand": held.ContractedCost.sum(where=open_to),
        "covered": held.ContractedCost.sum(where=used),
        "effective": held.EffectiveCost.sum(),
        "first": held.ChargePeriodStart.min(),
        "last": held.ChargePeriodEnd.max(),
    }
    taken = held.aggregate(by=[held[column].name(name) for name, column in keys.items()], **sums)
    found = taken.to_pyarrow().to_pylist()
    for r in found:
        for c in ("on_demand", "covered", "effective"):
            r[c] = number(r[c])
    found.sort(key=lambda r: tuple(str(r[k] or "") for k in keys))
    return pd.DataFrame(found, columns=[*keys, *sums], dtype=object)


def since(charges: Table, resources: Iterable[str], start: Any) -> dict[str, tuple[Decimal, Decimal]]:
    """Resource -> what ran of it on demand and covered since a moment, at contracted cost [currency]; open to commitments only."""
    held = charges.filter(
        charges.ResourceId.isin(sorted(resources) or [""]), charges.ChargePeriodStart >= start
    )
    open_to, used = rows.eligible(held), rows.used(held)
    taken = held.aggregate(
        by=[held.ResourceId.name("id")],
        a=held.ContractedCost.sum(where=open_to),
        b=held.ContractedCost.sum(where=used),
    )
    return {r["id"]: (number(r["a"]), number(r["b"])) for r in taken.to_pyarrow().to_pylist()}


def newest(charges: Table) -> dict[str, Any]:
    """Provider -> end of its newest charge of usage (UTC)."""
    held = charges.filter(rows.usage(charges))
    taken = held.aggregate(
        by=[held.ServiceProviderName.fill_null("").name("provider")], last=held.ChargePeriodEnd.max()
    )
    return {r["provider"]: r["last"] for r in taken.to_pyarrow().to_pylist()}
