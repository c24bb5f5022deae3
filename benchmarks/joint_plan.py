"""Using less and committing, planned together, on the sample company: against each part alone, both orders and the planted optimum.

* Orders: cost over twelve months of doing nothing, only using less, only committing, each order, and both together.
* Planted optimum: the same program when it is told exactly which machines are idle, too large or run at night for nobody, as they
  were planted, instead of finding them from hourly use. What is found is then costed as it was planted, so that a wrong advice
  costs what it would cost.
* Regret: the estimator month after month with what was known then, on each pool's own history, against the future known and
  against the trailing thirty-day newsvendor.

``python benchmarks/joint_plan.py [STORE]``; without a store the sample company is made anew (minutes).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TRUTH = HERE.parent / "sample_data" / "truth"
NIGHT = tuple(
    1.0 if h // 24 < 5 and 7 <= h % 24 < 19 else 0.0 for h in range(168)
)  # as planted: 8 to 19, one hour of lead
CURRENCIES = ("USD", "EUR")


def store(folder: Path) -> Path:
    """The sample company in a store."""
    finops = [sys.executable, "-m", "helpers"]
    subprocess.run([*finops, "sample", "--to", folder / "sample"], check=True, capture_output=True)
    parts = [
        *sorted((folder / "sample").glob("2*")),
        folder / "sample" / "company",
        folder / "sample" / "usage",
    ]
    parts.append(folder / "sample" / "focus" / "contract_commitment.csv")
    for part in parts:
        subprocess.run([*finops, "ingest", part, "--to", folder / "store"], check=True, capture_output=True)
    return folder / "store"


def planted(currency: str) -> dict[str, tuple[str, float]]:
    """Resource -> what was planted, and the share of its cost that mending it saves."""
    found = {}
    for kind in ("idle-machine", "oversized-machine", "machine-at-night"):
        for r in json.loads((TRUTH / f"{kind}.json").read_text("utf-8")):
            if r["currency"] == currency:
                found[r["scope"]["ResourceId"]] = (kind, float(Decimal(r["value"]) / Decimal(r["cost"])))
    return found


def as_planted(problem: Any, truth: dict[str, tuple[str, float]], effort: dict[str, float]) -> Any:
    """The problem with exactly the planted ways to use less."""
    from helpers.models import joint

    off = 168 - sum(NIGHT)

    def options(x: Any) -> tuple[Any, ...]:
        if x.id not in truth:
            return ()
        kind, share = truth[x.id]
        at_night = 1 - min(share * 168 / off, 1.0)  # the planted saving, taken in the hours outside work
        keep = tuple(n or at_night for n in NIGHT) if kind == "machine-at-night" else (1 - share,) * 168
        return (joint.Option(kind, keep, effort.get(x.id, 160.0)),)

    return replace(problem, loads=tuple(replace(x, options=options(x)) for x in problem.loads))


def orders(page: Any, currency: str) -> dict[str, Any]:
    from helpers.models import joint

    started = time.process_time()
    found = {o.order: o for o in page.orders}
    seconds = time.process_time() - started
    truth = planted(currency)
    effort = {x.id: min(o.effort for o in x.options) for x in page.loads if x.options}
    told = as_planted(page.problem, truth, effort)
    best = joint._solve(told, less=True, commit=True)
    # what was found, costed as planted: a machine that was not planted keeps all its use
    kept = {x.id: x.options[0] for x in told.loads if x.options and x.id in found["joint"].chosen}
    as_found = joint.given(told, chosen=kept, commit=True)
    none = float(found["nothing"].cost)
    wrong = sorted(i for i in found["joint"].chosen if i not in truth)
    return {
        "cost": {n: float(o.cost) for n, o in found.items()},
        "loses": {n: float(o.loses) for n, o in found.items()},
        "planted_optimum": float(best.cost),
        "found_costed_as_planted": float(as_found.cost),
        "share_of_planted_saving": round((none - float(as_found.cost)) / (none - float(best.cost)), 4),
        "planted_found": len(kept),
        "planted": sum(1 for x in told.loads if x.options),
        "not_planted_but_advised": wrong,
        "cpu_seconds": round(seconds, 2),
    }


def regret(page: Any) -> list[dict[str, Any]]:
    """Walk-forward on each large pool's own daily history."""
    return [
        {k: round(v, 6) if isinstance(v, float) else v for k, v in r.items() if k != "weight"}
        for r in page.regret
    ]


def main() -> None:
    from helpers.catalog.procurement import Procurement
    from helpers.runs import begin

    with tempfile.TemporaryDirectory() as made:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else store(Path(made))
        results: dict[str, Any] = {"month": "2026-09", "horizon_months": 12}
        for currency in CURRENCIES:
            page = Procurement(
                begin("procurement_commitments", data=str(folder), month="2026-09", currency=currency)
            )
            results[currency] = {"orders": orders(page, currency), "regret": regret(page)}
            print(currency, json.dumps(results[currency], indent=1))
    (HERE / "results" / "joint_plan.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
