"""Made results to look at: a month of a company that does not exist, and the page of a notebook that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal as D
from types import SimpleNamespace

import pandas as pd

from helpers import views

MONTHS = [f"2025-{m:02d}" for m in (9, 10, 11, 12)] + [f"2026-{m:02d}" for m in range(1, 10)]


@dataclass
class Kpi:
    """The attributes of catalog's KpiResult that views read."""

    id: str
    name: str
    value: D | None
    unit: str = "ratio"
    variant: str = ""
    reason: str = ""
    currency: str | None = None
    previous: D | None = None
    change: D | None = None
    history: list = field(default_factory=list)
    target: D | None = None
    status: str = ""
    direction: str = "up"
    formula: str = ""


def kpis(name: str = "") -> list[Kpi]:
    """Six numbers: money, ratios above and below their target, one without a value; `name` goes into every text."""

    def line(*values) -> list:
        return [(m, None if v is None else D(str(v))) for m, v in zip(MONTHS, values, strict=True)]

    up = line(300, 302, 306, 305, 314, 313, 320, 321, 325, 330, 333, 332.15, 352.41)
    save = line(18, 19, 20, None, 22, 23, 24, 24.5, 25, 25, 24.8, 24.6, 21.4)
    cover = line(50, 52, 55, 58, 60, 62, 64, 66, 67, 67, 66, 66, 61)
    used = line(92, 93, 95, 96, 97, 97, 98, 98, 98, 98, 98, 98.3, 98.7)

    def share(history) -> list:
        return [(m, None if v is None else v / 100) for m, v in history]

    return [
        Kpi("total-effective-cost", f"Effective cost{name}", D("352410.37"), "currency", currency="USD",
            previous=D("332150.37"), history=[(m, v * 1000) for m, v in up], target=D(340000), direction="down",
            formula="What the month's use cost after spreading commitments (FOCUS EffectiveCost)."),
        Kpi("effective-savings-rate-percentage", f"Effective savings rate{name}", D("0.214"), variant="commitments",
            previous=D("0.246"), history=share(save), target=D("0.25"), formula="1 − effective ÷ contracted cost of eligible use."),
        Kpi("commitment-coverage", f"Commitment coverage{name}", D("0.61"), previous=D("0.66"), history=share(cover), target=D("0.7"),
            formula="On-demand value of use under a commitment ÷ that of all eligible use."),
        Kpi("commitment-utilisation", f"Commitment utilisation{name}", D("0.987"), previous=D("0.983"), history=share(used), target=D("0.95")),
        Kpi("allocated", f"Cost with an owner{name}", D("0.87"), previous=D("0.85"), history=share(cover), target=D("0.9")),
        Kpi("untagged", f"Tag policy compliance{name}", None, reason=f"there is no tag policy{name}: write tag_policy.csv with finops init"),
    ]  # fmt: skip


def change(name: str = "") -> pd.DataFrame:
    """A bridge that adds up: 332,150.37 to 352,410.37."""
    causes = [
        "list price",
        "negotiated",
        "commitment",
        "volume",
        "mix",
        "days",
        "new",
        "ended",
        "corrections",
        "no quantity",
    ]
    amounts = ["1180", "-420", "6930", "13870", "-2210", "0", "3320", "-1990", "-420", "0"]
    frame = pd.DataFrame(
        {"cause": [c + name for c in causes], "amount": [D(a) for a in amounts]}, dtype=object
    )
    frame.attrs |= {"month": "2026-09", "previous": "2026-08", "currency": "USD", "days": 0,
                    "total": D("352410.37"), "previous_total": D("332150.37")}  # fmt: skip
    return frame


def detail(name: str = "") -> pd.DataFrame:
    """The form of measures.change.detail."""
    parts = [("Compute", "volume", "9870"), ("AI models", "volume", "4000"), ("Compute", "commitment", "6930"), ("AI models", "new", "3320"),
             ("Storage", "mix", "-2210"), ("Support", "ended", "-1990"), ("Databases", "list price", "1180"), ("Databases", "negotiated", "-420"),
             ("Queues", "corrections", "-420"), ("Monitoring", "volume", "60")]  # fmt: skip
    frame = pd.DataFrame(
        [(s + name, c, D(a)) for s, c, a in parts], columns=["ServiceName", "cause", "amount"], dtype=object
    )
    frame.attrs |= {"month": "2026-09", "previous": "2026-08", "currency": "USD"}
    return frame


def ranked(column: str, rows: dict[str | None, tuple[str, str]], name: str = "") -> pd.DataFrame:
    """The form of measures.totals.ranked."""
    found = [(None if n is None else n + name, D(a), None, D(p), D(a) - D(p)) for n, (a, p) in rows.items()]
    return pd.DataFrame(found, columns=[column, "amount", "share", "previous", "change"], dtype=object)


SERVICES = {
    "Compute": ("148200", "135466"), "Databases": ("71900", "69068"), "AI models": ("38400", "29313"),
    "Storage": ("33100", "32707"), "Data transfer": ("21700", "22279"), "Monitoring": ("14110.37", "14000"),
    "Key management": ("10000", "10200"), "Queues": ("8000", "8117.37"), "Support": ("7000", "11000"),
}  # fmt: skip
DEPARTMENTS: dict[str | None, tuple[str, str]] = {
    "Checkout": ("96400", "84000"), "Platform": ("88200", "86000"), "Search": ("61500", "61000"),
    "Data": ("55900", "55100"), None: ("45810.37", "46050.37"), "Growth": ("4600", "0"),
}  # fmt: skip


def actions(name: str = "") -> list[SimpleNamespace]:
    """Three decisions."""
    return [
        SimpleNamespace(title=f"Renew the compute commitment that lapsed on 3 September{name}", why=f"coverage fell 5 points{name}", value=D(6100), currency="USD", owner=f"Procurement{name}", due="2026-10-12"),
        SimpleNamespace(title=f"Name owners for 23 accounts without one{name}", why=f"87 % of cost has an owner, target 90 %{name}", value=f"45,810 USD to be owned{name}", owner=f"Practitioner{name}", due="2026-10-14"),
        SimpleNamespace(title=f"Review the model used for summaries in Checkout{name}", why=f"cost per thousand requests up 22 %{name}", value=D(4000), currency="USD", owner="", due=""),
    ]  # fmt: skip


def facts(name: str = "") -> SimpleNamespace:
    """What the masthead says."""
    return SimpleNamespace(
        company=f"The sample company{name}", persona="FinOps practitioner", month="September 2026", as_of="5 October 2026",
        currency="USD", rows=41208, difference=D("0.00"), scope=f"all providers{name}", open=False,
        basis=f"Departments by the allocation rules of 1 September 2026{name}.",
    )  # fmt: skip


def story(name: str = "") -> list:
    """Everything that the practitioner's notebook shows, in its order; `name` stands in every text from data."""
    numbers, bridge = kpis(name), change()
    said = views.sentences.headline(
        D("352410.37"), D("332150.37"), month="2026-09", currency="USD", bridge=bridge, subject=name
    )
    sources = pd.DataFrame(
        {"provider": [f"AWS{name}", "Microsoft"], "source": [D("18.0066386184"), D("1.97651418586")],
         "report": [D("18.0066386184"), D("1.97651418586")], "difference": [D(0), D(0)]}, dtype=object)  # fmt: skip
    services = ranked("ServiceName", SERVICES, name)
    departments = ranked("x_KitDepartment", DEPARTMENTS, name)
    return [
        views.masthead(facts(name)),
        views.headline(said, views.sentences.lede(numbers, actions(name), currency="USD")),
        views.tiles(numbers),
        views.charts.bridge(change(name) if name else bridge),
        views.charts.heat(detail(name)),
        views.beside(
            views.charts.ranked(services, currency="USD", month="2026-09", previous="2026-08"),
            views.tables.shares(departments, currency="USD", note=f"rules of 1 September{name}"),
        ),
        views.charts.trend(numbers[0].history, currency="USD"),
        views.decisions(actions(name), currency="USD"),
        views.findings([f"12 charges have no list price{name}"]),
        views.tables.listing(services[["ServiceName", "amount"]], title=f"Services{name}", currency="USD"),
        views.reconciliation(sources),
        views.definitions(numbers),
    ]


def notebook(shown: list, before: str = "# The practitioner's month\n\nWhere did the money go?"):
    """An executed notebook that shows `shown`."""
    from helpers.terms.quick import skip_grammar

    skip_grammar()
    import nbformat.v4 as v4

    cells = [v4.new_markdown_cell(before)] if before else []
    for thing in shown:
        data = thing if isinstance(thing, dict) else thing._repr_mimebundle_()
        cells.append(v4.new_code_cell("views.show()", outputs=[v4.new_output("display_data", data=data)]))
    return v4.new_notebook(cells=cells)
