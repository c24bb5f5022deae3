"""The data dictionary: every table and column that the kit reads, with type and unit, as a page made from the schemas.

``python -m helpers.data.dictionary`` prints docs/data-dictionary.md; a test holds the file to it.
"""

from __future__ import annotations

import sys

from helpers.data import companions
from helpers.data.monitors import METRICS
from helpers.terms import focus

INTRODUCTION = """# Data dictionary

Made from the schemas by `python -m helpers.data.dictionary > docs/data-dictionary.md`; do not edit. First the charges (FOCUS
Cost and Usage), with the kit's own columns; then the companion tables, FOCUS's other three datasets among them. How files
are written is in [companions.md](companions.md), how versions differ in [focus-versions.md](focus-versions.md); what each
column of FOCUS means, word for word, at https://focus.finops.org.
"""
COSTS = "[BillingCurrency]"
UNITS = {
    "CommitmentDiscountQuantity": "[CommitmentDiscountUnit]",
    "ConsumedQuantity": "[ConsumedUnit]",
    "ContractedUnitPrice": "[BillingCurrency/PricingUnit]",
    "ListUnitPrice": "[BillingCurrency/PricingUnit]",
    "PricingQuantity": "[PricingUnit]",
    "PricingCurrencyContractedUnitPrice": "[PricingCurrency/PricingUnit]",
    "PricingCurrencyEffectiveCost": "[PricingCurrency]",
    "PricingCurrencyListUnitPrice": "[PricingCurrency/PricingUnit]",
    "x_KitCores": "[1]",
}

USE = {
    "resource_id": ("text", "", "yes", "The resource, as its source names it."),
    "metric": ("text", "", "yes", f"One of {', '.join(f'`{m}`' for m in METRICS)}."),
    "unit": ("text", "", "yes", "`%` of the whole machine for `cpu` and `memory`, else `bytes`."),
    "start": ("time", "[UTC]", "yes", "First instant of the hour."),
    "average": ("number", "[unit]", "yes", "Mean of the hour's samples; bytes are those of one sample."),
    "maximum": ("number", "[unit]", "", "Largest of them."),
    "samples": ("integer", "[1]", "", "How many there are."),
}


def page() -> str:
    """The page, in Markdown."""
    parts = [INTRODUCTION, *_charges()]
    for table in companions.TABLES.values():
        parts += [
            "",
            f"## {table.file}",
            "",
            table.doc,
            _once(table),
            "",
            "| column | type | required | what |",
            "|---|---|---|---|",
        ]
        parts += [
            _row(f.name, f.kind, "yes" if f.required else "", _with_allowed(f.doc, f.allowed))
            for f in table.fields
        ]
    return "\n".join([*parts, *_use()]) + "\n"


def _use() -> list[str]:
    """Hourly use, which is a table of its own kind: [usage.md](usage.md)."""
    found = [
        "",
        "## usage",
        "",
        "Hourly use of resources, from exports of monitoring or Parquet or CSV of this form ([usage.md](usage.md)).",
    ]
    found += ["", "| column | type | unit | required | what |", "|---|---|---|---|---|"]
    return found + [_row(name, *told) for name, told in USE.items()]


def _charges() -> list[str]:
    found = ["## Charges", "", "FOCUS Cost and Usage, versions 1.0 to 1.4, raised to 1.4.", ""]
    found += ["| column | type | unit | level | null | versions | values |", "|---|---|---|---|---|---|---|"]
    for c in focus.all_columns().values():
        unit = UNITS.get(c.id, COSTS if c.id in focus.COSTS else "")
        versions = f"{c.since} to {c.until or focus.VERSIONS[-1]}"
        found.append(
            _row(c.id, c.kind, unit, c.level, "yes" if c.nulls else "no", versions, ", ".join(c.allowed))
        )
    found += ["", "The kit's own columns:", "", "| column | type | unit | what |", "|---|---|---|---|"]
    for name, (kind, doc) in (focus.STORED_KIT_COLUMNS | focus.JOINED_KIT_COLUMNS).items():
        found.append(_row(name, kind, UNITS.get(name, ""), doc))
    return found


def _once(table: companions.Companion) -> str:
    keys = ", ".join(f"`{c}`" for c in table.unique)
    filled = "; used when filled: " + " or ".join(f"`{c}`" for c in table.filled) if table.filled else ""
    return f"Once each: {keys}{' (at a time)' if table.dated else ''}{filled}."


def _with_allowed(doc: str, allowed: tuple[str, ...]) -> str:
    return f"{doc} One of {', '.join(f'`{a}`' for a in allowed)}." if allowed else doc


def _row(name: str, *cells: str) -> str:
    return f"| `{name}` | " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
