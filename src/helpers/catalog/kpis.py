"""The catalog of KPIs: the Foundation's 88 and ours, as records of names and numbers.

References
----------
FinOps Foundation KPI library, https://www.finops.org/kpi/ (facts from its public copy, read 2026-11-24). How a record
is written: docs/add-a-kpi.md.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import yaml

from helpers.terms.errors import UsageError

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NO_COMPANION = ("charges", "by", "days")  # what `compute` itself gives to a measure's function
COMPANIONS = {  # what a KPI may need beside the charges -> what it is, and how a person gets it
    "allocation": "owner rules (allocation.csv; finops init writes a first one)",
    "tag_policy": "a tag policy (tag_policy.csv; finops init writes a first one)",
    "deliveries": "the store's record of deliveries (finops ingest keeps it)",
    "sources": "a register of known sources of cost (sources.csv)",
    "invoices": "invoices (invoices.csv; finops init writes a first one)",
    "contracts": "FOCUS contract commitments (identifier, quantity, unit)",
    "load_log": "start and end of each load",
    "anomalies": "incidents with their expected cost (the notebook engineering_anomalies finds them)",
    "anomaly_feedback": "what people said of earlier alerts (anomaly_feedback.csv)",
    "budgets": "a budget by month (budgets.csv)",
    "forecast": "stored forecasts",
    "drivers": "business figures such as orders, users or revenue",
    "emissions": "estimated emissions (the notebook sustainability_emissions makes them)",
    "finance": "what the finance review found (the notebook makes it)",
    "findings": "optimisation findings with their saving",
    "functions": "which business function each product serves",
    "job_logs": "logs of jobs, model calls or queries",
    "ledger": "journal lines of the general ledger",
    "licences": "licences and their users",
    "schedules": "power schedules",
    "shared_costs": "rules that distribute shared cost",
    "skus": "generation and storage tier of SKUs (skus.csv)",
    "training": "training records",
    "utilisation": "utilisation measurements",
    "visits": "visits to cost reports",
    "workloads": "which charges belong to which workload",
    "data_centre": "data centre figures",
    "products": "which charges belong to which product (products.csv)",
    "product_plans": "units, targets and cost of leaving of products (product_plans.csv)",
    "customers": "what each customer used and paid (customers.csv)",
    "bets": "what could be built next (bets.csv)",
    "designs": "what planned features would use (designs.csv)",
    "calendar": "holidays, launches and planned changes (calendar.csv)",
    "carbon_measures": "what would lower emissions (the notebook sustainability_emissions finds it)",
    "carbon_checks": "what the notebook sustainability_emissions found of factors, path and reviews",
    "actions": "actions and what they promised (actions.csv)",
    "leavers": "owners who left (teams.csv with owner_to)",
}
COMPANION_COLUMNS = {
    "deliveries": ("id", "delivered"),
    "sources": ("source", "loaded"),
    "invoices": ("issuer", "period", "currency", "total"),
    "emissions": ("period", "category", "kg", "grade", "cost", "currency"),
    "budgets": ("month", "amount", "currency"),
    "forecast": ("issued", "month", "amount", "currency"),
    "finance": ("kind", "amount"),
    "contracts": ("ContractCommitmentId", "ContractCommitmentQuantity", "ContractCommitmentUnit"),
    "drivers": ("day", "product", "driver", "value", "currency"),
    "products": ("product", "feature", "work", "match_on", "match_value"),
    "findings": ("resource_id", "kind", "saving", "currency"),
    "utilisation": ("used", "capacity"),
    "schedules": ("resource_id", "zone", "week", "mode", "valid_from", "valid_to"),
    "actions": ("promised", "currency", "judgement"),
    "anomalies": (
        "month",
        "status",
        "kind",
        "excess",
        "a_month",
        "avoided",
        "lasts",
        "owner",
        "answered",
        "delay",
    ),
    "leavers": ("cost",),
}
DIRECTIONS = ("up", "down", "neutral")


@dataclass(frozen=True)
class Benchmark:
    """Published figures to compare with, and where they hold.

    Attributes
    ----------
    values : dict
        Name -> figure [the KPI's unit].
    source : str
    scope : dict
        A result shows the benchmark only where its scope holds all of these; empty: everywhere.
    """

    values: Mapping[str, Decimal]
    source: str
    scope: Mapping[str, str]


@dataclass(frozen=True)
class Variant:
    """One published form of a KPI: which function gives it, and with what.

    Attributes
    ----------
    name : str
        Empty for the only or first form.
    function : str
        ``module:function`` of the measure; empty where `derived`.
    takes : tuple of str
        What the function is called with, in order: ``charges``, ``by``, ``days`` or a companion's name.
    arguments : dict
        Further arguments by name.
    usage : dict
        Scope of a savings rate (arguments of `helpers.measures.savings.Scope`); empty for all usage.
    only : str
        Provider for which alone the form is given; empty for the whole month.
    derived : str
        Name of a number that comes from other results, not from a measure.
    columns, required : tuple of str
        Columns read; those without one value of which the number would be wrong rather than missing.
    formula, unit, empty : str
        In words; as in a measure; why there may be no value.
    digits : int
        Places shown to people.
    once : bool
        Taken for the month at hand only: what it needs beside the charges says nothing about earlier months.
    money : bool
        False for what is the same in every currency, such as emissions: it stands once.
    """

    name: str
    function: str
    takes: tuple[str, ...]
    arguments: Mapping[str, Any]
    usage: Mapping[str, Any]
    only: str
    derived: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    formula: str
    unit: str
    empty: str
    digits: int
    once: bool
    money: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """Companions without which it cannot be computed."""
        return tuple(t for t in self.takes if t not in NO_COMPANION)


@dataclass(frozen=True)
class Record:
    """One KPI of the catalog.

    Attributes
    ----------
    id, name : str
        The Foundation's slug, or ours.
    number : int or None
        Place in the Foundation's library (alphabetical), None for ours.
    persona, capability : str
    definition : str
        ``foundation``: the library prints the formula; ``ours``: it prints none in what we read, the formula is our
        reading; ``kit``: the KPI is ours.
    needs : tuple of str
        Companions (keys of `COMPANIONS`) that it is built on.
    notebooks : tuple of str
        Notebooks that show it, its persona's own first; empty for a later one.
    direction : str
        ``up`` (more is better), ``down`` or ``neutral``.
    benchmark : Benchmark or None
    trap : str
        What readers or tools get wrong.
    split : tuple of str
        Dimensions it is also given by.
    shown_as : str
        ``factor`` for a ratio that people read as ``1.5 ×``; else empty.
    short : str
        Name for a small space; `name` where none is given.
    plain : str
        What it says, in one sentence for people who know no terms; empty where nobody wrote one yet.
    variants : tuple of Variant
    """

    id: str
    name: str
    number: int | None
    persona: str
    capability: str
    definition: str
    needs: tuple[str, ...]
    notebooks: tuple[str, ...]
    direction: str
    benchmark: Benchmark | None
    trap: str
    split: tuple[str, ...]
    shown_as: str
    short: str
    plain: str
    variants: tuple[Variant, ...]

    @property
    def link(self) -> str:
        """The Foundation's page; empty for a KPI of ours."""
        return f"https://www.finops.org/kpi/{self.id}/" if self.number else ""


@cache
def records() -> tuple[Record, ...]:
    """All KPIs, in the file's order: the Foundation's by number, then ours."""
    with resources.files("helpers.catalog").joinpath("kpis.yaml").open(encoding="utf-8") as file:
        return tuple(_record(r) for r in yaml.load(file, Loader=LOADER))


def record(id: str) -> Record:
    """One KPI by its id.

    Raises
    ------
    UsageError
        If there is none; the nearest id is named.

    Examples
    --------
    >>> record("percentage-of-commitment-based-discount-waste").number
    58
    """
    by_id = {r.id: r for r in records()}
    if id in by_id:
        return by_id[id]
    nearest = difflib.get_close_matches(id, by_id, 1)
    raise UsageError(
        f"no KPI {id!r}",
        "an id of the catalog",
        f"did you mean {nearest[0]}?" if nearest else "finops kpis lists them",
    )


def of_notebook(notebook: str) -> tuple[Record, ...]:
    """The KPIs that a notebook shows."""
    found = tuple(r for r in records() if notebook in r.notebooks)
    if not found:
        known = sorted({n for r in records() for n in r.notebooks})
        nearest = difflib.get_close_matches(notebook, known, 1)
        raise UsageError(
            f"no KPIs for the notebook {notebook!r}",
            f"one of {', '.join(known)}",
            f"did you mean {nearest[0]}?" if nearest else "name the notebook in a record of kpis.yaml",
        )
    return found


def function(variant: Variant) -> Callable[..., Any]:
    """The measure's function that a record names."""
    module, _, name = variant.function.partition(":")
    return getattr(importlib.import_module(module), name)


def _record(raw: dict[str, Any]) -> Record:
    variants = raw.get("variants", [])
    found = raw.get("benchmark")
    return Record(
        raw["id"],
        raw["name"],
        raw.get("number"),
        raw["persona"],
        raw["capability"],
        raw["definition"],
        tuple(raw.get("needs", [])),
        _several(raw.get("notebook", [])),
        raw.get("direction", "neutral"),
        _benchmark(found) if found else None,
        raw.get("trap", ""),
        tuple(raw.get("split", [])),
        raw.get("shown_as", ""),
        raw.get("short", raw["name"]),
        raw.get("plain", ""),
        tuple(_variant(raw, v) for v in variants),
    )


def _several(names: str | list[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _benchmark(raw: dict[str, Any]) -> Benchmark:
    values = {name: Decimal(v) for name, v in raw["values"].items()}
    return Benchmark(values, raw["source"], raw.get("scope", {}))


def _variant(raw: dict[str, Any], own: dict[str, Any]) -> Variant:
    """A variant's keys win over its record's."""
    return Variant(
        own.get("name", ""),
        own.get("function", ""),
        tuple(own.get("takes", ["charges"])),
        own.get("arguments", {}),
        own.get("usage", {}),
        own.get("only", ""),
        own.get("derived", ""),
        tuple(own.get("columns", raw["columns"])),
        tuple(own.get("required", raw.get("required", []))),
        own.get("formula", raw["formula"]),
        own.get("unit", raw["unit"]),
        own.get("empty", raw.get("empty", "")),
        own.get("digits", raw["digits"]),
        own.get("once", raw.get("once", False)),
        own.get("money", raw.get("money", True)),
    )
