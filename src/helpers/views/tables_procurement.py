"""Tables of procurement's page: verdicts, what runs less, purchases, the calendar, agreements, who gets the benefit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import foot
from helpers.terms.money import total as add
from helpers.views import sentences, sentences_procurement
from helpers.views.markup import Shown, block, plain, safe, titled, titled_table
from helpers.views.sentences import number

TOP = 12
WAYS = {"used": "As used", "bought": "As bought", "pooled": "Pooled"}


def short(value: Any) -> str:
    """A day in few letters: ``5 Oct 2026``."""
    return f"{value.day} {value:%b %Y}"


def verdicts(held: Sequence[Any], *, currency: str) -> Shown:
    """What to do with each commitment, those with most at stake first."""
    some = sorted((h for h in held if h.verdict not in ("ended",)), key=lambda h: (-h.stake, h.name))
    at = sentences.places([h.stake for h in some])
    rows = [
        [
            plain(h.name), h.verdict, number(h.stake, at) if h.stake else "—",
            short(h.end) if h.end else "not known", _exit(h),
        ]
        for h in some[:TOP]
    ]  # fmt: skip
    head = ["Commitment", "Verdict", f"At stake a month, {currency}", "Ends", "May be left"]
    title = sentences_procurement.of_verdicts(held, currency)
    below = "What each is worth doing something about; what ended and was replaced is left out"
    seen = _table(title, below, head, rows, (0, 1, 3, 4), order=(0, 2, 1, 3, 4))
    return _with_reasons(seen, some[:TOP])


def _exit(h: Any) -> str:
    return "not known" if h.instrument is None else plain(h.instrument.exchange or "no", 120)


def _with_reasons(seen: Shown, some: Sequence[Any]) -> Shown:
    said = [(plain(h.name), f"{sentences.capital(h.why)}. {_basis(h)}") for h in some]
    if not said:
        return seen
    terms = "".join(f"<div><dt>{safe(n)}</dt><dd>{safe(w)}</dd></div>" for n, w in said)
    body = f'<details class="kit-terms"><summary>Why, and who says when it ends</summary><dl>{terms}</dl></details>'
    return Shown(
        seen.html + block("definitions", body), f"{seen.text}\n" + "\n".join(f"{n}: {w}" for n, w in said)
    )


def _basis(h: Any) -> str:
    words = {
        "contract": "its contract says when it ends",
        "purchase": "its purchase says when it ends",
        "payment": "its end follows from what was paid at once and what a day costs",
        "no charge since": "it has had no charge since its end",
        "assumed term": "its end is assumed: the shortest term sold that is not over",
    }
    kind = f"{h.instrument.name}, as read on {h.instrument.read}" if h.instrument else "kind not known"
    return f"{sentences.capital(words.get(h.end_basis, 'nobody says when it ends'))}; {kind}."


def less(schedules: Any, *, currency: str) -> Shown:
    """What is planned to run less: gross, and net of the commitments of today."""
    rows = schedules.to_dict("records")
    amounts = [r["gross"] for r in rows] + [r["net"] for r in rows]
    at = sentences.places(amounts)
    shown = [
        [
            plain(r["name"]), f"{r['kind']}: {plain(r['what'])}", number(r["gross"], at), number(r["net"], at),
            f"{short(r['until'])}" if r["until"] else "now", "yes" if r["taken"] else "no",
        ]
        for r in rows[:TOP]
    ]  # fmt: skip
    if len(rows) > TOP:
        rest = rows[TOP:]
        shown.append([f"{len(rest):,} others", "", number(add(r["gross"] for r in rest), at), number(add(r["net"] for r in rest), at), "", ""])  # fmt: skip
    head = ["Resource", "What", f"Gross, {currency}", f"Net now, {currency}", "All of it from", "In the plan"]
    below = (
        "A month; net: what a commitment covers goes on being paid, unless other use of its kind takes over"
    )
    return _table(
        sentences_procurement.of_less(schedules, currency),
        below,
        head,
        shown,
        (0, 1, 4, 5),
        order=(0, 3, 2, 1, 4, 5),
    )


def compared(table: Any, *, currency: str) -> Shown:
    """Today's figures beside those with the plan."""
    rows = []
    for r in table.to_dict("records"):
        rows.append([r["measure"] + (f", {currency}" if r["kind"] == "money" else ""), _said(r["today"], r["kind"]), _said(r["planned"], r["kind"])])  # fmt: skip
    title = "What the plan changes"
    return _table(title, "This month’s figures, and the ladder’s over a year on what will still run", ["", "Today", "Planned"], rows, (0,))  # fmt: skip


def _said(value: Any, kind: str) -> str:
    if value is None or value != value:
        return "—"
    exact = value if isinstance(value, Decimal) else Decimal(repr(round(float(value), 6)))
    if kind == "share":
        return sentences.percent(exact)
    return number(exact, 1 if kind == "months" else 0)


def purchases(rows: Sequence[Any], *, currency: str, waiting: Decimal | None = None, notes: Sequence[str] = (), gap: str = "") -> Shown:  # fmt: skip
    """What is proposed to buy in the coming quarter, the largest saving first, with total."""
    if gap:
        return _table(plain(gap.replace("\n", "; "), 300), "", [], [], (0,))
    rows = sorted(rows, key=lambda p: (p["buy_on"], -p["saving_a_month"]))
    shown, rest = list(rows[:TOP]), list(rows[TOP:])
    costs = [p["a_month"] for p in shown] + ([add(p["a_month"] for p in rest)] if rest else [])
    saves = [p["saving_a_month"] for p in shown] + ([add(p["saving_a_month"] for p in rest)] if rest else [])
    at = sentences.places([*costs, *saves])
    a, b = foot(costs, at), foot(saves, at)
    body = [
        [plain(p["what"], 110), short(p["buy_on"]), number(x, at), number(y, at), f"{p['break_even_months']} of {p['term_months']}", plain(p["who"])]
        for p, x, y in zip(shown, a, b, strict=False)
    ]  # fmt: skip
    if rest:
        body.append([f"{len(rest):,} others", "", number(a[-1], at), number(b[-1], at), "", ""])
    if body:
        body.append(["Total", "", number(add(a), at), number(add(b), at), "", ""])
    head = [
        "Purchase",
        "Buy on",
        f"Costs a month, {currency}",
        f"Saves, {currency}",
        "Break-even, months",
        "Who signs",
    ]
    below = "Of the coming quarter; each line stands in files/purchases.csv for approval; rates as seen in these charges, else as the table of instruments assumes"
    if waiting:
        below += f"; buying in parts spreads their ends and gives up {sentences.money(waiting, currency)}"
    if notes:
        below += f"; {plain(notes[0], 160)}"
    title = sentences_procurement.of_purchases(rows, currency)
    return _table(title, below, head, body, (0, 1, 5), total=bool(body), order=(0, 3, 2, 1, 4, 5))


def calendar(entries: Sequence[Any], *, currency: str, top: int = 14) -> Shown:
    """The next dates, each once, with what doing nothing costs."""
    some = [e for e in entries if e.kind != "purchase"]
    bought = [e for e in entries if e.kind == "purchase"]
    rows = [_line(e) for e in some[:top]]
    if bought:
        first, last = min(e.day for e in bought), max(e.day for e in bought)
        told = (
            f"{len(bought):,} proposed up to {short(last)}, the first on this day"
            if last > first
            else f"{len(bought):,} proposed"
        )
        before = sum(e.day < first for e in some[:top])
        rows.insert(before, [short(first), "purchases", told, number(add(e.nothing for e in bought if e.nothing), 0), "a month", ""])  # fmt: skip
    head = ["Day", "Kind", "What", f"Doing nothing costs, {currency}", "Reckoned", "Who"]
    below = "Each date once; how each cost is reckoned stands in files/money_calendar.csv and .ics"
    if len(some) > top:
        below += f", {len(some) - top:,} more"
    return _table(
        sentences_procurement.of_calendar(some, currency),
        below,
        head,
        rows,
        (0, 1, 2, 4, 5),
        order=(0, 2, 3, 4, 1, 5),
    )


def _line(e: Any) -> list[str]:
    cost = "not known" if e.nothing is None else number(e.nothing, 0) if e.nothing else "nothing"
    return [short(e.day) + (" (past)" if e.overdue and e.kind != "support" else ""), e.kind, plain(e.what, 90), cost, plain(e.basis.split(':')[0], 60), plain(e.owner)]  # fmt: skip


def agreements(found: Any, off: Any, *, currency: str) -> Shown:
    """Promised minimums in money: committed, consumed, expected; and what of a year falls into another budget."""
    later = {r["contract_id"]: r["next"] for r in off.to_dict("records")}
    rows = []
    for r in found.to_dict("records"):
        rows.append(
            [
                plain(r["vendor"]), number(r["committed"], 0), number(r["consumed"], 0),
                "—" if r["expected"].is_nan() else number(r["expected"], 0),
                "—" if r["gap"].is_nan() else number(r["gap"], 0) if r["gap"] else "none",
                number(later[r["contract_id"]], 0) if r["contract_id"] in later else "none",
            ]
        )  # fmt: skip
    head = [
        "Vendor",
        f"Promised, {currency}",
        "Billed so far",
        "Expected at its end",
        "Shortfall",
        "In the next budget",
    ]
    below = "The commitment period at hand; a dash: charges do not reach back to its beginning, or it has just begun"
    return _table(
        sentences_procurement.of_agreements(found, currency),
        below,
        head,
        rows,
        (0,),
        order=(0, 4, 5, 1, 2, 3),
    )


def benefit(found: Any, *, currency: str) -> Shown:
    """Net benefit of commitments by department, three ways; the totals are the same."""
    rows = found.to_dict("records")
    names = sorted({r["department"] for r in rows if r["saving"] or r["unused"]})
    by = {(r["way"], r["department"]): r["net"] for r in rows}
    names.sort(key=lambda n: (-by.get(("used", n), Decimal(0)), n))
    totals = [add(by.get((w, n), Decimal(0)) for n in names) for w in WAYS]
    at = sentences.places(list(by.values()) + totals)
    columns = [foot([by.get((w, n), Decimal(0)) for n in names], at) if names else [] for w in WAYS]
    body = [[plain(n) or "nobody by name", *(number(c[i], at) for c in columns)] for i, n in enumerate(names)]
    if body:
        body.append(["Total", *(number(t, at) for t in totals)])
    head = ["Department", *(f"{w}, {currency}" for w in WAYS.values())]
    below = (
        "Contracted cost of what was covered − effective cost of commitments, unused included, in the month"
    )
    return _table(
        sentences_procurement.of_benefit(found, currency), below, head, body, (0,), total=bool(body)
    )


def again(page: Any, *, currency: str) -> Shown:
    """What the page's controls show: the verdicts of another month or scope."""
    return verdicts(page.held, currency=currency)


def _table(
    title: str,
    below: str,
    head: list[str],
    rows: list[list[str]],
    left: Sequence[int],
    total: bool = False,
    order: Sequence[int] = (),
) -> Shown:
    """A table; `order` puts first what decides, since a phone shows the first columns only."""
    if not rows:
        return Shown(block("listing", titled(title, "")), title)
    at = list(order) or list(range(len(head)))
    head, rows = [head[i] for i in at], [[r[i] for i in at] for r in rows]
    words = tuple(n for n, i in enumerate(at) if i in left)
    return titled_table(title, below, head, rows, words, total)
