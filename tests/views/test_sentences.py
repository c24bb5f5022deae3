"""The words of headlines and titles: right in every case, never against the data."""

from __future__ import annotations

from decimal import Decimal as D
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.views import sentences as say

amounts = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=4)
causes = st.lists(
    st.tuples(st.sampled_from(list(say.CAUSES)), amounts), max_size=10, unique_by=lambda p: p[0]
)


def headline(total, previous, **more):
    return say.headline(
        D(str(total)), None if previous is None else D(str(previous)), month="2026-09", currency="USD", **more
    )


@pytest.mark.parametrize(
    ("total", "previous", "words"),
    [
        (106, 100, "September cost 106.00 USD, 6 % more than August"),
        (94, 100, "September cost 94.00 USD, 6 % less than August"),
        (100, 100, "September cost 100.00 USD, exactly as much as August"),
        ("100.2", 100, "September cost 100.20 USD, about as much as August (+0.2 %)"),
        ("99.8", 100, "September cost 99.80 USD, about as much as August (−0.2 %)"),
        ("101.2", 100, "September cost 101.20 USD, 1.2 % more than August"),
        (320, 100, "September cost 320.00 USD, 3.2 times as much as August"),
        (5, 0, "September cost 5.00 USD, after nothing in August"),
        (5, None, "September cost 5.00 USD, with no August to compare with"),
        (-12, 100, "September came to −12.00 USD, 112.00 USD less than August"),
        (12, -100, "September cost 12.00 USD, 112.00 USD more than August"),
        (0, 100, "September cost 0.00 USD, 100 % less than August"),
        (0, 0, "September cost 0.00 USD, exactly as much as August"),
        ("0.00372", "0.0031", "September cost 0.00372 USD, 20 % more than August"),
    ],
)
def test_a_total_beside_the_month_before(total, previous, words):
    assert headline(total, previous) == words


def test_an_open_month_says_so_and_compares_equal_days():
    assert headline(90, 100, days=12, open=True) == (
        "September cost 90.00 USD so far, 10 % less than August over 12 equal days"
    )
    assert "first day" in headline(90, 100, days=1, open=True)
    assert "equal days" not in headline(90, None, days=12, open=True)


def test_another_month_to_compare_with_and_a_subject():
    assert headline(90, 100, compared="2025-09").endswith("10 % less than September 2025")
    assert headline(90, 100, subject="Checkout").startswith("Checkout: September cost")
    assert say.headline(D(2), D(1), month="2026-01", currency="EUR").endswith("100 % more than December")


def test_causes_that_go_one_way_are_shares():
    assert headline(120, 100, bridge=[("volume", D(13)), ("commitment", D(7))]).endswith(
        "65 % comes from more use, 35 % from less saved by commitments".replace("65 %", "two thirds").replace(
            "35 %", "one third"
        )
    )
    assert headline(120, 100, bridge=[("volume", D(20))]).endswith("all of it comes from more use")
    assert headline(80, 100, bridge=[("volume", D(-20))]).endswith("all of it comes from less use")


def test_causes_that_go_both_ways_are_amounts():
    said = headline(120, 100, bridge=[("volume", D(50)), ("list price", D(-30))])
    assert said.endswith("more use added 50.00, lower list prices took off 30.00")
    said = headline(100, 100, bridge=[("volume", D(50)), ("list price", D(-50))])
    assert "exactly as much" in said and "added 50.00" in said and "took off 50.00" in said


@given(amounts, amounts, causes)
def test_a_headline_never_claims_the_opposite_direction(total, previous, bridge):
    said = headline(total, previous, bridge=bridge).split(":")[0]
    if total <= previous:
        assert " more than " not in said and "times as much" not in said
    if total >= previous:
        assert " less than " not in said
    if total != previous:
        assert "exactly" not in said


@given(causes)
def test_a_cause_is_named_with_its_own_sign(bridge):
    parts = dict(bridge)
    total = sum(parts.values(), D(0))
    said = say.because(list(parts.items()), D(1000) + total, D(1000))
    for cause, amount in parts.items():
        adds, takes = say.CAUSES[cause]
        if adds != takes:
            assert (takes if amount > 0 else adds) not in said.split("comes from")[-1] or amount == 0
    for piece in said.split(", "):
        for cause, amount in parts.items():
            if piece.startswith(say.CAUSES[cause]) and ("added" in piece or "took off" in piece):
                named = [c for c in parts if piece.startswith(say.phrase(c, parts[c]))]
                assert any(("added" in piece) == (parts[c] > 0) for c in named), (piece, amount)


@given(causes, amounts)
def test_named_shares_never_pass_the_whole(bridge, start):
    parts = list(dict(bridge).items())
    total = start + sum((a for _, a in parts), D(0))
    said = say.because(parts, total, start)
    if "comes from" in said and "of it" not in said:
        with_it, _ = say.causes(parts)
        assert sum(a / (total - start) for _, a in with_it) <= D("1.04")


@given(causes, amounts)
def test_a_bridge_title_names_the_direction_of_the_total(bridge, start):
    parts = list(dict(bridge).items())
    end = start + sum((a for _, a in parts), D(0))
    said = say.bridge_title(parts, start, end)
    assert ("raised cost" in said) == (end > start)
    assert ("lowered cost" in said) == (end < start)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABCDE"), amounts, st.none() | amounts),
        max_size=5,
        unique_by=lambda r: r[0],
    )
)
def test_a_ranking_names_the_largest_and_the_most_grown(rows):
    said = say.ranked_title(rows)
    if "costs most" in said:
        top = max(v for _, v, _ in rows)
        assert any(said.startswith(f"{n} ") and v == top for n, v, _ in rows)
    if "grew most" in said and "it also" not in said:
        name = said.split("; ")[-1].split(" grew")[0]
        value, before = next((v, p) for n, v, p in rows if n == name)
        assert value > before
    if "nothing grew" in said:
        assert all(p is None or v <= p for _, v, p in rows)


@given(st.decimals(-5, 5, allow_nan=False, allow_infinity=False, places=9))
def test_a_percentage_is_never_rounded_to_nothing_or_to_all(share):
    said = say.percent(share)
    assert (said == "0 %") == (share == 0)
    assert (said == "100 %") <= (share >= 1)
    assert said.startswith(say.MINUS) == (share < 0) or said.startswith("over " + say.MINUS)


@given(amounts)
def test_a_number_keeps_its_sign_and_size(value):
    said = say.number(value, 2, signed=True)
    back = D(said.replace(",", "").replace(say.MINUS, "-").replace("±", ""))
    assert abs(back - value) <= D("0.005")
    assert said[0] == ("+" if back > 0 else say.MINUS if back < 0 else "±")


@given(st.decimals(0, 1, allow_nan=False, places=6))
def test_a_fraction_in_words_is_near(share):
    said = say.fraction(share)
    value = {say.say(w): f for f, w in say.FRACTIONS} | {"all": D(1), "nearly all": D("0.98")}
    assert said in value or said.endswith(" %")
    if said in value:
        assert abs(value[said] - share) <= D("0.025")


def kpi(value, target=None, direction="up", unit="ratio", status="", **more):
    return SimpleNamespace(
        name="Coverage", variant="", value=value, target=target, direction=direction, unit=unit, status=status,
        currency=None, previous=None, history=[], **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_kpi", "kind", "words"),
    [
        (kpi(D("0.61"), D("0.7")), "bad", "target 70 %: 9 points below"),
        (kpi(D("0.71"), D("0.7")), "good", "target 70 %: met"),
        (kpi(D("0.3"), D("0.2"), "down"), "bad", "target 20 %: 10 points above"),
        (kpi(D("0.1"), D("0.2"), "down"), "good", "target 20 %: met"),
        (kpi(D("0.1")), "none", "no target set"),
        (kpi(None, D("0.2")), "none", "not judged"),
        (kpi(D("0.69999"), D("0.7")), "bad", "target 70 %: 0.001 points below"),
        (kpi(D("0.8"), D("0.7"), status="missed"), "bad", "target 70 %: 10 points above"),
    ],
)
def test_a_judgement_in_words(given_kpi, kind, words):
    assert say.judged(given_kpi) == (kind, words)


def test_the_lede_counts_misses_and_says_what_comes_first():
    action = SimpleNamespace(title="Renew it.", value=D(6100), currency="USD")
    assert say.lede([kpi(D("0.61"), D("0.7")), kpi(D("0.8"), D("0.7"))], [action]) == (
        "One of two targets is missed: coverage (61 %, target 70 %). First: Renew it, worth 6,100 USD a month."
    )
    assert (
        say.lede([kpi(D("0.8"), D("0.7"))])
        == "The one target is met. No rule of the playbook fires this month."
    )


def test_the_only_target_is_not_counted():
    assert say.lede(
        [kpi(D("0.61"), D("0.7"))], [SimpleNamespace(title="Renew it.", value=None, currency="")]
    ) == ("The one target is missed: coverage (61 %, target 70 %). First: Renew it.")


def test_an_amount_that_the_title_names_is_not_repeated():
    said = SimpleNamespace(title="At 15 % it would be 6,100 USD a month more", value=D(6100), currency="USD")
    assert "worth" not in say.lede([], [said])


def test_decisions_are_counted_and_never_added():
    """A savings rate too low and a coverage too low are two views of the same money."""
    one = SimpleNamespace(title="x", value=D(6100), currency="USD")
    assert say.decisions_title([one, one]) == "Two decisions"


def test_a_trend_tells_the_open_end_apart():
    assert say.trend_title([("2026-08", D(1)), ("2026-09", None)]) == "One month is no trend yet"
    assert say.trend_title([]) == "No month has a value"
