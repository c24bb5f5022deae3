"""One calendar of money: purchases, expiries, contracts, notices, licences, end of support, budget dates; each once.

Every entry says what doing nothing costs, and how that is reckoned; where it costs nothing, it says so. Entries of several
tables about the same thing (a commitment in the charges and in a contract table) are one entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models.holdings import Holding
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("purchase", "expiry", "notice", "contract", "credit", "licence", "support", "budget", "event")
COLUMNS = ("day", "kind", "what", "do", "owner", "nothing", "basis", "currency", "id", "overdue")
ZERO, CENT = Decimal(0), Decimal("0.01")


@dataclass(frozen=True)
class Entry:
    """One date.

    Attributes
    ----------
    day : date
    kind : str
        One of `KINDS`.
    what, do, owner : str
    nothing : Decimal or None
        What doing nothing costs [currency]; None where nobody can know.
    basis : str
        ``a month``, ``once`` or ``a term``, and how it was reckoned.
    currency, id : str
    overdue : bool
        The day is past and nothing shows that it was done.
    """

    day: date
    kind: str
    what: str
    do: str
    owner: str
    nothing: Decimal | None
    basis: str
    currency: str
    id: str
    overdue: bool = False


def of_holdings(
    held: Iterable[Holding], *, as_of: date, behind: int = 120, owner: str = "Commitment owner"
) -> list[Entry]:
    """Ends of commitments, those to come and of the last `behind` days; what lapsed stays until it is bought again."""
    found = []
    for h in held:
        if h.end is None or ((as_of - h.end).days > behind and h.verdict != "lapsed"):
            continue
        late = h.end <= as_of
        if h.verdict == "lapsed":
            nothing, basis, do = (
                h.stake,
                "a month: what it covered runs on demand",
                "buy again for what is stable",
            )
        elif h.verdict == "not known" or h.instrument is None:
            nothing, basis, do = None, "its kind is not known", "ask what it is"
        elif late:
            nothing, basis, do = ZERO, "it ended; nothing that it covered runs without a commitment", "nothing; do not buy it again at this size" if h.stake else "nothing"  # fmt: skip
        elif h.unused >= h.saving and h.saving < 0:
            nothing, basis, do = (
                ZERO,
                "a month: it costs more than it saves, so its end saves money",
                "let it end",
            )
        else:
            nothing, basis = max(h.saving, ZERO), "a month: what it saves today and would no longer"
            do = {"renew smaller": "renew at what was always used", "do not renew": "let it end", "wrong family": "exchange it, fill it, or let it end"}.get(h.verdict, "renew at what the plan says")  # fmt: skip
        found.append(Entry(h.end, "expiry", h.name, do, owner, nothing and nothing.quantize(CENT), basis, h.currency, h.id, late and bool(nothing)))  # fmt: skip
    return found


def of_contracts(
    contracts: Iterable[Mapping[str, Any]], spend: Mapping[str, Decimal], *, as_of: date, behind: int = 120
) -> list[Entry]:
    """Days of notice and ends of contracts.

    Parameters
    ----------
    contracts : iterable of mapping
        Companion table: contract_id, vendor, subject, end, notice_days, auto_renews, commitment_amount, discount_percent,
        currency, owner.
    spend : mapping
        Contract -> contracted cost of a month under it [currency].
    """
    found = []
    for c in contracts:
        end, notice = c["end"], int(c["notice_days"] or 0)
        if (as_of - end).days > 0:
            continue
        what, owner = f"{c['subject'] or c['vendor']} ({c['vendor']})", c["owner"] or "Vendor manager"
        renews, amount = bool(c["auto_renews"]), c["commitment_amount"]
        amount = amount if isinstance(amount, Decimal) else None
        discount = c["discount_percent"] if isinstance(c["discount_percent"], Decimal) else ZERO
        month = spend.get(c["contract_id"], ZERO)
        share = ratio(discount, 100)
        lost = (
            CONTEXT.multiply(CONTEXT.divide(month, CONTEXT.subtract(Decimal(1), share)), share)
            if share
            else ZERO
        )
        if notice:
            day = end - timedelta(days=notice)
            if renews:
                nothing, basis, do = (
                    amount,
                    "a term: it renews by itself and another is owed",
                    "give notice or agree new terms",
                )
                if amount is None:
                    nothing, basis = ZERO, "a term: it renews by itself without a promise"
            else:
                nothing, basis, do = (
                    lost.quantize(CENT),
                    "a month: its discount ends with it",
                    "begin to negotiate",
                )
            if (as_of - day).days <= behind:
                found.append(Entry(day, "notice", what, do, owner, nothing, basis, c["currency"], f"{c['contract_id']}/notice", day < as_of and end > as_of))  # fmt: skip
        nothing = None if renews else lost.quantize(CENT)
        basis = (
            "it renews by itself: see its day of notice" if renews else "a month: its discount ends with it"
        )
        do = "check the renewal's prices" if renews else "have the next contract signed"
        found.append(Entry(end, "contract", what, do, owner, ZERO if renews else nothing, basis, c["currency"], c["contract_id"]))  # fmt: skip
    return found


def of_purchases(purchases: Iterable[Mapping[str, Any]], *, owner: str = "Commitment owner") -> list[Entry]:
    """Purchases of the plan: day, what, saving [currency a month], currency, id."""
    return [
        Entry(
            p["day"], "purchase", p["what"], "approve and buy", p.get("owner") or owner, p["saving"].quantize(CENT),
            "a month: what it would save", p["currency"], p["id"],
        )
        for p in purchases
    ]  # fmt: skip


def of_credits(credits: Iterable[Mapping[str, Any]], *, as_of: date) -> list[Entry]:
    """Credits that were promised and have not come: due on the last day on which they can be claimed, else today."""
    return [
        Entry(
            c["lapses_on"] if isinstance(c["lapses_on"], date) else as_of, "credit", f"{c['credit']} ({c['vendor']})", "claim it",
            c["owner"] or "Vendor manager", c["amount"].quantize(CENT), "once: it lapses", c["currency"], f"credit-{c['credit']}",
        )
        for c in credits
    ]  # fmt: skip


def of_support(lines: Iterable[Mapping[str, Any]], *, as_of: date, currency: str) -> list[Entry]:
    """Fees for versions past their end: due today, since each month costs."""
    return [
        Entry(
            as_of, "support", f"{r['name']} runs a version past its end", "upgrade it", r["owner"] or "Engineering leads",
            r["effective"].quantize(CENT), "a month: the fee for extended support", currency, f"{r['resource_id']}/support", True,
        )
        for r in lines
    ]  # fmt: skip


def of_budgets(
    year_starts: Iterable[date], approved: Iterable[date], *, as_of: date, ahead: int = 400
) -> list[Entry]:
    """The next first day of a budget year, and the day on which its budget was approved in years before."""
    starts = sorted(set(year_starts))
    if not starts:
        return []
    first = starts[-1]
    while first <= as_of:
        first = date(first.year + 1, first.month, 1)
    found = [
        Entry(
            first,
            "budget",
            "A budget year begins",
            "have commitments and contracts in it",
            "Finance partner",
            ZERO,
            "nothing by itself",
            "",
            f"budget-{first}",
        ),
    ]
    leads = sorted((s - a).days for s in starts for a in approved if 0 < (s - a).days < 200)
    if leads:
        usual = first - timedelta(days=leads[len(leads) // 2])
        if as_of <= usual <= as_of + timedelta(days=ahead):
            found.append(Entry(usual, "budget", f"Usual day of approval for the budget from {Month.of(first).title}", "bring the purchases and contracts of that year", "Finance partner", ZERO, "what is not in the budget has to wait a year or break it", "", f"budget-approval-{first}"))  # fmt: skip
    return found


def of_events(calendar: Iterable[Mapping[str, Any]], *, as_of: date) -> list[Entry]:
    """Planned changes that move demand or price: nobody should buy without knowing them."""
    kinds = {"migration", "planned-change", "price-change", "launch"}
    return [
        Entry(
            r["start"],
            "event",
            r["name"],
            "plan purchases with it",
            "Engineering leads",
            None,
            "changes what will run",
            "",
            f"event-{r['name']}-{r['start']}",
        )
        for r in calendar
        if r["kind"] in kinds and r["start"] >= as_of
    ]


def calendar(*parts: Iterable[Entry], until: date | None = None) -> list[Entry]:
    """All entries in order, each thing once: of two with one id and kind the first stays.

    Examples
    --------
    >>> e = Entry(date(2026, 1, 1), "expiry", "x", "", "", None, "", "USD", "a")
    >>> len(calendar([e], [e]))
    1
    """
    found: dict[tuple[str, str], Entry] = {}
    for part in parts:
        for e in part:
            if until is None or e.day <= until:
                found.setdefault((e.kind, e.id), e)
    return sorted(found.values(), key=lambda e: (e.day, KINDS.index(e.kind), e.what))


def frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """The calendar as a table."""
    import pandas as pd

    rows = [{c: getattr(e, c) for c in COLUMNS} for e in entries]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
