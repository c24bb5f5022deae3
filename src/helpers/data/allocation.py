"""Owners: the columns that are not in the bill, joined to the charges when a store is opened.

Rules are looked up for each distinct ``x_KitAllocationKey``, not for each charge: two million charges had 20,000 keys, and
finding them took 0.15 s, less than asking the tags of every charge once. See docs/allocation.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.data import tables
from helpers.data.engine import text
from helpers.terms import focus

if TYPE_CHECKING:
    import pyarrow

COMPANIONS = ("allocation", "tag_policy", "skus")
STAND_IN = "coalesce(c.SubAccountName, c.SubAccountId, c.BillingAccountName, c.BillingAccountId)"
ALWAYS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
SPELLINGS = "|"


def joined_view(con: Any, store: Path | str, as_of: date | None = None) -> str:
    """SQL of the charges with the kit's joined columns.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Holds the relation ``charges``; gets small temporary tables.
    store : Path
        Its companion tables allocation, tag_policy and skus as of the day are used, where there are any.
    as_of : date, optional

    Returns
    -------
    str
        One SELECT: every column of ``charges``, then `terms.focus.JOINED_KIT_COLUMNS`.
    """
    return joined_sql(con, {name: tables.read_table(store, name, as_of) for name in COMPANIONS})


def joined_sql(con: Any, companions: Mapping[str, pyarrow.Table | None]) -> str:
    """The same from tables at hand; an absent or empty one is no rule, no policy, no SKU."""
    rules, policy, skus = (_rows(companions.get(name)) for name in COMPANIONS)
    named = any(r["match_on"] == "SubAccountName" for r in rules)
    spans = _spans([*rules, *policy])
    key = _key(con)
    _write_keys(con, key, named)
    _write_owners(con, rules, policy, spans, named)
    joins, replace = [_owner_join(key, len(spans) > 1, named)], ""
    values = {
        "x_KitOwner": "o.owner",
        "x_KitDepartment": "o.department" if rules else STAND_IN,
        "x_KitShared": "o.shared",
        "x_KitTagged": "o.tagged",
        "x_KitTagPolicyMet": "o.met",
        "x_KitEligible": _eligible("false"),
    }
    if _write_skus(con, skus):
        joins.append(f"LEFT JOIN kit_skus s ON c.ServiceProviderName = s.provider AND {_sku('c')} = s.sku")
        eligible = _eligible("coalesce(s.eligible, false)")
        values |= {"x_KitLegacy": "s.legacy", "x_KitTier": "s.tier", "x_KitEligible": eligible}
        if any(r["cores"] is not None for r in skus):
            replace = f" REPLACE (coalesce(s.cores, c.x_KitCores)::{focus.DECIMAL} AS x_KitCores)"
    added = ", ".join(
        f"CAST({values.get(name, 'NULL')} AS {kind}) AS {name}"
        for name, (kind, _) in focus.JOINED_KIT_COLUMNS.items()
    )
    return f"SELECT c.*{replace}, {added} FROM charges c {' '.join(joins)}"


def rules(store: Path | str, as_of: date | None = None) -> tuple[int, str, date] | None:
    """How many allocation rules hold, from which file, delivered when; None where the sub-account stands in."""
    held = _rows(tables.read_table(store, "allocation", as_of))
    record = tables.table_record(store, "allocation", as_of)
    if not held or record is None:
        return None
    return len(held), record.details.get("file", "allocation.csv"), record.delivered


@dataclass(frozen=True)
class Collision:
    """Tag keys that differ only by case, blanks or the signs between words.

    Attributes
    ----------
    keys : tuple of str
        The spellings, verbatim, most used first.
    charges : tuple of int
        How many charges carry each.
    """

    keys: tuple[str, ...]
    charges: tuple[int, ...]


def collisions(charges: Any) -> list[Collision]:
    """Tag keys that look alike but are not the same; they are reported, never merged.

    Parameters
    ----------
    charges : ibis Table
        Column Tags; of a DuckDB connection.
    """
    counted = tag_keys(charges)
    groups: dict[str, list[tuple[str, int]]] = {}
    for key, count in counted.items():
        groups.setdefault(alike(key), []).append((key, count))
    found = []
    for group in groups.values():
        if len(group) > 1:
            group.sort(key=lambda g: (-g[1], g[0]))
            found.append(Collision(tuple(k for k, _ in group), tuple(n for _, n in group)))
    return sorted(found, key=lambda c: c.keys)


def tag_keys(charges: Any) -> dict[str, int]:
    """Every tag key, verbatim -> charges that carry it, most used first."""
    rows = query(
        charges,
        "SELECT key, count(*) AS n FROM (SELECT unnest(map_keys(Tags)) AS key FROM these) GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    return {r["key"]: r["n"] for r in rows}


def query(charges: Any, sql: str) -> list[dict[str, Any]]:
    """Rows of a small DuckDB query over the charges, which it calls ``these``."""
    con = charges.get_backend().con
    return con.execute(f"WITH these AS ({charges.compile()}) {sql}").to_arrow_table().to_pylist()


def alike(key: str) -> str:
    """What spellings of one tag key have in common: no case, no blanks, no ``-``, ``_`` or ``.``."""
    return re.sub(r"[\s_.\-]+", "", key).casefold()


# --- rules and policy -----------------------------------------------------------------------------------------------


def _rows(table: pyarrow.Table | None) -> list[dict[str, Any]]:
    return [] if table is None else table.to_pylist()


def _spans(rows: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Stretches of time in which the same rows hold, first instant included, last excluded."""
    days = {r["valid_from"] for r in rows if r["valid_from"]}
    days |= {r["valid_to"] + timedelta(days=1) for r in rows if r["valid_to"]}
    cuts = [ALWAYS[0], *(datetime.combine(d, time(), UTC) for d in sorted(days)), ALWAYS[1]]
    return list(pairwise(cuts))


def _holds(row: Mapping[str, Any], start: datetime) -> bool:
    day = start.date()
    return (row["valid_from"] or date.min) <= day <= (row["valid_to"] or date.max)


def _key(con: Any) -> str:
    """What joins the owners: the key of ingest, or the same hash taken here for charges that came without one."""
    without = con.execute("SELECT count(*) FROM charges WHERE x_KitAllocationKey IS NULL").fetchone()[0]
    if not without:
        return "c.x_KitAllocationKey"
    looked_at = "c.x_KitSource, c.BillingAccountId, c.SubAccountId, c.ServiceName, c.Tags::VARCHAR"
    return f"coalesce(c.x_KitAllocationKey, (hash({looked_at}) >> 1)::BIGINT)"


def _write_keys(con: Any, key: str, named: bool) -> None:
    """One row for each key (and name, where a rule looks at names: a sub-account can be renamed)."""
    by_name = ", c.SubAccountName" if named else ""
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE kit_keys AS
        SELECT {key} AS key{by_name}, any_value(x_KitSource) AS x_KitSource, any_value(ServiceName) AS ServiceName,
            any_value(BillingAccountId) AS BillingAccountId, any_value(SubAccountId) AS SubAccountId, any_value(Tags) AS Tags
        FROM charges c GROUP BY ALL"""
    )


def _write_owners(
    con: Any,
    rules: list[dict[str, Any]],
    policy: list[dict[str, Any]],
    spans: list[tuple[datetime, datetime]],
    named: bool,
) -> None:
    import pyarrow as pa

    con.execute(
        "CREATE OR REPLACE TEMP TABLE kit_numbered AS SELECT row_number() OVER () AS n, * FROM kit_keys"
    )
    facts = [
        f"SELECT n, {text(on)} AS match_on, trim(unnest({_values(on)})) AS value FROM kit_numbered"
        for on in dict.fromkeys(r["match_on"] for r in rules)
    ]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE kit_facts AS "
        + (" UNION ALL ".join(facts) or "SELECT 1::BIGINT AS n, '' AS match_on, '' AS value LIMIT 0")
    )
    held = [
        {"span": s, "position": p, "match_on": r["match_on"], "value": r["match_value"]}
        for s, (start, _) in enumerate(spans)
        for p, r in enumerate(rules)
        if _holds(r, start)
    ]
    words, number = pa.string(), pa.int64()
    con.register(
        "kit_held",
        pa.Table.from_pylist(
            held, pa.schema([("span", number), ("position", number), ("match_on", words), ("value", words)])
        ),
    )
    con.register(
        "kit_spans",
        pa.table(
            {
                "span": pa.array(range(len(spans)), number),
                "starts": pa.array([a for a, _ in spans], pa.timestamp("us", "UTC")),
                "ends": pa.array([b for _, b in spans], pa.timestamp("us", "UTC")),
            }
        ),
    )
    outcome = {c: pa.array([r[c] for r in rules], words) for c in ("owner", "department", "shared")}
    con.register("kit_rules", pa.table({"position": pa.array(range(len(rules)), number)} | outcome))
    met = " ".join(
        f"WHEN {s} THEN {_met([p for p in policy if _holds(p, start)])}" for s, (start, _) in enumerate(spans)
    )
    # two joins, not one with OR, so that both stay hash joins however many rules there are
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE kit_owners AS
        WITH fits AS (
            SELECT f.n, h.span, h.position FROM kit_facts f JOIN kit_held h USING (match_on, value) WHERE h.value <> '*'
            UNION ALL
            SELECT f.n, h.span, h.position FROM kit_facts f JOIN kit_held h USING (match_on)
            WHERE h.value = '*' AND f.value <> ''
        ), firsts AS (SELECT n, span, min(position) AS position FROM fits GROUP BY ALL)
        SELECT k.key{", k.SubAccountName AS name" if named else ""}, s.starts, s.ends,
            r.owner, r.department, r.shared, {_tagged("k.Tags")} AS tagged, CAST(CASE s.span {met} END AS BOOLEAN) AS met
        FROM kit_numbered k CROSS JOIN kit_spans s
        LEFT JOIN firsts USING (n, span) LEFT JOIN kit_rules r USING (position)"""
    )
    for name in ("kit_held", "kit_spans", "kit_rules"):
        con.unregister(name)
    for name in ("kit_facts", "kit_numbered", "kit_keys"):
        con.execute(f"DROP TABLE {name}")


def _owner_join(key: str, dated: bool, named: bool) -> str:
    on = [f"{key} = o.key"]
    if named:
        on.append("c.SubAccountName IS NOT DISTINCT FROM o.name")
    if dated:
        on.append("c.ChargePeriodStart >= o.starts AND c.ChargePeriodStart < o.ends")
    return f"LEFT JOIN kit_owners o ON {' AND '.join(on)}"


def _values(match_on: str) -> str:
    if not match_on.startswith("tag:"):
        return f"[{match_on}]"
    return "[" + ", ".join(f"Tags[{text(key)}]" for key in match_on[4:].split(SPELLINGS)) + "]"


def _met(policy: list[dict[str, Any]]) -> str:
    return " AND ".join(_key_met(p) for p in policy) if policy else "NULL"


def _key_met(row: dict[str, Any]) -> str:
    values = [f"Tags[{text(key)}]" for key in row["tag_key"].split(SPELLINGS)]
    allowed = [a for a in (row["allowed_values"] or "").split(SPELLINGS) if a.strip()]
    good = f"IN ({', '.join(map(text, (a.strip() for a in allowed)))})" if allowed else ""
    tests = [
        f"coalesce(trim({v}) {good}, false)" if good else f"coalesce(trim({v}) <> '', false)" for v in values
    ]
    return "(" + " OR ".join(tests) + ")"


def _tagged(tags: str) -> str:
    return f"coalesce(trim(array_to_string(map_values({tags}), '')) <> '', false)"


# --- what the kit's own tables say ----------------------------------------------------------------------------------


def _eligible(by_sku: str) -> str:
    """Usage that a commitment covers, or could cover: a covered charge is eligible whatever its price category says."""
    return f"""c.ChargeCategory = 'Usage' AND c.ChargeClass IS NULL AND (
        c.CommitmentDiscountStatus IS NOT NULL OR (coalesce(c.PricingCategory, '') <> 'Dynamic' AND {by_sku}))"""


@cache
def factors(name: str) -> tuple[dict[str, str], ...]:
    """Rows of a table that the kit owns: ``generations``, ``storage_tiers`` or ``eligibility``."""
    import csv

    table = resources.files("helpers.data.factors").joinpath(f"{name}.csv")
    return tuple(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))


def _could_be_covered() -> str:
    """Whether a programme of the provider covers a SKU of this service."""
    cases = []
    for row in factors("eligibility"):
        terms = [f"regexp_matches(provider, {text(row['provider'])})"]
        terms += [
            f"regexp_matches({column}, {text(row[name])})"
            for column, name in (
                ("category", "ServiceCategory"),
                ("service", "ServiceName"),
                ("unit", "PricingUnit"),
            )
            if row[name]
        ]
        if row["unless"]:
            terms.append(f"NOT regexp_matches(coalesce(ChargeDescription, ''), {text(row['unless'])})")
        cases.append("(" + " AND ".join(terms) + ")")
    return " OR ".join(cases)


def _write_skus(con: Any, skus: list[dict[str, Any]]) -> bool:
    """What is known of each SKU of the charges; the company's own table comes before the kit's."""
    import pyarrow as pa

    texts = ("SkuPriceDetails", "SkuMeter", "ChargeDescription")
    words = pa.string()
    con.register(
        "kit_own",
        pa.table(
            {
                "sku": pa.array([r["sku_id"] for r in skus], words),
                "own_cores": pa.array([r["cores"] for r in skus], pa.decimal128(38, 18)),
                "own_legacy": pa.array([r["legacy"] for r in skus], pa.bool_()),
                "own_tier": pa.array([r["tier"] for r in skus], words),
            }
        ),
    )
    columns = ", ".join(f"min({t}) AS {t}" for t in texts)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE kit_skus AS
        WITH seen AS (
            SELECT ServiceProviderName AS provider, {_sku("charges")} AS sku, min(ServiceCategory) AS category,
                min(ServiceName) AS service, min(PricingUnit) AS unit, {columns}
            FROM charges  -- an unused commitment stands under the SKU that it is for, in a unit of its own
            WHERE ChargeCategory = 'Usage' AND coalesce(CommitmentDiscountStatus, '') <> 'Unused' GROUP BY ALL
        ), told AS (
            SELECT provider, sku, own_cores AS cores,
                coalesce(own_legacy, {_told("generations", "legacy", texts)} = 'yes') AS legacy,
                coalesce(own_tier, {_told("storage_tiers", "tier", texts)}) AS tier,
                coalesce({_could_be_covered()}, false) AS eligible
            FROM seen LEFT JOIN kit_own USING (sku)
        )
        SELECT * FROM told WHERE cores IS NOT NULL OR legacy IS NOT NULL OR tier IS NOT NULL OR eligible"""
    )
    con.unregister("kit_own")
    return con.execute("SELECT count(*) FROM kit_skus").fetchone()[0] > 0


def _sku(table: str) -> str:
    """What a charge is priced by: its SKU, or its service and unit where no SKU is named."""
    return f"coalesce({table}.SkuId, {table}.ServiceName || '|' || {table}.PricingUnit)"


def _told(name: str, result: str, texts: Iterable[str]) -> str:
    """The first row of a kit's table that fits, by the first text that says anything."""
    found = [
        "CASE "
        + " ".join(
            f"WHEN regexp_matches(provider, {text(r['provider'])}) AND regexp_matches(category, {text(r['category'])})"
            f" AND regexp_matches({said}, {text(r['pattern'])}) THEN {text(r[result])}"
            for r in factors(name)
        )
        + " END"
        for said in texts
    ]
    return f"coalesce({', '.join(found)})"
