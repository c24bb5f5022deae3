"""Tables: sorted by what matters, numbers right-aligned, total and share, parts that add up to the total shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from helpers.terms import writing
from helpers.terms.money import CONTEXT, foot, ratio
from helpers.views import sentences
from helpers.views.charts import _words
from helpers.views.markup import Shown, block, plain, table, text_table, titled
from helpers.views.sentences import number, percent
from helpers.views.words import say


def shares(
    frame: Any,
    *,
    name: str | None = None,
    currency: str = "",
    measure: str = "",
    odd: str | Sequence[str | None] | None = None,
    missing: str = "",
    top: int = 12,
    extra: Mapping[str, str] | None = None,
    title: str | None = None,
    subtitle: str = "",
    note: str = "",
) -> Shown:
    """Names with amount, share and change, the largest first, and their total; shares and amounts foot to it.

    Parameters
    ----------
    frame : DataFrame
        A column of names (`name`, default the first; a missing name is shown as `missing`), ``amount`` (or ``value``)
        [currency, Decimal], and ``previous`` where known. Form of `measures.totals.ranked`.
    currency, measure : str
        For the column's head.
    odd : str or sequence of str, optional
        Names of rows to mark; None in it is the missing name, which is also the default.
    missing : str
        What a missing name is called; default: no owner.
    top : int
        Rows before what is left stands together.
    extra : mapping, optional
        Columns of words to show as well: column of `frame` to its head.
    title : str, optional
        Default: the finding.
    subtitle, note : str
        `note` stands in the subtitle too, such as whose rules name the departments.
    """
    names = name or frame.columns[0]
    measure, missing = measure or say("shares.effective"), missing or say("words.no_owner")
    values = "amount" if "amount" in frame.columns else "value"
    has_before = "previous" in frame.columns
    given = [odd] if isinstance(odd, str) or odd is None else list(odd)
    marked = {missing if o is None else plain(o) for o in given}
    lines: list[tuple[str, Decimal, Decimal | None, list[str]]] = []
    for _, row in frame.iterrows():
        label = (
            missing
            if row[names] is None or row[names] != row[names] or row[names] == ""
            else plain(row[names])
        )
        before = row["previous"] if has_before else None
        words = [plain(row[c]) if row[c] is not None else "—" for c in (extra or {})]
        lines.append((label, Decimal(row[values]), None if before is None else Decimal(before), words))
    lines.sort(key=lambda r: (-r[1], r[0]))
    if len(lines) > top + 1:
        lines = _together(lines, top, marked)
    with localcontext(CONTEXT):
        whole = sum((v for _, v, _, _ in lines), Decimal(0))
        before_whole = sum((p for _, _, p, _ in lines if p is not None), Decimal(0))
    at = sentences.places([v for _, v, _, _ in lines] + [whole])
    amounts = foot([v for _, v, _, _ in lines], at) if lines else []
    portions = _portions([v for _, v, _, _ in lines], whole)
    amount_head = say("words.in_currency", what=measure, currency=currency) if currency else measure
    head = [sentences.capital(_words(names)), amount_head, say("words.share")]
    head += ([say("words.change")] if has_before else []) + list((extra or {}).values())
    rows = [
        [label, number(amount, at), share, *([_moved(v, p, at)] if has_before else []), *words]
        for (label, v, p, words), amount, share in zip(lines, amounts, portions, strict=True)
    ]
    total = [say("words.total"), number(whole, at), _percent(Decimal(100)) if whole > 0 and lines else "—"]
    total += ([_moved(whole, before_whole, at)] if has_before else []) + [""] * len(extra or {})
    rows.append(total)
    found = title or _shares_title(lines, whole, marked, _words(names))
    below = say("shares.subtitle", measure=measure, what=_words(names))
    below = subtitle or (say("words.in_currency", what=below, currency=currency) if currency else below)
    below = f"{below}; {note}" if note else below
    words_at = (0, *range(len(head) - len(extra or {}), len(head)))
    body = table(
        head, rows, caption=f"{found}. {below}", left=words_at,
        odd=[i for i, line in enumerate(lines) if line[0] in marked], last_is_total=True,
    )  # fmt: skip
    return Shown(block("shares", titled(found, below) + body), f"{found}\n{below}\n{text_table(head, rows)}")


def listing(
    frame: Any, *, title: str, subtitle: str = "", currency: str = "", heads: Mapping[str, str] | None = None
) -> Shown:
    """Any small DataFrame as it is: numbers, also those that are texts already, on the right, everything else as words.

    Parameters
    ----------
    frame : DataFrame
    title, subtitle, currency : str
    heads : mapping, optional
        Column to its head; default: the column in words.
    """
    columns = list(frame.columns)
    numeric = [c for c in columns if any(isinstance(v, Decimal | int) for v in frame[c])]
    at = {
        c: sentences.places([Decimal(v) for v in frame[c] if isinstance(v, Decimal | int)]) for c in numeric
    }

    def said(column, value) -> str:
        if value is None or value != value:
            return "—"
        return (
            number(Decimal(value), at[column])
            if column in at and isinstance(value, Decimal | int)
            else plain(value)
        )

    head = [(heads or {}).get(c, sentences.capital(_words(c))) for c in columns]
    rows = [[said(c, v) for c, v in zip(columns, row, strict=True)] for row in frame.itertuples(index=False)]
    left = [0, *(i for i, c in enumerate(columns) if c not in numeric and not _figures(frame[c]))]
    below = f"{subtitle}{', ' if subtitle and currency else ''}{currency}"
    body = table(head, rows, caption=f"{title}. {below}", left=left)
    return Shown(block("listing", titled(title, below) + body), f"{title}\n{below}\n{text_table(head, rows)}")


def _figures(values) -> bool:
    """Whether every text of a column is a figure, such as ``12.5 %``, or a dash for one that is not known."""
    texts = [plain(v) for v in values if v is not None and v == v]
    return any(texts) and all(re.fullmatch(r"[+−-]?[\d.,\s\u00a0]+%?|[—–]?", t) for t in texts)


def _together(lines, top, marked):
    """The rows after `top` as one, but for marked ones, which stay."""
    kept = [r for i, r in enumerate(lines) if i < top or r[0] in marked]
    rest = [r for i, r in enumerate(lines) if i >= top and r[0] not in marked]
    if not rest:
        return kept
    with localcontext(CONTEXT):
        value = sum((r[1] for r in rest), Decimal(0))
        before = [r[2] for r in rest]
        was = None if any(b is None for b in before) else sum(before, Decimal(0))
    return [*kept, (say("words.others", n=len(rest)), value, was, ["—"] * len(rest[0][3]))]


def _portions(values: Sequence[Decimal], whole: Decimal) -> list[str]:
    """Shares that add up to 100.0 %; none where the total is not positive or some part is negative."""
    if whole <= 0:
        return ["—"] * len(values)
    with localcontext(CONTEXT):
        parts = foot([ratio(v, whole) * 100 for v in values], 1)
    return [_percent(p) for p in parts]


def _percent(hundred: Decimal) -> str:
    return writing.now().percent.format(number=number(hundred, 1))


def _moved(value: Decimal, previous: Decimal | None, at: int) -> str:
    if previous is None:
        return "—"
    if previous == 0:
        return say("words.new") if value else "—"
    if value == 0:
        return say("words.ended")
    with localcontext(CONTEXT):
        difference = value - previous
    share = ratio(difference, previous) if previous > 0 else None
    return (
        percent(share, signed=True, trim=False)
        if share is not None and abs(share) < 10
        else number(difference, at, signed=True)
    )


def _shares_title(lines, whole, marked, what) -> str:
    odd = [line for line in lines if line[0] in marked and line[1] > 0]
    if not lines or whole <= 0:
        return say("shares.nothing")
    if odd:
        with localcontext(CONTEXT):
            part = ratio(sum((v for _, v, _, _ in odd), Decimal(0)), whole)
        label = odd[0][0] if len(odd) == 1 else say("shares.marked", count=sentences.count(len(odd)))
        key = "shares.no_owner" if label == say("words.no_owner") else "shares.odd"
        return say(key, part=percent(part, 0 if part >= Decimal("0.02") else 1), label=label)
    first = lines[0]
    return (
        say("shares.largest", name=first[0], part=percent(ratio(first[1], whole), 0))
        if len(lines) > 1
        else say("shares.all", name=first[0])
    )
