"""What a notebook begins with: its charges, its month, its playbook, all checked; and what it ends with, its results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import helpers
from helpers.catalog import notebooks, playbooks
from helpers.runs.parameters import nearest
from helpers.terms.errors import NotReconciled, UsageError
from helpers.terms.focus import COSTS
from helpers.terms.money import plain
from helpers.terms.period import Month, parse_day

RESULTS = "application/vnd.finops.kit+json"
COMPANIONS = ("sources", "invoices", "budgets", "targets", "contracts", "drivers", "products")
PERSONAS = {  # as a page names them; the rest read like their id
    "practitioner": "FinOps practitioner",
    "asset_management": "IT asset management",
    "financial_management": "IT financial management",
    "service_management": "IT service management",
}
FILTERS = {"provider": "ServiceProviderName", "department": "x_KitDepartment"}


@dataclass(frozen=True)
class Facts:
    """The first line of a page; see `views.masthead`."""

    company: str
    persona: str
    month: str
    as_of: date
    currency: str
    rows: int
    difference: Decimal
    scope: str
    open: bool
    basis: str


@dataclass(frozen=True)
class Run:
    """One notebook's run over one store.

    Attributes
    ----------
    notebook_id : str
    charges : ibis Table
        As ``open_charges`` gives it, of the provider and department asked for.
    month : Month
    as_of : date
        Its today: the day asked for, else that of the newest delivery; never the clock's.
    currency : str
        BillingCurrency of the page; `currencies` holds all of the month.
    facts : Facts
    playbook : Playbook
    companions : dict
        Tables by name for `catalog.compute`.
    reconciliation : Reconciliation
    choices : dict
        ``month``, ``provider``, ``department``, ``currency``: what the store offers.
    chosen : dict
        The same names: what this run shows.
    own : dict
        The notebook's further parameters by name, texts as given.
    """

    notebook_id: str
    charges: Any
    month: Month
    as_of: date
    currency: str
    currencies: tuple[str, ...]
    facts: Facts
    playbook: Any
    companions: dict[str, Any]
    reconciliation: Any
    choices: dict[str, list[str]]
    chosen: dict[str, str]
    data: dict[str, Any] = field(repr=False)
    own: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, str] = field(repr=False, default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether the month is not over as of today."""
        return self.facts.open

    def mine(self, kpis: Sequence[Any]) -> list[Any]:
        """The KPIs of this page's currency and whole scope; those that have no currency too."""
        return [
            k
            for k in kpis
            if k.currency in (self.currency, None) and not {"provider", "product"} & set(_extra(k, self))
        ]

    def kpis(self, **tables: Any) -> list[Any]:
        """The notebook's KPIs of the month, in every currency, whole and by provider.

        Parameters
        ----------
        **tables
            What the notebook found itself, by the name under which KPIs need it (`catalog.kpis.COMPANIONS`), such as
            ``findings=…``.
        """
        from helpers import catalog

        scope = {name: self.chosen[name] for name in FILTERS if self.chosen[name]}
        return catalog.compute(
            self.charges,
            self.notebook_id,
            self.month,
            as_of=self.as_of,
            scope=scope,
            **self.companions | tables,
        )

    def table(self, name: str) -> Any:
        """A companion table of the store as of today: a DataFrame, money and numbers as Decimal; None where there is none."""
        from helpers.data import store

        held = store.read_table(self._asked["data"], name, self._day)
        return None if held is None else held.to_pandas()

    @property
    def usage(self) -> Any:
        """Hourly use of resources as of today (`helpers.data.usage.open_usage`), an Ibis table; None where there is none."""
        from helpers.data.usage import open_usage

        return open_usage(self._asked["data"], self._day)

    @property
    def _day(self) -> date | None:
        """The day asked for, up to which deliveries count; None for all of them."""
        return parse_day(self._asked["as_of"]) if self._asked.get("as_of") else None

    def reconciled(self) -> Any:
        """Billed cost of this month and the one before, in the source and in the report: a DataFrame for the page.

        Every month and all four costs stand in ``results.json`` and ``finops check``.
        """
        import pandas

        shown = (str(self.month.plus(-1)), str(self.month))
        lines = [
            {
                "source": x.source,
                "provider": x.provider,
                "month": Month.parse(x.period).title,
                "currency": x.currency,
                "charges": x.rows_store,
                "billed in the source": x.in_source["BilledCost"],
                "billed in this report": x.in_store["BilledCost"],
                "difference": x.difference["BilledCost"],
            }
            for x in self.reconciliation.lines
            if x.period in shown
        ]
        return pandas.DataFrame(lines)

    def other(self, **chosen: str) -> Run:
        """The same notebook's run over another month, provider or department: what its controls ask for."""
        return begin(self.notebook_id, **{**self._asked, **self.own, **chosen})

    def again(self, **chosen: str) -> Any:
        """The change of another month, provider or department, as a picture: what the controls of a notebook show."""
        from helpers import measures
        from helpers.views import charts

        other = self.other(**chosen)
        change = measures.change.bridge(
            other.charges, other.month, currency=other.currency, as_of=other.as_of
        )
        return charts.bridge(change)

    def finish(
        self,
        *,
        headline: str = "",
        kpis: Sequence[Any] = (),
        change: Any = None,
        actions: Sequence[Any] = (),
        tables: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Hand the results out of the notebook, as one output of our own type that no page shows.

        Parameters
        ----------
        kpis : sequence of KpiResult
        change : DataFrame
            Columns cause, amount [currency].
        actions : sequence of Action
        tables : mapping of str to DataFrame
            Become sheets of ``tables.xlsx``.
        files : mapping of str to str
            Name to text: what carries the decisions out (schedules, policies, forecasts). They stand in the report's
            folder ``files``.
        """
        from IPython.display import display

        from helpers.views import words

        payload = {
            "notebook": self.notebook_id,
            "kit": helpers.__version__,
            "month": str(self.month),
            "open": self.open,
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "parameters": self.chosen,
            "headline": headline,
            "kpis": [k.record() for k in kpis],
            "change": [] if change is None else table(change)["rows"],
            "actions": [words.action(a).record() for a in actions],
            "tables": {name: table(frame) for name, frame in (tables or {}).items()},
            "files": dict(files or {}),
            "reconciliation": [_line(x) for x in self.reconciliation.lines],
            "data": self.data,
        }
        display({RESULTS: payload, "text/plain": "Results are kept."}, raw=True)


def begin(
    notebook_id: str,
    *,
    data: str = "store",
    month: str = "",
    as_of: str = "",
    provider: str = "",
    department: str = "",
    currency: str = "",
    **own: str,
) -> Run:
    """Open the store, resolve and check the parameters, reconcile, and read the playbook.

    Parameters
    ----------
    notebook_id : str
    data : str
        Folder of the store; a relative one is looked for here and in the folders above.
    month : str
        ``YYYY-MM``; empty for the last month that is closed as of today.
    as_of : str
        ``YYYY-MM-DD``, the run's today and the last day whose deliveries count; empty for the newest delivery's day.
    provider, department, currency : str
        Exact names; empty for all (currency: the one with most charges).
    **own : str
        The notebook's further parameters; they are kept as `Run.own` and checked by what reads them.

    Returns
    -------
    Run

    Raises
    ------
    UsageError
        A value that the store does not have; the nearest is named.
    NotReconciled
        If a total of the store differs from its sources.
    """
    from helpers.data import cut, delta, store
    from helpers.views import words

    words.settle(notebook_id)
    folder = _store(data)
    day = parse_day(as_of) if as_of else None
    if os.environ.get("FINOPS_MODE") == "report":
        if not delta.pinned(folder):
            delta.pin(folder)  # one state from here to the last cell, whatever is delivered meanwhile
        store.verify(folder, deep=True)  # a flipped byte can be read as another amount: 6 % of them are
    opened = open_store(folder, day)
    charges, held, snapshot, reconciliation = (
        opened.charges, opened.held, dict(opened.snapshot), opened.reconciliation,
    )  # fmt: skip
    today = day or date.fromisoformat(snapshot["as_of"])
    for name, given in (("provider", provider), ("department", department), ("currency", currency)):
        _known(name, given, {r[name] for r in held} - {""})
    shown = [
        r
        for r in held
        if (not provider or r["provider"] == provider) and (not department or r["department"] == department)
    ]
    which = _month(month, sorted({r["month"] for r in shown}), today)
    mine = [r for r in shown if r["month"] == str(which)]
    counts = {c: sum(r["rows"] for r in mine if r["currency"] == c) for c in {r["currency"] for r in mine}}
    if currency and currency not in counts:
        raise UsageError(
            f"no charge of {which} in {currency}", f"one of {', '.join(sorted(counts))}", "leave it empty"
        )
    chosen_currency = currency or min(counts, key=lambda c: (-counts[c], c), default="")
    for name, given in (("provider", provider), ("department", department)):
        if given:
            charges = charges.filter(charges[FILTERS[name]] == given)
    if currency:
        charges = charges.filter(charges.BillingCurrency == currency)
    if not reconciliation.exact:
        wrong = next(x for x in reconciliation.lines if not x.exact)
        raise NotReconciled(
            f"{wrong.source}, {wrong.provider}, {wrong.period}, {wrong.currency}: the store differs from its source by "
            + ", ".join(f"{c} {plain(v)}" for c, v in wrong.difference.items() if v),
            "differences of exactly 0",
            "finops check --deep finds the damaged file",
        )
    playbook = playbooks.playbook(notebook_id) if notebook_id in playbooks.ids() else None
    facts = Facts(
        company=_company(held),
        persona=persona(playbook) if playbook else "",
        month=which.title,
        as_of=today,
        currency=chosen_currency,
        rows=counts.get(chosen_currency, 0),
        difference=sum((abs(x.difference["BilledCost"]) for x in reconciliation.lines), Decimal(0)),
        scope=" · ".join(x for x in (provider, department or ", ".join(cut.departments(folder) or ())) if x),
        open=today < which.end.date(),
        basis=_basis(opened.rules),
    )
    return Run(
        notebook_id=notebook_id,
        charges=charges,
        month=which,
        as_of=today,
        currency=chosen_currency,
        currencies=tuple(sorted(counts)),
        facts=facts,
        playbook=playbook,
        companions={name: frame.copy() for name, frame in opened.companions.items()},
        reconciliation=reconciliation,
        choices={
            "month": sorted({r["month"] for r in held}, reverse=True),
            "provider": ["", *sorted({r["provider"] for r in held} - {""})],
            "department": ["", *sorted({r["department"] for r in held} - {""})],
            "currency": sorted({r["currency"] for r in held}),
        },
        chosen={
            "month": str(which),
            "provider": provider,
            "department": department,
            "currency": chosen_currency,
        }
        | own,
        data=snapshot,
        own=own,
        _asked={
            "data": str(folder),
            "month": month,
            "as_of": as_of,
            "provider": provider,
            "department": department,
            "currency": currency,
        },
    )


@dataclass(frozen=True)
class Opened:
    """What every run over one state of a store begins with.

    Attributes
    ----------
    charges : ibis Table
    held : list of dict
        month, provider, department, currency, company and their number of charges.
    snapshot : dict
    reconciliation : Reconciliation
    companions : dict of DataFrame
    rules : tuple or None
        How owners were found (`data.allocation.rules`).
    """

    charges: Any
    held: list[dict[str, Any]]
    snapshot: dict[str, Any]
    reconciliation: Any
    companions: dict[str, Any]
    rules: Any


_kept: dict[tuple[Path, date | None], Opened] | None = None
AT_HAND = 600_000  # charges up to which a process that runs page after page holds them in memory


def keep_open() -> None:
    """From now on a store opened in this process stays open for the next run: for one who sees to its changing."""
    global _kept
    _kept = {}


def _at_hand(charges: Any, rows: int) -> Any:
    """The same charges, their owners joined, held by the engine: a run then asks memory instead of files.

    Measured on the sample company (101,618 charges, two busy cores): the practitioner's KPIs take 1.2 s of computing
    instead of 2.1, the bridge 0.09 instead of 0.25; reading all once takes 1.4 s and 190 MB.
    """
    if rows > AT_HAND:
        return charges
    import duckdb

    engine: Any = charges.get_backend()
    try:
        engine.con.execute("CREATE TABLE at_hand AS SELECT * FROM joined")
    except duckdb.OutOfMemoryException:
        engine.con.execute("DROP TABLE IF EXISTS at_hand")
        return charges
    return engine.table("at_hand")


def open_store(folder: Path, day: date | None) -> Opened:
    """Open a store and reconcile it, or take what `keep_open` kept."""
    from helpers.data import allocation, delta, open_charges, store

    if _kept is not None and (folder, day) in _kept:
        return _kept[folder, day]
    if _kept is not None and not delta.pinned(folder):
        delta.pin(folder)  # every table that a later run asks for is of the state that is kept open
    charges = open_charges(folder, day)
    opened = Opened(
        charges=charges,
        held=_held(charges),
        snapshot=store.snapshot(folder, day),
        reconciliation=store.reconcile(folder, day),
        companions=companions(folder, day),
        rules=allocation.rules(folder, day),
    )
    if _kept is not None:
        charges = _at_hand(charges, sum(r["rows"] for r in opened.held))
        opened = _kept[folder, day] = replace(opened, charges=charges)
    return opened


def persona(playbook: Any) -> str:
    """Whose playbook it is, as a page names them."""
    return PERSONAS.get(name := str(playbook.persona), name.replace("_", " ").capitalize())


def _basis(rules: tuple[int, str, date] | None) -> str:
    """The sentence about who owns what, in the page's language."""
    from helpers.views import words

    if rules is None:
        return words.say("basis.none")
    n, file, day = rules
    return words.say("basis.rules", n=n, file=file, day=day)


def _store(data: str) -> Path:
    """The folder named, here or in a folder above: a notebook runs from any working directory."""
    from helpers.data import store

    given = Path(data or os.environ.get("FINOPS_DATA") or "store")
    if data == "store" and os.environ.get("FINOPS_DATA"):
        given = Path(os.environ["FINOPS_DATA"])
    if not given.is_absolute():
        here = Path.cwd()
        given = next((f / given for f in (here, *here.parents) if store.exists(f / given)), given)
    return store.need(given)


def _held(charges: Any) -> list[dict[str, Any]]:
    keys = {
        "month": charges.x_KitPeriod,
        "provider": charges.ServiceProviderName.fill_null(""),
        "department": charges.x_KitDepartment.fill_null(""),
        "currency": charges.BillingCurrency.fill_null(""),
        "company": charges.BillingAccountName.fill_null(""),
    }
    return charges.aggregate(by=list(_named(keys)), rows=charges.count()).to_pyarrow().to_pylist()


def _named(columns: Mapping[str, Any]) -> list[Any]:
    return [column.name(name) for name, column in columns.items()]


def _company(held: list[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in held:
        counts[row["company"]] = counts.get(row["company"], 0) + row["rows"]
    return min(counts, key=lambda c: (c == "", -counts[c], c), default="")


def _known(name: str, given: str, offered: set[str]) -> None:
    if given and given not in offered:
        some = ", ".join(sorted(offered)[:8]) + (", …" if len(offered) > 8 else "")
        raise UsageError(
            f"no {name} {given[:80]!r} in the store",
            f"one of {some}",
            nearest(given, offered) or "take one of them, or leave it empty",
        )


def _month(asked: str, months: list[str], today: date) -> Month:
    if asked:
        which = Month.parse(asked)
        if asked not in months:
            raise UsageError(
                f"no charges of {asked} in the store for what was asked",
                f"a month from {months[0]} to {months[-1]}" if months else "a month with charges",
                nearest(asked, months) or "finops history shows what was delivered",
            )
        return which
    if not months:
        raise UsageError(
            "no charges for what was asked", "a provider and department that go together", "leave one empty"
        )
    closed = [m for m in months if Month.parse(m).end.date() <= today]
    return Month.parse(closed[-1] if closed else months[-1])


def companions(folder: Path, day: date | None = None) -> dict[str, Any]:
    """The store's companion tables as `catalog.compute` takes them, by name."""
    from helpers.data import companions as tables
    from helpers.data import store

    found: dict[str, Any] = {"deliveries": store.deliveries(folder, day)}
    for name in COMPANIONS:
        held = store.read_table(folder, name, day)
        if held is not None and name == "sources":
            held = tables.with_loaded(held, [s.name for s in store.sources(folder, day)])
        if held is not None:
            found[name] = held.to_pandas()
    return found


def _extra(kpi: Any, run: Run) -> dict[str, str]:
    asked = {name for name in FILTERS if run.chosen[name]}
    return {k: v for k, v in kpi.scope.items() if k not in asked}


def _line(line: Any) -> dict[str, Any]:
    return {
        "source": line.source,
        "provider": line.provider,
        "period": line.period,
        "currency": line.currency,
        "rows": line.rows_store,
        "rows_difference": line.rows_store - line.rows_source,
    } | {c: {"store": plain(line.in_store[c]), "difference": plain(line.difference[c])} for c in COSTS}


def table(frame: Any) -> dict[str, Any]:
    """A DataFrame as plain data: columns, and rows of texts; Decimals as text with all digits, marked in `kinds`."""
    kinds = {c: _kind(frame[c]) for c in frame.columns}
    rows = [{c: _cell(v) for c, v in row.items()} for row in frame.to_dict("records")]
    return {"columns": list(frame.columns), "kinds": kinds, "rows": rows}


def _kind(values: Any) -> str:
    there = [v for v in values if v is not None and v == v]
    if any(isinstance(v, Decimal | int) and not isinstance(v, bool) for v in there):
        return "number"
    return "date" if there and all(type(v) is date for v in there) else "text"


def _cell(value: Any) -> str | None:
    if value is None or value != value:
        return None
    return plain(value) if isinstance(value, Decimal) else str(value)


def title(notebook_id: str) -> str:
    """The notebook's own title."""
    return notebooks.title(notebooks.find(notebook_id))
