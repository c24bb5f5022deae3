"""Sentences written from results: numbers in words, headline, lede and the titles of pictures.

A title is a finding. It never says more than the numbers: a direction is named only where there is one, a share only
where the parts go one way, a percentage only where its base is positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.period import Month
from helpers.views.markup import plain

MINUS = "−"
MONTHLY = " a month"  # what stands behind a decision's amount: the catalog gives all of them for one month
SAME = Decimal("0.005")  # a change below this share of the month before is "about the same"
HARDLY = Decimal("0.1")  # a cause below this share of the largest one is not worth a name
WORDS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
FRACTIONS = [
    (Decimal(n) / d, words)
    for n, d, words in [
        (9, 10, "nine tenths"),
        (4, 5, "four fifths"),
        (3, 4, "three quarters"),
        (2, 3, "two thirds"),
        (3, 5, "three fifths"),
        (1, 2, "half"),
        (2, 5, "two fifths"),
        (1, 3, "one third"),
        (1, 4, "a quarter"),
        (1, 5, "a fifth"),
        (1, 10, "a tenth"),
    ]
]
CAUSES = {  # cause of measures.change and measures.what_changed -> what it is called where it adds, where it takes away
    "list price": ("higher list prices", "lower list prices"),
    "negotiated": ("less saved by negotiated prices", "more saved by negotiated prices"),
    "commitment": ("less saved by commitments", "more saved by commitments"),
    "volume": ("more use", "less use"),
    "mix": ("a dearer mix", "a cheaper mix"),
    "days": ("a longer month", "a shorter month"),
    "new": ("items new this month", "new credits"),
    "ended": ("credits that ended", "items no longer used"),
    "corrections": ("corrections", "corrections"),
    "no quantity": ("charges without a quantity", "charges without a quantity"),
    "exchange rate": ("dearer foreign currencies", "cheaper foreign currencies"),
    "restatement": (
        "what came after last month was closed",
        "what was taken back after last month was closed",
    ),
}


def count(n: int) -> str:
    """A small number in words.

    Examples
    --------
    >>> count(3), count(23)
    ('three', '23')
    """
    return WORDS[n] if 0 <= n < len(WORDS) else f"{n:,}"


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def capital(text: str) -> str:
    """The first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def places(values: Iterable[Decimal | None]) -> int:
    """Decimal places that decide something for numbers shown together: none in thousands, two below.

    Examples
    --------
    >>> places([Decimal(352410)]), places([Decimal("18.0066")]), places([Decimal("0.00372")])
    (0, 2, 5)
    """
    known = [abs(v) for v in values if v is not None and v.is_finite() and v]
    largest = max(known, default=Decimal(1))
    if largest >= 1000:
        return 0
    return 2 if largest >= Decimal("0.1") else min(12, 2 - largest.adjusted())


def number(value: Decimal | int | None, at: int | None = None, *, signed: bool = False) -> str:
    """A number with separators, half-even at `at` places; a missing one is a dash.

    Examples
    --------
    >>> number(Decimal("-2210.4")), number(Decimal("1180"), signed=True), number(None), number(Decimal("-0.004"))
    ('−2,210', '+1,180', '—', '−0.00400')
    >>> number(Decimal("-0.004"), 2)
    '0.00'
    """
    if value is None or not Decimal(value).is_finite():
        return "—"
    value = Decimal(value)
    with localcontext(CONTEXT):
        rounded = value.quantize(
            Decimal(1).scaleb(-(places([value]) if at is None else at)), rounding=ROUND_HALF_EVEN
        )
    if not rounded:
        return f"±{abs(rounded):,f}" if signed else f"{abs(rounded):,f}"
    sign = MINUS if rounded < 0 else "+" if signed else ""
    return f"{sign}{abs(rounded):,f}"


def money(value: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """An amount with its currency and the digits that decide.

    Examples
    --------
    >>> money(Decimal("352410.37"), "USD"), money(Decimal("18.0066386184"), "EUR")
    ('352,410 USD', '18.01 EUR')
    """
    return (
        number(value, signed=signed)
        if value is None
        else f"{number(value, signed=signed)} {currency}".strip()
    )


def percent(share: Decimal | None, at: int = 1, *, signed: bool = False, trim: bool = True) -> str:
    """A ratio as a percentage; never rounded to 0 or 100 where it is not.

    Examples
    --------
    >>> percent(Decimal("0.0614"), 0), percent(Decimal("0.214")), percent(Decimal("0.61")), percent(Decimal(1))
    ('6 %', '21.4 %', '61 %', '100 %')
    >>> percent(Decimal("0.9998")), percent(Decimal("0.00002")), percent(Decimal("-0.026"), signed=True)
    ('99.98 %', '0.002 %', '−2.6 %')
    """
    if share is None or not share.is_finite():
        return "—"
    with localcontext(CONTEXT):
        hundred = share * 100
        shown = hundred.quantize(Decimal(1).scaleb(-at))
        while (
            hundred and (not shown or (abs(shown) == 100 and abs(hundred) != 100 and abs(hundred) < 100))
        ) and at < 3:
            at += 1
            shown = hundred.quantize(Decimal(1).scaleb(-at))
        if hundred and not shown:
            return (
                f"under {Decimal(1).scaleb(-at):f} %"
                if hundred > 0
                else f"over {MINUS}{Decimal(1).scaleb(-at):f} %"
            )
        if abs(shown) == 100 and abs(hundred) < 100:
            return f"{MINUS if hundred < 0 else ''}99.9… %"
    text = number(shown, at, signed=signed)
    return f"{_trimmed(text) if trim else text} %"


def points(difference: Decimal | None, at: int = 1, *, signed: bool = True) -> str:
    """A difference of two ratios in percentage points.

    Examples
    --------
    >>> points(Decimal("-0.032")), points(Decimal("0.01")), points(Decimal(0))
    ('−3.2 points', '+1 point', '±0 points')
    """
    if difference is None or not difference.is_finite():
        return "—"
    with localcontext(CONTEXT):
        hundred = difference * 100
    while hundred and not hundred.quantize(Decimal(1).scaleb(-at)) and at < 4:
        at += 1
    text = _trimmed(number(hundred, at, signed=signed))
    return f"{text} point{'' if text.lstrip('+' + MINUS) == '1' else 's'}"


def fraction(share: Decimal) -> str:
    """A share in words where a plain fraction is near, else as a percentage.

    Examples
    --------
    >>> fraction(Decimal("0.685")), fraction(Decimal("0.34")), fraction(Decimal("0.15")), fraction(Decimal(1))
    ('two thirds', 'one third', '15 %', 'all')
    """
    if share == 1:
        return "all"
    if Decimal("0.96") <= share < 1:
        return "nearly all"
    near, words = min(FRACTIONS, key=lambda f: abs(f[0] - share))
    return words if abs(near - share) <= Decimal("0.025") else percent(share, 0)


def phrase(cause: str, amount: Decimal) -> str:
    """What a cause of the bridge is called where it adds (or takes away)."""
    adds, takes = CAUSES.get(cause, (plain(cause), plain(cause)))
    return adds if amount >= 0 else takes


def causes(bridge: Any, *, most: int = 2) -> tuple[list[tuple[str, Decimal]], list[tuple[str, Decimal]]]:
    """The causes worth naming: those that go with the net change, and those against it, the largest first.

    Parameters
    ----------
    bridge : DataFrame or iterable of (cause, amount)
        Columns cause, amount [currency, Decimal].
    most : int
        How many of each at most.

    Returns
    -------
    with_it, against : lists of (cause, amount)
    """
    parts = [(str(c), Decimal(a)) for c, a in _pairs(bridge) if a]
    with localcontext(CONTEXT):
        net = sum((a for _, a in parts), Decimal(0))
    largest = max((abs(a) for _, a in parts), default=Decimal(0))
    named = sorted((p for p in parts if abs(p[1]) >= largest * HARDLY), key=lambda p: -abs(p[1]))
    up = net >= 0
    return [p for p in named if (p[1] > 0) == up][:most], [p for p in named if (p[1] > 0) != up][:most]


def versus(total: Decimal, previous: Decimal | None, against: str, currency: str = "") -> str:
    """How a total compares with an earlier one, in words that are true.

    Examples
    --------
    >>> versus(Decimal(106), Decimal(100), "August")
    '6 % more than August'
    >>> versus(Decimal(100), Decimal(100), "August"), versus(Decimal("100.1"), Decimal(100), "August")
    ('exactly as much as August', 'about as much as August (+0.1 %)')
    >>> versus(Decimal(5), Decimal(0), "August"), versus(Decimal(5), None, "August")
    ('after nothing in August', 'with no August to compare with')
    """
    if previous is None or not previous.is_finite():
        return f"with no {against} to compare with"
    with localcontext(CONTEXT):
        difference = total - previous
    if not difference:
        return f"exactly as much as {against}"
    if not previous:
        return f"after nothing in {against}"
    more = "more" if difference > 0 else "less"
    if previous < 0 or total < 0:
        return f"{money(abs(difference), currency)} {more} than {against}"
    change = ratio(difference, previous)
    if abs(change) < SAME:
        return f"about as much as {against} ({percent(change, signed=True)})"
    if change >= 2:
        return f"{_trimmed(number(ratio(total, previous), 1))} times as much as {against}"
    return f"{percent(abs(change), 0 if abs(change) >= Decimal('0.02') else 1)} {more} than {against}"


def headline(
    total: Decimal,
    previous: Decimal | None,
    *,
    month: str,
    currency: str,
    bridge: Any = None,
    days: int = 0,
    open: bool = False,
    compared: str = "",
    subject: str = "",
) -> str:
    """The answer in one sentence: what the month cost, how that compares, and why.

    Parameters
    ----------
    total, previous : Decimal
        Effective cost of the month and of the one before [currency]; `previous` None where there is none.
    month : str
        ``2026-09``.
    currency : str
    bridge : DataFrame, optional
        Causes of the difference: columns cause, amount [currency].
    days : int
        Days compared where the month is open or only its first days count; 0 for whole months.
    open : bool
        The month is not over: its total is one so far.
    compared : str
        The month compared with, ``2026-08``; default the one before.
    subject : str
        Whose cost, where it is not all of it.

    Examples
    --------
    >>> headline(Decimal(352410), Decimal(332150), month="2026-09", currency="USD",
    ...          bridge=[("volume", Decimal(13500)), ("commitment", Decimal(6760))])
    'September cost 352,410 USD, 6 % more than August: two thirds comes from more use, one third from less saved by commitments'
    >>> headline(Decimal(90), Decimal(100), month="2026-09", currency="EUR", days=12, open=True)
    'September cost 90.00 EUR so far, 10 % less than August over 12 equal days'
    """
    this = Month.parse(month)
    earlier = Month.parse(compared) if compared else this.plus(-1)
    against = earlier.name if earlier.year == this.year or earlier == this.plus(-1) else earlier.title
    name = f"{plain(subject)}: {this.name}" if subject else this.name
    start = f"{name} came to" if total < 0 else f"{name} cost"
    sofar = " so far" if open else ""
    equal = f" over {days} equal days" if days > 1 else " on its first day" if days == 1 else ""
    said = f"{start} {money(total, currency)}{sofar}, {versus(total, previous, against, currency)}"
    if previous is not None:
        said += equal
    why = because(bridge, total, previous) if bridge is not None and previous is not None else ""
    return f"{said}: {why}" if why else said


def of_bridge(bridge: Any, *, open: bool = False, subject: str = "") -> str:
    """`headline` from a month's change by cause alone: totals, months and days stand in its ``attrs``.

    Parameters
    ----------
    bridge : DataFrame
        Form of `measures.change.bridge`.
    open : bool
        The month is not over.
    subject : str
        Whose cost, where it is not all of it.
    """
    told = bridge.attrs
    return headline(
        told["total"],
        told["previous_total"],
        month=str(told["month"]),
        currency=told["currency"],
        bridge=bridge,
        days=told["days"],
        open=open,
        compared=str(told["previous"]),
        subject=subject,
    )


def because(bridge: Any, total: Decimal, previous: Decimal) -> str:
    """Why: as fractions of the change where the causes go one way, else as amounts that add and take away."""
    with localcontext(CONTEXT):
        net = total - previous
    with_it, against = causes(bridge)
    if not with_it and not against:
        return ""
    opposing = sum((abs(a) for c, a in _pairs(bridge) if a and (a > 0) != (net > 0)), Decimal(0))
    small = previous > 0 and abs(ratio(net, previous)) < SAME
    shares = [ratio(a, net) for _, a in with_it] if net else []
    if shares and not small and opposing * 4 <= abs(net) and sum(shares) <= Decimal("1.03"):
        parts = [
            (fraction(min(s, Decimal(1))), phrase(c, a)) for s, (c, a) in zip(shares, with_it, strict=True)
        ]
        if parts[0][0] in ("all", "nearly all"):
            return f"{parts[0][0]} of it comes from {parts[0][1]}"
        return ", ".join(f"{s} {'' if i else 'comes '}from {what}" for i, (s, what) in enumerate(parts))
    moved = sorted([*with_it[:1], *against[:1]], key=lambda p: -abs(p[1]))
    at, shown = footed(previous, total, [(str(c), Decimal(a)) for c, a in _pairs(bridge)])
    return ", ".join(
        f"{phrase(c, a)} {'added' if a > 0 else 'took off'} {number(abs(shown[c]), at)}" for c, a in moved
    )


def footed(
    start: Decimal, end: Decimal, causes: Sequence[tuple[str, Decimal]]
) -> tuple[int, dict[str, Decimal]]:
    """Causes as a picture and a sentence both show them: rounded so that they lead from one shown total to the other.

    Returns
    -------
    places : int
    amounts : dict
        Cause -> amount at `places` [unit of `start`].

    Examples
    --------
    >>> footed(Decimal("1000.4"), Decimal("2001.2"), [("volume", Decimal("600.4")), ("mix", Decimal("400.4"))])
    (0, {'volume': Decimal('601'), 'mix': Decimal('400')})
    """
    at = places([start, end])
    parts = foot([start, *(a for _, a in causes)], at)
    return at, dict(zip((c for c, _ in causes), parts[1:], strict=True))


def bridge_title(bridge: Any, start: Decimal, end: Decimal) -> str:
    """What a bridge shows.

    Examples
    --------
    >>> bridge_title([("volume", Decimal(13)), ("commitment", Decimal(7)), ("mix", Decimal(-4))], Decimal(9), Decimal(25))
    'More use and less saved by commitments raised cost; a cheaper mix held it back'
    >>> bridge_title([], Decimal(9), Decimal(9))
    'Nothing moved: cost is what it was'
    """
    with_it, against = causes(bridge)
    if not with_it and not against:
        return "Nothing moved: cost is what it was"
    if start == end:
        return f"{capital(phrase(*with_it[0]))} and {phrase(*against[0])} cancel out"
    said = f"{capital(listed([phrase(*p) for p in with_it]))} {'raised' if end > start else 'lowered'} cost"
    if against and abs(against[0][1]) * 4 >= abs(with_it[0][1]):
        said += f"; {phrase(*against[0])} {'held it back' if end > start else 'worked against it'}"
    return said


def ranked_title(rows: Sequence[tuple[str, Decimal, Decimal | None]]) -> str:
    """What a ranking shows: who costs most, and who grew most in money.

    Parameters
    ----------
    rows : sequence of (name, value, previous)

    Examples
    --------
    >>> ranked_title([("Compute", Decimal(60), Decimal(55)), ("AI", Decimal(40), Decimal(30))])
    'Compute costs most, three fifths of all; AI grew most, by 33 %'
    """
    if not rows:
        return "Nothing to rank: there are no charges"
    with localcontext(CONTEXT):
        whole = sum((v for _, v, _ in rows), Decimal(0))
        first, value, _ = max(rows, key=lambda r: r[1])
        grown = [(n, v - p, p) for n, v, p in rows if p is not None and v - p > 0]
    if value <= 0:
        return "No name costs anything this month"
    one_way = all(v >= 0 for _, v, _ in rows)
    said = f"{plain(first, 40)} costs most"
    if one_way and whole > 0:
        said += f", {fraction(ratio(value, whole))} of all" if value != whole else ": it is all there is"
    if any(p is not None for _, _, p in rows):
        if not grown:
            return f"{said}; nothing grew"
        name, more, base = max(grown, key=lambda g: g[1])
        by = f"by {percent(ratio(more, base), 0)}" if base > 0 else "from nothing"
        said += f"; it also grew most, {by}" if name == first else f"; {plain(name, 40)} grew most, {by}"
    return said


def heat_title(cells: Sequence[tuple[str, str, Decimal]]) -> str:
    """What a table of changes shows: the largest addition and the largest saving.

    Parameters
    ----------
    cells : sequence of (row, column, amount)

    Examples
    --------
    >>> heat_title([("Compute", "volume", Decimal(9)), ("Storage", "mix", Decimal(-4))])
    'Compute added most (volume); Storage took off most (mix)'
    """
    said = []
    for words, sign in (("added most", 1), ("took off most", -1)):
        row, column, amount = max(cells, key=lambda c: sign * c[2], default=("", "", Decimal(0)))
        if amount * sign > 0:
            said.append(f"{plain(row, 40)} {words} ({plain(column, 40)})")
    return "; ".join(said) or "Nothing moved: every part cost what it did"


def trend_title(months: Sequence[tuple[str, Decimal | None]]) -> str:
    """What a line over months shows: its last value against its first, and its peak.

    Examples
    --------
    >>> trend_title([("2025-09", Decimal(100)), ("2026-09", Decimal(150))])
    'September 2026 is the highest month, 50 % more than September 2025'
    """
    known = [(m, v) for m, v in months if v is not None]
    if len(known) < 2:
        return "One month is no trend yet" if known else "No month has a value"
    (first, start), (last, end) = known[0], known[-1]
    compared = versus(end, start, Month.parse(first).title)
    values = [v for _, v in known]
    if end == max(values) != min(values):
        return f"{Month.parse(last).title} is the highest month, {compared}"
    if end == min(values) != max(values):
        return f"{Month.parse(last).title} is the lowest month, {compared}"
    return f"{Month.parse(last).title}: {compared}"


def unit_of(kpi: Any) -> str:
    """A KPI's unit as views know it: ``factor`` for a ratio that is shown as one."""
    return "factor" if getattr(kpi, "shown_as", "") == "factor" else str(kpi.unit)


def shown_value(value: Decimal | None, unit: str) -> str:
    """A KPI's value as a person reads it: a ratio as a percentage or factor, everything else as a number.

    Examples
    --------
    >>> shown_value(Decimal("0.61"), "ratio"), shown_value(Decimal(352410), "currency"), shown_value(Decimal("1.30"), "factor")
    ('61 %', '352,410', '1.3 ×')
    """
    if unit == "ratio":
        return percent(value)
    text = number(value) if unit.startswith("currency") else _trimmed(number(value))
    return f"{text} ×" if unit == "factor" else text


def with_unit(value: Decimal | None, unit: str, currency: str | None = None) -> str:
    """The same with its unit, for sentences."""
    return f"{shown_value(value, unit)} {unit_words(unit, currency)}".strip()


def unit_words(unit: str, currency: str | None = None) -> str:
    """What stands behind a value: nothing for a ratio, the currency for money.

    Examples
    --------
    >>> unit_words("ratio"), unit_words("currency", "USD"), unit_words("currency/core-hour", "USD")
    ('', 'USD', 'USD a core-hour')
    """
    if unit in ("ratio", "factor"):
        return ""
    return plain(unit.replace("currency", currency or "").replace("/", " a ")).strip()


def moved(kpi: Any) -> str:
    """A KPI's change on the month before: points for a ratio, else a percentage, or a sentence why there is none."""
    if kpi.value is None:
        return ""
    if kpi.previous is None:
        return "no month before to compare with"
    with localcontext(CONTEXT):
        difference = kpi.value - kpi.previous
    before = kpi.history[-2][0] if len(kpi.history or []) > 1 else ""
    on = f" on {Month.parse(before).name}" if before else ""
    if unit_of(kpi) == "ratio":
        return points(difference) + on
    if kpi.previous > 0:
        return percent(ratio(difference, kpi.previous), signed=True) + on
    return number(difference, signed=True) + on


def judged(kpi: Any) -> tuple[str, str]:
    """A KPI against its target: ``good``, ``bad`` or ``none``, and the words.

    Returns
    -------
    kind, words : str

    Examples
    --------
    >>> from types import SimpleNamespace as K
    >>> judged(K(value=Decimal("0.61"), target=Decimal("0.7"), unit="ratio", currency=None, direction="higher", status=""))
    ('bad', 'target 70 %: 9 points below')
    """
    if kpi.value is None:
        return "none", "not judged"
    if kpi.target is None or str(kpi.direction).lower() == "neutral":
        return "none", "no target set"
    target = with_unit(kpi.target, unit_of(kpi), kpi.currency)
    with localcontext(CONTEXT):
        gap = kpi.value - kpi.target
    lower = str(kpi.direction or "").lower() in ("lower", "down", "minimise", "minimize", "less")
    met = str(kpi.status or "").lower() == "met" if kpi.status else (gap <= 0 if lower else gap >= 0)
    if met:
        return "good", f"target {target}: met"
    off = points(abs(gap), signed=False) if unit_of(kpi) == "ratio" else number(abs(gap))
    return (
        "bad",
        f"target {target}: {off} {'below' if gap < 0 else 'above'}" if gap else f"target {target}: missed",
    )


def kpi_name(kpi: Any) -> str:
    """Name, and which variant where there are several."""
    variant = plain(kpi.variant) if getattr(kpi, "variant", None) else ""
    return f"{plain(kpi.name)}, {variant}" if variant else plain(kpi.name)


def lede(kpis: Sequence[Any], actions: Sequence[Any] = (), *, currency: str = "") -> str:
    """The second sentence: which targets are missed, and what to do first.

    Examples
    --------
    >>> lede([], [])
    'No number has a target yet. No rule of the playbook fires this month.'
    """
    aimed = [(k, judged(k)[0]) for k in kpis if k.target is not None and k.value is not None]
    missed = [k for k, kind in aimed if kind == "bad"]
    if not aimed:
        said = "No number has a target yet."
    elif not missed:
        said = "The one target is met." if len(aimed) == 1 else f"All {count(len(aimed))} targets are met."
    else:
        names = [
            f"{kpi_name(k).lower() if kpi_name(k)[1:2].islower() else kpi_name(k)} "
            f"({with_unit(k.value, unit_of(k), k.currency)}, target {with_unit(k.target, unit_of(k), k.currency)})"
            for k in missed[:2]
        ]
        more = [f"{count(len(missed) - 2)} more"] if len(missed) > 2 else []
        verb = "is" if len(missed) == 1 else "are"
        few = (
            count(len(missed)) if len(aimed) < len(WORDS) else len(missed)
        )  # both in words or both in digits
        said = f"{capital(str(few))} of {count(len(aimed))} targets {verb} missed: {listed(names + more)}."
    if not actions:
        return f"{said} No rule of the playbook fires this month."
    value, title = worth(actions[0], currency), plain(actions[0].title, 160).rstrip(".")
    told = not value or value.removesuffix(MONTHLY) in title
    return f"{said} First: {title}{'' if told else f', worth {value}'}."


def worth(action: Any, currency: str = "") -> str:
    """What a decision is worth, as text: an amount a month with its currency, or the words given."""
    value = getattr(action, "value", None)
    if value is None or value == "":
        return ""
    if isinstance(value, Decimal):
        return money(value, getattr(action, "currency", None) or currency) + MONTHLY
    return plain(value, 120)


def day(value: object) -> str:
    """A day as people write it; a text that is no day stays.

    Examples
    --------
    >>> day("2026-10-05"), day("next week")
    ('5 October 2026', 'next week')
    """
    try:
        found = date.fromisoformat(str(value)[:10])
    except ValueError:
        return plain(value)
    return f"{found.day} {Month.of(found).title}"


def decisions_title(actions: Sequence[Any]) -> str:
    """How many decisions. Their amounts are never added: two may speak of the same money.

    Examples
    --------
    >>> decisions_title([])
    'Nothing to decide: no rule of the playbook fires'
    """
    if not actions:
        return "Nothing to decide: no rule of the playbook fires"
    return f"{capital(count(len(actions)))} decision{'' if len(actions) == 1 else 's'}"


def _pairs(bridge: Any) -> list[tuple[Any, Decimal]]:
    if hasattr(bridge, "columns"):
        return list(zip(bridge["cause"], bridge["amount"], strict=True))
    return list(bridge.items()) if isinstance(bridge, Mapping) else list(bridge)


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
