"""Incidents in charges: each once, at the level that explains it, with its size in money, cause, owner and status.

Resources are watched first; what an incident explains is taken out of its service, its account and the whole from the day
of the alert on, so that one incident is not reported three times, and what is spread too thin for any resource still
shows above. A known event or feedback changes the status, never the amount. Method and figures: docs/anomalies.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from helpers.models.anomalies import creep, known
from helpers.models.anomalies.causes import Cause, cause
from helpers.models.anomalies.grid import COMMITMENT, COST, CREEP, KEYS, LEVELS, Draft, Frame, Grid
from helpers.models.anomalies.panel import Episode, Policy, Watched, watch
from helpers.terms.money import total as add
from helpers.terms.period import Month

Array = Any
REGION = 0.2  # a new resource in a region new to its account alarms from this share of the account on
FADE = 42  # days over which a new usual of a part is taken into what stands above it
STAYS = 91  # days that an incident which goes on is counted at most: a quarter
DROP = 0.2  # of a commitment's cost: a smaller drop of its use is no alarm
EXPLAINS = 0.6  # share of an excess with which one part explains it
DOUBLE = 1.0  # a new resource alarms where its account more than doubles
AGAIN = 0.8  # of a peak's cost: so much on the same day of the months before is the same again
TOGETHER = 3  # days within which incidents of one place are one
CENT = Decimal("0.01")
ALARM, EXPECTED, MUTED, NEW = "alarm", "expected", "muted", "new resource"
MONTH_DAYS = Decimal(365) / 12


@dataclass(frozen=True)
class Incident:
    """One incident.

    Attributes
    ----------
    id : str
        The same in every report: made of its place and first day.
    kind : str
        ``cost``, ``creep`` (grows without an end) or ``unused commitment``.
    level : str
        Of `LEVELS`: where it stands.
    provider, account, service, region, resource_id, name, department, owner : str
        Empty where several or none.
    start, seen, end : date
        First day above the limit, day of the alert, last day above so far.
    lasts : bool
        Whether it still went on at the end of the data.
    actual, expected, excess : Decimal
        Over its days, effective cost [currency].
    daily : Decimal
        Excess of a day, of its last week [currency].
    by_month_end : Decimal
        Excess until the end of the data's month if it goes on [currency].
    months : dict of str to Decimal
        Excess by month.
    cause : Cause
    status, reason : str
        ``alarm``, ``expected`` (a known event), ``muted`` (feedback), ``new resource``; and why.
    confirmed : bool
        Whether somebody said that it is true.
    parts : tuple of str
        Resources concerned, the dearest first.
    score : float
        Distance from the expected, in usual distances [1].
    series : tuple of (date, float, float, float)
        Day, cost, expected and upper limit around it [currency], for the picture.
    """

    id: str
    kind: str
    level: str
    provider: str
    account: str
    service: str
    region: str
    resource_id: str
    name: str
    department: str
    owner: str
    start: date
    seen: date
    end: date
    lasts: bool
    actual: Decimal
    expected: Decimal
    excess: Decimal
    daily: Decimal
    by_month_end: Decimal
    months: Mapping[str, Decimal]
    cause: Cause
    status: str
    reason: str
    confirmed: bool
    parts: tuple[str, ...]
    score: float
    series: tuple[tuple[date, float, float, float], ...] = field(repr=False, default=())

    @property
    def delay(self) -> int:
        """Days from the first day above to the alert."""
        return (self.seen - self.start).days

    @property
    def month_more(self) -> Decimal:
        """What another month like its last week would cost more [currency]."""
        return (self.daily * MONTH_DAYS).quantize(CENT)

    @property
    def names(self) -> dict[str, str]:
        """What feedback can speak of."""
        return {"incident": self.id, "resource": self.resource_id, "service": self.service, "account": self.account, "department": self.department}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """All incidents of some days.

    Attributes
    ----------
    incidents : list of Incident
        By day of the alert.
    days : tuple of date
        First and last day that were looked at.
    resources : int
        How many series of resources.
    notes : list of str
        Gaps, and what could not be watched.
    spent : dict of str to Decimal
        Effective cost by month, of what was watched [currency].
    """

    incidents: list[Incident]
    days: tuple[date, date] | None
    resources: int
    notes: list[str]
    spent: Mapping[str, Decimal]

    def of(self, month: Month, status: str = "") -> list[Incident]:
        """Incidents with a day in a month, the dearest first; of one status where it is named."""
        found = [i for i in self.incidents if str(month) in i.months and (not status or i.status == status)]
        return sorted(found, key=lambda i: (-i.months[str(month)], i.id))


def find(
    lines: Frame,
    *,
    events: Sequence[known.Event] = (),
    verdicts: Sequence[known.Verdict] = (),
    serves: Mapping[str, Sequence[Mapping[date, float]]] | None = None,
    policy: Policy | None = None,
) -> Found:
    """Look for incidents on all days of some lines.

    Parameters
    ----------
    lines : DataFrame
        As `helpers.measures.daily.lines`: one currency.
    events : sequence of Event
    verdicts : sequence of Verdict
    serves : mapping of str to sequence of mapping of date to float, optional
        ResourceId to the daily drivers of what it serves [any unit]: growth that they share is no creep.
    policy : Policy, optional

    Returns
    -------
    Found
    """
    if not len(lines):
        return Found([], None, 0, ["there are no daily charges"], {})
    grid = Grid(lines)
    policy = policy or Policy()
    drafts = [*_cost(grid, policy, verdicts), *creep.drafts(grid, serves or {})]
    drafts += list(_commitments(grid, policy))
    incidents = [_told(grid, d, events, verdicts) for d in drafts]
    worth = dict(zip(grid.days, grid.least[0], strict=True))
    incidents = [i for i in incidents if i.excess > Decimal(repr(float(worth[i.seen])))]
    incidents = _joined(grid, _separate(incidents))
    incidents.sort(key=lambda i: (i.seen, i.id))
    return Found(incidents, (grid.days[0], grid.days[-1]), len(grid.keys["resource"]), grid.notes, grid.spent)


def _cost(grid: Grid, policy: Policy, verdicts: Sequence[known.Verdict]) -> Iterator[Draft]:
    """Episodes from the resources up, each followed down again to the part that explains it."""
    explained: dict[str, Array] = {lv: np.zeros_like(grid.values[lv]) for lv in LEVELS}
    watched: dict[str, Watched] = {}
    taken: list[tuple[tuple[str, ...], int, int]] = []
    least = grid.least
    for level in LEVELS:
        values = grid.values[level] - explained[level]
        scales, floor = _asked(grid, level, policy, verdicts, least)
        watched[level] = seen = watch(values, policy, least=floor, scales=scales)
        # what a resource explains is taken out above it from the alert on
        over = np.nan_to_num(np.where(seen.above, values - seen.expected, 0.0))
        _carried(grid, level, _faded(over, seen.episodes), explained)
        for e in seen.episodes:
            draft = _placed(grid, level, e, seen, values, watched, policy)
            if draft is None:
                continue
            again = any(
                _overlap(draft, t) for t in taken
            )  # the same, or it comes again: later ones follow it
            taken.append((draft.key, draft.episode.start, max(draft.episode.end, draft.episode.seen)))
            if not again:
                yield draft


def _asked(grid, level, policy, verdicts, least) -> tuple[Array, Array]:
    """Limits of each series, as feedback moved them."""
    count = len(grid.keys[level])
    scales, floor = np.full(count, policy.scales), np.repeat(least, count, axis=0)
    if not verdicts:
        return scales, floor
    for n, key in enumerate(grid.keys[level]):
        names = _names(level, key)
        scales[n] *= known.factor(verdicts, names)
        if (given := known.least(verdicts, names)) is not None:
            floor[n] = float(given)
    return scales, floor


def _names(level: str, key: tuple[str, ...]) -> dict[str, str]:
    if level == "everything":
        return {}
    named = dict(zip(KEYS[level], key, strict=True))
    return {
        "account": named["account"],
        "service": named.get("service", ""),
        "resource": named.get("resource_id", ""),
    }


def _faded(over: Array, episodes: Sequence[Episode]) -> Array:
    """What became the usual below comes back above little by little, so that it is not an incident there."""
    for e in episodes:
        if e.settled:
            rise = float(over[e.series, max(e.end - 6, 0) : e.end + 1].mean())
            later = over[e.series, e.end + 1 : e.end + 1 + FADE]
            np.maximum(later, rise * (1 - np.arange(1, FADE + 1) / FADE)[: len(later)], out=later)
    return over


def _carried(grid: Grid, level: str, over: Array, explained: dict[str, Array]) -> None:
    for above in LEVELS[LEVELS.index(level) + 1 :]:
        if above == "everything":
            explained[above] += over.sum(axis=0)
            continue
        width = len(KEYS[above])
        rows = np.array([grid.row[above][k[:width]] for k in grid.keys[level]])
        np.add.at(explained[above], rows, over)


def _placed(grid, level, e, seen, values, watched, policy) -> Draft | None:
    """Follow an episode down while one part explains most of it."""
    key, at = grid.keys[level][e.series], e.series
    start, stop = e.start, max(e.seen, e.start) + 1
    expected, new, fresh = seen.expected, False, 0.0
    while level != "resource":
        below, rows = grid.children(level, key)
        usual = np.nan_to_num(watched[below].expected[rows, start:stop])
        over = np.nansum(grid.values[below][rows, start:stop], axis=1) - usual.sum(axis=1)
        first = np.argmax(np.isfinite(grid.values[below][rows]), axis=1)
        whole = over[over > 0].sum()
        fresh = over[(first >= start - 1) & (over > 0)].sum() / whole if whole > 0 else 0.0
        if not len(over) or over.max() < EXPLAINS * whole:
            break
        at = rows[int(over.argmax())]
        level, key = below, grid.keys[below][at]
        values, expected = grid.values[level], watched[level].expected
        new = int(np.argmax(np.isfinite(values[at]))) >= start - 1
    own, moved = expected[at], values[at]
    if new:  # nothing was expected of what was not there
        e, own = _run_of_new(e, moved), np.zeros(len(moved))
    limit = own + np.maximum(policy.share * np.abs(own), grid.least[0])
    gained = float(np.nansum(moved[start:stop] - np.nan_to_num(own[start:stop])))
    floor = grid.least[0, e.seen] * (stop - start)
    if not new and level != "everything":
        floor = max(floor, policy.slow * float(np.nansum(own[start:stop])))
    if gained < EXPLAINS * floor:
        return None  # what was above has become the usual below meanwhile
    only_new = new or (fresh > EXPLAINS and level != "resource")
    doubled = not only_new or _unusual(grid, key, level, e.start, stop, gained, watched)
    return Draft(COST, level, key, replace(e, series=at), moved, own, limit, only_new, doubled)


def _unusual(grid, key, level, start: int, stop: int, gained: float, watched) -> bool:
    """Whether something new is much for its account: it more than doubles it, or it runs where nothing ran before."""
    if key == ("everything",) or "account" not in watched:
        account = grid.values["account"][grid.row["account"][key[:1]]] if key != ("everything",) else None
        usual = 0.0 if account is None else _mean(account[max(0, start - 14) : start]) * (stop - start)
    else:
        usual = float(np.nansum(watched["account"].expected[grid.row["account"][key[:1]], start:stop]))
    if gained > DOUBLE * usual:
        return True
    return level == "resource" and gained > REGION * usual and grid.new_region(key, grid.days[start])


def _run_of_new(e: Episode, values: Array) -> Episode:
    """A new part's incident lasts as long as the part runs, at most four weeks: then it is the usual."""
    ran = np.flatnonzero(np.nan_to_num(values[e.start : e.start + 28]) > 0)
    return replace(e, end=e.start + int(ran[-1]) if len(ran) else e.end)


def _overlap(draft: Draft, taken: tuple[tuple[str, ...], int, int]) -> bool:
    key, start, end = taken
    near = draft.episode.start <= end + 7 and start <= draft.episode.end + 7
    short = min(len(key), len(draft.key))
    return near and (key[:short] == draft.key[:short] or key == ("everything",))


def _commitments(grid: Grid, policy: Policy) -> Iterator[Draft]:
    """Commitments of which more lies unused than usual."""
    named = [i for i in sorted(grid.committed) if grid.unused[grid.committed[i]].any()]
    if not named:
        return
    values = np.full((len(named), len(grid.days)), np.nan)
    whole = np.zeros(values.shape)
    cost = grid.lines["cost"].to_numpy(dtype=float)
    for n, name in enumerate(named):
        rows = grid.committed[name]
        np.add.at(whole[n], grid.at[rows], cost[rows])
        values[n, grid.at[rows]] = 0.0
        unused = rows[grid.unused[rows]]
        np.add.at(values[n], grid.at[unused], cost[unused])
    floor = np.maximum(np.repeat(grid.least, len(named), axis=0), DROP * whole)
    seen = watch(values, replace(policy, share=0.5, slow=0.5), least=floor)
    for e in seen.episodes:
        limit = seen.expected[e.series] + np.maximum(0.5 * np.abs(seen.expected[e.series]), floor[e.series])
        yield Draft(
            COMMITMENT,
            "resource",
            (named[e.series],),
            e,
            np.nan_to_num(values[e.series]),
            seen.expected[e.series],
            limit,
        )


def _told(grid: Grid, draft: Draft, events, verdicts) -> Incident:
    """Money, cause and status of a draft."""
    draft = _prolonged(draft)
    e, days = draft.episode, grid.days
    rows = grid.of(draft)
    lines, at = grid.lines.iloc[rows], grid.at[rows]
    end = max(e.end, e.seen)
    around = (at >= e.start) & (at <= end)
    expected = {}
    for n in range(e.start, end + 1):
        usual = draft.expected[n]
        expected[n] = Decimal(repr(round(float(usual), 2))) if np.isfinite(usual) else Decimal(0)
    paid: dict[int, list[Decimal]] = {}
    for n, amount in zip(at[around], lines["effective"].to_numpy()[around], strict=True):
        if amount is not None and amount == amount:
            paid.setdefault(int(n), []).append(amount)
    daily = {n: add(paid.get(n, [])) - expected[n] for n in expected}
    months: dict[str, Decimal] = {}
    for n, amount in daily.items():
        m = str(Month.of(days[n]))
        months[m] = months.get(m, Decimal(0)) + amount
    months = {m: v.quantize(CENT) for m, v in months.items()}
    excess = add(months.values())
    lasts = end >= len(days) - 2
    recent = [daily[n] for n in sorted(daily)[-7:]]
    a_day = (add(recent) / len(recent)).quantize(CENT)
    last = Month.of(days[-1])
    left = (last.end.date() - days[-1]).days - 1 if lasts else 0
    this_month = months.get(str(last), Decimal(0)) if lasts else Decimal(0)
    facts = _facts(lines.loc[around] if around.any() else lines, draft)
    found = cause(lines, at, e.start, end, excess, draft.kind)
    score = min(e.score, 1e4)
    base = sum(expected.values(), Decimal(0))
    incident = Incident(
        _id(draft, days[e.start]), draft.kind, draft.level, **facts,
        start=days[e.start], seen=days[e.seen], end=days[end], lasts=lasts,
        actual=(excess + base).quantize(CENT), expected=base.quantize(CENT), excess=excess, daily=a_day,
        by_month_end=(this_month + left * a_day).quantize(CENT), months=months, cause=found,
        status=ALARM, reason="", confirmed=False, score=score, series=_series(grid, draft, e.start, end),
    )  # fmt: skip
    return _judged(grid, incident, draft, lines.loc[at >= e.start], events, verdicts)


def _prolonged(draft: Draft) -> Draft:
    """An incident that was taken as the new usual goes on while the cost stays up, at most a quarter."""
    e = draft.episode
    if draft.kind == CREEP or not (e.settled or draft.new):
        return draft
    end = max(e.end, e.seen)
    usual, high = _mean(draft.expected[e.start : end + 1]), _mean(draft.values[e.start : end + 1])
    rise = high - usual
    stop = min(e.start + STAYS, len(draft.values))
    with np.errstate(invalid="ignore"):
        low = draft.values[end + 1 : stop] < usual + rise / 2
    end = end + int(low.argmax()) if low.any() else stop - 1
    expected, limit = draft.expected.copy(), draft.limit.copy()
    later = slice(max(e.end, e.seen) + 1, end + 1)
    expected[later], limit[later] = usual, limit[max(e.end, e.seen)]
    return replace(draft, episode=replace(e, end=end), expected=expected, limit=limit)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _id(draft: Draft, start: date) -> str:
    """Made of place and first day; a creep has no first day, so of its place alone."""
    return _told_as(draft.kind, draft.level, draft.key, "creep" if draft.kind == CREEP else start.isoformat())


def _told_as(kind: str, level: str, key: Sequence[str], begun: str) -> str:
    told = "|".join((kind, level, *key, begun))
    return f"{begun}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _facts(rows: Frame, draft: Draft) -> dict[str, Any]:
    one = lambda c: next(iter(set(rows[c].dropna()) - {""}), "") if rows[c].nunique() == 1 else ""  # noqa: E731
    said = {c: one(c) for c in ("provider", "account", "service", "region", "department", "owner")}
    cost = rows.groupby("resource_id")["cost"].sum().sort_values(ascending=False, kind="stable")
    parts = tuple(str(r) for r in cost.index if r)[:20]
    resource = draft.key[-1] if draft.level == "resource" else ""
    name = one("name") or one("commitment") if draft.level == "resource" else ""
    if draft.kind == COMMITMENT:
        name = one("commitment") or draft.key[0]
    if not name:
        name = (resource or (draft.key[-1] if draft.key != ("everything",) else "all charges")).rsplit("/", 1)[-1]  # fmt: skip
    if draft.level == "resource" and not resource:
        name = f"{said['service']} without a resource"
    if draft.level == "service":
        name = f"{draft.key[1]} of {draft.key[0]}"
    return {
        **said,
        "resource_id": resource,
        "name": name,
        "parts": parts or ((resource,) if resource else ()),
    }


def _series(grid: Grid, draft: Draft, start: int, end: int) -> tuple[tuple[date, float, float, float], ...]:
    first, last = max(0, start - (21 if draft.new else 42)), min(len(grid.days), end + 15)
    values = np.nan_to_num(draft.values) if draft.new and draft.level == "resource" else draft.values
    return tuple(
        (grid.days[n], float(values[n]), float(draft.expected[n]), float(draft.limit[n]))
        for n in range(first, last)
    )


def _judged(grid: Grid, incident: Incident, draft: Draft, lines: Any, events, verdicts) -> Incident:
    """Status: what feedback says first, then known events, then whether it is only a new resource."""
    mine = [v for v in verdicts if v.meets(incident.names)]
    muting = next((v for v in reversed(mine) if v.mutes(incident.names, incident.start, incident.seen)), None)
    true = [v for v in mine if v.verdict == "true" and v.on == "incident"]
    if true:
        return replace(incident, confirmed=True, reason=_said(true[-1]))
    if muting:
        return replace(incident, status=MUTED, reason=_said(muting))
    more = None if incident.expected <= 0 else float(incident.excess / incident.expected)
    names = [incident.department, incident.service, incident.provider, incident.account]
    if incident.kind == COMMITMENT:  # who used it until then says whose holiday it is
        at = grid.committed[draft.key[0]]
        lines = grid.lines.iloc[at[~grid.unused[at]]]
        more = 0.0  # little unused is left by little less use
    departments = sorted(set(lines["department"].dropna()))
    names += departments if len(departments) <= 3 else []
    if incident.cause.ended and incident.kind == COST:
        return replace(incident, status=EXPECTED, reason=f"a commitment ended: {incident.cause.ended}")
    if incident.kind == COST and _each_month(grid.days, draft.values, draft.episode.start):
        return replace(incident, status=EXPECTED, reason="it comes on the same day of each month")
    near = [e for e in events if e.explains(incident.start, incident.seen, names, more)]
    event = min(near, key=lambda e: abs((e.start - incident.start).days), default=None)
    if event and incident.kind != CREEP:
        return replace(incident, status=EXPECTED, reason=f"{event.kind}: {event.name}")
    if incident.level == "resource" and incident.kind == COST:
        tags = next((t for t in lines["tags"] if t is not None), None)
        if said := known.said_by_tags(tags, incident.start):
            return replace(incident, status=EXPECTED, reason=said)
    if draft.new and not draft.doubled:
        return replace(incident, status=NEW, reason="new, and not unusual for its account")
    return incident


def _each_month(days: Sequence[date], values: Array, start: int) -> bool:
    """Whether the two months before had such a peak on the same day, counted from their beginning or their end."""
    month, day = Month.of(days[start]), days[start].day
    for back in (1, 2):
        before = month.plus(-back)
        first = (before.start.date() - days[0]).days
        places = {first + day - 1, first + before.days - 1 - (month.days - day)}
        near = {p + n for p in places for n in (-1, 0, 1)}
        if not any(_peak(values, p) and values[p] >= AGAIN * values[start] for p in near if 14 <= p < start):
            return False
    return True


def _peak(values: Array, at: int) -> bool:
    usual = values[at - 14 : at]
    usual = usual[np.isfinite(usual)]
    return bool(len(usual)) and values[at] > (1 + AGAIN / 3) * float(np.median(usual))


def _said(v: known.Verdict) -> str:
    return f"{v.verdict}, said on {v.said_on}" + (f" by {v.by}" if v.by else "") + (f": {v.note}" if v.note else "")  # fmt: skip


def _separate(incidents: list[Incident]) -> list[Incident]:
    """One place has one incident at a time; a creep that a jump explains is that jump."""
    kept: list[Incident] = []
    for i in sorted(incidents, key=lambda i: (i.kind == CREEP, i.seen, i.id)):
        same = [k for k in kept if k.kind == i.kind and k.resource_id == i.resource_id and k.resource_id]
        if i.kind != CREEP and any(i.start <= k.end + timedelta(days=7) and k.start <= i.end for k in same):
            continue
        kept.append(i)
    return kept


def _joined(grid: Grid, incidents: list[Incident]) -> list[Incident]:
    """Incidents of one place that begin together are one: two resources of a service, two services of an account."""
    for level, keys in (("service", ("account", "service")), ("account", ("account",))):
        groups: dict[tuple, list[Incident]] = {}
        for i in incidents:
            if i.kind == COST and LEVELS.index(i.level) < LEVELS.index(level):
                groups.setdefault((*(getattr(i, k) for k in keys), i.status, i.reason), []).append(i)
        for key, some in groups.items():
            for together in _near(some):
                if len(together) > 1 and key[0]:
                    incidents = [i for i in incidents if i not in together]
                    incidents.append(_as_one(together, level))
    return incidents


def _near(some: list[Incident]) -> Iterator[list[Incident]]:
    run: list[Incident] = []
    for i in sorted(some, key=lambda i: i.start):
        if run and (i.start - run[0].start).days > TOGETHER:
            yield run
            run = []
        run.append(i)
    yield run


def _as_one(some: list[Incident], level: str) -> Incident:
    big = max(some, key=lambda i: (i.excess, i.id))
    months: dict[str, Decimal] = {}
    for i in some:
        for m, v in i.months.items():
            months[m] = months.get(m, Decimal(0)) + v
    same = lambda c: getattr(big, c) if len({getattr(i, c) for i in some}) == 1 else ""  # noqa: E731
    parts = tuple(p for i in sorted(some, key=lambda i: -i.excess) for p in i.parts)
    place = same("service") if level == "service" else ""
    name = f"{place} of {big.account}" if place else big.account
    key = (big.account, place) if place else (big.account,)
    started = min(i.start for i in some)
    return replace(
        big, id=_told_as(COST, level, key, started.isoformat()), level=level, service=place, region=same("region"), resource_id="",
        name=name, department=same("department"), owner=same("owner"), start=started,
        seen=min(i.seen for i in some), end=max(i.end for i in some), lasts=any(i.lasts for i in some),
        actual=add(i.actual for i in some), expected=add(i.expected for i in some), excess=add(i.excess for i in some),
        daily=add(i.daily for i in some), by_month_end=add(i.by_month_end for i in some), months=months,
        cause=Cause.joined([i.cause for i in some], big.name), confirmed=any(i.confirmed for i in some), parts=parts,
        series=_added([i.series for i in some]),
    )  # fmt: skip


def _added(several: list[tuple]) -> tuple[tuple[date, float, float, float], ...]:
    """Series of parts, added day by day over the days that all of them show."""
    shared = set.intersection(*({p[0] for p in s} for s in several))
    out: dict[date, list[float]] = {d: [0.0, 0.0, 0.0] for d in sorted(shared)}
    for s in several:
        for day, *values in s:
            if day in out:
                out[day] = [a + b for a, b in zip(out[day], values, strict=True)]
    return tuple((d, v[0], v[1], v[2]) for d, v in out.items())
