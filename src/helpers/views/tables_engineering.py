"""Tables of engineering's page: advice with its evidence, owners, designs, promises; each with a finding as title."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpers.terms.money import foot
from helpers.terms.money import total as add
from helpers.views import sentences, sentences_engineering
from helpers.views.markup import Shown, block, plain, safe, titled_table
from helpers.views.sentences import number, percent
from helpers.views.words import say

TOP = 12


def advice(review: Any, *, currency: str = "", top: int = TOP) -> Shown:
    """The largest pieces of advice and their total; the rest stands together."""
    found = review.found
    shown, rest = found.advice[:top], found.advice[top:]
    amounts = [a.saving for a in shown] + ([add(a.saving for a in rest)] if rest else [])
    at = sentences.places([*amounts, found.saving])
    footed = [number(v, at) for v in foot(amounts, at)] if amounts else []
    head = ["Resource", "What to do", f"Saving, {currency}", "Sure"]
    rows = [[plain(a.name), _do(a), s, a.confidence] for a, s in zip(shown, footed, strict=False)]
    if rest:
        rows.append([say("words.others", n=len(rest)), "all of them stand in tables.xlsx", footed[-1], ""])
    rows.append(["Total", "", number(found.saving, at), ""])
    if any(a.carbon is not None for a in found.advice):
        _add_carbon(head, rows, shown, rest)
    title = sentences_engineering.of_list(found, len(shown), currency)
    seen = titled_table(title, sentences_engineering.of_measured(review), head, rows, (0, 1, 3), total=True)
    return _with_evidence(seen, shown)


def _add_carbon(head: list[str], rows: list[list[str]], shown: Sequence[Any], rest: Sequence[Any]) -> None:
    """A column of what emissions fall by; what has no figure is a dash, and the total says of how many it is."""
    kilos = [[a.carbon] for a in shown] + ([[a.carbon for a in rest]] if rest else [])
    known = [[kg for kg in some if kg is not None] for some in kilos]
    footed = iter(foot([add(some) for some in known if some], 0))
    head.append("Carbon, kgCO2e")
    for row, some in zip(rows, known, strict=False):
        row.append(number(next(footed), 0) if some else "–")
    rows[-1].append(number(add(kg for some in known for kg in some), 0))


def _with_evidence(seen: Shown, shown: Sequence[Any]) -> Shown:
    """The table, and below it what each line rests on: long sentences that no phone has a column for."""
    said = [
        (plain(a.name), f"{a.why} {sentences.capital(a.limits)}{'.' if a.limits else ''}".strip())
        for a in shown
    ]
    if not said:
        return seen
    terms = "".join(f"<div><dt>{safe(name)}</dt><dd>{safe(why)}</dd></div>" for name, why in said)
    body = (
        f'<details class="kit-terms"><summary>Evidence and limits of each</summary><dl>{terms}</dl></details>'
    )
    text = "\n".join(f"{name}: {why}" for name, why in said)
    return Shown(seen.html + block("definitions", body), f"{seen.text}\n{text}")


def _do(a: Any) -> str:
    verbs = {
        "idle machine": "stop and remove", "orphaned disk": "remove", "idle load balancer": "remove", "idle address": "release",
    }  # fmt: skip
    if a.kind in verbs:
        return f"{sentences_engineering.plural(a.kind)[:-1] if a.kind == 'idle address' else a.kind}: {verbs[a.kind]}".replace(
            "addresse:", "address:"
        )
    if a.kind == "schedule":
        return f"switch off but for {a.candidate.split(' ')[0]} {' '.join(a.candidate.split(' ')[1:])}"
    return f"{a.kind}: {a.candidate}"


def left_alone(review: Any, *, currency: str = "") -> Shown:
    """What looks wrong and is left alone, what waits for a measurement or a test, and what nobody knows."""
    found = review.found
    rows = [
        [plain(h["name"]), "left alone", number(h["cost"], 0), plain(h["reason"], 160)]
        for h in found.held[:8]
    ]
    rows += [
        [plain(a.name), f"not counted: {a.kind}", number(a.saving, 0), plain(a.limits, 160)]
        for a in found.possible[:8]
    ]
    rows += [
        [
            plain(u["name"]),
            f"type {plain(u['type'])}",
            number(u["cost"], 0),
            "the instance table does not have it",
        ]
        for u in found.unknown[:4]
    ]
    n = len(found.held)
    title = (
        f"{sentences.capital(sentences.count(n))} thing{'s'[: n != 1]} left alone, {sentences.count(len(found.possible))} not counted"
        if rows
        else "Nothing was left alone"
    )
    subtitle = f"Cost of what is left alone and possible saving of what is not counted, {currency}"
    return titled_table(title, subtitle, ["Resource", "What", currency or "Amount", "Why"], rows, (0, 1, 3))


def next_rules(owners: Any, *, currency: str = "") -> Shown:
    """Lines for allocation.csv that would give most cost an owner."""
    frame = owners.next_rules()
    rows = [
        [plain(f"{r['match_on']} = {r['match_value']}"), number(r["amount"], 0), percent(r["share"])]
        for r in frame.to_dict("records")
    ]
    title = (
        f"One rule on {plain(frame['match_value'][0], 40)} would give an owner to {percent(frame['share'][0])} of cost"
        if rows
        else "No rule is missing"
    )
    return titled_table(
        title,
        f"The rules that would add most, one after another, {currency}",
        ["Rule", currency or "Amount", "Share"],
        rows,
        (0,),
    )


def ownership(tagging: Any, leavers: Any, owners: Any, *, currency: str = "", top: int = 4) -> Shown:
    """Resources that no tag gives an owner, keys spelt otherwise, owners who left, and names that collide."""
    rows: list[list[str]] = []
    parts = []
    for what, word in (
        ("no owner by tag", "without an owner by tag"),
        ("key spelt", "with the owner's key spelt otherwise"),
    ):
        mine = [r for r in tagging.to_dict("records") if r["problem"].startswith(what)]
        rows += [
            [plain(r["name"]), plain(r["problem"]), plain(r["department"]), number(r["cost"], 0)]
            for r in mine[:top]
        ]
        if mine:
            parts.append(f"{sentences.count(len(mine))} {word}")
    gone = leavers.to_dict("records")
    rows += [
        [
            plain(r["name"]),
            plain(f"{r['owner']} left on {sentences.day(r['left'])}"),
            plain(r["now"] or "nobody"),
            number(r["cost"], 0),
        ]
        for r in gone[:top]
    ]
    if gone:
        parts.append(f"{sentences.count(len(gone))} whose owner left")
    clash = owners.collisions().to_dict("records")
    rows += [
        [plain(r["first"], 60), plain(f"also {r['second']}", 70), "the first decides", number(r["amount"], 0)]
        for r in clash[:2]
    ]
    shared = owners.shared().to_dict("records")
    rows += [
        [plain(r["service"]), f"shared, {plain(r['shared'])}", "all", number(r["amount"], 0)]
        for r in shared[:2]
    ]
    title = f"Resources: {sentences.listed(parts)}" if parts else "Every resource has an owner by its tag"
    subtitle = (
        f"The dearest of each; rules that collide and shared cost are named, nothing is merged, {currency}"
    )
    return titled_table(
        title,
        subtitle,
        ["Resource or rule", "What is wrong", "Whose by the rules", currency or "Cost"],
        rows,
        (0, 1, 2),
    )


def design(designs: Any, speed: Any, *, currency: str = "", top: int = 8) -> Shown:
    """Designs beside each other, and what speed costs."""
    first = titled_table(
        sentences_engineering.of_designs(designs, currency),
        f"Today's measured charges and the same work another way, {currency} a month; shares of traffic are assumed",
        ["Component", "Today", "Instead", "Then", "Less"],
        [
            [
                plain(r["component"]),
                number(r["today"], 0),
                plain(r["instead"]),
                number(r["then"], 0),
                number(r["saving"], 0),
            ]
            for r in designs.to_dict("records")[:top]
        ],
        (0, 2),
    )
    second = titled_table(
        sentences_engineering.of_speed(speed, currency),
        "An answer's time in the busiest twentieth of hours, modelled from use (processor sharing), and what it costs to keep it",
        ["Machine", "Instead", "Now, ms", "Then, ms", f"Ten ms, {currency}"],
        [
            [
                plain(r["name"]),
                plain(r["candidate"]),
                number(r["before"], 1),
                number(r["after"], 1),
                number(r["ten_ms"], 0),
            ]
            for r in speed.to_dict("records")[:top]
        ],
        (0, 1),
    )
    return Shown(first.html + second.html, f"{first.text}\n\n{second.text}")


def promises(judged: Any, *, currency: str = "") -> Shown:
    """Engineering's list of actions: promised against seen."""
    rows = [
        [
            plain(r["name"]), plain(r["owner"] or "nobody"), f"{number(r['age'], 0)} days", plain(r["status"]), number(r["promised"], 0),
            number(r["realised"], 0) if r["realised"] is not None else "—", plain(r["judgement"]),
        ]
        for r in judged.to_dict("records")
    ]  # fmt: skip
    subtitle = "Saving promised and seen in effective cost a month, whole months before and after; age from opened to closed or today"
    head = ["Resource", "Owner", "Age", "Status", "Promised", "Seen", "Judgement"]
    return titled_table(
        sentences_engineering.of_promises(judged, currency),
        subtitle if rows else "",
        head,
        rows,
        (0, 1, 3, 6),
    )


def again(month: Any, *, currency: str = "") -> Shown:
    """What the notebook's controls show of another choice."""
    return advice(month.review, currency=currency)


__all__ = ["advice", "again", "design", "left_alone", "next_rules", "ownership", "promises"]
