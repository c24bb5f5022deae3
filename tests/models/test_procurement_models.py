"""Instruments, commitments at hand, the joint plan and the calendar of money: small cases by hand, invariants, bad input."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.data.allocation import factors
from helpers.models import holdings, instruments, joint, money_calendar, remaining
from helpers.terms.errors import BadInput, UsageError
from helpers.terms.period import Month

TABLE = instruments.Instruments(factors("commitment_instruments"), factors("commitment_eligibility"))
SIZES = factors("commitment_sizes")
TODAY = date(2026, 10, 5)
SEPTEMBER = Month(2026, 9)


# --- instruments


@pytest.mark.parametrize(
    ("provider", "type", "id"),
    [
        ("AWS", "ComputeSavingsPlans", "aws-compute-sp"),
        ("Amazon Web Services", "Compute Savings Plan", "aws-compute-sp"),
        ("AWS", "EC2InstanceSavingsPlans", "aws-ec2-sp"),
        ("AWS", "Savings Plan", "aws-sp"),
        ("AWS", "SageMakerSavingsPlans", "aws-sagemaker-sp"),
        ("AWS", "DatabaseSavingsPlans", "aws-database-sp"),
        ("AWS", "Reserved Instance", "aws-ri"),
        ("AWS", "Reserved Node", "aws-ri"),
        ("Microsoft", "Reservation", "azure-reservation"),
        ("Microsoft Azure", "Savings plan", "azure-sp"),
        ("Google", "Resource-based CUD", "google-resource-cud"),
        ("Google Cloud", "Spend-based CUD", "google-flex-cud"),
        ("Oracle", "Universal Credits", "oracle-universal-credits"),
        ("Palisade", "Capacity Commitment", "saas-capacity"),
        ("Microsoft", "Minimum Spend", "minimum-spend"),
    ],
)
def test_the_types_that_providers_write_are_known(provider, type, id):
    found = TABLE.of(provider, type)
    assert found is not None
    assert found.id == id


def test_an_unknown_type_is_no_instrument():
    assert TABLE.of("AWS", "Hyper Saver") is None
    assert TABLE.of("Google", "ComputeSavingsPlans") is None


def test_every_row_has_a_source_with_its_day():
    for name in ("commitment_instruments", "commitment_eligibility", "commitment_sizes"):
        assert all(r["source"] and date.fromisoformat(r["read"]) for r in factors(name)), name


def ids(provider, category, service, words=""):
    return [i.id for i in TABLE.covering(provider, category, service, words)]


def test_eligibility_by_instrument():
    assert ids("AWS", "Compute", "Amazon Elastic Compute Cloud") == ["aws-compute-sp", "aws-ec2-sp", "aws-ri"]
    assert ids("AWS", "Compute", "AWS Lambda") == ["aws-compute-sp"]
    assert ids("AWS", "Databases", "Amazon Relational Database Service", "db.r6g.2xlarge") == ["aws-ri"]
    assert ids("AWS", "Databases", "Amazon Relational Database Service", "db.r7g.2xlarge") == [
        "aws-database-sp",
        "aws-ri",
    ]
    assert ids("Google", "Compute", "Compute Engine", "n2-standard-8") == [
        "google-resource-cud",
        "google-flex-cud",
    ]
    assert ids("Google", "Compute", "Compute Engine", "f1-micro") == []
    assert ids("Oracle", "Compute", "Compute") == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("binds", "the moon", "family and region"), ("rate_12", "1.2", "between 0 and 1")],
)
def test_a_broken_row_of_the_table_says_where(column, value, said):
    rows = [dict(r) for r in factors("commitment_instruments")]
    rows[1][column] = value
    with pytest.raises(BadInput, match=said) as problem:
        instruments.Instruments(rows, [])
    assert (problem.value.row, problem.value.column) == (3, column)


def test_eligibility_of_an_instrument_that_is_not_there():
    with pytest.raises(BadInput, match="nowhere"):
        instruments.Instruments(factors("commitment_instruments"), [{"instrument": "nowhere", "ServiceCategory": "", "ServiceName": "x", "unless": ""}])  # fmt: skip


def test_normalised_units_of_the_whitepapers_examples():
    """AWS: a t2.medium covers two t2.small; it covers half of a t2.large."""
    assert instruments.normalised({"t2.small": D(2)}, SIZES) == instruments.normalised(
        {"t2.medium": D(1)}, SIZES
    )
    assert instruments.normalised({"t2.medium": D(1)}, SIZES) * 2 == instruments.normalised(
        {"t2.large": D(1)}, SIZES
    )
    assert instruments.normalised({"c4.8xlarge": D(1)}, SIZES) == instruments.normalised(
        {"c4.large": D(16)}, SIZES
    )
    with pytest.raises(BadInput, match="normalisation factor"):
        instruments.normalised({"m5.huge": D(1)}, SIZES)


# --- commitments at hand


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def entry(period="2026-09", used=300, unused=0, id="c", type="ComputeSavingsPlans", **more):
    month = Month.parse(period)
    return {
        "id": id, "currency": "USD", "period": period, "name": id, "type": type, "category": "Spend", "provider": "AWS",
        "unit": "USD", "used": D(used), "unused": D(unused), "used_contracted": D(used) / D("0.75"), "used_list": D(used) / D("0.75"),
        "used_quantity": None, "unused_quantity": None, "billed": D(used + unused), "corrected": D(0),
        "begins": month.start, "ends": month.end, "first_used": month.start, "last_used": month.end,
    } | more  # fmt: skip


def cover(id="c", contracted=400, **more):
    return {
        "id": id, "currency": "USD", "period": "2026-09", "sku": "s", "service": "Amazon Elastic Compute Cloud", "category": "Compute",
        "region": "us-east-1", "resource_id": "vm", "department": "Shop", "name": "vm", "meter": None, "details": '{"InstanceType":"m5.large"}',
        "description": None, "contracted": D(contracted), "effective": D(300), "provider": "AWS",
    } | more  # fmt: skip


def term(id="c", start="2026-01-01", end="2027-01-01", **more):
    return {"ContractCommitmentId": id, "ContractCommitmentPeriodStart": f"{start}T00:00:00Z", "ContractCommitmentPeriodEnd": f"{end}T00:00:00Z"} | more  # fmt: skip


def made(rows, covers=(), terms=(), **more):
    return holdings.holdings(
        rows, covers, terms, TABLE, which=SEPTEMBER, as_of=TODAY,
        family=lambda r: instruments.family_of("AWS", r["service"], r["details"]), **more,
    )  # fmt: skip


def test_a_contract_says_when_it_ends_and_lock_in_follows():
    (h,) = made([entry(used=270, unused=30)], [cover()], [term()])
    assert (h.end, h.end_basis, h.families, h.departments) == (
        date(2027, 1, 1),
        "contract",
        ("m5",),
        {"Shop": D(400)},
    )
    assert round(h.months_left, 12) == round(D(88) / holdings.DAYS_A_MONTH, 12)
    lock = holdings.lock_in([h], D(1000))
    assert lock.committed == h.months_left
    assert round(lock.usage, 9) == round(D("0.3") * h.months_left, 9)
    # unused grows from 30 to 30 + 270 / 3 a month
    assert round(lock.loss, 6) == round(D(90) * h.months_left, 6)


def test_ends_without_a_contract_are_worked_out_or_assumed_and_say_so():
    months = [str(SEPTEMBER.plus(-n)) for n in range(12, -1, -1)]
    old = [entry(p, id="old") for p in months]
    at_once = [
        entry(
            p, id="at-once", billed=D(3650) if p == "2026-02" else D(0), used=280 if p == "2026-02" else 300
        )
        for p in months[5:]
    ]
    for r in at_once:
        r["used"] = D(10) * (r["last_used"] - r["first_used"]).days
    young = [entry(p, id="young") for p in months[10:]]
    gone = [entry("2026-08", id="gone", last_used=moment(date(2026, 8, 20)), ends=None, begins=None)]
    found = {
        h.id: h for h in made([*old, *at_once, *young, *gone], latest={"AWS": moment(date(2026, 10, 5))} | {})
    }
    assert (found["gone"].end, found["gone"].end_basis) == (date(2026, 8, 20), "no charge since")
    rows = [
        r | {"last_used": moment(date(2026, 10, 4))} if r["period"] == "2026-09" else r
        for r in (*old, *at_once, *young)
    ]
    found = {h.id: h for h in made(rows, latest={"AWS": moment(date(2026, 10, 5))})}
    assert (found["at-once"].end, found["at-once"].end_basis) == (date(2027, 2, 1), "payment")
    assert (found["young"].end, found["young"].end_basis) == (date(2027, 7, 1), "assumed term")
    assert (found["old"].end, found["old"].end_basis) == (None, "")
    assert found["old"].active
    lock = holdings.lock_in(found.values(), D(1000))
    assert lock.unknown == ("old",)


def test_exchange_shortens_the_lock_in_by_exit_only():
    (h,) = made([entry(type="Reservation", provider="Microsoft")], [], [term()])
    assert holdings.lock_in([h], D(1000)).committed > 2
    assert holdings.lock_in([h], D(1000), by_exit=True).committed == 0


def verdict(h, running=0, others=0):
    return holdings.judged([h], {h.id: D(running)}, {h.id: D(others)}, as_of=TODAY)[0]


def test_each_verdict():
    (good,) = made([entry()], [cover()], [term()])
    assert verdict(good).verdict == "renew"
    (long,) = made([entry()], [cover()], [term(end="2028-01-01")])
    assert verdict(long).verdict == "keep"
    (larger,) = made([entry(used=280, unused=20)], [cover()], [term()])
    assert (verdict(larger).verdict, verdict(larger).stake) == ("renew smaller", D("20.00"))
    (idle,) = made([entry(used=100, unused=200)], [cover()], [term()])
    assert verdict(idle).verdict == "do not renew"
    (wrong,) = made([entry(used=200, unused=100, type="EC2InstanceSavingsPlans")], [cover()], [term()])
    assert verdict(wrong, others=5000).verdict == "wrong family"
    assert (
        verdict(wrong, others=50).verdict == "renew smaller"
    )  # nothing else runs that it could have covered
    (ended,) = made([entry()], [cover()], [term(start="2025-09-20", end="2026-09-20")])
    assert (verdict(ended, running=400).verdict, verdict(ended, running=400).stake) == ("lapsed", D("100.00"))
    assert verdict(ended).verdict == "ended"
    (strange,) = made([entry(type="Hyper Saver")], [cover()], [term()])
    assert (verdict(strange).verdict, verdict(strange).monthly) == ("not known", D(300))


def test_a_commitment_in_two_currencies_is_refused():
    with pytest.raises(BadInput, match="EUR and USD"):
        made([entry(), entry(currency="EUR")])


def test_overlapping_and_backward_terms_are_refused():
    with pytest.raises(BadInput, match="overlap: one to 2027-01-01, one from 2026-06-01"):
        made([entry()], [], [term(), term(start="2026-06-01", end="2027-06-01")])
    with pytest.raises(BadInput, match="before it starts"):
        made([entry()], [], [term(start="2027-01-01", end="2026-01-01")])


# --- the joint plan

NIGHT = tuple(1.0 if h // 24 < 5 and 8 <= h % 24 < 19 else 0.0 for h in range(joint.HOURS))
WEEKDAYS = tuple(1.0 if h // 24 < 5 else 0.0 for h in range(joint.HOURS))
SP, RI = joint.Offer("sp", "p", "", 0.7), joint.Offer("ri", "p", "t", 0.6)


def load(name="a", hourly=1.0, *options, type="t"):
    return joint.Load(name, name, "p", type, hourly, options)


def by_order(problem):
    return {o.order: o for o in joint.orders(problem)}


def test_a_shallow_schedule_is_dearer_than_a_commitment_and_only_both_together_see_it():
    """Weekends off save 2/7, the commitment 0.4, and with it the schedule's effort is spent for nothing."""
    found = by_order(joint.Problem((load("a", 1.0, joint.Option("schedule", WEEKDAYS, 100.0)),), (), (RI,)))
    year = D(repr(round(12 * joint.WEEKS * joint.HOURS, 6)))
    assert found["nothing"].cost == round(year, 2)
    assert found["less"].cost == round(year * 5 / 7 + 100, 2)
    assert found["joint"].cost == found["commit"].cost == round(year * D("0.6"), 2)
    assert found["less-commit"].loses == 100
    assert found["joint"].chosen == {}


def test_a_deep_schedule_comes_first_and_buying_first_loses():
    found = by_order(
        joint.Problem((load("a", 1.0, joint.Option("schedule", NIGHT)), load("b", 2.0)), (), (SP, RI))
    )
    assert set(found["joint"].chosen) == {"a"}
    assert found["commit-less"].loses > 0
    assert found["less-commit"].loses == 0


def test_a_schedule_under_a_commitment_saves_nothing_until_it_ends():
    night = joint.Option("schedule", NIGHT)
    alone = joint.Problem((load("a", 1.0, night),), (joint.Held("h", "p", "t", 1.0, 0.6, 5.0),), ())
    assert joint.net_now(alone, "a", night) == 0
    assert joint.until(alone, "a") == 5.0
    # two more of the same kind run on demand: they take over what it leaves, and the saving is real at once
    shared = joint.Problem((load("a", 1.0, night), load("b", 2.0)), alone.held, ())
    assert joint.net_now(shared, "a", night) > 300


def test_what_is_bought_starts_when_what_stands_ends():
    found = by_order(joint.Problem((load("a", 1.0),), (joint.Held("h", "p", "t", 1.0, 0.6, 6.0),), (RI,)))
    (bought,) = found["joint"].bought
    assert (bought.month, round(bought.worth, 6)) == (6.0, 1.0)


def test_only_what_is_safe_is_bought_and_what_stands_is_kept():
    some = (load("a", 1.0),)
    half = by_order(joint.Problem(some, (), (RI,), room={("p", "t"): 0.5, ("p", ""): 0.5}))
    assert round(half["joint"].bought[0].worth, 6) == 0.5
    absorbed = by_order(joint.Problem(some, (), (RI,), decline=0.2))
    assert round(absorbed["joint"].bought[0].worth, 6) == 0.8
    held = by_order(
        joint.Problem(
            some, (joint.Held("h", "p", "t", 0.9, 0.5, 12.0),), (RI,), room={("p", "t"): 0.5, ("p", ""): 0.5}
        )
    )
    assert held["joint"].bought == ()


def test_a_cap_on_what_is_bought_holds_over_pools():
    two = (load("a", 1.0), joint.Load("b", "b", "q", "t", 1.0))
    offers = (RI, joint.Offer("ri", "q", "t", 0.5))
    found = by_order(joint.Problem(two, (), offers, most=0.6))
    assert round(sum(b.price for b in found["joint"].bought), 6) == 0.6
    assert {b.pool: round(b.worth, 4) for b in found["joint"].bought}["q"] == 1.0  # the better bargain first


def test_bad_problems_name_what_is_wrong():
    with pytest.raises(UsageError, match="1 to 60 months"):
        joint.Problem((), months=0)
    with pytest.raises(UsageError, match="decline"):
        joint.Problem((), decline=1.0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        joint.Problem((), offers=(joint.Offer("x", "p", "", 1.1),))
    assert (
        "shorter than the term of 36"
        in joint.Problem((), offers=(joint.Offer("x", "p", "", 0.5, 36),)).horizon_note
    )


def brute(problem):
    """The joint optimum by trying every choice of options."""
    menus = [[None, *x.options] for x in problem.loads]
    every = ({x.id: o for x, o in zip(problem.loads, picks, strict=True) if o} for picks in product(*menus))
    return min(joint.given(problem, chosen=chosen, commit=True).cost for chosen in every)


WAYS = st.sampled_from([(), (joint.Option("schedule", NIGHT, 20.0),), (joint.Option("smaller", (0.5,) * joint.HOURS, 50.0), joint.Option("schedule", WEEKDAYS))])  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["t", "u"]), WAYS), min_size=1, max_size=3),
    st.integers(0, 20), st.integers(1, 14),
)  # fmt: skip
def test_both_together_is_the_optimum_and_never_dearer_than_any_order(some, held, months):
    loads = tuple(
        joint.Load(f"r{n}", f"r{n}", "p", type, hourly / 10, options)
        for n, (hourly, type, options) in enumerate(some)
    )
    problem = joint.Problem(
        loads, (joint.Held("h", "p", "t", held / 10, held * 0.06, float(months)),), (SP, RI)
    )
    found = by_order(problem)
    assert all(o.loses >= D("-0.02") for o in found.values())
    assert abs(brute(problem) - found["joint"].cost) <= D("0.05")


def test_safe_demand_is_the_trough_and_never_what_began_lately_or_falls():
    last = date(2026, 10, 1)
    level = {last - timedelta(days=n): 10.0 for n in range(1, 400)}
    assert remaining.safe(level, last) == pytest.approx(10.0)
    assert remaining.safe(level, last, base=0.5) == pytest.approx(5.0)
    young = {d: v for d, v in level.items() if (last - d).days <= 60}
    assert remaining.safe(young, last) == 0.0
    weekends = {d: 2.0 if d.weekday() >= 5 else 10.0 for d in level}
    assert remaining.safe(weekends, last) == pytest.approx(2.0)
    assert remaining.safe(weekends, last, aggressive=1.0) == pytest.approx(10.0)
    falling = {last - timedelta(days=n): 10.0 + n * 0.02 for n in range(1, 400)}
    assert remaining.safe(falling, last) < 8


# --- the calendar


def contract(**more):
    return {
        "contract_id": "K1", "vendor": "Lumenlog", "subject": "Logs", "end": date(2027, 1, 31), "notice_days": D(90), "auto_renews": True,
        "commitment_amount": D(98000), "discount_percent": None, "currency": "USD", "owner": "Mei",
    } | more  # fmt: skip


def test_notice_comes_before_the_end_and_says_what_doing_nothing_costs():
    notice, end = money_calendar.calendar(money_calendar.of_contracts([contract()], {}, as_of=TODAY))
    assert (notice.day, notice.kind, notice.nothing, notice.overdue) == (
        date(2026, 11, 2),
        "notice",
        98000,
        False,
    )
    assert (end.day, end.nothing) == (date(2027, 1, 31), 0)
    (late, _) = money_calendar.of_contracts([contract(notice_days=D(150))], {}, as_of=TODAY)
    assert late.overdue
    gone = money_calendar.of_contracts([contract(end=date(2026, 9, 1))], {}, as_of=TODAY)
    assert gone == []


def test_a_discount_that_ends_costs_what_it_saves():
    some = contract(auto_renews=False, discount_percent=D(6))
    notice, _ = money_calendar.of_contracts([some], {"K1": D(940)}, as_of=TODAY)
    assert notice.nothing == D("60.00")


def test_each_date_stands_once_and_in_order():
    (h,) = made([entry()], [cover()], [term()])
    h = verdict(h)
    twice = money_calendar.of_holdings([h, h], as_of=TODAY)
    found = money_calendar.calendar(twice, money_calendar.of_contracts([contract(), contract()], {}, as_of=TODAY), money_calendar.of_budgets([date(2025, 10, 1)], [date(2025, 9, 19)], as_of=TODAY))  # fmt: skip
    assert len({(e.kind, e.id) for e in found}) == len(found) == 5
    assert [e.day for e in found] == sorted(e.day for e in found)
    assert list(money_calendar.frame(found).columns) == list(money_calendar.COLUMNS)
