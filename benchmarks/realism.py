"""How real the sample company looks: the same figures of ours, of a real FOCUS sample, and of real series of use.

``python benchmarks/realism.py [STORE] [SHARED]``: a store of the sample company (made where none is given) and the folder
of real data of others. The result goes to ``results/realism.json``; `table` makes docs/sample.md's table of it, and a test
holds both to the data.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from ingest import HERE
from ten_million import command

RESULT = HERE / "results" / "realism.json"
FIRST, LAST = "2025-10", "2026-09"
REAL = "focus/focus_1.0_four_providers_sample.csv"
SERIES = ("53ea38", "77c1ca", "ac20cd", "fe7f93")
ROWS = {
    "charges": ("charges looked at", "{:,.0f}"),
    "charges_a_resource_and_day": ("charges of use a resource and day", "{:.2f}"),
    "below_a_cent": ("charges of use below one cent", "{:.0%}"),
    "below_a_unit": ("charges of use below 1 USD or EUR", "{:.0%}"),
    "largest_hundredth": ("cost of use in the dearest hundredth of charges", "{:.0%}"),
    "services": ("services with cost", "{:.0f}"),
    "zipf": ("Zipf exponent of services (slope of log cost on log rank)", "{:.2f}"),
    "largest_service": ("cost of the largest service", "{:.0%}"),
    "credits": ("credits, of the amounts of all charges", "{:.1%}"),
    "taxes": ("taxes, of the amounts of all charges", "{:.1%}"),
    "untagged_charges": ("charges of use without any tag", "{:.0%}"),
    "untagged_cost": ("cost of use without any tag", "{:.0%}"),
}
USE_ROWS = {
    "machines": ("machines or series", "{:.0f}"),
    "below_a_fifth": ("machines whose processors are used below 20 % on average", "{:.0%}"),
    "day_to_night": ("busiest hour of the day over the quietest, all together", "{:.2f}"),
    "day_to_night_each": ("the same, the median machine", "{:.2f}"),
    "week_to_weekend": ("working day over weekend day, all together", "{:.2f}"),
}


def of_charges(con: Any, source: str) -> dict[str, float]:
    """Figures of a table of charges with billed cost (b), category, resource, day, service and tagged (yes or no)."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE c AS {source}")
    used = "FROM c WHERE category = 'Usage'"
    whole, credits, taxes = con.execute(
        "SELECT count(*), sum(abs(b)) FILTER (category = 'Credit') / sum(abs(b)), "
        "sum(abs(b)) FILTER (category = 'Tax') / sum(abs(b)) FROM c"
    ).fetchone()
    cent, unit, bare, bare_cost = con.execute(
        "SELECT avg((abs(b) < 0.01)::INTEGER), avg((abs(b) < 1)::INTEGER), avg((NOT tagged)::INTEGER), "
        f"sum(b) FILTER (NOT tagged) / sum(b) {used}"
    ).fetchone()
    each = con.execute(
        f"SELECT count(*) / count(DISTINCT (resource, day)) {used} AND resource IS NOT NULL"
    ).fetchone()[0]
    dearest = con.execute(
        f"SELECT sum(b) FILTER (place <= ceil(n / 100)) / sum(b) FROM (SELECT b, row_number() OVER (ORDER BY b DESC) AS place, "
        f"count(*) OVER () AS n {used})"
    ).fetchone()[0]
    costs = [
        r[0]
        for r in con.execute(
            f"SELECT sum(b) AS s {used} GROUP BY service HAVING s > 0 ORDER BY s DESC"
        ).fetchall()
    ]
    return {
        "charges": whole,
        "charges_a_resource_and_day": each,
        "below_a_cent": cent,
        "below_a_unit": unit,
        "largest_hundredth": dearest,
        "services": len(costs),
        "zipf": zipf(costs),
        "largest_service": costs[0] / sum(costs),
        "credits": credits or 0.0,
        "taxes": taxes or 0.0,
        "untagged_charges": bare,
        "untagged_cost": bare_cost,
    }


def zipf(costs: list[float]) -> float:
    """Slope of log cost on log rank, least squares, with the sign turned."""
    xs, ys = [math.log(n) for n in range(1, len(costs) + 1)], [math.log(c) for c in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return -sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def of_use(con: Any, source: str, *, percent: bool = True) -> dict[str, float]:
    """Figures of a table of hourly use with machine, start and average."""
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"CREATE OR REPLACE TEMP TABLE u AS {source}")
    hours = "SELECT machine, hour(start) AS h, avg(average) AS a FROM u GROUP BY ALL"
    ratio = f"SELECT machine, max(a) / min(a) AS r FROM ({hours}) GROUP BY machine HAVING min(a) > 0"
    machines = con.execute("SELECT count(DISTINCT machine) FROM u").fetchone()[0]
    together = con.execute(
        "SELECT max(s) / min(s) FROM (SELECT hour(start) AS h, avg(average) AS s FROM u GROUP BY h)"
    ).fetchone()[0]
    week = con.execute(
        "SELECT avg(average) FILTER (isodow(start) < 6) / avg(average) FILTER (isodow(start) > 5) FROM u"
    ).fetchone()[0]
    found = {"machines": machines, "day_to_night": together, "week_to_weekend": week}
    found["day_to_night_each"] = con.execute(f"SELECT median(r) FROM ({ratio})").fetchone()[0]
    if percent:
        low = con.execute(
            "SELECT avg((a < 20)::INTEGER) FROM (SELECT avg(average) AS a FROM u GROUP BY machine)"
        )
        found["below_a_fifth"] = low.fetchone()[0]
    return found


def ours(store: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of the sample company: a year of charges, and its hourly use of processors."""
    from helpers.data import open_charges
    from helpers.data.usage import open_usage

    charges = open_charges(store)
    table = charges.filter(charges.x_KitPeriod.between(FIRST, LAST)).select(
        "BilledCost", "ChargeCategory", "ResourceId", "ChargePeriodStart", "ServiceName", "Tags"
    )
    rows = table.to_pyarrow()
    used = open_usage(store)
    use = used.filter(used.metric == "cpu").select("resource_id", "start", "average").to_pyarrow()
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.register("use", use)
        charged = of_charges(
            con,
            "SELECT BilledCost::DOUBLE AS b, ChargeCategory AS category, ResourceId AS resource, ChargePeriodStart::DATE AS day, "
            "ServiceName AS service, coalesce(len(map_keys(Tags)), 0) > 0 AS tagged FROM rows",
        )
        return charged, of_use(con, "SELECT resource_id AS machine, start, average FROM use")


def theirs(shared: Path) -> dict[str, dict[str, float]]:
    """The same of what others measured."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        charged = of_charges(
            con,
            "SELECT BilledCost::DOUBLE AS b, ChargeCategory AS category, ResourceId AS resource, ChargePeriodStart::TIMESTAMP::DATE "
            "AS day, ServiceName AS service, Tags IS NOT NULL AND trim(Tags) NOT IN ('{}', '') AS tagged FROM "
            f"read_csv('{shared / REAL}', all_varchar = true, nullstr = ['NULL', 'null', ''])",
        )
        files = ", ".join(f"'{shared}/telemetry/ec2_cpu_utilization_{s}.csv'" for s in SERIES)
        telemetry = of_use(
            con,
            "SELECT filename AS machine, date_trunc('hour', timestamp) AS start, avg(value) AS average FROM "
            f"read_csv([{files}], filename = true) GROUP BY ALL",
        )
        demand = of_use(
            con,
            "SELECT REGION_NUM::VARCHAR AS machine, USAGE_HOUR AS start, sum(NORM_USAGE) AS average FROM "
            f"'{shared}/commitments/vm_demand_hourly_regions_1_2.parquet' WHERE USAGE_HOUR >= TIMESTAMPTZ '2023-02-01' GROUP BY ALL",
            percent=False,
        )
    return {"focus_sample": charged, "numenta_ec2": telemetry, "shaved_ice": demand}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """At four digits, in the order of the tables."""
    return {
        k: float(f"{figures[k]:.4g}") if k != "charges" else figures[k]
        for k in (*ROWS, *USE_ROWS)
        if k in figures
    }


def table(result: dict[str, Any]) -> str:
    """The two tables of docs/sample.md."""
    lines = ["| charges | ours | real sample [1] |", "|---|---|---|"]
    for key, (what, form) in ROWS.items():
        lines.append(
            f"| {what} | {form.format(result['ours'][key])} | {form.format(result['focus_sample'][key])} |"
        )
    lines += [
        "",
        "| use of machines | ours | EC2 series [2] | demand for machines [3] |",
        "|---|---|---|---|",
    ]
    for key, (what, form) in USE_ROWS.items():
        cells = [
            form.format(result[s][key]) if key in result[s] else ""
            for s in ("ours_use", "numenta_ec2", "shaved_ice")
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(store: str, shared: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        if not store:
            made, store = f"{scratch}/made", f"{scratch}/store"
            command("sample", "--to", made)
            for folder in [*sorted(Path(made).glob("2*")), Path(made, "company"), Path(made, "usage")]:
                command("ingest", str(folder), "--to", store)
        charged, used = ours(Path(store))
    result = {"ours": rounded(charged), "ours_use": rounded(used)}
    result |= {name: rounded(figures) for name, figures in theirs(Path(shared)).items()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main(*[*sys.argv[1:], "", ""][:1], *(sys.argv[2:] or [str(HERE.parent.parent / "shared" / "data")]))
