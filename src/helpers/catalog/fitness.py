"""Which of the catalog's KPIs a user's own data allows, and what the rest are waiting for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from helpers.catalog import kpis as catalog
from helpers.catalog.kpis import COMPANIONS, Record
from helpers.catalog.results import ORDINARY_NULLS, PERIOD, Plan, known, planned, register, take
from helpers.terms import focus

PARTS = ("x_KitSource", "x_KitVersion")
JOINED_BY = {  # companion -> columns by which it shows in the charges
    "allocation": ("x_KitOwner",),
    "tag_policy": ("x_KitTagPolicyMet",),
    "skus": ("x_KitLegacy",),
}


@dataclass(frozen=True)
class Fitness:
    """Whether one KPI can be computed from these charges.

    Attributes
    ----------
    record : Record
    state : str
        ``computable``, ``needs column``, ``needs companion``, ``no such charges`` (all columns are there, what it measures
        is not) or ``later notebook``.
    needs : tuple of str
        The columns or companions.
    why : str
        One sentence: what is missing, where, and what would help.
    """

    record: Record
    state: str
    needs: tuple[str, ...]
    why: str

    def as_record(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        r = self.record
        return {
            "id": r.id,
            "number": r.number,
            "name": r.name,
            "persona": r.persona,
            "state": self.state,
            "needs": list(self.needs),
            "why": self.why,
            "link": r.link,
        }


def computable(charges: Any, *, foundation_only: bool = True, **companions: Any) -> list[Fitness]:
    """For each KPI: computable or not from these charges and companions, and why.

    Parameters
    ----------
    charges : ibis Table
        As ``open_charges`` gives it. A column that is null in every charge counts as absent.
    foundation_only : bool, default True
        The 88 of the Foundation's library; with False ours too.
    **companions
        Tables by name (`COMPANIONS`); None for one that is not there.

    Returns
    -------
    list of Fitness
        In the catalog's order. The measures themselves are taken: ``computable`` is what has a value in some month.

    Examples
    --------
    >>> [f.record.id for f in computable(charges) if f.state == "computable"]  # doctest: +SKIP
    """
    records = [r for r in catalog.records() if r.number or not foundation_only]
    held = _held(charges, {c for r in records for v in r.variants for c in v.columns} | {"x_KitOwner"})
    companions = companions | {"sources": register(companions.get("sources"), companions.get("deliveries"))}
    plans = [
        planned(r, v, charges, [PERIOD], {}, companions)
        for r in records
        for v in r.variants
        if v.function and not v.only
    ]
    taken, _ = take(plans, charges, [PERIOD])
    found: dict[str, list[tuple[Plan, bool]]] = {}
    for p, values in zip(plans, taken, strict=True):
        found.setdefault(p.record.id, []).append((p, any(known(v) is not None for v, _ in values.values())))
    return [_fitness(r, found.get(r.id, []), held, companions) for r in records]


Held = dict[tuple[str, str], dict[str, int]]  # (source, version) -> column -> values


def _held(charges: Any, columns: Iterable[str]) -> Held:
    """How many values each column holds, by source and version."""
    present = sorted(c for c in columns if c in charges.columns)
    rows = charges.aggregate(by=list(PARTS), **{f"n_{c}": charges[c].count() for c in present})
    return {
        (r[PARTS[0]], r[PARTS[1]]): {c: r[f"n_{c}"] for c in present} for r in rows.to_pyarrow().to_pylist()
    }


def _fitness(r: Record, tried: list[tuple[Plan, bool]], held: Held, companions: dict[str, Any]) -> Fitness:
    if not r.notebooks:
        needs = " and ".join(COMPANIONS[n] for n in r.needs)
        who = r.persona.replace("_", " ")
        return Fitness(
            r, "later notebook", r.needs, f"A later notebook, of {who}, shows it; it will need {needs}."
        )
    if any(v.derived == "notebook" for v in r.variants):
        lacking = tuple(n for n in r.needs if companions.get(n) is None)
        needs = " and ".join(COMPANIONS[n] for n in lacking)
        state, why = (
            ("needs companion", f"Needs {needs}.") if lacking else ("computable", "Its notebook finds it.")
        )
        return Fitness(r, state, lacking, why)
    verdicts = [_verdict(p, has_value, held, companions) for p, has_value in tried]
    fit = [f for f in verdicts if f.state == "computable"]
    return (
        fit[0]
        if fit
        else verdicts[0]
        if verdicts
        else Fitness(r, "computable", (), "From two months' totals.")
    )


def _verdict(p: Plan, has_value: bool, held: Held, companions: dict[str, Any]) -> Fitness:
    r, v = p.record, p.variant
    why = p.reason[:1].upper() + p.reason[1:] + "."
    if p.measure is None and p.reason.startswith("the charges"):
        return Fitness(r, "needs column", tuple(c for c in v.columns if f" {c}" in p.reason), why)
    if p.measure is None:
        return Fitness(r, "needs companion", v.needs, why)
    void = [c for c in v.columns if c not in ORDINARY_NULLS and not any(n.get(c, 0) for n in held.values())]
    if has_value and not set(void) & set(v.required):
        return Fitness(r, "computable", (), _hints(p, held, companions) or "All that it reads is there.")
    joined = [n for n in r.needs if not _shows(n, held) and companions.get(n) is None]
    if joined:
        needs = " and ".join(COMPANIONS[n] for n in joined)
        return Fitness(r, "needs companion", tuple(joined), f"Needs {needs}.")
    if void:
        return Fitness(r, "needs column", tuple(void), " ".join(_absent(c, held) for c in void))
    return Fitness(r, "no such charges", (), f"{v.empty[:1].upper()}{v.empty[1:] or 'No charges'}.")


def _shows(companion: str, held: Held) -> bool:
    """Whether a companion that is joined to the charges has left a trace there."""
    return any(n.get(c, 0) for n in held.values() for c in JOINED_BY.get(companion, ()))


def _hints(p: Plan, held: Held, companions: dict[str, Any]) -> str:
    """What would make a computable KPI better: rules that stand in, sources that lack a column others have."""
    sharper = [COMPANIONS[n] for n in p.record.needs if not _shows(n, held) and companions.get(n) is None]
    said = [f"Sharper with {' and '.join(sharper)}."] if sharper else []
    asked = [
        c for c in p.variant.columns if c not in ORDINARY_NULLS and any(n.get(c, 0) for n in held.values())
    ]
    for (source, version), counts in sorted(held.items(), key=str):
        lacking = [c for c in asked if not counts.get(c, 0)]
        if lacking:
            said.append(f"{source} (FOCUS {version}) has no {', '.join(lacking)}.")
    return " ".join(said)


def _absent(column: str, held: Held) -> str:
    """Which source and version lacks a column, and from which version FOCUS has it."""
    known_column = focus.all_columns().get(column)
    versions = sorted({version for _, version in held if version})
    if known_column and versions and all(v < known_column.since for v in versions):
        return f"{column} is absent in FOCUS {', '.join(versions)}; it comes with {known_column.since}."
    kit = {**focus.STORED_KIT_COLUMNS, **focus.JOINED_KIT_COLUMNS}
    meaning = f" ({kit[column][1]})" if column in kit else ""
    sources = sorted({source for source, _ in held if source})
    where = f" of {', '.join(sources)}" if sources else ""
    return f"{column}{meaning} is null in every charge{where}."
