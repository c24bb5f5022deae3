"""What is reported: GHG Protocol scopes, the ESRS E1-6 table, the carbon path, and the audit of practice.

References
----------
GHG Protocol, Corporate Value Chain (Scope 3) Standard and Scope 2 Guidance; ESRS E1 (Regulation (EU) 2023/2772), disclosure
requirement E1-6, read 2026-11-26 at faronline.se; Green Software Foundation, SCI specification (read 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models import emissions
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

D = Decimal
NOT_HERE = "not in these data"
CUT = D("0.042")  # linear cut by year of the base that a 1.5 °C path asks for
EVIDENCE_AGE = 400  # days after which a review no longer counts as yearly


def monthly(lines: Any) -> pd.DataFrame:
    """Emissions month by month: period, low, kg, high, market, operational, embodied [kgCO2e], kwh, and whether use was measured; the oldest first."""
    import pandas as pd

    names = ("low", "kg", "high", "market", "operational", "embodied", "kwh")
    rows = []
    for period, part in lines.groupby("period", sort=True):
        measured = bool((part["grade"] == "A").any())
        rows.append(
            {"period": period} | {n: emissions.total(part, n) for n in names} | {"measured": measured}
        )
    return pd.DataFrame(rows, columns=["period", *names, "measured"], dtype=object)


def scopes(lines: Any) -> pd.DataFrame:
    """GHG Protocol scopes of the customer: all of a cloud is its scope 3, category 1, purchased goods and services.

    Returns
    -------
    DataFrame
        ``scope``, ``what``, ``location``, ``market``, ``low``, ``high`` [kgCO2e]; None where it is not in these data: what a
        company burns and buys itself is not in a cloud's bill.
    """
    import pandas as pd

    kg = {n: emissions.total(lines, n) for n in ("kg", "market", "low", "high", "embodied", "operational")}
    made = kg["embodied"]
    rows = [
        ("Scope 1", f"own fuel: {NOT_HERE}", None, None, None, None),
        ("Scope 2", f"own power: {NOT_HERE}", None, None, None, None),
        (
            "Scope 3.1",
            "cloud services: power of the data centres",
            kg["operational"],
            kg["market"] - made,
            None,
            None,
        ),
        ("Scope 3.1", "cloud services: making of the machines", made, made, None, None),
        ("Scope 3.1", "cloud services together", kg["kg"], kg["market"], kg["low"], kg["high"]),
    ]
    return pd.DataFrame(rows, columns=["scope", "what", "location", "market", "low", "high"], dtype=object)


def esrs(months: Any, month: Month) -> pd.DataFrame:
    """The part of the table E1-6 that a cloud's bill can fill, year to date against the same months before, and the path.

    Parameters
    ----------
    months : DataFrame
        Of `monthly`.
    month : Month
        Last month counted.

    Returns
    -------
    DataFrame
        ``line``, ``before`` and ``now`` [tCO2e; None where not in these data], ``change`` [ratio], in the order of the standard.
        The year is the calendar's, from January to `month`.
    """
    import pandas as pd

    by_period = {r["period"]: r for r in months.to_dict("records")}

    def year(back: int, name: str) -> Decimal | None:
        wanted = [str(Month(month.year - back, m)) for m in range(1, month.month + 1)]
        if any(p not in by_period for p in wanted):
            return None
        return sum((by_period[p][name] for p in wanted), D(0)) / 1000

    lines = [
        ("Gross scope 1", None),
        ("Gross scope 2, location-based", None),
        ("Gross scope 2, market-based", None),
        ("Scope 3, category 1, cloud computing and data centre services, location-based", "kg"),
        ("Scope 3, category 1, cloud computing and data centre services, market-based", "market"),
    ]
    rows = []
    for said, name in lines:
        before, now = (year(1, name), year(0, name)) if name else (None, None)
        change = ratio(now - before, before) if before and now is not None else None
        rows.append({"line": said, "before": before, "now": now, "change": change})
    return pd.DataFrame(rows, columns=["line", "before", "now", "change"], dtype=object)


def path(months: Any, budget: Any = None, cut: Decimal = CUT) -> pd.DataFrame:
    """Each month beside what it may emit.

    Parameters
    ----------
    months : DataFrame
        Of `monthly`.
    budget : DataFrame, optional
        The companion ``carbon_budget``; its rows of the whole company are the budget. Without them the path is the first
        twelve months' mean, less `cut` of it for each year since.
    cut : Decimal
        Linear cut a year [ratio of the base].

    Returns
    -------
    DataFrame
        ``month``, ``low``, ``kg``, ``high``, ``budget`` [kgCO2e; NaN where there is none], ``source``,
        ``measured`` (whether use was measured in the month: a series breaks where it begins).
    """
    import pandas as pd

    from helpers.models.carbon_units import kilograms

    given = {}
    if budget is not None:
        for r in budget.to_dict("records"):
            if not r.get("department") or r["department"] != r["department"]:
                given[str(r["month"])] = kilograms(r["amount"], r["unit"])
    rows = months.to_dict("records")
    base = rows[:12]
    mean = CONTEXT.divide(sum((r["kg"] for r in base), D(0)), len(base)) if len(base) == 12 else None
    found = []
    for n, r in enumerate(rows):
        aim, source = given.get(r["period"]), "company’s budget"
        if aim is None and not given and mean is not None:
            years = CONTEXT.divide(D(n) - D("5.5"), 12)  # from the middle of the base year
            aim = mean if n < 12 else CONTEXT.multiply(mean, 1 - CONTEXT.multiply(cut, years))
            source = "path from the first twelve months"
        found.append(
            {"month": r["period"], "low": r["low"], "kg": r["kg"], "high": r["high"], "budget": NAN if aim is None else aim,
             "source": "" if aim is None else source, "measured": r["measured"]}
        )  # fmt: skip
    return pd.DataFrame(
        found, columns=["month", "low", "kg", "high", "budget", "source", "measured"], dtype=object
    )


def audit(
    lines: Any,
    found: Any,
    *,
    exports: Any = None,
    budget: Any = None,
    actions: Any = None,
    owners: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Practice against published principles: what the data show for each, what is missing, and whose it is.

    Parameters
    ----------
    lines : DataFrame
        Of `emissions.estimate`, one month.
    found : DataFrame
        Of `abatement.candidates`.
    exports, budget, actions : DataFrame, optional
        Providers' exports, the carbon budget, and the list of actions with their resources.
    owners : mapping, optional
        Check -> who is to mend it, instead of the sustainability team.

    Returns
    -------
    DataFrame
        ``check``, ``principle``, ``met`` (yes, no), ``evidence``, ``gap``, ``owner``, ``resources``; what is missing first.
    """
    import pandas as pd

    known, whole = emissions.total(lines[lines["grade"] != ""]), len(lines[lines["kind"] != "none"])
    gaps, old = emissions.gaps(lines), emissions.stale(lines)
    measured = emissions.total(lines[lines["grade"] == "A"])
    moves = found[found["measure"] == "region"]
    idle = found[found["measure"] == "idle"]
    reviewed = set() if actions is None else set(actions["resource_id"])
    unseen = moves[~moves["resource"].isin(reviewed)]
    untouched = idle[~idle["resource"].isin(reviewed)]
    share = ratio(measured, known) if known else NAN
    enough = not share.is_nan() and share >= D("0.5")
    checks = [
        _check("completeness", "GHG Protocol: completeness", len(gaps) == 0, f"{whole - len(gaps)} of {whole} uses have a figure",
               f"{_few(gaps['name'])} without one" if len(gaps) else "", "Procurement", gaps["resource"]),
        _check("data quality", "GHG Protocol: accuracy, data quality", enough,
               f"{_percent(share)} of the emissions rest on measured use of known machines",
               "" if enough else "measure use where it is assumed", "Platform", []),
        _check("factors of the year", "GHG Protocol: factors of the reporting year", len(old) == 0,
               "all grid factors are at most two years old" if len(old) == 0 else f"{_few(old['region'])} with factors of {min(old['year'])}",
               "bring newer factors" if len(old) else "", "Sustainability", []),
        _check("second source", "GHG Protocol: transparency", exports is not None and len(exports) > 0,
               "a provider’s own export stands beside the estimate" if exports is not None and len(exports) else "no provider’s export is loaded",
               "" if exports is not None and len(exports) else "ask each provider for its carbon export", "Sustainability", []),
        _check("target", "ESRS E1-4: targets", budget is not None, "a carbon budget is kept" if budget is not None else "no carbon budget for what is shown is loaded",
               "" if budget is not None else "agree on a budget by month", "Leadership", []),
        _check("energy proportionality", "GSF: energy efficiency", len(untouched) == 0,
               f"{len(idle)} machines do nothing", f"{_few(untouched['name'])} without an action" if len(untouched) else "", "Engineering", untouched["resource"]),
        _check("carbon awareness", "GSF: carbon awareness", len(unseen) == 0,
               f"{len(moves)} movable workloads run on dirty power" if len(moves) else "no movable workload runs on dirty power",
               f"no evidence of a review of {_few(unseen['name'])}" if len(unseen) else "", "Owner of the workload", unseen["resource"]),
    ]  # fmt: skip
    rows = [c | ({"owner": owners[c["check"]]} if owners and c["check"] in owners else {}) for c in checks]
    rows.sort(key=lambda c: c["met"] == "yes")
    return pd.DataFrame(
        rows, columns=["check", "principle", "met", "evidence", "gap", "owner", "resources"], dtype=object
    )


def _check(check, principle, met, evidence, gap, owner, resources: Any) -> dict[str, Any]:
    return {"check": check, "principle": principle, "met": "yes" if met else "no", "evidence": evidence, "gap": gap or "–",
            "owner": owner, "resources": tuple(r for r in resources if isinstance(r, str))}  # fmt: skip


def _few(names: Any, most: int = 3) -> str:
    said = [str(n) for n in dict.fromkeys(names)]
    return ", ".join(said[:most]) + (f" and {len(said) - most} more" if len(said) > most else "")


def _percent(share: Decimal) -> str:
    return "none" if share.is_nan() else f"{share * 100:.0f} %"
