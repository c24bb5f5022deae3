"""The KPI set through Ibis expressions against one SQL statement that a person wrote for the same numbers.

Both read the same Parquet of 1,000,000 charges on the same engine; first they are checked equal at 12 places, then timed in
rounds that alternate, and the medians are compared. ``python benchmarks/kpi_set.py [ROWS] [ROUNDS]``.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import ibis
import pandas as pd

from helpers import measures
from helpers.measures import (
    allocation,
    burn,
    commitments,
    efficiency,
    freshness,
    savings,
    totals,
    unit_cost,
)
from helpers.terms import focus
from helpers.terms.money import ratio, shown
from helpers.terms.period import Month

HERE = Path(__file__).parent
MONTH = Month(2026, 9)
DELIVERIES = pd.DataFrame({"id": ["d0", "d1"], "delivered": [date(2026, 9, 5), date(2026, 10, 5)]})
TARGETS = {"all rows": 1.3, "one month": 1.8}

# A charge of number i in 13 months: two thirds machines of eight sizes, the rest storage, calls, tokens and fees.
GENERATE = """
WITH numbered AS (
    SELECT i, CAST(hash(i) % 1000 AS INTEGER) AS r, CAST(hash(i, 7) % 100000 AS INTEGER) AS q,
           CAST(i * 13 // {rows} AS INTEGER) AS month
    FROM range({rows}) t(i)),
placed AS (SELECT *, CAST(TIMESTAMP '2025-09-01' + to_months(month) AS TIMESTAMP) AS start FROM numbered),
shaped AS (
    SELECT *, start + to_hours(CAST(q % 672 AS INTEGER)) AS hour, r < 660 AS machine,
           CASE WHEN r < 250 THEN 'Used' WHEN r < 270 THEN 'Unused' END AS status,
           CAST(q / 10000.0 AS DECIMAL(18,6)) AS cost
    FROM placed)
SELECT CASE WHEN r % 2 = 0 THEN 'AWS' ELSE 'Microsoft' END AS ServiceProviderName,
       'USD' AS BillingCurrency,
       strftime(start, '%Y-%m') AS x_KitPeriod, 'd' || (r % 2) AS x_KitDelivery,
       CAST(start AS TIMESTAMPTZ) AS BillingPeriodStart, CAST(hour AS TIMESTAMPTZ) AS ChargePeriodStart,
       CAST(hour + to_hours(CASE WHEN machine THEN 1 ELSE 24 END) AS TIMESTAMPTZ) AS ChargePeriodEnd,
       CASE WHEN r < 970 THEN 'Usage' WHEN r < 985 THEN 'Purchase' WHEN r < 995 THEN 'Tax' ELSE 'Credit' END
           AS ChargeCategory,
       CASE WHEN r BETWEEN 960 AND 965 THEN 'Correction' END AS ChargeClass,
       status AS CommitmentDiscountStatus,
       CASE WHEN status IS NOT NULL THEN CAST(q % 97 AS DECIMAL(38,18)) END AS CommitmentDiscountQuantity,
       CASE WHEN status IS NOT NULL THEN 'Hours' END AS CommitmentDiscountUnit,
       CASE WHEN status IS NOT NULL THEN 'Committed' WHEN r % 17 = 0 THEN 'Dynamic' ELSE 'Standard' END
           AS PricingCategory,
       CASE WHEN machine THEN 'Compute' WHEN r < 800 THEN 'Storage' WHEN r < 850 THEN 'Integration'
            WHEN r < 900 THEN 'AI and Machine Learning' ELSE 'Other' END AS ServiceCategory,
       'Service ' || (r % 40) AS ServiceName,
       CASE WHEN r BETWEEN 800 AND 849 THEN 'API Management' END AS ServiceSubcategory,
       CASE WHEN r BETWEEN 850 AND 864 THEN 'Input-Tokens' WHEN r BETWEEN 865 AND 879 THEN 'Cache-Read-Input-Tokens'
            WHEN r BETWEEN 880 AND 899 THEN 'Output-Tokens' END AS SkuMeter,
       CASE WHEN status = 'Unused' THEN NULL WHEN machine THEN 'Hours' WHEN r < 800 THEN 'GB-Months'
            WHEN r < 850 THEN 'Requests' WHEN r < 900 THEN 'Tokens' END AS ConsumedUnit,
       CASE WHEN r < 900 AND status IS DISTINCT FROM 'Unused' THEN CAST(1 + q % 1009 AS DECIMAL(38,18)) END
           AS ConsumedQuantity,
       'sku' || (r % 60) AS SkuId, 'region' || (r % 6) AS RegionId, 'account' || (r % 25) AS SubAccountId,
       CASE WHEN r % 5 <> 0 THEN 'resource' || q END AS ResourceId,
       CAST(CASE WHEN status IS NULL OR r >= 970 THEN cost ELSE 0 END AS DECIMAL(38,18)) AS BilledCost,
       CAST(CASE WHEN r BETWEEN 970 AND 984 THEN 0 WHEN status IS NOT NULL THEN cost * 0.6 WHEN r >= 995 THEN -cost
                 ELSE cost * 0.9 END AS DECIMAL(38,18)) AS EffectiveCost,
       CAST(cost * 0.9 AS DECIMAL(38,18)) AS ContractedCost,
       CASE WHEN r % 50 <> 0 THEN CAST(cost AS DECIMAL(38,18)) END AS ListCost,
       CASE WHEN r % 10 <> 0 THEN 'owner' || (r % 12) END AS x_KitOwner,
       CASE WHEN r % 9 <> 0 THEN 'department' || (r % 8) END AS x_KitDepartment,
       CASE WHEN r % 30 = 0 THEN 'distributed' WHEN r % 31 = 0 THEN 'undistributed' END AS x_KitShared,
       r % 4 <> 0 AS x_KitTagged, r % 3 = 0 AS x_KitTagPolicyMet,
       CASE WHEN machine THEN r % 7 = 0 END AS x_KitLegacy,
       status IS NULL AND machine AS x_KitEligible,
       CASE WHEN machine THEN CAST(2 ** (r % 6) AS DECIMAL(38,18)) END AS x_KitCores
FROM shaped
"""


def generate(con: duckdb.DuckDBPyConnection, file: Path, rows: int) -> None:
    """Write the charges, every column of ``open_charges`` in its type."""
    made = con.sql(f"SELECT * FROM ({GENERATE.format(rows=rows)}) LIMIT 0").columns
    types = {c.id: c.sql_type for c in focus.columns().values()} | {
        name: kind for name, (kind, *_) in (focus.STORED_KIT_COLUMNS | focus.JOINED_KIT_COLUMNS).items()
    }
    picks = ", ".join(f'CAST({c if c in made else "NULL"} AS {t}) AS "{c}"' for c, t in types.items())
    con.execute(f"COPY (SELECT {picks} FROM ({GENERATE.format(rows=rows)})) TO '{file}' (FORMAT parquet)")


def kpis(charges) -> list[measures.Measure]:
    """The set of the practitioner's report that comes from charges alone."""
    return [
        *totals.all_four(charges),
        totals.count(charges),
        totals.spot_share(charges),
        totals.refunds(charges),
        totals.credits_given(charges),
        totals.concentration(charges),
        savings.over_list(charges),
        savings.over_contracted(charges),
        savings.commitments_only(charges),
        savings.negotiated(charges),
        savings.without_list_price(charges),
        savings.charges_without_list_price(charges),
        commitments.coverage(charges),
        commitments.coverage(charges, "EffectiveCost"),
        commitments.utilisation(charges),
        commitments.utilisation(charges, by_quantity=False),
        commitments.waste(charges),
        allocation.accuracy(charges),
        allocation.unallocated(charges),
        allocation.untagged(charges),
        allocation.untagged(charges, taggable=True),
        allocation.tag_policy(charges),
        allocation.shared_unallocated(charges),
        unit_cost.per_gb_stored(charges),
        unit_cost.per_api_call(charges),
        unit_cost.per_token(charges),
        unit_cost.cache_hit_rate(charges),
        unit_cost.per_core_hour(charges),
        unit_cost.per_core_month(charges),
        efficiency.auto_scaling(charges),
        efficiency.legacy(charges),
        burn.rate(charges),
        freshness.visibility_delay(charges, DELIVERIES),
    ]


def by_expressions(charges) -> dict[str, str]:
    found = measures.evaluate(kpis(charges)).iloc[0]
    return {key: shown(found[key]) for key in found.index if key != "BillingCurrency"}


def by_sql(con: duckdb.DuckDBPyConnection, statement: str) -> dict[str, str]:
    """Numerators and denominators from one statement; the quotient in Decimal, as everywhere."""
    result = con.execute(statement)
    names = [d[0] for d in result.description]
    row = dict(zip(names, result.fetchone(), strict=True))
    return {
        n.removesuffix("/num"): shown(ratio(v, row[n.replace("/num", "/den")]))
        for n, v in row.items()
        if n.endswith("/num")
    }


def main(rows: int = 1_000_000, rounds: int = 9) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "charges.parquet"
        backend = ibis.duckdb.connect()
        con = backend.con
        con.execute("SET TimeZone = 'UTC'")
        generate(con, file, rows)
        con.execute(f"CREATE VIEW charges AS SELECT * FROM read_parquet('{file}')")
        charges = backend.table("charges")
        text = (HERE / "kpi_set.sql").read_text(encoding="utf-8")
        cases = {
            "all rows": (charges, text.replace("/* WHERE */", "")),
            "one month": (
                measures.month(charges, MONTH),
                text.replace("/* WHERE */", f"WHERE x_KitPeriod = '{MONTH}'"),
            ),
        }
        result: dict = {
            "rows": rows,
            "rounds": rounds,
            "kpis": len(kpis(charges)),
            "duckdb": duckdb.__version__,
        }
        for name, (table, statement) in cases.items():
            ours, theirs = by_expressions(table), by_sql(con, statement)
            assert ours == theirs, {
                k: (ours.get(k), theirs.get(k)) for k in ours | theirs if ours.get(k) != theirs.get(k)
            }
            times: dict[str, list[float]] = {"expressions": [], "sql": []}
            work: dict[str, list[float]] = {"expressions": [], "sql": []}
            for n in range(rounds):
                runs = [
                    ("expressions", lambda t=table: by_expressions(t)),
                    ("sql", lambda s=statement: by_sql(con, s)),
                ]
                for which, run in runs if n % 2 else reversed(runs):
                    start, cpu = time.perf_counter(), time.process_time()
                    run()
                    times[which].append(time.perf_counter() - start)
                    work[which].append(time.process_time() - cpu)
            medians = {which: statistics.median(t) for which, t in times.items()}
            result[name] = {
                "expressions_s": round(medians["expressions"], 4),
                "sql_s": round(medians["sql"], 4),
                "ratio": round(medians["expressions"] / medians["sql"], 2),
                "target": TARGETS[name],
                "ratio_cpu": round(
                    statistics.median(work["expressions"]) / statistics.median(work["sql"]), 2
                ),
                "fastest_s": {which: round(min(t), 4) for which, t in times.items()},
            }
    return result


if __name__ == "__main__":
    measured = main(*(int(a) for a in sys.argv[1:]))
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "kpi_set.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=2))
