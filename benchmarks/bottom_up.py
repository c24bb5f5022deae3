"""Drivers or trend: which came nearer to what departments cost in the four months after? Walk-forward.

Run: ``python benchmarks/bottom_up.py STORE``: a store with two years of charges, products and drivers. Each month's report
of the finance notebook is made as of that month's end; both forecasts of the next four months are held against what came.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from helpers.actions.budget_plans import plans
from helpers.actions.finance_review import review
from helpers.runs.session import begin
from helpers.terms.period import Month

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "bottom_up.json"
MONTHS = [str(Month(2025, 10).plus(n)) for n in range(8)]


def main(store: str) -> None:
    """Walk forward and write the results."""
    lines = []
    for month in MONTHS:
        run = begin("finance_forecasting", data=store, month=month)
        found = review(run)
        for r in plans(run, found).ahead.to_dict("records"):
            months = found.outlook.months
            came = sum(found.actual.get((m, r["department"]), 0) for m in months)
            if came > 0:
                lines.append({"month": month, "department": r["department"], "came": float(came), "trend": float(r["trend"]), "bottom_up": float(r["bottom_up"]), "drivers": round(float(r["drivers"]), 3)})  # fmt: skip
    table = {}
    for name in ("all", *sorted({x["department"] for x in lines})):
        mine = [x for x in lines if name in ("all", x["department"])]
        whole = sum(x["came"] for x in mine)
        table[name] = {
            w: round(sum(abs(x[w] - x["came"]) for x in mine) / whole, 4) for w in ("trend", "bottom_up")
        }
        table[name] |= {
            "cases": len(mine),
            "bottom_up_nearer": sum(
                abs(x["bottom_up"] - x["came"]) < abs(x["trend"] - x["came"]) for x in mine
            ),
        }
    result = {
        "what": "sum of absolute errors of four months' cost / cost",
        "months": MONTHS,
        "error": table,
        "cases": lines,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
