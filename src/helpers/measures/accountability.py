"""What was promised against what the charges show afterwards, and whose name stands on what is left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import CURRENCY, Table, number
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

BEFORE, AFTER = 3, 3  # whole months looked at on each side
EFFECT = Decimal("0.2")  # of what was promised: less than this is none
KEPT = Decimal("0.8")
CENT = Decimal("0.01")
MONTH_DAYS = Decimal(365) / 12
COLUMNS = [
    "action",
    "name",
    "owner",
    "opened",
    "age",
    "status",
    "promised",
    "realised",
    "currency",
    "judgement",
    "resource_id",
]


def judged(charges: Table, actions: pd.DataFrame | None, *, as_of: date, until: Month) -> pd.DataFrame:
    """Engineering's list of actions with age, and what came of those that are done.

    Parameters
    ----------
    charges : ibis Table
        Columns ResourceId, ResourceName, EffectiveCost [currency], ChargePeriodStart, x_KitPeriod, BillingCurrency.
    actions : DataFrame or None
        Companion table: action, opened, resource_id, owner, promised_a_month [currency a month], currency, status, closed.
    as_of : date
    until : Month
        Last month whose charges count.

    Returns
    -------
    DataFrame
        `COLUMNS`: age [days]; promised and realised [currency a month]; judgement: ``kept``, ``partly``, ``no effect``,
        ``too early`` (no whole month since), ``no charges`` (none before it was opened), ``open`` or ``nobody's``. The most
        promised first.

    Notes
    -----
    Realised is the mean effective cost of a day over up to three whole months before the action was opened, less that over up
    to three whole months after it was closed, for a month of 365 ÷ 12 days. What use did meanwhile is in it.
    """
    import pandas as pd

    if actions is None or not len(actions):
        return pd.DataFrame(columns=COLUMNS, dtype=object)
    costs, names = _costs(charges, sorted(set(actions["resource_id"])), until)
    rows = []
    for a in actions.to_dict("records"):
        month = Month.of(a["opened"])
        before = _mean(costs, a, [month.plus(-n) for n in range(1, BEFORE + 1)], until)
        realised = after = None
        if _known(a["closed"]):
            since = Month.of(a["closed"])
            first = since if a["closed"].day == 1 else since.plus(1)
            after = _mean(costs, a, [first.plus(n) for n in range(AFTER)], until, gone=True)
        if before is not None and after is not None:
            realised = CONTEXT.multiply(before - after, MONTH_DAYS).quantize(CENT)
        owner = str(a["owner"]).strip() if _known(a["owner"]) else ""
        rows.append(
            {
                "action": a["action"],
                "name": names.get(a["resource_id"]) or a["resource_id"],
                "owner": owner,
                "opened": a["opened"],
                "age": ((a["closed"] if _known(a["closed"]) else as_of) - a["opened"]).days,
                "status": a["status"],
                "promised": a["promised_a_month"],
                "realised": realised,
                "currency": a["currency"],
                "judgement": _judgement(a, owner, before, realised),
                "resource_id": a["resource_id"],
            }
        )
    rows.sort(key=lambda r: (-r["promised"], r["name"]))
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def _judgement(a: Mapping[str, Any], owner: str, before: Decimal | None, realised: Decimal | None) -> str:
    if a["status"] != "done":
        return "open" if owner else "nobody's"
    if before is None:
        return "no charges"
    if realised is None:
        return "too early"
    if realised < a["promised_a_month"] * EFFECT:
        return "no effect"
    return "kept" if realised >= a["promised_a_month"] * KEPT else "partly"


def gone(lines: pd.DataFrame, teams: pd.DataFrame | None, *, as_of: date, currency: str) -> pd.DataFrame:
    """Resources whose owner tag names somebody who left: name, owner, left, now (who took over), cost, resource_id.

    Parameters
    ----------
    lines : DataFrame
        As `helpers.measures.resources.lines`.
    teams : DataFrame or None
        Companion table: department, owner, owner_from, owner_to.
    """
    import pandas as pd

    found: dict[str, dict[str, Any]] = {}
    left, now = _leavers(teams, as_of)
    for line in lines.to_dict("records"):
        for key, value in (line["tags"] or {}).items():
            who = _same(value)
            if re.sub(r"[\s_.-]+", "", key).casefold() == "owner" and who in left:
                name, day, department = left[who]
                one = found.setdefault(
                    line["resource_id"],
                    {
                        "name": line["name"] or line["resource_id"],
                        "owner": name,
                        "left": day,
                        "now": now.get(department, ""),
                        "cost": Decimal(0),
                        "resource_id": line["resource_id"],
                    },
                )
                one["cost"] = add([one["cost"], number(line["effective"])])
    rows = sorted(found.values(), key=lambda r: (-r["cost"], r["name"]))
    frame = pd.DataFrame(rows, columns=["name", "owner", "left", "now", "cost", "resource_id"], dtype=object)
    frame.attrs["currency"] = currency
    return frame


def _leavers(
    teams: pd.DataFrame | None, as_of: date
) -> tuple[dict[str, tuple[str, date, str]], dict[str, str]]:
    """Who left (no row that still holds), and each department's owner of today."""
    left: dict[str, tuple[str, date, str]] = {}
    now: dict[str, str] = {}
    rows = [] if teams is None else [r for r in teams.to_dict("records") if _known(r["owner"])]
    for r in rows:
        until = r["owner_to"] if _known(r["owner_to"]) else None
        if until is None or until >= as_of:
            now[r["department"]] = r["owner"]
        else:
            left[_same(r["owner"])] = (r["owner"], until, r["department"])
    for name in now.values():
        left.pop(_same(name), None)
    return left, now


def _same(name: object) -> str:
    """``jon.berg``, ``Jon Berg`` and ``jon.berg@example.com`` are one person."""
    return re.sub(r"[^a-z]+", " ", str(name).split("@")[0].casefold()).strip()


def _costs(charges: Table, resources: list[str], until: Month):
    held = charges.filter(charges.ResourceId.isin(resources), charges.x_KitPeriod <= str(until))
    taken = held.aggregate(
        by=["ResourceId", "x_KitPeriod", CURRENCY],
        cost=held.EffectiveCost.sum(),
        name=held.ResourceName.max(),
    )
    costs, names = {}, {}
    for r in taken.to_pyarrow().to_pylist():
        costs[r["ResourceId"], r["x_KitPeriod"], r[CURRENCY]] = number(r["cost"])
        names[r["ResourceId"]] = r["name"] or names.get(r["ResourceId"])
    return costs, names


def _mean(
    costs, a: Mapping[str, Any], months: list[Month], until: Month, *, gone: bool = False
) -> Decimal | None:
    """Mean cost of a day over whole months; a month without a charge is zero only once the resource may be `gone`."""
    known = [m for m in months if m <= until and (gone or (a["resource_id"], str(m), a["currency"]) in costs)]
    if not known:
        return None
    cost = add(costs.get((a["resource_id"], str(m), a["currency"]), Decimal(0)) for m in known)
    return ratio(cost, Decimal(sum(m.days for m in known)))


def _known(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() != ""
