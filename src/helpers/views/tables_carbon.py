"""Tables of emissions for people: few digits, a unit in every head, a dash where nothing is known."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.models import emissions
from helpers.views import charts_carbon
from helpers.views import sentences_carbon as said
from helpers.views.markup import Shown, block, plain, table, text_table, titled
from helpers.views.sentences import number, percent

D = Decimal
DASH = "—"
DOES = {
    "idle": "Stop: does nothing",
    "schedule": "Off at quiet hours",
    "rightsize": "Next smaller size",
    "region": "Move region",
    "arm": "Move to ARM",
    "time": "Run in clean hours",
}


def by(lines: Any, column: str) -> Any:
    """Emissions by a column of lines: name, low, kg, high, market."""
    return emissions.by(lines, column)


def explored(carbon: Any) -> Any:
    """What the controls show: the services of another month, provider or department."""
    return charts_carbon.services(by(carbon.now, "service"), month=str(carbon.month))


def measures(found: Any, *, currency: str, price: Decimal, top: int = 12) -> Shown:
    """Each measure with money, carbon, both together, and what has to be found out first; the most worth first."""
    every = found.to_dict("records")
    rows = [
        r for i, r in enumerate(every) if i < top or r["measure"] == "region"
    ]  # moves cost more than they bring: never cut off
    rest = len(every) - len(rows)
    head = ["Resource", "Measure", f"{currency} a month", "kg a month", "Worth", "Ask first"]
    places = 0 if any(r["carbon"] >= 10 for r in rows) else 1
    lines = []
    for r in rows:
        other = "" if r["currency"] == currency else f" {r['currency']}"
        to = f" to {r['to']}" if r["to"] else ""
        lines.append(
            [plain(r["name"]), DOES[r["measure"]] + to, DASH if r["money"] is None else number(r["money"], 0) + other,
             number(r["carbon"], places), number(r["worth"], 0) + other, _ask(r)]
        )  # fmt: skip
    note = f"; {rest} more in tables.xlsx" if rest > 0 else ""
    title = said.frontier_title(found, currency)
    below = f"Worth is money and carbon at {number(price, 0)} {currency} a tonne; an internal price, nothing that is paid{note}"
    return _shown("measures", title, below, head, lines, left=(0, 1, 5))


def scopes(frame: Any, esrs: Any, month: Any) -> Shown:
    """GHG Protocol scopes of the month, and below them the lines of the ESRS table that a cloud can fill."""
    whole = [k for k in frame["location"] if k is not None]
    like = max(whole, default=D(0))
    head = ["Scope", "What", "Location-based", "Market-based", "Range"]
    lines = [
        [r["scope"], r["what"], _mass(r["location"], like), _mass(r["market"], like),
         DASH if r["low"] is None else f"{said.mass(r['low'], like)} to {said.mass(r['high'], like)}"]
        for r in frame.to_dict("records")
    ]  # fmt: skip
    one = _shown(
        "scopes",
        "For its customer all of a cloud is scope 3",
        f"GHG Protocol, CO2e of {month.title}",
        head,
        lines,
        left=(0, 1, 4),
    )
    rows = [
        [
            r["line"],
            _tonnes(r["before"]),
            _tonnes(r["now"]),
            DASH if r["change"] is None else percent(r["change"], signed=True),
        ]
        for r in esrs.to_dict("records")
    ]
    heads = ["ESRS E1-6", f"{month.year - 1}, tCO2e", f"{month.year}, tCO2e", "Change"]
    below = f"January to {month.name}; what is not in a cloud’s bill stays empty, for others to fill"
    two = _shown("esrs", "What the European table takes from here", below, heads, rows, left=(0,))
    return Shown(one.html + two.html, f"{one.text}\n\n{two.text}")


def products(frame: Any) -> Shown:
    """Software Carbon Intensity by product: grams by unit."""
    head = ["Product", "Units", "gCO2e by unit", "Without a figure"]
    rows = (
        frame.sort_values("sci", ascending=False, key=lambda s: [float(v) for v in s])
        if len(frame)
        else frame
    )
    lines = [
        [plain(r["product"]), f"{number(r['units'], 0)} {r['per']}", DASH if r["sci"].is_nan() else number(r["sci"], _digits(r["sci"])),
         f"{number(r['unknown'], 0)} {r['currency']}" if r["unknown"] else DASH]
        for r in rows.to_dict("records")
    ]  # fmt: skip
    title = (
        "Emissions by unit of what the software does"
        if lines
        else "No product has both charges and business figures"
    )
    below = "SCI, ISO/IEC 21031: (E × I + M) ÷ R; resources named like the product or owned by a department of its name"
    return _shown("products", title, below if lines else "", head, lines, left=(0, 1))


def grades(frame: Any, methods: Any) -> Shown:
    """What the figure rests on, and what the second method says."""
    known = list(frame.to_dict("records"))
    like = max((r["kg"] for r in known if r["kg"] is not None), default=D(0))
    head = ["Grade", "Rests on", "CO2e", "Share", "Uses"]
    lines = [
        [
            r["grade"],
            r["meaning"],
            _mass(r["kg"], like),
            DASH if r["share"] is None else percent(r["share"], 0),
            str(r["lines"]),
        ]
        for r in known
    ]
    one, two = (sum(methods[c], D(0)) for c in ("first", "second")) if len(methods) else (D(0), D(0))
    below = "Cloud Carbon Footprint is the figure, Boavizta’s life cycle the second; why they differ: docs/emissions.md"
    return _shown("grades", said.methods_title(one, two), below, head, lines, left=(0, 1))


def gaps(frame: Any, stale: Any, top: int = 8) -> Shown:
    """What has no figure, with its cost, and which factors are old."""
    lines = [
        [plain(r["name"]), plain(r["provider"]), f"{number(r['cost'], 0)} {r['currency']}"]
        for r in frame.head(top).to_dict("records")
    ]
    rest = len(frame) - top
    vendors = sorted(set(frame["provider"]))
    title = (
        f"{said.listed_short(vendors)} {'has' if len(vendors) == 1 else 'have'} no figure"
        if vendors
        else "Everything used has a figure"
    )
    old = "; ".join(f"▲ {r['region']}: factor of {r['year']}" for r in stale.to_dict("records"))
    below = "No emissions reported, no factor published; a gap, never a zero" + (
        f"; {rest} more in tables.xlsx" if rest > 0 else ""
    )
    below = f"{below if vendors else ''}{'. ' if vendors and old else ''}{'Grid factors more than two years old: ' + old if old else ''}"
    return _shown("gaps", title, below, ["Without a figure", "Vendor", "Cost"], lines, left=(0, 1))


def audit(frame: Any) -> Shown:
    """Practice against published principles: what is missing first."""
    missing = sum(1 for m in frame["met"] if m != "yes")
    lines = [
        [
            r["check"],
            "● met" if r["met"] == "yes" else "▲ missing",
            f"{r['evidence']}{'' if r['gap'] == '–' else '; ' + r['gap']}",
            r["owner"],
        ]
        for r in frame.to_dict("records")
    ]
    title = f"An auditor would find evidence for {len(frame) - missing} of {len(frame)} principles"
    return _shown(
        "audit",
        title,
        "GHG Protocol, ESRS E1 and Green Software Foundation",
        ["Check", "State", "Evidence and gap", "Owner"],
        lines,
        left=(0, 1, 2, 3),
    )


def reconciled(frame: Any) -> Shown:
    """Providers' own exports beside the estimate."""
    lines = [
        [r["provider"], r["part"], r["basis"], said.mass(r["export"]), said.mass(r["estimate"], r["export"]),
         DASH if r["times"] is None else f"{number(r['times'], 2)} ×", plain(r["why"], 300)]
        for r in frame.to_dict("records")
    ]  # fmt: skip
    title = (
        "The providers’ figures beside the estimate"
        if lines
        else "No provider’s export is loaded for this month"
    )
    return _shown(
        "reconciled-carbon",
        title,
        "",
        ["Provider", "Part", "Basis", "Export", "Estimate", "Times", "Why"],
        lines,
        left=(0, 1, 2, 6),
    )


def sources(carbon: Any, top: int = 40) -> Shown:
    """The factors that the month's figure uses, each with value, year and source; and the providers' exports where there are."""
    used = {i for ids in carbon.now["factors"] for i in str(ids or "").split(";")}
    found = [f for f in carbon.factors.listed(used) if not f.id.startswith("machine")]
    lines = [
        [f.id.replace("/", " · "), f"{_plainly(f.value)} {f.unit}".removesuffix(" 1"), f.source]
        for f in found[:top]
    ]
    own = carbon.factors.own_rows()
    below = "Each factor with its source; the rest are coefficients of processors and machines from Cloud Carbon Footprint’s tables"
    below += f"; {own} rows are the company’s own" if own else ""
    shown = _shown(
        "factors",
        f"{len(found)} factors stand behind the month",
        below,
        ["Factor", "Value", "Source"],
        lines,
        left=(0, 1, 2),
    )
    html, text = (
        f'<details class="kit-terms"><summary>Factors and their sources</summary>{shown.html}</details>',
        shown.text,
    )
    if carbon.exports is not None:
        other = reconciled(carbon.reconciled)
        html, text = other.html + html, f"{other.text}\n\n{text}"
    return Shown(html, text)


def sheets(carbon: Any) -> dict[str, Any]:
    """Sheets of tables.xlsx."""
    found = carbon.candidates.drop(columns=["by_tonne"])
    return {
        "Services": by(carbon.now, "service"),
        "Departments": by(carbon.now, "department"),
        "Measures": found.assign(worth=[w.quantize(D("0.01")) for w in found["worth"]]),
        "Months": carbon.path,
        "Regions": carbon.regions,
        "Gaps": carbon.gaps,
        "Methods": carbon.methods,
        "Units": carbon.unit_costs,
        "Scopes": carbon.scopes,
        "ESRS E1-6": carbon.esrs,
        "Products": carbon.products,
        "Audit": carbon.audit.drop(columns=["resources"]),
    }


def files(carbon: Any) -> dict[str, str]:
    """Files beside the report: the month's lines with grade and factors, and the ESRS lines."""
    columns = ["provider", "service", "region", "department", "name", "resource", "sku", "unit", "quantity", "charges", "kind", "machine",
               "load", "kwh", "operational", "embodied", "low", "kg", "high", "market", "grade", "gap", "factors"]  # fmt: skip
    return {
        "emission-lines.csv": _csv(carbon.trace(), columns),
        "esrs-e1-6.csv": _csv(carbon.esrs, list(carbon.esrs.columns)),
    }


def _csv(frame: Any, columns: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for r in frame[list(columns)].itertuples(index=False):
        writer.writerow(_cell(v) for v in r)
    return out.getvalue()


def _ask(row: Any) -> str:
    once = f"; once {number(row['cost'], 0)} {row['currency']}" if row["cost"] else ""
    return plain(row["ask"]) + once


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    text = _plainly(value) if isinstance(value, Decimal) else str(value)
    # what a spreadsheet would compute gets an apostrophe; numbers stay as they are
    return (
        f"'{text}"
        if not isinstance(value, Decimal) and text[:1] in ("=", "+", "-", "@", "\t", "\r")
        else text
    )


def _shown(
    kind: str, title: str, below: str, head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int]
) -> Shown:
    body = table(head, rows, caption=f"{title}. {below}", left=left) if rows else ""
    return Shown(
        block(kind, titled(title, below) + body),
        f"{title}\n{below}\n{text_table(head, rows) if rows else ''}".rstrip(),
    )


def _mass(kg: Decimal | None, like: Decimal) -> str:
    return DASH if kg is None else said.mass(kg, like)


def _tonnes(value: Decimal | None) -> str:
    return DASH if value is None else number(value, 1)


def _digits(value: Decimal) -> int:
    return 2 if value >= 1 else 4 if value >= D("0.01") else 6


def _plainly(value: Decimal) -> str:
    return format(value.normalize(), "f")


__all__ = [
    "audit",
    "by",
    "explored",
    "files",
    "gaps",
    "grades",
    "measures",
    "products",
    "reconciled",
    "scopes",
    "sheets",
    "sources",
]
