"""The commitments at hand: what each is worth, when it ends, whether it may be left, and what to do then.

Formulas and limits: docs/procurement.md. Lock-in: the proposal of the kit, in two forms, named as ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from helpers.models.instruments import FAMILY, Instrument, Instruments
from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

DAYS_A_MONTH = Decimal("30.4375")  # 365.25 / 12
ZERO, ONE = Decimal(0), Decimal(1)
UNUSED, WRONG = Decimal("0.005"), Decimal("0.2")  # of a commitment: worth a line; another kind of trouble
SOON = 120  # days


@dataclass(frozen=True)
class Holding:
    """One commitment.

    Attributes
    ----------
    id, name, provider, currency, type : str
    instrument : Instrument or None
        None: the kit's table does not know its type; its cost stays in every total, and nothing is advised.
    start, end : date or None
        First day, and first day after it.
    end_basis : str
        ``contract``, ``purchase`` (its period), ``no charge since``, ``payment`` (paid at once ÷ cost of a day), ``assumed term`` (the
        shortest term sold that is not over), or empty where the end is not known.
    payment : str
    contract : str
        Contract to which it belongs, where one is named.
    monthly, used, unused : Decimal
        Effective cost of the month: committed, used and unused [currency].
    worth : Decimal
        What the used part costs without the commitment, by contract [currency].
    year_cost, year_unused, year_worth : Decimal
        The same over the months looked at [currency].
    recent_unused : Decimal
        Mean of a month over the last three [currency].
    months_left : Decimal
        From today [months]; 0 where it ended.
    families, services, regions : tuple of str
        Of what it covered.
    departments : dict
        Department -> contracted cost of what it covered [currency].
    """

    id: str
    name: str
    provider: str
    currency: str
    type: str
    instrument: Instrument | None
    start: date | None
    end: date | None
    end_basis: str
    payment: str
    contract: str
    monthly: Decimal
    used: Decimal
    unused: Decimal
    worth: Decimal
    year_cost: Decimal
    year_unused: Decimal
    year_worth: Decimal
    recent_unused: Decimal
    months_left: Decimal
    families: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    departments: Mapping[str, Decimal] = field(default_factory=dict)
    verdict: str = ""
    why: str = ""
    stake: Decimal = ZERO

    @property
    def rate(self) -> Decimal:
        """Paid for a unit of worth, while it is used [ratio]; NaN where nothing was used."""
        return ratio(CONTEXT.subtract(self.year_cost, self.year_unused), self.year_worth)

    @property
    def saving(self) -> Decimal:
        """What it saved in the month, after its unused part [currency]; below zero where it cost more than it saved."""
        return CONTEXT.subtract(self.worth, self.monthly)

    @property
    def utilisation(self) -> Decimal:
        """Used share over the months looked at [ratio]."""
        return ratio(CONTEXT.subtract(self.year_cost, self.year_unused), self.year_cost)

    @property
    def active(self) -> bool:
        """It runs, also where nobody says for how long."""
        return self.months_left.is_nan() or self.months_left > 0

    @property
    def larger(self) -> bool:
        """More of it lay unused over the months looked at than is worth a line."""
        share = ratio(self.year_unused, self.year_cost)
        return not share.is_nan() and share >= UNUSED

    @property
    def exit_months(self) -> Decimal:
        """Months until it can be left: its end, or its notice where it may be exchanged or refunded [months]."""
        if self.months_left.is_nan() or self.instrument is None or self.instrument.exit_days is None:
            return self.months_left
        return min(self.months_left, ratio(Decimal(self.instrument.exit_days), DAYS_A_MONTH))


def holdings(
    book: Sequence[Mapping[str, Any]],
    covered: Iterable[Mapping[str, Any]],
    terms: Iterable[Mapping[str, Any]],
    instruments: Instruments,
    *,
    which: Month,
    as_of: date,
    latest: Mapping[str, datetime] | None = None,
    family: Any = None,
) -> list[Holding]:
    """Every commitment of the months looked at, the dearest first.

    Parameters
    ----------
    book : sequence of mapping
        Rows of `helpers.measures.commitment_book.book`.
    covered : iterable of mapping
        Rows of `helpers.measures.commitment_book.covers`.
    terms : iterable of mapping
        FOCUS Contract Commitments: ContractCommitmentId, ContractCommitmentPeriodStart and -End, ContractCommitmentPaymentModel,
        ContractId, BillingCurrency. A commitment without one ends where its last purchase ends, if that says more than a month.
    instruments : Instruments
    which : Month
        The month of the page.
    as_of : date
        Today.
    latest : mapping, optional
        Provider -> end of its newest charge (UTC): a commitment without a charge since then has ended.
    family : callable, optional
        Row of `covered` -> family.

    Raises
    ------
    BadInput
        A commitment charged in two currencies; two terms of one id that overlap; a term that ends before it starts.
    """
    known = _terms(terms)
    oldest = min((r["period"] for r in book), default="")
    parts: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for r in covered:
        parts.setdefault((r["id"], r["currency"]), []).append(r)
    months: dict[str, list[Mapping[str, Any]]] = {}
    for r in book:
        months.setdefault(r["id"], []).append(r)
    found = []
    for id, rows in months.items():
        currencies = sorted({str(r["currency"]) for r in rows})
        if len(currencies) > 1:
            raise BadInput(
                f"commitment {id} is charged in {' and '.join(currencies)}", "one currency for one commitment",
                "ask the provider, or convert the charges before they are taken in: currencies are never added",
                column="BillingCurrency",
            )  # fmt: skip
        found.append(_holding(id, rows, parts.get((id, currencies[0]), []), known.get(id), instruments, which, as_of, latest or {}, oldest, family))  # fmt: skip
    found.sort(key=lambda h: (-h.monthly, -h.year_cost, h.id))
    return found


def _terms(terms: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Terms by commitment, in time; they must not overlap."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in terms:
        found.setdefault(str(row["ContractCommitmentId"]), []).append(row)
    for id, rows in found.items():
        rows.sort(key=lambda r: _day(r["ContractCommitmentPeriodStart"]))
        for row in rows:
            if _day(row["ContractCommitmentPeriodEnd"]) <= _day(row["ContractCommitmentPeriodStart"]):
                raise BadInput(
                    f"commitment {id} ends on {_day(row['ContractCommitmentPeriodEnd'])}, before it starts", "an end after its start",
                    "correct the row and ingest the table again", file="contract_commitment.csv", column="ContractCommitmentPeriodEnd",
                )  # fmt: skip
        for a, b in itertools.pairwise(rows):
            if _day(b["ContractCommitmentPeriodStart"]) < _day(a["ContractCommitmentPeriodEnd"]):
                raise BadInput(
                    f"two terms of commitment {id} overlap: one to {_day(a['ContractCommitmentPeriodEnd'])}, one from "
                    f"{_day(b['ContractCommitmentPeriodStart'])}",
                    "terms of one commitment that follow each other", "give the renewal an id of its own, or correct the days",
                    file="contract_commitment.csv", column="ContractCommitmentPeriodStart",
                )  # fmt: skip
    return found


def _holding(id, rows, parts, terms, instruments, which, as_of, newest, oldest, family) -> Holding:
    latest = max(rows, key=lambda r: r["period"])
    until = [r for r in rows if r["period"] <= str(which)]
    now = next((r for r in rows if r["period"] == str(which)), None)
    instrument = instruments.of(latest["provider"], latest["type"])
    start, end, basis = _span(rows, terms, as_of, newest.get(latest["provider"] or ""), oldest, instrument)
    left = ZERO
    if end is not None and end > as_of:
        left = ratio(Decimal((end - as_of).days), DAYS_A_MONTH)
    elif end is None and now is not None and add([now["used"], now["unused"]]):
        left = NAN  # it runs, and nobody says for how long
    recent = [r for r in rows if r["period"] in {str(which.plus(-n)) for n in range(3)}]
    term = terms[-1] if terms else {}

    def of(column: str) -> tuple[str, ...]:
        weights: dict[str, Decimal] = {}
        for p in parts:
            name = (family(p) if family else "") if column == "family" else p[column]
            if name:
                weights[str(name)] = CONTEXT.add(weights.get(str(name), ZERO), p["contracted"])
        return tuple(sorted(weights, key=lambda n: (-weights[n], n)))

    departments: dict[str, Decimal] = {}
    for p in parts:
        if p["period"] == str(which):
            who = p["department"] or ""
            departments[who] = CONTEXT.add(departments.get(who, ZERO), p["contracted"])
    cost = add(CONTEXT.add(r["used"], r["unused"]) for r in until)
    return Holding(
        id, latest["name"] or id, latest["provider"] or "", latest["currency"], latest["type"] or "",
        instrument, start, end, basis,
        str(term.get("ContractCommitmentPaymentModel") or _payment(rows)), str(term.get("ContractId") or ""),
        add([now["used"], now["unused"]]) if now else ZERO, now["used"] if now else ZERO, now["unused"] if now else ZERO,
        now["used_contracted"] if now else ZERO, cost, add(r["unused"] for r in until),
        add(r["used_contracted"] for r in until),
        ratio(add(r["unused"] for r in recent), len(recent)) if recent else ZERO, left,
        of("family"), of("service"), of("region"), departments,
    )  # fmt: skip


def _span(rows, terms, as_of, newest, oldest, instrument) -> tuple[date | None, date | None, str]:
    """First day, first day after it, and who says so."""
    if terms:
        inside = [t for t in terms if _day(t["ContractCommitmentPeriodStart"]) <= as_of] or terms
        t = inside[-1]
        return _day(t["ContractCommitmentPeriodStart"]), _day(t["ContractCommitmentPeriodEnd"]), "contract"
    spans = [(_day(r["begins"]), _day(r["ends"])) for r in rows if _known(r["begins"]) and _known(r["ends"])]
    long = [s for s in spans if (s[1] - s[0]).days > 31]  # a monthly payment says nothing about the term
    if long:
        first, last = max(long, key=lambda s: s[1])
        return first, last, "purchase"
    used = [_day(r["first_used"]) for r in rows if _known(r["first_used"])]
    ends = [_day(r["last_used"]) for r in rows if _known(r["last_used"])]
    first = min(used) if used else min((s[0] for s in spans), default=None)
    if ends and newest is not None and (_day(newest) - max(ends)).days > 2:
        return first, max(ends), "no charge since"
    if (days := _paid_at_once(rows)) and used:
        return first, min(used) + timedelta(days=days), "payment"
    began = first is not None and (
        str(Month.of(first)) > oldest or first.day > 1
    )  # else it may be older than the charges
    if first is not None and began and instrument is not None and instrument.terms:
        return first, _after(first, instrument.terms, as_of), "assumed term"
    return first, None, ""


def _paid_at_once(rows) -> int:
    """Days of the term of a commitment paid in one sum: what was billed ÷ what a day of it costs."""
    billed = [r for r in rows if r["billed"] > 0]
    daily = [
        ratio(
            CONTEXT.add(r["used"], r["unused"]), max((_day(r["last_used"]) - _day(r["first_used"])).days, 1)
        )
        for r in rows
        if _known(r["first_used"]) and CONTEXT.add(r["used"], r["unused"]) > 0
    ]
    if len(billed) != 1 or len(daily) < 2 or billed[0]["billed"] < 40 * daily[0]:
        return 0
    return int(ratio(billed[0]["billed"], daily[0]).to_integral_value())


def _after(first: date, terms: Sequence[int], as_of: date) -> date:
    """End of the shortest term that is not over yet."""
    for months in sorted(terms):
        month = Month.of(first).plus(months)
        end = date(month.year, month.month, min(first.day, month.days))
        if end > as_of:
            return end
    return end


def _payment(rows) -> str:
    spans = [
        (_day(r["ends"]) - _day(r["begins"])).days for r in rows if _known(r["begins"]) and _known(r["ends"])
    ]
    return "" if not spans else "All Upfront" if max(spans) > 31 else "No Upfront"


def judged(
    held: Sequence[Holding], on_demand: Mapping[str, Decimal], others: Mapping[str, Decimal], *, as_of: date
) -> list[Holding]:
    """What to do with each: verdict, why, and what is at stake a month [currency].

    Parameters
    ----------
    held : sequence of Holding
    on_demand : mapping
        Id -> on-demand cost of the last whole month (or what of it is over) of what this commitment used to cover, where it
        ended and nothing took its place, as a month's [currency].
    others : mapping
        Id -> on-demand cost of the month of usage that the same provider runs in other families [currency]: what a commitment
        that lies idle could have covered, were it not bound to its family.
    as_of : date
    """
    found = []
    for h in held:
        verdict, why, stake = _verdict(h, on_demand.get(h.id, ZERO), others.get(h.id, ZERO), as_of)
        found.append(replace(h, verdict=verdict, why=why, stake=stake.quantize(Decimal("0.01"))))
    return found


def _verdict(h: Holding, running: Decimal, other: Decimal, as_of: date) -> tuple[str, str, Decimal]:
    idle = ONE - h.utilisation if not h.utilisation.is_nan() else ZERO
    if h.instrument is None:
        return "not known", f"the kit's table has no instrument {h.type or 'without a type'!r}: its cost is kept, nothing is advised", ZERO  # fmt: skip
    ended = h.end is not None and h.end <= as_of
    if ended and running > 0 and not h.rate.is_nan():
        lost = CONTEXT.multiply(running, CONTEXT.subtract(ONE, h.rate))
        why = "it ended and what it covered runs at the on-demand price"
        return "lapsed", why + ("; part of it was never used, so buy less" if h.larger else ""), lost
    if (
        idle >= WRONG
        and h.instrument.binds == FAMILY
        and h.instrument.category == "Spend"
        and other > h.unused
    ):
        return "wrong family", f"bound to {', '.join(h.families[:2]) or 'a family'}, which hardly runs, while other families run on demand", h.recent_unused  # fmt: skip
    if h.larger:
        month = h.recent_unused if h.recent_unused > 0 else ratio(h.year_unused, 12)
        if ended:
            return "do not renew at this size", "it ended; part of it was never used", month
        what = "do not renew" if idle >= Decimal("0.5") else "renew smaller"
        return what, "part of it is paid and unused", month
    if ended:
        return "ended", "nothing that it covered runs without a commitment", ZERO
    if h.months_left.is_nan():
        return "ask for its end", "no contract and no charge says when it ends", ZERO
    if (h.end and (h.end - as_of).days <= SOON) and h.saving > 0:
        return "renew", "used to the full and ends soon", h.saving
    return "keep", "used", ZERO


def rates(held: Iterable[Holding], instruments: Instruments, *, term: int) -> dict[str, tuple[Decimal, str]]:
    """Instrument -> what it costs of the contracted price [1], and where the figure comes from.

    Seen in the charges: paid for what was used ÷ what that costs without, over every commitment of it; else what the table
    says of `term` months.
    """
    paid: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for h in held:
        if h.instrument is not None and h.year_worth:
            used = CONTEXT.subtract(h.year_cost, h.year_unused)
            paid.setdefault(h.instrument.id, []).append((used, h.year_worth))
    found: dict[str, tuple[Decimal, str]] = {}
    for i in instruments.all:
        if i.id in paid:
            seen = ratio(add(a for a, _ in paid[i.id]), add(b for _, b in paid[i.id]))
            if 0 < seen < 1:
                found[i.id] = seen, "seen in the charges"
                continue
        if term in i.rates:
            found[i.id] = i.rates[term], i.rate_basis
    return found


def frame(held: Iterable[Holding]) -> Any:
    """Commitments as a table, for a spreadsheet."""
    import pandas as pd

    rows = [
        {
            "id": h.id, "name": h.name, "provider": h.provider, "kind": h.instrument.name if h.instrument else h.type,
            "start": h.start, "end": h.end, "end_basis": h.end_basis, "payment": h.payment, "contract": h.contract,
            "currency": h.currency, "committed": h.monthly, "used": h.used, "unused": h.unused, "saving": h.saving,
            "utilisation": h.utilisation, "rate": h.rate, "months_left": h.months_left,
            "exchange": h.instrument.exchange if h.instrument else "", "verdict": h.verdict, "why": h.why, "stake": h.stake,
        }
        for h in held
    ]  # fmt: skip
    names = [
        "id", "name", "provider", "kind", "start", "end", "end_basis", "payment", "contract", "currency", "committed", "used",
        "unused", "saving", "utilisation", "rate", "months_left", "exchange", "verdict", "why", "stake",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=names, dtype=object)


# --- lock-in ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LockIn:
    """Months of lock-in and what a fall of demand would cost.

    Attributes
    ----------
    committed, usage : Decimal
        Σ committed cost × months left ÷ Σ committed cost, and ÷ usage that commitments cover or could cover at its on-demand
        price [months]; NaN without either.
    remaining : Decimal
        Owed until the last end [currency].
    loss : Decimal
        What would be paid for nothing until the ends, were demand to fall by a third tomorrow [currency].
    unknown : tuple of str
        Commitments whose end nobody says; they are in none of the figures.
    """

    committed: Decimal
    usage: Decimal
    remaining: Decimal
    loss: Decimal
    unknown: tuple[str, ...]


def lock_in(
    held: Iterable[Holding], eligible: Decimal, *, by_exit: bool = False, fall: Decimal = Decimal(1) / 3
) -> LockIn:
    """Lock-in of active commitments of one currency.

    Parameters
    ----------
    held : iterable of Holding
    eligible : Decimal
        A month's usage that commitments cover or could cover, at contracted cost [currency].
    by_exit : bool
        Count what can be exchanged or refunded only up to its notice.
    fall : Decimal
        Share of demand that goes [1].

    Notes
    -----
    Each commitment's own demand falls by `fall`: a flexible one that had usage beyond it loses less, because that usage takes
    over; this is not counted, so the loss is an upper bound.

    Examples
    --------
    >>> lock_in([], Decimal(100)).committed.is_nan()
    True
    """
    active = [h for h in held if h.active]
    unknown = tuple(h.name for h in active if h.months_left.is_nan())
    known = [h for h in active if not h.months_left.is_nan()]
    months = {h.id: h.exit_months if by_exit else h.months_left for h in known}
    weighted = add(CONTEXT.multiply(h.monthly, months[h.id]) for h in known)
    monthly = add(h.monthly for h in known)
    loss = ZERO
    for h in known:
        before = h.unused
        after = min(h.monthly, CONTEXT.add(h.unused, CONTEXT.multiply(h.used, fall)))
        loss = CONTEXT.add(loss, CONTEXT.multiply(CONTEXT.subtract(after, before), months[h.id]))
    return LockIn(ratio(weighted, monthly), ratio(weighted, eligible), weighted, loss, unknown)


def break_even(rate: Decimal, term: int) -> Decimal:
    """Months after which a commitment paid for its whole term has cost less than the on-demand price [months].

    Parameters
    ----------
    rate : Decimal
        Price of the on-demand price [1].
    term : int
        [months]

    Notes
    -----
    If demand ends after these months, the whole commitment has cost as much as no commitment at all. The same number ÷ term is
    the share of hours that must be used.

    Examples
    --------
    >>> break_even(Decimal("0.7"), 12)
    Decimal('8.4')
    """
    return CONTEXT.multiply(rate, Decimal(term))


def _day(moment: Any) -> date:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).date() if moment.tzinfo else moment.date()
    if isinstance(moment, str):
        return datetime.fromisoformat(moment.replace("Z", "+00:00")).date()
    return moment.date() if hasattr(moment, "date") else moment


def _known(value: Any) -> bool:
    return value is not None and value == value
