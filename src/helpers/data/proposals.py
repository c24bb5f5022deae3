"""First drafts of the companion tables, written from what the charges contain, for a person to complete."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.data import allocation
from helpers.data.companions import TABLES, shielded
from helpers.data.engine import text
from helpers.terms.errors import Refused
from helpers.terms.money import CONTEXT, foot, plain, ratio, shown, total

# Tag keys that say who pays, best first; compared without case, blanks and signs.
OWNER_WORDS = (
    "department",
    "dept",
    "costcent",
    "businessunit",
    "team",
    "owner",
    "squad",
    "division",
    "product",
    "project",
    "application",
    "service",
)
POLICY_WORDS = (*OWNER_WORDS, "environment", "env", "stage")
MOST = 500  # rows of one file: beyond that nobody fills it in


@dataclass(frozen=True)
class Draft:
    """One file written.

    Attributes
    ----------
    path : Path
    rows : int
    beside : bool
        The usual name was taken, so the draft stands beside it.
    note : str
        What is in it and what to do.
    """

    path: Path
    rows: int
    beside: bool
    note: str


def init(
    charges: Any, folder: Path | str, sources: Iterable[tuple[str, str]] = (), *, force: bool = False
) -> list[Draft]:
    """Write allocation.csv, tag_policy.csv, invoices.csv, sources.csv and skus.csv, dearest first.

    Parameters
    ----------
    charges : ibis Table
        As ``open_charges`` gives it.
    folder : Path
        Made where there is none. A file that is there is kept, and the draft written beside it as ``….new.csv``.
    sources : iterable of (str, str)
        Name and provider of every export held.
    force : bool
        Overwrite.

    Returns
    -------
    list of Draft

    Examples
    --------
    >>> [d.path.name for d in init(charges, "company")]  # doctest: +SKIP
    ['allocation.csv', 'tag_policy.csv', 'invoices.csv', 'sources.csv', 'skus.csv']
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise Refused("a file", "a folder for the drafts", "name another place", file=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    main = _main_currency(charges)
    drafts = [
        ("allocation", *_allocation(charges, main)),
        ("tag_policy", *_tag_policy(charges, main)),
        ("invoices", *_invoices(charges)),
        ("sources", *_sources(charges, sources)),
        ("skus", *_skus(charges, main)),
    ]
    return [_write(folder, name, rows, note, force) for name, rows, note in drafts]


def _write(folder: Path, name: str, rows: list[dict[str, Any]], note: str, force: bool) -> Draft:
    table = TABLES[name]
    path = folder / table.file
    beside = path.exists() and not force
    if beside:
        path = path.with_suffix(".new.csv")
    remarks = list(dict.fromkeys(k for r in rows for k in r if k.startswith("#")))
    made = io.StringIO(newline="")
    out = csv.DictWriter(made, [*(f.name for f in table.fields), *remarks], lineterminator="\n")
    out.writeheader()
    out.writerows({k: _cell(v) for k, v in r.items()} for r in rows)
    path.write_text(made.getvalue(), encoding="utf-8")
    return Draft(path, len(rows), beside, note)


def _cell(value: Any) -> str:
    return shielded("" if value is None else plain(value) if isinstance(value, Decimal) else str(value))


def _main_currency(charges: Any) -> str | None:
    rows = allocation.query(
        charges, "SELECT BillingCurrency AS c, count(*) AS n FROM these GROUP BY 1 ORDER BY n DESC, 1 LIMIT 1"
    )
    return rows[0]["c"] if rows else None


# --- who pays -------------------------------------------------------------------------------------------------------


def _groups(charges: Any, words: Sequence[str]) -> list[tuple[str, ...]]:
    """Tag keys with such a word, spellings of one key together, best word first."""
    groups: dict[str, list[str]] = {}
    for key in allocation.tag_keys(charges):
        groups.setdefault(allocation.alike(key), []).append(key)
    ranked = [
        (next(i for i, w in enumerate(words) if w in name), name, tuple(keys))
        for name, keys in groups.items()
        if any(w in name for w in words) and not any("|" in k or k != k.strip() for k in keys[:1])
    ]
    return [keys for _, _, keys in sorted(ranked)]


def _value(keys: Sequence[str]) -> str:
    tags = ", ".join(f"nullif(trim(Tags[{text(k)}]), '')" for k in keys)
    return f"coalesce({tags})"


def _costs(charges: Any, what: str, where: str = "TRUE") -> list[dict[str, Any]]:
    return allocation.query(
        charges,
        f"""SELECT {what} AS value, coalesce(BillingCurrency, 'none') AS currency, sum(EffectiveCost) AS cost,
        count(*) AS n FROM these WHERE {where} GROUP BY ALL""",
    )


def _ranked(rows: list[dict[str, Any]], main: str | None) -> list[tuple[str, Decimal, str]]:
    """(value, cost in the main currency, all costs in words), dearest first, without what is empty."""
    by: dict[str, dict[str, Decimal]] = {}
    for r in rows:
        if r["value"] is not None:
            by.setdefault(r["value"], {})[r["currency"]] = r["cost"] or Decimal(0)
    told = [
        (
            v,
            costs.get(main or "", Decimal(0)),
            "; ".join(f"{_cents(x)} {c}" for c, x in sorted(costs.items())),
        )
        for v, costs in by.items()
    ]
    return sorted(told, key=lambda t: (-t[1], t[0]))


def _cents(value: Decimal) -> str:
    return format(foot([value])[0], "f")


def _share(part: Decimal, whole: Decimal) -> str:
    share = ratio(part, whole)
    return "" if share.is_nan() else shown(CONTEXT.multiply(share, Decimal(100)), 1) + " %"


def _allocation(charges: Any, main: str | None) -> tuple[list[dict[str, Any]], str]:
    whole = total(r["cost"] or 0 for r in _costs(charges, "1") if r["currency"] == main)
    candidates = []
    for keys in _groups(charges, OWNER_WORDS):
        values = _ranked(_costs(charges, _value(keys)), main)
        candidates.append((total(cost for _, cost, _ in values), keys, values))
    # the first word of the list that at least a fifth of the cost carries; else the key that most carries
    best = next(
        (c for c in candidates if c[0] * 5 >= whole > 0), max(candidates, default=None, key=lambda c: c[0])
    )
    rows: list[dict[str, Any]] = []
    rest = "TRUE"
    if best:
        _, keys, values = best
        rest = f"{_value(keys)} IS NULL"
        rows += [
            {
                "match_on": "tag:" + "|".join(keys),
                "match_value": value,
                "department": value,
                "# effective cost": said,
                "# share": _share(cost, whole),
            }
            for value, cost, said in values[:MOST]
        ]
    left = _ranked(_costs(charges, "coalesce(SubAccountId, BillingAccountId)", rest), main)
    names = {r["value"]: r["name"] for r in _names(charges)}
    accounts = {r["value"] for r in _names(charges) if r["sub"]}
    rows += [
        {
            "match_on": "SubAccountId" if value in accounts else "BillingAccountId",
            "match_value": value,
            "# effective cost": said,
            "# share": _share(cost, whole),
            "# name": names.get(value),
        }
        for value, cost, said in left[: MOST - len(rows)]
    ]
    others = ["|".join(k) for _, k, _ in candidates if not best or k != best[1]]
    note = (
        f"{_share(best[0], whole)} of effective cost carries tag {'|'.join(best[1])}; sub-accounts follow for the rest"
        if best
        else "no tag key looks like an owner or team: one row for each sub-account"
    )
    return rows, note + (f"; other keys that may say who pays: {', '.join(others[:5])}" if others else "")


def _names(charges: Any) -> list[dict[str, Any]]:
    return allocation.query(
        charges,
        """SELECT coalesce(SubAccountId, BillingAccountId) AS value, SubAccountId IS NOT NULL AS sub,
        max(coalesce(SubAccountName, BillingAccountName)) AS name FROM these GROUP BY ALL ORDER BY 1""",
    )


def _tag_policy(charges: Any, main: str | None) -> tuple[list[dict[str, Any]], str]:
    whole = total(r["cost"] or 0 for r in _costs(charges, "1") if r["currency"] == main)
    told = []
    for keys in _groups(charges, POLICY_WORDS):
        values = _ranked(_costs(charges, _value(keys)), main)
        told.append((total(cost for _, cost, _ in values), keys, [v for v, _, _ in values]))
    told.sort(key=lambda t: (-t[0], t[1]))
    rows = [
        {
            "tag_key": "|".join(keys),
            "# share of cost that carries it": _share(cost, whole),
            "# values": ", ".join(values[:10]) + (" …" if len(values) > 10 else ""),
        }
        for cost, keys, values in told[:10]
    ]
    return rows, "delete the keys that you do not demand; add allowed values, separated by |"


# --- the other files ------------------------------------------------------------------------------------------------


def _invoices(charges: Any) -> tuple[list[dict[str, Any]], str]:
    rows = allocation.query(
        charges,
        """SELECT InvoiceIssuerName AS issuer, x_KitPeriod AS period, BillingCurrency AS currency, sum(BilledCost) AS billed
        FROM these WHERE InvoiceIssuerName IS NOT NULL GROUP BY ALL ORDER BY period DESC, billed DESC, issuer""",
    )
    return [
        {k: r[k] for k in ("issuer", "period", "currency")} | {"# billed cost": r["billed"]} for r in rows
    ], "fill in the total of each invoice; finops check shows the difference"


def _sources(charges: Any, sources: Iterable[tuple[str, str]]) -> tuple[list[dict[str, Any]], str]:
    known = list(sources) or [
        (r["source"], r["provider"])
        for r in allocation.query(
            charges,
            """SELECT x_KitSource AS source, string_agg(DISTINCT ServiceProviderName, ', ' ORDER BY ServiceProviderName)
            AS provider FROM these WHERE x_KitSource IS NOT NULL GROUP BY 1 ORDER BY 1""",
        )
    ]
    rows = [{"source": s, "provider": p} for s, p in known]
    return rows, "add every export that exists and is not loaded yet: other clouds, SaaS, acquired companies"


def _skus(charges: Any, main: str | None) -> tuple[list[dict[str, Any]], str]:
    rows = allocation.query(
        charges,
        f"""SELECT * FROM (SELECT SkuId AS sku_id, max(x_KitCores) AS cores, any_value(x_KitLegacy) AS legacy,
            any_value(x_KitTier) AS tier, min(ServiceCategory) AS category, min(ServiceName) AS service,
            min(ChargeDescription) AS description, sum(EffectiveCost) FILTER (BillingCurrency = {text(main or "")})
            AS cost, bool_or(regexp_matches(coalesce(PricingUnit, ''), '(?i)hour|hrs')) AS hours,
            bool_or(regexp_matches(coalesce(PricingUnit, ''), '(?i)g(i)?b')) AS stored
        FROM these WHERE SkuId IS NOT NULL AND ChargeCategory = 'Usage' GROUP BY 1)
        WHERE (category = 'Compute' AND hours AND (cores IS NULL OR legacy IS NULL))
            OR (category = 'Storage' AND stored AND tier IS NULL)
        ORDER BY cost DESC NULLS LAST, sku_id LIMIT {MOST}""",
    )
    return [
        {
            "sku_id": r["sku_id"],
            "cores": r["cores"],
            "legacy": None if r["legacy"] is None else "yes" if r["legacy"] else "no",
            "tier": r["tier"],
            "# service": r["service"],
            "# description": r["description"],
            "# effective cost": _cents(r["cost"]) + f" {main}" if r["cost"] is not None else None,
        }
        for r in rows
    ], "machines whose cores or generation, and storage whose tier the bill does not say"
