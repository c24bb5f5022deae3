"""Which of the catalog's KPIs a user's own data allows, and what the rest are waiting for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from helpers.catalog import kpis as catalog
from helpers.catalog.kpis import COMPANION_COLUMNS, COMPANIONS, Record, Variant
from helpers.catalog.results import ORDINARY_NULLS
from helpers.terms import focus

PARTS = ("x_KitSource", "x_KitVersion")
JOINED_BY = {  # companion -> columns by which it shows in the charges
    "allocation": ("x_KitOwner",),
    "tag_policy": ("x_KitTagPolicyMet",),
}


@dataclass(frozen=True)
class Fitness:
    """Whether one KPI can be computed from these charges.

    Attributes
    ----------
    record : Record
    state : str
        ``computable``, ``needs column``, ``needs companion`` or ``later notebook``.
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
    """For each KPI: computable or not from these charges and companions, and why; one pass over the charges.

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
        In the catalog's order.

    Examples
    --------
    >>> [f.record.id for f in computable(charges) if f.state == "computable"]  # doctest: +SKIP
    """
    records = [r for r in catalog.records() if r.number or not foundation_only]
    held = _held(charges, {c for r in records for v in r.variants for c in v.columns} | {"x_KitOwner"})
    return [_fitness(r, held, charges, companions) for r in records]


Held = dict[tuple[str, str], dict[str, int]]  # (source, version) -> column -> values


def _held(charges: Any, columns: Iterable[str]) -> Held:
    """How many values each column holds, by source and version."""
    present = sorted(c for c in columns if c in charges.columns)
    counts = {c: charges[c].count() for c in present}
    rows = charges.aggregate(by=list(PARTS), **{f"n_{c}": n for c, n in counts.items()})
    return {
        tuple(r[p] for p in PARTS): {c: r[f"n_{c}"] for c in present} for r in rows.to_pyarrow().to_pylist()
    }  # pyright: ignore[reportReturnType]


def _fitness(r: Record, held: Held, charges: Any, companions: dict[str, Any]) -> Fitness:
    if not r.notebook:
        needs = ", ".join(COMPANIONS[n] for n in r.needs)
        who = r.persona.replace("_", " ")
        return Fitness(
            r,
            "later notebook",
            r.needs,
            f"A later notebook of the {who} persona shows it; it will need {needs}.",
        )
    verdicts = [_variant(r, v, held, companions) for v in r.variants if not v.only]
    best = next((f for f in verdicts if f.state == "computable"), verdicts[0])
    if best.state != "computable":
        return best
    hints = [_lacks(n, held, companions) for n in r.needs]
    partial = _partial(r.variants[0], held)
    return Fitness(
        r, "computable", (), " ".join(t for t in [*hints, partial] if t) or "All that it reads is there."
    )


def _variant(r: Record, v: Variant, held: Held, companions: dict[str, Any]) -> Fitness:
    for name in v.needs:
        table = companions.get(name)
        if table is None:
            return Fitness(r, "needs companion", (name,), f"Needs {COMPANIONS[name]}.")
        absent = [c for c in COMPANION_COLUMNS.get(name, ()) if c not in table.columns]
        if absent:
            why = f"The table {name} has no column {', '.join(absent)}."
            return Fitness(r, "needs companion", (name,), why)
    for name in r.needs:
        if set(JOINED_BY.get(name, ())) & set(v.required) and _lacks(name, held, companions):
            return Fitness(r, "needs companion", (name,), f"Needs {COMPANIONS[name]}.")
    empty = [c for c in _asked(v) if not any(counts.get(c, 0) for counts in held.values())]
    if empty:
        return Fitness(r, "needs column", tuple(empty), " ".join(_absent(c, held) for c in empty))
    return Fitness(r, "computable", (), "")


def _asked(v: Variant) -> list[str]:
    """Columns that must hold something: all but those where null is an ordinary answer."""
    may = ORDINARY_NULLS | OPTIONAL | (set() if "CommitmentDiscountStatus" not in v.columns else set())
    commitment = [c for c in v.columns if c == "CommitmentDiscountStatus" and _about_commitments(v)]
    return [c for c in v.columns if c not in may or c in v.required] + commitment


# Columns a measure reads where they are there: another one or a default stands in.
OPTIONAL = {
    "CommitmentDiscountQuantity",
    "CommitmentDiscountUnit",
    "PricingCategory",
    "ResourceId",
    "SkuMeter",
    "ChargeDescription",
    "ServiceSubcategory",
    "SubAccountId",
    "RegionId",
    "x_KitPublisherName",
    "x_KitOwner",
    "x_KitDepartment",
    "x_KitShared",
    "x_KitEligible",
}


def _about_commitments(v: Variant) -> bool:
    return v.function.startswith("helpers.measures.commitments:") and not v.required


def _lacks(companion: str, held: Held, companions: dict[str, Any]) -> str:
    """A sentence where a companion that the KPI is built on does not show in the charges."""
    columns = JOINED_BY.get(companion, ())
    if companions.get(companion) is not None or any(
        counts.get(c, 0) for counts in held.values() for c in columns
    ):
        return ""
    return f"Sharper with {COMPANIONS[companion]}."


def _absent(column: str, held: Held) -> str:
    """Which source and version lacks a column, and from which version FOCUS has it."""
    known = focus.all_columns().get(column)
    versions = sorted({version for _, version in held if version})
    if known and versions and all(v < known.since for v in versions):
        return f"{column} is absent in FOCUS {', '.join(versions)}; it comes with {known.since}."
    sources = sorted({source for source, _ in held if source})
    where = f" of {', '.join(sources)}" if sources else ""
    return f"{column} is null in every charge{where}."


def _partial(v: Variant, held: Held) -> str:
    """Where a part of the sources lacks a column that others have."""
    parts = []
    for (source, version), counts in sorted(held.items(), key=str):
        lacking = [c for c in _asked(v) if not counts.get(c, 0)]
        if lacking:
            parts.append(f"{source} {version} lacks {', '.join(lacking)}")
    return f"In part only: {'; '.join(parts)}." if parts else ""
