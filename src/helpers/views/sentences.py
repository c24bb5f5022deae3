"""Sentences written from results: numbers in words, headline, lede and the titles of pictures.

A title is a finding. It never says more than the numbers: a direction is named only where there is one, a share only
where the parts go one way, a percentage only where its base is positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from helpers.terms import writing
from helpers.terms.money import CONTEXT, ratio
from helpers.terms.period import Month
from helpers.terms.writing import MINUS
from helpers.views import words
from helpers.views.markup import plain
from helpers.views.words import listed, say, term

__all__ = ["listed"]  # stands in words; other modules know it from here
SAME = Decimal("0.005")  # a change below this share of the month before is "about the same"
HARDLY = Decimal("0.1")  # a cause below this share of the largest one is not worth a name
WORDS = 13  # small numbers that have a word: none to twelve
FRACTIONS = [
    (Decimal(n) / d, f"fractions.f{n}_{d}")
    for n, d in [(9, 10), (4, 5), (3, 4), (2, 3), (3, 5), (1, 2), (2, 5), (1, 3), (1, 4), (1, 5), (1, 10)]
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
    return say(f"numbers.n{n}") if 0 <= n < WORDS else writing.now().figures(f"{n:,}")


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
    figures = writing.now().figures(f"{abs(rounded):,f}")
    if not rounded:
        return f"±{figures}" if signed else figures
    return f"{MINUS if rounded < 0 else '+' if signed else ''}{figures}"


def money(value: Decimal | None, currency: str, *, signed: bool = False) -> str:
    """An amount with its currency and the digits that decide.

    Examples
    --------
    >>> money(Decimal("352410.37"), "USD"), money(Decimal("18.0066386184"), "EUR")
    ('352,410 USD', '18.01 EUR')
    """
    said = number(value, signed=signed)
    return said if value is None else writing.now().money(said, currency)


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
        signs = writing.now()
        if hundred and not shown:
            least = signs.percent.format(number=signs.figures(f"{Decimal(1).scaleb(-at):f}"))
            return (
                say("words.under", value=least) if hundred > 0 else say("words.over", value=f"{MINUS}{least}")
            )
        if abs(shown) == 100 and abs(hundred) < 100:
            return signs.percent.format(number=f"{MINUS if hundred < 0 else ''}{signs.figures('99.9')}…")
    text = number(shown, at, signed=signed)
    return signs.percent.format(number=_trimmed(text) if trim else text)


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
    return say("words.points", n=1 if text.lstrip("+" + MINUS) == "1" else 2, value=text)


def fraction(share: Decimal) -> str:
    """A share in words where a plain fraction is near, else as a percentage.

    Examples
    --------
    >>> fraction(Decimal("0.685")), fraction(Decimal("0.34")), fraction(Decimal("0.15")), fraction(Decimal(1))
    ('two thirds', 'one third', '15 %', 'all')
    """
    if share == 1:
        return say("words.all")
    if Decimal("0.96") <= share < 1:
        return say("words.nearly_all")
    near, key = min(FRACTIONS, key=lambda f: abs(f[0] - share))
    return say(key) if abs(near - share) <= Decimal("0.025") else percent(share, 0)


def phrase(cause: str, amount: Decimal) -> str:
    """What a cause of the bridge is called where it adds (or takes away)."""
    adds, takes = CAUSES.get(cause, (plain(cause), plain(cause)))
    return term(adds if amount >= 0 else takes)


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
        return say("versus.none", month=against)
    with localcontext(CONTEXT):
        difference = total - previous
    if not difference:
        return say("versus.same", month=against)
    if not previous:
        return say("versus.nothing", month=against)
    more = "more" if difference > 0 else "less"
    if previous < 0 or total < 0:
        return say(f"versus.{more}_amount", amount=money(abs(difference), currency), month=against)
    change = ratio(difference, previous)
    if abs(change) < SAME:
        return say("versus.about", month=against, percent=percent(change, signed=True))
    if change >= 2:
        return say("versus.times", times=_trimmed(number(ratio(total, previous), 1)), month=against)
    moved = percent(abs(change), 0 if abs(change) >= Decimal("0.02") else 1)
    return say(f"versus.{more}", percent=moved, month=against)


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
    name = say("words.colon", name=plain(subject), said=this.name) if subject else this.name
    form = f"headline.{'credit' if total < 0 else 'cost'}{'_so_far' if open else ''}"
    compares = versus(total, previous, against, currency)
    said = say(form, name=name, amount=money(total, currency), compared=compares)
    if previous is not None and days:
        said = say("headline.days", n=days, said=said)
    why = because(bridge, total, previous) if bridge is not None and previous is not None else ""
    return say("headline.because", said=said, why=why) if why else said


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
        if parts[0][0] in (say("words.all"), say("words.nearly_all")):
            return say("headline.all_from", share=parts[0][0], cause=parts[0][1])
        return ", ".join(
            say("headline.next_share" if i else "headline.first_share", share=s, cause=what)
            for i, (s, what) in enumerate(parts)
        )
    moved = sorted([*with_it[:1], *against[:1]], key=lambda p: -abs(p[1]))
    at, shown = footed(previous, total, [(str(c), Decimal(a)) for c, a in _pairs(bridge)])
    return ", ".join(
        say(
            "headline.added" if a > 0 else "headline.took",
            cause=phrase(c, a),
            amount=number(abs(shown[c]), at),
        )
        for c, a in moved
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
    with localcontext(CONTEXT):
        unit = Decimal(1).scaleb(-at)
        whole = end.quantize(unit, rounding=ROUND_HALF_EVEN) - start.quantize(unit, rounding=ROUND_HALF_EVEN)
        down = [a.quantize(unit, rounding="ROUND_FLOOR") for _, a in causes]
        off = int((whole - sum(down, Decimal(0))) / unit)  # units to hand out, the largest remainder first
        order = sorted(range(len(causes)), key=lambda i: (down[i] - causes[i][1], i), reverse=off < 0)
        for k, i in enumerate(order):  # causes that do not add up to the change share what is left evenly
            down[i] += unit * (abs(off) // len(order) + (k < abs(off) % len(order))) * (1 if off > 0 else -1)
    return at, dict(zip((c for c, _ in causes), down, strict=True))


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
        return say("bridge.nothing")
    if start == end:
        return capital(say("bridge.cancel", one=phrase(*with_it[0]), other=phrase(*against[0])))
    moved, whys = "raised" if end > start else "lowered", listed([phrase(*p) for p in with_it])
    if against and abs(against[0][1]) * 4 >= abs(with_it[0][1]):
        return capital(say(f"bridge.{moved}_but", causes=whys, against=phrase(*against[0])))
    return capital(say(f"bridge.{moved}", causes=whys))


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
        return say("ranked.nothing")
    with localcontext(CONTEXT):
        whole = sum((v for _, v, _ in rows), Decimal(0))
        first, value, _ = max(rows, key=lambda r: r[1])
        grown = [(n, v - p, p) for n, v, p in rows if p is not None and v - p > 0]
    if value <= 0:
        return say("ranked.no_cost")
    one_way = all(v >= 0 for _, v, _ in rows)
    said = say("ranked.first", name=plain(first, 40))
    if one_way and whole > 0:
        if value == whole:
            said = say("ranked.all", said=said)
        else:
            said = say("ranked.share", said=said, share=fraction(ratio(value, whole)))
    if any(p is not None for _, _, p in rows):
        if not grown:
            return say("ranked.nothing_grew", said=said)
        name, more, base = max(grown, key=lambda g: g[1])
        by = (
            say("ranked.by", percent=percent(ratio(more, base), 0))
            if base > 0
            else say("ranked.from_nothing")
        )
        if name == first:
            return say("ranked.also", said=said, by=by)
        said = say("ranked.other", said=said, name=plain(name, 40), by=by)
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
    for key, sign in (("heat.added", 1), ("heat.took", -1)):
        row, column, amount = max(cells, key=lambda c: sign * c[2], default=("", "", Decimal(0)))
        if amount * sign > 0:
            said.append(say(key, row=plain(row, 40), column=term(plain(column, 40))))
    return "; ".join(said) or say("heat.nothing")


def trend_title(months: Sequence[tuple[str, Decimal | None]]) -> str:
    """What a line over months shows: its last value against its first, and its peak.

    Examples
    --------
    >>> trend_title([("2025-09", Decimal(100)), ("2026-09", Decimal(150))])
    'September 2026 is the highest month, 50 % more than September 2025'
    """
    known = [(m, v) for m, v in months if v is not None]
    if len(known) < 2:
        return say("trend.one") if known else say("trend.none")
    (first, start), (last, end) = known[0], known[-1]
    compared = versus(end, start, Month.parse(first).title)
    values = [v for _, v in known]
    if end == max(values) != min(values):
        return say("trend.highest", month=Month.parse(last).title, compared=compared)
    if end == min(values) != max(values):
        return say("trend.lowest", month=Month.parse(last).title, compared=compared)
    return say("trend.other", month=Month.parse(last).title, compared=compared)


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
    return say("words.times", value=text) if unit == "factor" else text


def parted(kpi: Any) -> tuple[str, str]:
    """A KPI's value and its unit, apart: one is shown large, the other small; both as one where the sign stands first."""
    unit = unit_of(kpi)
    if unit == "currency" and kpi.currency and not writing.now().amount.startswith("{amount}"):
        return with_unit(kpi.value, unit, kpi.currency), ""
    return shown_value(kpi.value, unit), unit_words(unit, kpi.currency)


def with_unit(value: Decimal | None, unit: str, currency: str | None = None) -> str:
    """The same with its unit, for sentences."""
    if unit == "currency" and currency:
        return writing.now().money(shown_value(value, unit), currency)
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
    signs = writing.now()
    money = signs.symbols.get(currency or "", currency or "")
    first, *per = (signs.unit(part).replace("currency", money) for part in unit.split("/"))
    said = first
    for each in per:
        said = say("words.each", currency=said, unit=each)
    return plain(said).strip() if said else ""


def moved(kpi: Any) -> str:
    """A KPI's change on the month before: points for a ratio, else a percentage, or a sentence why there is none."""
    if kpi.value is None:
        return ""
    if kpi.previous is None:
        return say("tiles.nothing_before")
    with localcontext(CONTEXT):
        difference = kpi.value - kpi.previous
    before = kpi.history[-2][0] if len(kpi.history or []) > 1 else ""
    if unit_of(kpi) == "ratio":
        change = points(difference)
    elif kpi.previous > 0:
        change = percent(ratio(difference, kpi.previous), signed=True)
    else:
        change = number(difference, signed=True)
    return say("tiles.moved", change=change, month=Month.parse(before).name) if before else change


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
        return "none", say("tiles.not_judged")
    if kpi.target is None or str(kpi.direction).lower() == "neutral":
        return "none", say("tiles.no_target")
    target = with_unit(kpi.target, unit_of(kpi), kpi.currency)
    with localcontext(CONTEXT):
        gap = kpi.value - kpi.target
    lower = str(kpi.direction or "").lower() in ("lower", "down", "minimise", "minimize", "less")
    met = str(kpi.status or "").lower() == "met" if kpi.status else (gap <= 0 if lower else gap >= 0)
    if met:
        return "good", say("tiles.met", target=target)
    off = points(abs(gap), signed=False) if unit_of(kpi) == "ratio" else number(abs(gap))
    if not gap:
        return "bad", say("tiles.missed", target=target)
    return "bad", say("tiles.below" if gap < 0 else "tiles.above", target=target, gap=off)


def kpi_name(kpi: Any) -> str:
    """Name, and which variant where there are several."""
    variant = term(plain(kpi.variant)) if getattr(kpi, "variant", None) else ""
    name = term(plain(kpi.name))
    return say("tiles.variant", name=name, variant=variant) if variant else name


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
        said = say("lede.no_targets")
    elif not missed:
        said = say("lede.one_met") if len(aimed) == 1 else say("lede.all_met", count=count(len(aimed)))
    else:
        names = [
            say(
                "lede.named",
                name=_inside(kpi_name(k)),
                value=with_unit(k.value, unit_of(k), k.currency),
                target=with_unit(k.target, unit_of(k), k.currency),
            )
            for k in missed[:2]
        ]
        more = [say("lede.more", count=count(len(missed) - 2))] if len(missed) > 2 else []
        few = (
            count(len(missed)) if len(aimed) < WORDS else str(len(missed))
        )  # both in words or both in digits
        every = listed(names + more)
        said = (
            say("lede.one_missed", names=every)
            if len(aimed) == 1
            else say("lede.missed", n=len(missed), few=few, all=count(len(aimed)), names=every)
        )
        said = capital(said)
    if not actions:
        return say("lede.quiet", said=said)
    first = words.action(actions[0])
    value, title = worth(actions[0], currency), plain(first.title, 160).rstrip(".")
    if not value or _amount(actions[0], currency) in title:
        return say("lede.first", said=said, title=title)
    return say("lede.first_worth", said=said, title=title, value=value)


def _inside(name: str) -> str:
    """A name inside a sentence: English writes it small there, but for an abbreviation; German keeps its capitals."""
    return name.lower() if words.language() == words.SOURCE and name[1:2].islower() else name


def worth(action: Any, currency: str = "") -> str:
    """What a decision is worth, as text: an amount a month with its currency, or the words given."""
    amount = _amount(action, currency)
    monthly = isinstance(
        getattr(action, "value", None), Decimal
    )  # the catalog gives all of them for one month
    return say("words.a_month", amount=amount) if monthly else amount


def _amount(action: Any, currency: str) -> str:
    value = getattr(action, "value", None)
    if value is None or value == "":
        return ""
    if isinstance(value, Decimal):
        return money(value, getattr(action, "currency", None) or currency)
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
    return writing.now().of_day(found)


def decisions_title(actions: Sequence[Any]) -> str:
    """How many decisions. Their amounts are never added: two may speak of the same money.

    Examples
    --------
    >>> decisions_title([])
    'Nothing to decide: no rule of the playbook fires'
    """
    if not actions:
        return say("decisions.none")
    return capital(say("decisions.title", n=len(actions), count=count(len(actions))))


def _pairs(bridge: Any) -> list[tuple[Any, Decimal]]:
    if hasattr(bridge, "columns"):
        return list(zip(bridge["cause"], bridge["amount"], strict=True))
    return list(bridge.items()) if isinstance(bridge, Mapping) else list(bridge)


def _trimmed(text: str) -> str:
    point = writing.now().decimal
    return text.rstrip("0").removesuffix(point) if point in text else text
