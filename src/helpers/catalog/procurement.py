"""Everything the procurement notebook asks about its run: tables handed to measures and models, each answer taken once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from helpers.catalog.results import found
from helpers.measures import benefit, commitment_book, contract_terms, resources
from helpers.models import holdings, instruments, joint, money_calendar, remaining
from helpers.models.instruments import FAMILY, NOTHING, SERVICE, Instrument
from helpers.terms.errors import Refused, UsageError
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

MONTHS = 13
LARGE = 0.1  # of the usage that commitments could cover: a pool whose past is judged
REGRET = ("pool", "months", "saved", "optimum", "regret", "bound", "flexible")
TERM = 12  # months: what is planned for
HOUR_OF_WORK = 80  # currency: ours, to leave undone what costs more than it saves in a year
PURCHASE = (  # columns of a proposed purchase
    "id", "what", "provider", "instrument", "pool", "scope", "currency", "commitment_an_hour", "covers_an_hour", "term_months",
    "payment", "paid_at_once", "a_month", "saving_a_month", "rate", "rate_basis", "break_even_months", "buy_on", "expires",
    "decide_by", "who", "rung", "why", "status",
)  # fmt: skip
LEAST = Decimal(50)  # saving a month below which a purchase is not worth its paper [currency]
LESS = (
    "idle machine",
    "oversized machine",
    "schedule",
)  # kinds of advice that change what commitments can cover
ARM = re.compile(r"[a-z]+\d+g[a-z]*")  # AWS families on Graviton
SUPPORT = r"(?i)extended ?support|extended security|lts support"
ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
OWN = {"base": "0", "aggressive": "0", "decline": "0.1", "prepay": "", "lock_in": "", "year_starts": ""}


@dataclass(frozen=True)
class Settings:
    """What the user says, checked.

    Attributes
    ----------
    base : float
        Share of the trough that must be covered, whatever it risks [1]; 0: none must.
    aggressive : float
        How far above the trough to go: 0 the trough only, 1 as far as it pays [1].
    decline : float
        Share of demand that may go without a purchase lying idle [1].
    prepay : tuple of Decimal
        What may be paid at once in each coming quarter [currency]; empty: no limit.
    lock_in : float or None
        Cap on lock-in, months of committed cost a unit of usage [months]; None: no cap.
    year_starts : int or None
        Month in which the budget year begins [1 to 12]; None: as the budgets' versions say.
    """

    base: float = 0.0
    aggressive: float = 0.0
    decline: float = 0.1
    prepay: tuple[Decimal, ...] = ()
    lock_in: float | None = None
    year_starts: int | None = None

    @classmethod
    def of(cls, own: Mapping[str, str]) -> Settings:
        """From a notebook's own parameters.

        Raises
        ------
        UsageError
            A share outside 0 to 1, an amount that is none, a month outside 1 to 12: which parameter and how to write it.
        """
        given = {name: (own.get(name) or "").strip() or usual for name, usual in OWN.items()}
        prepay = tuple(_number("prepay", p, 0, None) for p in given["prepay"].split(";") if p.strip())
        return cls(
            float(_number("base", given["base"], 0, 1)),
            float(_number("aggressive", given["aggressive"], 0, 1)),
            float(_number("decline", given["decline"], 0, Decimal("0.99"))),
            prepay,
            float(_number("lock_in", given["lock_in"], 0, 60)) if given["lock_in"] else None,
            int(_number("year_starts", given["year_starts"], 1, 12)) if given["year_starts"] else None,
        )


def _number(name: str, text: str, least: Any, most: Any) -> Decimal:
    try:
        value = Decimal(text.strip())
        if value.is_finite() and value >= least and (most is None or value <= most):
            return value
    except InvalidOperation:
        pass
    span = f"from {least}" + (f" to {most}" if most is not None else " on")
    raise UsageError(f"{name} {text!r}", f"a number {span}", "write it like 0.2, or leave it empty")


@dataclass
class Procurement:
    """Commitments, contracts and the joint plan of one run.

    Parameters
    ----------
    run : Run
        charges, month, as_of, currency, usage, table, own.
    """

    run: Any
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    # --- what is there

    @cached_property
    def settings(self) -> Settings:
        return Settings.of(getattr(self.run, "own", {}) or {})

    @cached_property
    def instruments(self) -> instruments.Instruments:
        from helpers.data.allocation import factors

        return instruments.Instruments(factors("commitment_instruments"), factors("commitment_eligibility"))

    @cached_property
    def book(self) -> Any:
        return commitment_book.book(
            self.run.charges, self.run.month, months=MONTHS, last=Month.of(self.run.as_of)
        )

    @cached_property
    def covers(self) -> list[dict[str, Any]]:
        return commitment_book.covers(self.run.charges, self.run.month, months=MONTHS).to_dict("records")

    @cached_property
    def terms(self) -> list[dict[str, Any]]:
        """FOCUS Contract Commitments that are discounts, not agreements with a minimum."""
        held = self.run.table("contract_commitment")
        return [] if held is None else held.to_dict("records")

    @cached_property
    def contracts(self) -> list[dict[str, Any]]:
        held = self.run.table("contracts")
        return [] if held is None else held.to_dict("records")

    @property
    def missing(self) -> str:
        """What the page cannot show for want of a table, as one sentence; empty where all is there."""
        wanted = {"contract_commitment": "when commitments end and how they are paid", "contracts": "terms and days of notice",
                  "budgets": "budget years"}  # fmt: skip
        lacking = [f"{n}.csv says {what}" for n, what in wanted.items() if self.run.table(n) is None]
        return f"Not in the store yet: {'; '.join(lacking)}." if lacking else ""

    @cached_property
    def family(self) -> Any:
        """Row of charges -> family, with the words that later months know of the same SKU."""
        named: dict[tuple[str, str], str] = {}

        def of(row: Mapping[str, Any]) -> str:
            key = (str(row.get("service")), str(row["sku"]))
            texts = instruments.words(row)
            kind = instruments.family_of(
                str(row.get("provider") or self._provider.get(str(row.get("id")), "")),
                row["service"],
                row["details"],
                texts,
            )
            if kind:
                named[key] = kind
            return kind or named.get(key, "")

        return of

    @cached_property
    def _provider(self) -> dict[str, str]:
        return dict(zip(self.book["id"], self.book["provider"], strict=True))

    @cached_property
    def _all(self) -> list[holdings.Holding]:
        """Commitments of every currency."""
        covers = sorted(self.covers, key=lambda r: r["details"] is None or r["details"] != r["details"])
        named = [r | {"provider": self._provider.get(r["id"], "")} for r in covers]
        return holdings.holdings(
            self.book.to_dict("records"), named, [t for t in self.terms if t["ContractCommitmentType"] != "Minimum Spend"],
            self.instruments, which=self.run.month, as_of=self.run.as_of, latest=self._newest, family=self.family,
        )  # fmt: skip

    @cached_property
    def held(self) -> list[holdings.Holding]:
        """Commitments of the page's currency with their verdicts."""
        mine = [h for h in self._all if h.currency == self.run.currency]
        return holdings.judged(mine, self._running, self._others, as_of=self.run.as_of)

    @property
    def active(self) -> list[holdings.Holding]:
        return [h for h in self.held if h.active]

    @cached_property
    def unknown(self) -> list[holdings.Holding]:
        """Commitments of a kind that the table does not know."""
        return [h for h in self.held if h.instrument is None]

    @cached_property
    def days(self) -> Decimal:
        """Days that the month's charges cover."""
        from helpers.measures import change

        whole = self.run.month.days
        return Decimal(
            min(change.days_covered(self.run.charges, self.run.month), whole) if self.run.open else whole
        )

    @cached_property
    def reach(self) -> list[dict[str, Any]]:
        """What commitments cover or could cover in the month, by resource and SKU."""
        table = commitment_book.reach(self.run.charges, self.run.month, currency=self.run.currency)
        return table.to_dict("records")

    @cached_property
    def eligible(self) -> Decimal:
        """The same in all, as a whole month's [currency]."""
        return self._monthly(add(CONTEXT.add(r["on_demand"], r["covered"]) for r in self.reach))

    def _monthly(self, amount: Decimal) -> Decimal:
        return CONTEXT.multiply(amount, ratio(Decimal(self.run.month.days), self.days)) if self.days else ZERO

    @cached_property
    def _newest(self) -> dict[str, datetime]:
        return commitment_book.newest(self.run.charges)

    @cached_property
    def _running(self) -> dict[str, Decimal]:
        """Ended commitment -> on-demand cost a month of what it covered and nothing covers since."""
        found = {}
        for h in self._all:
            last = self._newest.get(h.provider)
            if h.currency != self.run.currency or h.end is None or h.end > self.run.as_of or last is None:
                continue
            mine = [c for c in self.covers if c["id"] == h.id]
            periods = sorted({c["period"] for c in mine})
            whole = [p for p in periods if Month.parse(p).end.date() <= h.end] or periods
            before: dict[str, Decimal] = {}
            for c in mine:
                if whole and c["period"] == whole[-1] and c["resource_id"]:
                    before[c["resource_id"]] = CONTEXT.add(
                        before.get(c["resource_id"], ZERO), c["contracted"]
                    )
            start = max(datetime(h.end.year, h.end.month, h.end.day, tzinfo=UTC), last - timedelta(days=30))
            days = Decimal((last - start).days)
            if days <= 0:
                continue
            now = commitment_book.since(self.run.charges, before, start)
            amount = ZERO
            for id, was in before.items():
                on_demand, covered = (
                    CONTEXT.multiply(v, ratio(Decimal(30), days)) for v in now.get(id, (ZERO, ZERO))
                )
                amount = CONTEXT.add(amount, max(min(on_demand, CONTEXT.subtract(was, covered)), ZERO))
            found[h.id] = amount
        return found

    @cached_property
    def _others(self) -> dict[str, Decimal]:
        """Bound commitment -> on-demand cost of the same services in families that it is not bound to."""
        found = {}
        for h in self._all:
            if h.instrument is None or h.instrument.binds != FAMILY:
                continue
            found[h.id] = add(
                r["on_demand"] for r in self.reach
                if r["provider"] == h.provider and r["service"] in h.services and self.family(r) not in h.families
            )  # fmt: skip
        return found

    # --- numbers

    @cached_property
    def lock(self) -> holdings.LockIn:
        return holdings.lock_in(self.active, self.eligible)

    @cached_property
    def lock_by_exit(self) -> holdings.LockIn:
        return holdings.lock_in(self.active, self.eligible, by_exit=True)

    @cached_property
    def rates(self) -> dict[str, tuple[Decimal, str]]:
        """Instrument -> what it costs of the contracted price [1], and where the figure comes from."""
        return holdings.rates(self._all, self.instruments, term=TERM)

    # --- the joint plan

    def place(self, row: Mapping[str, Any]) -> tuple[str, str, list[Instrument]]:
        """Pool and type of a usage, and the instruments that may cover it."""
        some = self.instruments.covering(
            row["provider"], row["category"], row["service"], instruments.words(row)
        )
        short = instruments.short_name(row["provider"])
        flexible = next((i for i in some if i.binds == NOTHING), None)
        family = self.family(row)
        type = f"{family or row['service']} {row['region'] or ''}".strip()
        pool = f"{short} {flexible.name}" if flexible else f"{short} {row['service']}"
        return pool, type, some

    @cached_property
    def review(self) -> Any:
        """Engineering's advice of the same month: what will run less."""
        from helpers.catalog import engineering

        return engineering.review(self.run).review

    @cached_property
    def loads(self) -> tuple[joint.Load, ...]:
        """Resources that commitments could cover, with the ways to use less of each."""
        hours = float(self.days) * 24 or 1.0
        by_resource: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for r in self.reach:
            pool, type, some = self.place(r)
            if some and CONTEXT.add(r["on_demand"], r["covered"]) > 0:
                by_resource.setdefault((r["resource_id"] or r["sku"], pool, type), []).append(r)
        ways = self.ways
        found = []
        for (id, pool, type), lines in by_resource.items():
            first, last = min(r["first"] for r in lines), max(r["last"] for r in lines)
            span = max((last - first).total_seconds() / 3600, 24.0)
            worth = float(add(CONTEXT.add(r["on_demand"], r["covered"]) for r in lines))
            if self._gone(lines[0]["provider"], last):
                continue
            found.append(
                joint.Load(
                    id,
                    str(lines[0]["name"] or id),
                    pool,
                    type,
                    worth / min(span, hours),
                    tuple(ways.get(id, ())),
                )
            )
        return tuple(found)

    @cached_property
    def _latest(self) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for r in self.reach:
            found[r["provider"]] = max(found.get(r["provider"], r["last"]), r["last"])
        return found

    def _gone(self, provider: str, last: datetime) -> bool:
        """What no longer runs when its provider's charges end is nothing to commit to."""
        return self._latest[provider] - last > resources.STILL

    @cached_property
    def ways(self) -> dict[str, list[joint.Option]]:
        """Resource -> ways to use less of it, alone and one after another."""
        review = self.review
        some = [a for a in (*review.found.advice, *review.found.possible) if a.kind in LESS]
        some = [a for a in some if a in review.found.advice or (a.blocked > 0 and a.confidence != "low")]
        by_resource: dict[str, list[Any]] = {}
        for a in some:
            by_resource.setdefault(a.resource_id, []).append(a)
        found: dict[str, list[joint.Option]] = {}
        for id, advice in by_resource.items():
            single = [o for a in advice if (o := self._option(a))]
            found[id] = [*single, joint.both(*single)] if len(single) == 2 else single
        return found

    def _option(self, a: Any) -> joint.Option | None:
        effort = float(a.effort * HOUR_OF_WORK)
        if a.kind == "idle machine":
            return joint.Option(a.kind, (0.0,) * joint.HOURS, effort, "remove")
        if a.kind == "schedule":
            plan = self.review.plans.get(a.resource_id)
            return (
                None
                if plan is None
                else joint.Option(a.kind, joint.of_week(plan.week, self.run.as_of), effort, plan.words)
            )
        gross = a.saving + a.blocked
        share = float(ratio(gross, a.cost)) if a.cost else 0.0
        return joint.Option(
            a.kind, (1.0 - min(share, 0.95),) * joint.HOURS, effort, f"{a.now} to {a.candidate}"
        )

    @cached_property
    def held_hourly(self) -> tuple[joint.Held, ...]:
        """Active commitments as the joint plan takes them."""
        places = {(self.family(r), r["region"], r["service"]): self.place(r) for r in self.reach}
        found = []
        for h in self.active:
            if h.instrument is None or h.rate.is_nan() or h.months_left.is_nan():
                continue
            hours = Decimal(24) * self._days_of(h)
            price = ratio(h.monthly, hours) if hours else ZERO
            near = next((p for (f, g, s), p in places.items() if s in h.services and (h.instrument.flexible or f in h.families) and g in h.regions), None)  # fmt: skip
            if near is None or price <= 0:
                continue
            pool, type, _ = near
            found.append(joint.Held(h.id, pool, "" if h.instrument.flexible else type, float(ratio(price, h.rate)), float(price), float(h.months_left)))  # fmt: skip
        return tuple(found)

    def _days_of(self, h: holdings.Holding) -> Decimal:
        """Days of the month in which a commitment was charged."""
        rows = self.book[(self.book["id"] == h.id) & (self.book["period"] == str(self.run.month))].to_dict(
            "records"
        )
        if not rows or rows[0]["first_used"] is None:
            return self.days
        return Decimal(max(round((rows[0]["last_used"] - rows[0]["first_used"]).total_seconds() / 86400), 1))

    @cached_property
    def offers(self) -> tuple[joint.Offer, ...]:
        """What could be bought for what runs: of each pool its flexible instrument, of each type its cheapest bound one."""
        found: dict[tuple[str, str], joint.Offer] = {}
        loaded = {(x.pool, x.type) for x in self.loads}
        for r in self.reach:
            pool, type, some = self.place(r)
            if (pool, type) not in loaded:
                continue
            for i in some:
                if i.id not in self.rates or TERM not in i.terms:
                    continue
                if i.binds != NOTHING and (pool, type) in self.leaving:
                    continue
                key = (pool, "" if i.binds == NOTHING else type)
                rate = float(self.rates[i.id][0])
                if i.binds in (NOTHING, FAMILY, SERVICE) and (key not in found or rate < found[key].rate):
                    found[key] = joint.Offer(i.id, *key, rate, TERM)
        return tuple(found.values())

    @cached_property
    def leaving(self) -> set[tuple[str, str]]:
        """Types that engineering advises to leave, or that a planned migration empties: nothing is bound to them for a year.

        A migration or planned change of the calendar that is known and begins within the term is taken to move the machines of its
        departments, but for those that run on ARM already; a type leaves where they are most of it.
        """
        old = {
            a.resource_id
            for a in (*self.review.found.advice, *self.review.found.possible)
            if a.kind == "old generation"
        }
        found = {(x.pool, x.type) for x in self.loads if x.id in old}
        events = self.run.table("calendar")
        scope: set[str] = set()
        for e in [] if events is None else events.to_dict("records"):
            known = not isinstance(e.get("known_on"), date) or e["known_on"] <= self.run.as_of
            soon = self.run.as_of <= e["end"] and e["start"] <= self.run.as_of + timedelta(days=365)
            if e["kind"] in ("migration", "planned-change") and known and soon:
                scope |= {x.strip() for x in str(e["scope"] or "").split(";") if x.strip()}
        who = {
            r["resource_id"]: r["department"]
            for r in self.reach
            if r["category"] == "Compute" and not ARM.fullmatch(self.family(r))
        }
        worth: dict[tuple[str, str], list[float]] = {}
        for x in self.loads:
            both = worth.setdefault((x.pool, x.type), [0.0, 0.0])
            both[0] += x.hourly if x.id in who and scope & {who[x.id] or "", "*"} else 0.0
            both[1] += x.hourly
        return found | {key for key, (moving, whole) in worth.items() if moving * 2 > whole}

    @cached_property
    def demand(self) -> dict[tuple[str, str], dict[date, float]]:
        """(pool, type) -> day -> cost an hour of what commitments cover or could cover, at contracted cost [currency/h]."""
        table = commitment_book.demand(self.run.charges, self.run.month, months=24)
        rows = [r for r in table.to_dict("records") if r["currency"] == self.run.currency]
        named = {(r["service"], r["sku"]): r for r in self.reach}  # words that months before FOCUS 1.1 lack
        found: dict[tuple[str, str], dict[date, float]] = {}
        places: dict[tuple[Any, ...], tuple[str, str] | None] = {}
        for r in rows:
            key = (r["provider"], r["service"], r["sku"], r["region"])
            if key not in places:
                pool, type, some = self.place(r | _words_of(named.get((r["service"], r["sku"]), r)))
                places[key] = (pool, type) if some else None
            if (at := places[key]) is not None:
                day = r["start"].date()
                worth = float(CONTEXT.add(r["on_demand"], r["covered"])) / 24
                days = found.setdefault(at, {})
                days[day] = days.get(day, 0.0) + worth
        return found

    @cached_property
    def _last(self) -> date:
        """First day that is not known."""
        newest = max((max(d) for d in self.demand.values()), default=self.run.as_of)
        return min(self.run.month.end.date(), newest + timedelta(days=1))

    @cached_property
    def room(self) -> dict[tuple[str, str], float]:
        """What is safe to be committed to, of each type and of each pool as a whole [currency/h]."""
        return remaining.room(self.demand, self._last, aggressive=self.settings.aggressive)

    @cached_property
    def problem(self) -> joint.Problem:
        return joint.Problem(
            self.loads, self.held_hourly, self.offers, TERM, self.settings.decline, room=self.room
        )

    @cached_property
    def orders(self) -> list[joint.Outcome]:
        """Nothing, each part alone, both orders, and both together."""
        return joint.orders(self.problem)

    @property
    def together(self) -> joint.Outcome:
        return next(o for o in self.orders if o.order == "joint")

    @cached_property
    def schedules(self) -> Any:
        """Ways to use less, with what each saves now, until when a commitment stands against it, and whether the plan takes it."""
        import pandas as pd

        names = {x.id: x.name for x in self.loads}
        rows = []
        for x in self.loads:
            for o in x.options:
                if " + " in o.kind:
                    continue
                gross = Decimal(repr(round(x.hourly * sum(1 - k for k in o.keep) * joint.WEEKS, 2)))
                net = min(joint.net_now(self.problem, x.id, o), gross)  # the last cent is rounding
                months = joint.until(self.problem, x.id) if net < gross * Decimal("0.99") else 0.0
                end = self.run.as_of + timedelta(days=round(months * 30.4375)) if months else None
                chosen = self.together.chosen.get(x.id)
                rows.append(
                    {
                        "resource_id": x.id, "name": names[x.id], "kind": o.kind, "what": o.words, "gross": gross, "net": net,
                        "until": end, "taken": chosen is not None and o.kind in chosen.kind,
                    }
                )  # fmt: skip
        rows.sort(key=lambda r: (-r["gross"], r["name"]))
        return pd.DataFrame(
            rows,
            columns=["resource_id", "name", "kind", "what", "gross", "net", "until", "taken"],
            dtype=object,
        )

    # --- contracts and the calendar of money

    @cached_property
    def _spend(self) -> dict[str, dict[str, Decimal]]:
        """Contract -> month -> billed cost under it."""
        return contract_terms.belongs(
            self.contracts, contract_terms.spend(self.run.charges), instruments.short_name
        )

    @cached_property
    def _mine(self) -> list[dict[str, Any]]:
        """Contracts in the page's currency."""
        return [c for c in self.contracts if c["currency"] == self.run.currency]

    @cached_property
    def agreements(self) -> Any:
        """Promised minimums: committed and consumed as money."""
        last = self.run.month.plus(-1) if self.run.open else self.run.month
        return contract_terms.agreements(self._mine, self._spend, as_of=self.run.as_of, which=last)

    @cached_property
    def budgets(self) -> list[dict[str, Any]]:
        held = self.run.table("budgets")
        return [] if held is None else held.to_dict("records")

    @cached_property
    def year_starts(self) -> int | None:
        """Month in which the budget year begins: the parameter's, else as the budgets' versions say."""
        return self.settings.year_starts or contract_terms.year_start(self.budgets)

    @cached_property
    def off_budget(self) -> Any:
        return contract_terms.off_budget(self._mine, self.year_starts, as_of=self.run.as_of)

    @cached_property
    def missing_discount(self) -> Any:
        """Usage without the discount that its provider's contract names."""
        discounts = {}
        providers = {r["provider"] for r in self.reach} | set(self._newest)
        for c in self._mine:
            share = c["discount_percent"]
            if isinstance(share, Decimal) and share and c["start"] <= self.run.as_of <= c["end"]:
                same = [
                    p for p in providers if instruments.short_name(p) == instruments.short_name(c["vendor"])
                ]
                discounts |= {p: ratio(share, 100) for p in same}
        return contract_terms.missing_discount(
            self.run.charges, self.run.month, discounts, currency=self.run.currency
        )

    @cached_property
    def credits(self) -> list[dict[str, Any]]:
        """Credits of the page's currency that were promised and have not come, those that can still be claimed."""
        held = self.run.table("credits")
        rows = [] if held is None else held.to_dict("records")
        return [
            r for r in rows
            if r["currency"] == self.run.currency and not isinstance(r["claimed_on"], date)
            and not (isinstance(r["lapses_on"], date) and r["lapses_on"] < self.run.as_of)
        ]  # fmt: skip

    @cached_property
    def support(self) -> list[dict[str, Any]]:
        """Lines of the month that are fees for versions past their end."""
        lines = resources.lines(self.run.charges, self.run.month, currency=self.run.currency).to_dict(
            "records"
        )
        named = [r | {"name": r["name"] or r["resource_id"]} for r in lines if (r["effective"] or 0) > 0]
        return [r for r in named if re.search(SUPPORT, f"{r['meter'] or ''} {r['description'] or ''}")]

    def owner(self, provider: str) -> str:
        """Who answers for a provider's contract."""
        short = instruments.short_name(provider)
        named = [
            c["owner"] for c in self._mine if instruments.short_name(c["vendor"]) == short and c["owner"]
        ]
        return named[0] if named else "Commitment owner"

    @cached_property
    def calendar(self) -> list[money_calendar.Entry]:
        """Purchases, ends, notices, contracts, support and budget dates, each once."""
        events = self.run.table("calendar")
        monthly = {id: months.get(str(self.run.month), ZERO) for id, months in self._spend.items()}
        starts, approved = self._budget_days
        commitments_ = [
            e
            for h in self.held
            for e in money_calendar.of_holdings([h], as_of=self.run.as_of, owner=self.owner(h.provider))
        ]
        purchases_ = [
            {"day": p["buy_on"], "what": p["what"], "saving": p["saving_a_month"], "currency": p["currency"], "id": p["id"], "owner": p["who"]}
            for p in self.purchases
        ]  # fmt: skip
        return money_calendar.calendar(
            commitments_,
            money_calendar.of_contracts(self._mine, monthly, as_of=self.run.as_of),
            money_calendar.of_purchases(purchases_),
            money_calendar.of_credits(self.credits, as_of=self.run.as_of),
            money_calendar.of_support(self.support, as_of=self.run.as_of, currency=self.run.currency),
            money_calendar.of_budgets(starts, approved, as_of=self.run.as_of),
            money_calendar.of_events(
                [] if events is None else events.to_dict("records"), as_of=self.run.as_of
            ),
            until=self.run.as_of + timedelta(days=400),
        )

    @cached_property
    def _budget_days(self) -> tuple[list[date], list[date]]:
        """First days of budget years, and days on which budgets were approved."""
        if self.year_starts is None or not self.budgets:
            return [], []
        months = sorted({Month.parse(str(b["month"])) for b in self.budgets})
        starts = [m.start.date() for m in months if m.month == self.year_starts]
        approved = sorted({b["approved_on"] for b in self.budgets if isinstance(b.get("approved_on"), date)})
        return starts, approved

    # --- the plan

    @cached_property
    def remaining(self) -> Any:
        """Hourly demand of the last thirteen months by pool and type, after what the joint plan uses less [currency]."""
        return remaining.remaining(
            self.demand, self.loads, self.together.chosen, self.room, self._last, named=self._pool
        )

    def _pool(self, pool: str, type: str) -> str:
        """The estimator's pool: what no bound instrument covers stands alone, so that none is bought for it."""
        bound = {(o.pool, o.type) for o in self.offers if o.type} | self.leaving
        alone = (pool, type) not in bound and any(p == pool for p, _ in bound)
        return f"{pool}, {type}" if alone else pool

    @cached_property
    def existing(self) -> Any:
        """Commitments that run, as the estimator takes them."""
        import pandas as pd

        ends = {h.id: h.end for h in self.active}
        rows = [
            {
                "pool": h.pool,
                "type": h.type,
                "quantity": h.worth,
                "rate": h.price / h.worth,
                "ends": ends[h.id],
            }
            for h in self.held_hourly
        ]
        return pd.DataFrame(rows, columns=["pool", "type", "quantity", "rate", "ends"])

    @cached_property
    def on_sale(self) -> Any:
        """What can be bought, by pool: its flexible instrument, and its cheapest bound one."""
        import pandas as pd

        best: dict[tuple[str, str], joint.Offer] = {}
        for o in self.offers:
            key = (o.pool, "type" if o.type else "pool")
            if key not in best or o.rate < best[key].rate:
                best[key] = o
        alone = {
            (self._pool(x.pool, x.type), x.pool) for x in self.loads if self._pool(x.pool, x.type) != x.pool
        }
        best |= {(name, "pool"): best[pool, "pool"] for name, pool in alone if (pool, "pool") in best}
        rows = [
            {
                "pool": pool,
                "scope": scope,
                "rate": o.rate,
                "term": o.term,
                "payment": "none",
                "name": o.instrument,
            }
            for (pool, scope), o in sorted(best.items())
        ]
        return pd.DataFrame(rows, columns=["pool", "scope", "rate", "term", "payment", "name"])

    @cached_property
    def events(self) -> Any:
        """Types that will be left (`leaving`), as planned migrations: within a quarter, to types that nobody knows yet."""
        import pandas as pd

        rows = [
            {"pool": pool, "known_on": self.run.month.start.date(), "start": self.run.as_of + timedelta(days=30), "end": self.run.as_of + timedelta(days=90),
             "from_type": type, "to_type": "", "share": 1.0}
            for pool, type in sorted(self.leaving)
        ]  # fmt: skip
        return pd.DataFrame(
            rows, columns=["pool", "known_on", "start", "end", "from_type", "to_type", "share"]
        )

    @cached_property
    def ladder(self) -> Any:
        """The estimator's plan on what remains (`helpers.models.commitments.plan`); None where there is nothing to plan.

        A cap that cannot be kept makes no plan: `gap` says which one and the nearest that can.
        """
        from helpers.models import commitments as model
        from helpers.models.commitments.plan import quarter

        if not len(self.on_sale) or not len(self.remaining):
            return None
        s = self.settings
        start = self.run.month.plus(1).start.date()
        months = [Month.of(start).plus(3 * n) for n in range(len(s.prepay))]
        prepay = {quarter(m): p for m, p in zip(months, s.prepay, strict=True)} or None
        asked = model.Settings(start, self.on_sale, TERM, s.base, s.aggressive, s.decline, s.lock_in, prepay)
        try:
            return model.plan(self.remaining, self.existing, asked, self.events)
        except Refused as problem:
            self._known["gap"] = str(problem)
            return None

    @property
    def gap(self) -> str:
        """Why there is no plan: the limits that cannot be kept together, and the nearest that can; empty where there is one."""
        return self._known.get("gap", "") if self.ladder is None else ""

    @cached_property
    def notes(self) -> list[str]:
        """What the plan rests on and cannot see."""
        return [] if self.ladder is None else list(self.ladder.notes)

    @cached_property
    def frontier(self) -> list[dict[str, Any]]:
        """Savings of the ladder's year against lock-in [months a unit of usage], from nothing bought to the chosen point."""
        if self.ladder is None or not len(self.ladder.frontier):
            return []
        return self.ladder.frontier.to_dict("records")

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The ladder's figures over all pools; {} where there is no plan."""
        if self.ladder is None:
            return {}
        table = self.ladder.figures
        return table[table["pool"] == "all"].to_dict("records")[0]

    @property
    def compared(self) -> Any:
        """Savings rate, coverage, utilisation, lock-in and loss today and with the ladder: measure, today, planned (texts)."""
        import pandas as pd

        now = {k.key: k.value for k in self.run.mine(self.kpis()) if not k.scope.get("product")}
        f = self.figures
        lines = [
            (
                "Effective savings rate of commitments",
                now.get("effective-savings-rate-percentage:commitments"),
                f.get("esr"),
                "share",
            ),
            ("Coverage of what could be covered", self._covered, f.get("coverage"), "share"),
            ("Utilisation", now.get("commitment-utilization-score"), f.get("utilisation"), "share"),
            ("Lock-in, months a committed unit", self.lock.committed, f.get("lock_in_committed"), "months"),
            ("Lock-in, months a unit of usage", self.lock.usage, f.get("lock_in_usage"), "months"),
            (
                "Paid for nothing if a third of demand goes, at most",
                self.lock.loss,
                self._loss if f else None,
                "money",
            ),
            ("Break-even of the first purchases, months", None, f.get("break_even"), "months"),
            (
                "Regret on history: savings rate short of the known future",
                None,
                self.given_up if f else None,
                "share",
            ),
        ]
        return pd.DataFrame(lines, columns=["measure", "today", "planned", "kind"], dtype=object)

    @cached_property
    def regret(self) -> list[dict[str, Any]]:
        """Walk-forward on each pool's own past: what the estimator would have saved, the known future, and simple rules.

        The first twelve months are history only; a pool with fewer than thirteen, or with less than a tenth of the usage that
        commitments could cover, is left out.
        """
        from helpers.models.commitments.answer import regrets
        from helpers.models.commitments.cost import PORTFOLIO, TYPE, Terms
        from helpers.models.commitments.history import History

        sale = {(r["pool"], r["scope"]): r["rate"] for r in self.on_sale.to_dict("records")}
        pools: dict[str, dict[str, dict[date, float]]] = {}
        for (pool, type), days in self.demand.items():
            pools.setdefault(pool, {})[type] = days
        histories = [History.of_days(pool, types) for pool, types in sorted(pools.items())]
        terms = {p: Terms(sale.get((p, "type")), sale.get((p, "pool")), TERM) for p in pools}
        names = {TYPE: "bound", PORTFOLIO: "flexible"}
        return [{names.get(k, k): v for k, v in r.items()} for r in regrets(histories, terms, least=LARGE)]

    @property
    def given_up(self) -> float | None:
        """Savings rate that the estimator gave up against the known future, over the pools of `regret` [1]; None without."""
        known = [(r["regret"], r["weight"]) for r in self.regret if r["regret"] == r["regret"]]
        return sum(a * w for a, w in known) / sum(w for _, w in known) if known else None

    @property
    def _loss(self) -> Decimal:
        """Today's loss if a third of demand goes, and a third of what the coming quarter's purchases owe [currency]."""
        owed = add(CONTEXT.multiply(p["a_month"], Decimal(p["term_months"])) for p in self.now)
        return CONTEXT.add(self.lock.loss, ratio(owed, 3))

    @property
    def _covered(self) -> Decimal:
        """Covered share of what commitments cover or could cover in the month, all services, at contracted cost [1]."""
        return ratio(
            add(r["covered"] for r in self.reach),
            add(CONTEXT.add(r["on_demand"], r["covered"]) for r in self.reach),
        )

    @cached_property
    def purchases(self) -> list[dict[str, Any]]:
        """What is proposed, in the order of time and saving; columns `PURCHASE`."""
        if self.ladder is None:
            return []
        from helpers.models.commitments.rungs import rungs

        names = {i.id: i for i in self.instruments.all}
        hours = Decimal(repr(joint.WEEKS * joint.HOURS))
        found = []
        for n, b in enumerate(rungs(self.ladder.purchases.to_dict("records"))):
            i = names[b["instrument"]]
            worth, price = b["quantity"], b["committed"]
            saving = CONTEXT.multiply(CONTEXT.subtract(worth, price), hours).quantize(CENT)
            if saving < LEAST:
                continue
            day = max(b["month"], self.run.as_of)
            provider = b["pool"].split(" ")[0]
            scope, service = b["type"] or "everything that it covers", self._service(b["pool"])
            within = "" if service in scope else f", {'' if b['type'] else 'sized on '}{service}"
            found.append(
                {
                    "id": f"{b['month']:%Y-%m}-{n + 1:03d}", "buy_on": day, "decide_by": max(day - timedelta(days=7), self.run.as_of),
                    "what": f"{i.name} for {scope}{within}", "provider": provider, "instrument": i.name, "pool": b["pool"], "scope": scope,
                    "currency": self.run.currency, "commitment_an_hour": price, "covers_an_hour": worth, "term_months": b["term"],
                    "payment": b["payment"], "paid_at_once": b["upfront"], "expires": b["expires"],
                    "a_month": CONTEXT.multiply(price, hours).quantize(CENT), "saving_a_month": saving,
                    "break_even_months": holdings.break_even(ratio(price, worth), b["term"]).quantize(Decimal("0.1")),
                    "rate": ratio(price, worth).quantize(Decimal("0.0001")), "rate_basis": self.rates[b["instrument"]][1],
                    "why": b["why"], "rung": b["rung"], "who": self.owner(provider), "status": "proposed",
                }
            )  # fmt: skip
        found.sort(key=lambda p: (p["buy_on"], -p["saving_a_month"], p["id"]))
        return found

    def _service(self, pool: str) -> str:
        """Whose usage a pool holds, where it is not all that a flexible instrument covers."""
        rest = pool.partition(" ")[2]
        flexible = (i.name for i in self.instruments.all if i.binds == NOTHING and rest.startswith(i.name))
        return rest.removeprefix(max(flexible, key=len, default="")).lstrip(", ")

    @property
    def now(self) -> list[dict[str, Any]]:
        """Purchases of the coming quarter, to approve now; later ones are planned anew with what is known then."""
        first = min((p["buy_on"] for p in self.purchases), default=None)
        return [p for p in self.purchases if first is not None and p["buy_on"] < first + timedelta(days=80)]

    @property
    def waiting(self) -> Decimal:
        """Saving that is given up by buying in rungs, so that ends are spread [currency]."""
        first = min((p["buy_on"] for p in self.purchases), default=None)
        return add(
            CONTEXT.multiply(p["saving_a_month"], Decimal(Month.of(p["buy_on"]).since(Month.of(first))))
            for p in self.now
            if first is not None and p["rung"] > 1
        )

    # --- who gets it

    @cached_property
    def benefit(self) -> Any:
        return benefit.benefit(self.run.charges, self.run.month, currency=self.run.currency)

    # --- KPIs, tables and files

    def kpis(self) -> list[Any]:
        """The catalog's KPIs of the month, and what this page finds itself."""
        if "kpis" not in self._known:
            terms = self.run.table("contract_commitment")
            own = self.run.kpis(**({} if terms is None else {"contracts": terms}))
            self._known["kpis"] = [*own, *found(self._found, self.run.month)]
        return self._known["kpis"]

    @cached_property
    def _found(self) -> list[dict[str, Any]]:
        scope = {
            name: self.run.chosen[name] for name in ("provider", "department") if self.run.chosen.get(name)
        }

        def one(kpi: str, value: Decimal, variant: str = "", reason: str = "") -> dict[str, Any]:
            return {
                "kpi": kpi, "variant": variant, "value": value, "currency": self.run.currency, "scope": scope, "reason": reason,
            }  # fmt: skip

        def stake(verdict: str) -> Decimal:
            return add(h.stake for h in self.held if h.verdict == verdict)

        soon = self.run.as_of + timedelta(days=holdings.SOON)
        ending = [h for h in self.active if h.end is not None and h.end <= soon and h.saving > 0]
        larger = [h for h in self.active if h.larger and h.verdict != "wrong family"]
        notices = [
            e for e in self.calendar if e.kind == "notice" and e.nothing and (e.overdue or e.day <= soon)
        ]
        saved = add(p["saving_a_month"] for p in self.now)
        loses = max((o.loses for o in self.orders if o.order in ("commit-less", "less-commit")), default=ZERO)
        gaps = [g for g in self.agreements["gap"] if not g.is_nan()]
        some = bool(self.held)
        return [
            one("commitment-lock-in", self.lock.committed),
            one("commitment-lock-in", self.lock.usage, "usage"),
            one("commitment-lock-in", self.lock_by_exit.committed, "exit"),
            one("commitment-loss", self.lock.loss if self.active else NAN),
            one("commitments-lapsed", stake("lapsed") if some else NAN),
            one("commitments-ending", add(h.saving for h in ending) if self.active else NAN),
            one("commitments-larger-than-use", add(h.stake for h in larger) if some else NAN),
            one("commitments-wrong-family", stake("wrong family") if some else NAN),
            one("commitments-not-known", add(h.monthly for h in self.unknown) if some else NAN),
            one("commitments-to-buy", saved if self.ladder is not None else NAN, reason=self.gap),
            one("order-of-planning", loses if self.loads else NAN),
            one("agreement-shortfall", add(gaps) if gaps else NAN),
            one(
                "terms-off-budget",
                add(self.off_budget["next"]) if self.year_starts is not None and self._mine else NAN,
            ),
            one("notice-near", add(e.nothing for e in notices if e.nothing) if self._mine else NAN),
            one(
                "credits-not-claimed",
                add(c["amount"] for c in self.credits) if self.run.table("credits") is not None else NAN,
            ),
            one("discount-not-applied", add(self.missing_discount["missing"]) if self._mine else NAN),
        ]

    @property
    def sheets(self) -> dict[str, Any]:
        """Tables for ``tables.xlsx``."""
        import pandas as pd

        return {
            "Commitments": holdings.frame(self.held),
            "Orders": joint.table(self.orders),
            "Use less": self.schedules,
            "Purchases": pd.DataFrame(self.purchases, columns=list(PURCHASE), dtype=object),
            "Calendar": money_calendar.frame(self.calendar),
            "Agreements": self.agreements,
            "Off budget": self.off_budget,
            "Discount missing": self.missing_discount,
            "Credits": pd.DataFrame(
                [
                    {c: r[c] for c in ("credit", "vendor", "amount", "currency", "lapses_on", "owner")}
                    for r in self.credits
                ],
                columns=["credit", "vendor", "amount", "currency", "lapses_on", "owner"],
                dtype=object,
            ),
            "Benefit": self.benefit,
            "Regret": pd.DataFrame(
                [
                    {
                        c: Decimal(repr(round(float(v), 6))) if isinstance(v := r.get(c), float) else v
                        for c in REGRET
                    }
                    for r in self.regret
                ],
                columns=list(REGRET),
                dtype=object,
            ),
            "Months": self.book.drop(columns=["begins", "ends", "first_used", "last_used"]),
        }


def _words_of(row: Mapping[str, Any]) -> dict[str, Any]:
    return {c: row[c] for c in ("meter", "details", "description")}
