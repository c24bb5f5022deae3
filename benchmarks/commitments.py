"""Commitments planned walk-forward on real demand, against simple rules and against the known future.

Run: ``python benchmarks/commitments.py [--shared FOLDER] [--worlds N] [--only PART …]``. The demand is
``commitments/vm_demand_hourly_regions_1_2.parquet`` (Snowflake-Labs/shavedice-dataset, CC BY 4.0; M. Stokely et al., Shaved
Ice, ICPE 2025, doi 10.1145/3676151.3719353). How each figure is defined: docs/commitments.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "commitments.json"
FIRST = 12
PARTS = (
    "real",
    "chosen_elsewhere",
    "plans",
    "rates",
    "one_instrument",
    "frontier",
    "other_cuts",
    "worlds",
    "speed",
)


def percent(value: float) -> float:
    return round(100 * float(value), 2)


def read(folder: Path):
    """Regions and plans of the real data."""
    from helpers.data import demand
    from helpers.models.commitments import answer

    held = demand.read(folder / "vm_demand_hourly_regions_1_2.parquet")
    planned = demand.planned(folder / "planned_migrations.csv", held)
    return answer.histories(held), answer.plans(planned)


class Scored:
    """Savings of lists of purchases, beside flexible-only and the known future of the same regions and rates."""

    def __init__(self, regions, terms):
        from helpers.models.commitments import rules
        from helpers.models.commitments.cost import bill
        from helpers.models.commitments.optimum import optimum

        self.regions, self.terms, self._bill = regions, terms, bill
        flexible = replace(terms, type_rate=None)
        self.flexible = {
            r.name: bill(r, rules.newsvendor(r, flexible, FIRST), flexible, FIRST).savings for r in regions
        }
        self.best = {r.name: optimum(r, terms, FIRST)[1] for r in regions}

    def of(self, bought, terms=None) -> dict:
        """Points saved, share of the way from flexible-only to the optimum, worst quarter, lock-in and loss by region."""
        from helpers.models.commitments.answer import outlived, worst_quarter
        from helpers.models.commitments.lock_in import exposure

        terms = terms or self.terms
        found, closed = {}, []
        for r in self.regions:
            paid = self._bill(r, bought[r.name], terms, FIRST)
            gap = self.best[r.name] - self.flexible[r.name]
            closed.append((paid.savings - self.flexible[r.name]) / gap)
            exposed = exposure(r, bought[r.name], terms, FIRST)
            found[r.name] = {
                "saved": percent(paid.savings),
                "against_flexible_only": percent(paid.savings - self.flexible[r.name]),
                "way_closed": percent(closed[-1]),
                "worst_quarter": percent(worst_quarter(paid)),
                "coverage": percent(paid.coverage),
                "utilisation": percent(paid.utilisation),
                "lock_in_months": round(exposed.committed, 2),
                "lock_in_months_of_use": round(exposed.usage, 2),
                "unused_if_a_third_falls_months": {
                    "mean": round(exposed.lost, 2),
                    "worst": round(exposed.worst, 2),
                },
                "with_what_outlives": {
                    k: percent(v) for k, v in outlived(r, bought[r.name], terms, paid).items()
                },
            }
        return {"mean_way_closed": percent(np.mean(closed)), "regions": found}


def real(regions, plans):
    """The plan with and without planned migrations, and the rules."""
    from helpers.models.commitments import rules
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.optimum import optimum
    from helpers.models.commitments.walk_forward import walk

    terms = Terms()
    score = Scored(regions, terms)
    flexible, typed = replace(terms, type_rate=None), replace(terms, portfolio_rate=None)
    by = {
        "plan, from history alone": score.of(walk(regions, terms, FIRST)),
        "plan, planned migrations known": score.of(walk(regions, terms, FIRST, plans=plans)),
        "known future (linear program)": score.of({r.name: optimum(r, terms, FIRST)[0] for r in regions}),
        "flexible only, newsvendor of 30 days": score.of(
            {r.name: rules.newsvendor(r, flexible, FIRST) for r in regions}, flexible
        ),
        "types only, newsvendor of 30 days": score.of(
            {r.name: rules.newsvendor(r, typed, FIRST) for r in regions}, typed
        ),
        "both, newsvendor of 30 days": score.of({r.name: rules.newsvendor(r, terms, FIRST) for r in regions}),
        "always the lowest hour of 30 days": score.of(
            {r.name: rules.least(r, terms, FIRST) for r in regions}
        ),
    }
    for share in (0.1, 0.25, 0.5):
        by[f"fixed mix, {share:.0%} of types' quantile"] = score.of({r.name: rules.ladder(r, terms, FIRST, share=share) for r in regions})  # fmt: skip
    for months in (12, 18):
        by[f"types under {months} months, flexible for the rest"] = score.of({r.name: rules.young(r, terms, FIRST, months=months) for r in regions})  # fmt: skip
    return {
        "flexible_only": {k: percent(v) for k, v in score.flexible.items()},
        "optimum": {k: percent(v) for k, v in score.best.items()},
        "break_even_months": {"type": 0.6 * 12, "flexible": 0.7 * 12},
        "methods": by,
    }


SETTINGS = {
    "as shipped": {},
    "window 14 days": {"WINDOW_DAYS": 14},
    "window 42 days": {"WINDOW_DAYS": 42},
    "trusted from 0.8": {"TRUSTED": 0.8},
    "prior: short lives": {"MEANS": {12.0: 0.5, 18.0: 1.5, 24.0: 2.0, 30.0: 1.5, 40.0: 0.7, 60.0: 0.3}},
    "prior: long lives": {"MEANS": {20.0: 0.7, 30.0: 1.5, 45.0: 2.0, 60.0: 1.0, 90.0: 0.5}},
    "prior: no ageing": {"SHAPES": {1.0: 1.0}},
    "prior: strong ageing": {"SHAPES": {3.0: 1.0}},
}


def chosen_elsewhere(regions, _):
    """Each region scored with the settings that did best on the other regions; and the other regions' past not seen."""
    from helpers.models.commitments import lifetimes, planner, walk_forward
    from helpers.models.commitments.cost import Terms

    score = Scored(regions, Terms())
    homes = {
        "WINDOW_DAYS": (planner, walk_forward),
        "TRUSTED": (planner,),
        "MEANS": (lifetimes,),
        "SHAPES": (lifetimes,),
    }
    closed = {}
    for name, changed in SETTINGS.items():
        before = [(m, k, getattr(m, k)) for k in changed for m in homes[k]]
        if "WINDOW_DAYS" in changed:
            walk_forward.recent.__defaults__ = (changed["WINDOW_DAYS"],)
        for module, key, _ in before:
            setattr(module, key, changed[key])
        found = score.of(walk_forward.walk(regions, Terms(), FIRST))["regions"]
        closed[name] = {r: found[r]["way_closed"] for r in found}
        for module, key, value in before:
            setattr(module, key, value)
        walk_forward.recent.__defaults__ = (planner.WINDOW_DAYS,)
    left_out = {}
    for r in regions:
        others = {n: np.mean([v for k, v in c.items() if k != r.name]) for n, c in closed.items()}
        best = max(others, key=others.get)
        left_out[r.name] = {"settings": best, "way_closed": closed[best][r.name]}
    alone = {r.name: Scored([r], Terms()).of(walk_forward.walk([r], Terms(), FIRST))["regions"][r.name]["way_closed"] for r in regions}  # fmt: skip
    return {
        "way_closed": closed,
        "leave_one_region_out": left_out,
        "mean_leave_one_region_out": round(float(np.mean([v["way_closed"] for v in left_out.values()])), 2),
        "each_region_seeing_only_itself": alone,
    }


def plans(regions, known):
    """What planned migrations are worth when they are not quite right."""
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.walk_forward import walk

    terms = Terms()
    score = Scored(regions, terms)

    def told(change):
        return {r: [(since, change(m)) for since, m in own] for r, own in known.items()}

    def later(days):
        return lambda m: replace(m, start=m.start + timedelta(days=days), end=m.end + timedelta(days=days))

    cases = {
        "as it came": known,
        "dates 60 days late": told(later(60)),
        "dates 60 days early": told(later(-60)),
        "share 0.3 too low": told(lambda m: replace(m, share=m.share - 0.3)),
        "only region 2's plan told": {"2": known["2"]},
        "none told": {},
    }
    found = {name: score.of(walk(regions, terms, FIRST, plans=case)) for name, case in cases.items()}
    # 70 % of A went to B in fact, all of it was planned: shares 0.3 off the other way
    part = [kept(r, 0.7) for r in regions]
    found["share 0.3 too high (demand changed: 70 % moved)"] = Scored(part, terms).of(walk(part, terms, FIRST, plans=known))  # fmt: skip
    found["the same, not told"] = Scored(part, terms).of(walk(part, terms, FIRST))
    off = [kept(regions[0], 0.0), *regions[1:]]
    found["region 1's plan cancelled (demand changed: A stays)"] = Scored(off, terms).of(walk(off, terms, FIRST, plans=known))  # fmt: skip
    found["the same, region 1 not told"] = Scored(off, terms).of(
        walk(off, terms, FIRST, plans={"2": known["2"]})
    )
    return found


def kept(region, share):
    """The region in which only `share` of what became B did."""
    a, b = region.types.index("A"), region.types.index("B")
    use = region.use.copy()
    use[:, a] += (1 - share) * use[:, b]
    use[:, b] *= share
    return replace(region, use=use)


def rates(regions, known):
    """Dearer instruments."""
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.walk_forward import walk

    terms = Terms(0.63, 0.73)
    score = Scored(regions, terms)
    return {
        "flexible_only": {k: percent(v) for k, v in score.flexible.items()},
        "optimum": {k: percent(v) for k, v in score.best.items()},
        "from history alone": score.of(walk(regions, terms, FIRST)),
        "planned migrations known": score.of(walk(regions, terms, FIRST, plans=known)),
    }


def one_instrument(regions, _):
    """Flexible alone and types alone: paid over the optimum's paid, in per cent above it."""
    from helpers.models.commitments import rules
    from helpers.models.commitments.cost import Terms, bill
    from helpers.models.commitments.optimum import optimum
    from helpers.models.commitments.walk_forward import walk

    found = {}
    for name, terms in (
        ("flexible alone", Terms(type_rate=None)),
        ("types alone", Terms(portfolio_rate=None)),
    ):
        mine = walk(regions, terms, FIRST)
        for r in regions:
            best = optimum(r, terms, FIRST)[1]
            plan, rule = (
                bill(r, b, terms, FIRST).savings for b in (mine[r.name], rules.newsvendor(r, terms, FIRST))
            )
            found.setdefault(name, {})[r.name] = {
                "optimum": percent(best),
                "plan": percent(plan),
                "newsvendor": percent(rule),
                "plan_paid_above_optimum": percent((1 - plan) / (1 - best) - 1),
                "newsvendor_paid_above_optimum": percent((1 - rule) / (1 - best) - 1),
            }
    return found


def frontier(regions, _):
    """Savings against lock-in: slower purchases, and sizes that absorb a fall."""
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.walk_forward import walk

    score, rows = Scored(regions, Terms()), []
    for pace, decline in (
        (0.05, 0),
        (0.1, 0),
        (0.25, 0),
        (0.5, 0),
        (1, 0),
        (1, 0.1),
        (1, 0.2),
        (1, 1 / 3),
        (1, 0.5),
    ):
        found = score.of(walk(regions, Terms(), FIRST, pace=pace, decline=decline))["regions"].values()

        def mean(key, rows=found):
            return round(float(np.mean([r[key] for r in rows])), 2)

        lost = [r["unused_if_a_third_falls_months"]["mean"] for r in found]
        rows.append(
            {
                "pace": pace,
                "decline_absorbed": round(decline, 3),
                "saved": mean("saved"),
                "lock_in_months": mean("lock_in_months"),
                "lock_in_months_of_use": mean("lock_in_months_of_use"),
                "unused_if_a_third_falls_months": round(float(np.mean(lost)), 2),
                "chosen": pace == 1 and decline == 0,
            }
        )
    return rows


def other_cuts(regions, _):
    """The same data begun later, and without the two types that matter most: nothing was set on these."""
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.walk_forward import walk

    def without(r):
        keep = [i for i, t in enumerate(r.types) if t not in "AB"]
        return replace(r, types=tuple(r.types[i] for i in keep), use=r.use[:, keep])

    def begun(r, day):
        at = r.hour(day)
        return replace(r, start=r.start + np.timedelta64(at, "h"), use=r.use[at:], known=r.known[at:])

    cases = {"without A and B": [without(r) for r in regions]}
    for day in (date(2021, 5, 1), date(2021, 8, 1), date(2021, 11, 1), date(2022, 2, 1), date(2022, 5, 1), date(2022, 8, 1)):  # fmt: skip
        cases[f"begun {day}"] = [begun(r, day) for r in regions]
    found = {}
    for name, case in cases.items():
        score = Scored(case, Terms())
        made = score.of(walk(case, Terms(), FIRST))["regions"]
        found[name] = {r: {"saved": v["saved"], "against_flexible_only": v["against_flexible_only"], "optimum": percent(score.best[r])} for r, v in made.items()}  # fmt: skip
    return found


def worlds(regions, _, many=8):
    """Made-up worlds on the real total of A and B: migrations at other times, some new generations replaced soon themselves."""
    from helpers.models.commitments.cost import Terms
    from helpers.models.commitments.walk_forward import walk

    draw, gains = np.random.default_rng(7), {"one migration": [], "two migrations": []}
    for _ in range(many):
        base, life = draw.uniform(-8, 40), draw.choice([draw.uniform(12, 24), draw.uniform(18, 40), 99])
        case = []
        for name in ("r0", "r1", "r2"):
            late = draw.exponential(5), draw.exponential(5)
            source = regions[int(draw.integers(len(regions)))]
            case.append(
                moved(source, name, base + late[0], base + life + late[1], float(draw.choice([0.1, 1, 2])))
            )
        score = Scored([r for r, _ in case], Terms())
        made = score.of(walk([r for r, _ in case], Terms(), FIRST))["regions"]
        for region, second in case:
            kind = "two migrations" if second < 36 else "one migration"
            gains[kind].append(made[region.name]["against_flexible_only"])
    return {
        k: {
            "regions": len(v),
            "mean": round(float(np.mean(v)), 2),
            "worst": min(v),
            "below_minus_0.3": sum(g < -0.3 for g in v),
        }
        for k, v in gains.items()
        if v
    } | {"unit": "points of the savings rate against flexible-only"}


def moved(region, name, first, second, months):
    """A → B after `first` months and B → Z after `second`, each within `months`."""
    at = np.arange(len(region.use)) / 730.5
    keep = [i for i, t in enumerate(region.types) if t not in "AB"]
    whole = region.use[:, [region.types.index("A"), region.types.index("B")]].sum(1)
    to_b, to_z = (np.clip((at - when) / months, 0, 1) for when in (first, second))
    parts = np.column_stack([whole * (1 - to_b), whole * to_b * (1 - to_z), whole * to_b * to_z])
    parts[parts < 0.5] = 0
    types = (*(region.types[i] for i in keep), "A", "B", "Z")
    return replace(region, name=name, types=types, use=np.hstack([region.use[:, keep], parts])), second


def speed(regions, _):
    """Made-up regions of 10 types and 26,000 hours: wall and processor time of the whole answer, on all processors."""
    import resource

    from helpers.models.commitments.answer import answers
    from helpers.models.commitments.cost import Terms

    def used():
        both = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(r.ru_utime + r.ru_stime for r in both)

    rows = []
    for many in (4, 15, 30):
        case = [made_up(regions[n % len(regions)], n) for n in range(many)]
        began, before = time.perf_counter(), used()
        answers(case, Terms(), workers=os.cpu_count() or 1)
        rows.append({"regions": many, "seconds": round(time.perf_counter() - began, 1), "processor_seconds": round(used() - before, 1)})  # fmt: skip
    return {"processors": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1), "growth": rows}


def made_up(region, number):
    """Ten types of a real region, its hours turned by some weeks and scaled, 26,000 of them."""
    draw = np.random.default_rng(number)
    use = region.use[:26_000, :10] * draw.uniform(0.5, 2, 10)
    noise = 1 + 0.05 * draw.standard_normal(use.shape)
    return replace(region, name=f"m{number}", types=region.types[:10], use=np.clip(use * noise, 0, None), known=region.known[:26_000])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    regions, known = read(given.shared / "commitments")
    held = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part in given.only:
        extra = {"many": given.worlds} if part == "worlds" else {}
        began = time.perf_counter()
        held[part] = globals()[part](regions, known, **extra)
        print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        RESULTS.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
