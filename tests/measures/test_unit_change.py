"""The change of a unit cost adds up exactly: published examples, small cases by hand, anything that Hypothesis finds."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.measures import unit_change as u


def amounts(frame):
    return {c: a for c, a in zip(frame["cause"], frame["amount"], strict=True) if a}


def exact(before, after, fixed=None):
    sums = {}
    for _, cause, amount in u.parts(before, after, fixed):
        sums[cause] = sums.get(cause, F(0)) + amount
    return sums


# Das Gupta 1993, table 4.5 in the package's numbering: births by age of mother, 1960 and 1970, R = Σ a·b·c
AGES_1960 = [(393, ".122", ".043"), (407, ".622", ".041"), (369, ".903", ".036"), (274, ".930", ".032"),
             (184, ".916", ".026"), (90, ".873", ".020"), (16, ".800", ".018")]  # fmt: skip
AGES_1970 = [(488, ".082", ".058"), (452, ".527", ".038"), (338, ".866", ".032"), (156, ".941", ".030"),
             (63, ".942", ".026"), (22, ".923", ".023"), (3, ".876", ".019")]  # fmt: skip


def test_three_factors_are_das_guptas():
    """−7.285632, −2.720633, −1.565181: as the R package DasGuptR prints its example (read 2026-11-26)."""
    effects = [F(0)] * 3
    for old, new in zip(AGES_1960, AGES_1970, strict=True):
        pairs = [(F(str(a)), F(str(b))) for a, b in zip(old, new, strict=True)]
        for i in range(3):
            one, other = (pairs[j] for j in range(3) if j != i)
            effects[i] += u._three(pairs[i], one, other)
    assert [round(float(e), 6) for e in effects] == [-7.285632, -2.720633, -1.565181]


def test_one_product_of_three_factors_is_das_guptas():
    births, young, women = (("51.78746", "84.90502"), (".45919", ".75756"), (".52638", ".51065"))
    pairs = [(F(a), F(b)) for a, b in (births, young, women)]
    found = [u._three(pairs[i], *(pairs[j] for j in range(3) if j != i)) for i in range(3)]
    assert [round(float(x), 7) for x in found] == [10.4340333, 10.5608476, -0.6670084]


SHARES = {"1970": "12.9,10.9,9.5,8.0,7.8,8.4,8.6,7.8,7.0,5.9,4.7,3.6,4.9", "1985": "10.1,11.2,11.6,10.9,9.4,7.7,6.3,6.0,6.3,5.9,5.1,4.0,5.5"}  # fmt: skip
RATES = {"1970": "1.9,25.8,45.7,49.6,51.2,51.6,51.8,54.9,58.7,60.4,62.8,66.6,66.8", "1985": "2.2,24.3,45.8,52.5,56.1,55.6,56.0,57.4,57.2,61.2,63.9,68.6,72.2"}  # fmt: skip


def test_mix_and_rate_are_the_published_ones():
    """Household heads by age, 1970 and 1985: composition 1.2269, rate 1.7403 of 2.9672 (Das Gupta 1993, example 5.1).

    Ages are products, people units, heads per hundred people the unit cost; the price of a head is 1.
    """

    def side(year):
        people = {f"age {n}": D(s) for n, s in enumerate(SHARES[year].split(","))}
        heads = {
            (g, "head"): people[g] * D(r) / 100 for g, r in zip(people, RATES[year].split(","), strict=True)
        }
        return u.Side({k: (v, v) for k, v in heads.items()}, people)

    found = exact(side("1970"), side("1985"))
    hundred = {c: round(float(a * 100), 4) for c, a in found.items()}
    # the published shares of 1985 add up to 100.0, as do those of 1970
    assert hundred == {"mix": pytest.approx(1.2269, abs=1e-4), "efficiency": pytest.approx(1.7403, abs=1e-4)}


def test_price_and_use_by_hand():
    """10 machines at 2 for 100 orders, then 12 at 3: 0.20 → 0.36; price 1 × 0.11, use 0.02 × 2.5."""
    a = u.Side({("Shop", "vm"): (D(10), D(20))}, {"Shop": D(100)})
    b = u.Side({("Shop", "vm"): (D(12), D(36))}, {"Shop": D(100)})
    assert amounts(u.split(a, b)) == {"price": D("0.11"), "efficiency": D("0.05")}


def test_fixed_use_dilutes():
    """All of it fixed: twice the orders halve the unit cost, and nothing else moves."""
    a = u.Side({("Shop", "vm"): (D(10), D(20))}, {"Shop": D(100)})
    b = u.Side({("Shop", "vm"): (D(10), D(20))}, {"Shop": D(200)})
    assert amounts(u.split(a, b, {"Shop": D(1)})) == {"dilution": D("-0.1")}
    assert amounts(u.split(a, b)) == {"efficiency": D("-0.1")}


def test_mix_between_products_by_hand():
    """Two products at 1 and 3 a unit, half and half, then one to three: only mix, 0.5 of 2.0 → 2.5."""
    lines = {("A", "x"): (D(50), D(50)), ("B", "x"): (D(50), D(150))}
    more = {("A", "x"): (D(25), D(25)), ("B", "x"): (D(75), D(225))}
    found = u.split(u.Side(lines, {"A": D(50), "B": D(50)}), u.Side(more, {"A": D(25), "B": D(75)}))
    assert amounts(found) == {"mix": D("0.5")}


def test_new_and_ended_lines_and_products():
    a = u.Side({("A", "x"): (D(10), D(10)), ("A", "old"): (D(1), D(5))}, {"A": D(10)})
    b = u.Side({("A", "x"): (D(10), D(10)), ("A", "new"): (D(2), D(8))}, {"A": D(10)})
    assert amounts(u.split(a, b)) == {"new": D("0.8"), "ended": D("-0.5")}
    c = u.Side({("A", "x"): (D(10), D(10)), ("B", "x"): (D(10), D(30))}, {"A": D(10), "B": D(10)})
    assert amounts(u.split(u.Side({("A", "x"): (D(10), D(10))}, {"A": D(10)}), c)) == {"mix": D(1)}


def test_fees_and_cost_without_units_have_their_own_names():
    a = u.Side({("A", "fee"): (None, D(10))}, {"A": D(10)})
    b = u.Side({("A", "fee"): (None, D(30))}, {"A": D(10)})
    assert amounts(u.split(a, b)) == {"no quantity": D(2)}
    c = u.Side({("A", "x"): (D(1), D(10)), ("B", "x"): (D(1), D(4))}, {"A": D(10), "B": D(0)})
    assert amounts(u.split(u.Side({("A", "x"): (D(1), D(10))}, {"A": D(10)}), c)) == {
        "without units": D("0.4")
    }


@pytest.mark.parametrize("which", ["the month before", "this month"])
def test_a_month_without_units_gives_a_reason_and_no_rows(which):
    one, none = (
        u.Side({("A", "x"): (D(1), D(1))}, {"A": D(1)}),
        u.Side({("A", "x"): (D(1), D(1))}, {"A": D(0)}),
    )
    found = u.split(none, one) if which == "the month before" else u.split(one, none)
    assert len(found) == 0
    assert found.attrs["reason"] == f"{which} has no units: a cost of nothing has no unit cost"


numbers = st.one_of(st.none(), st.decimals("-5", "500", places=3))
money = st.decimals("-100", "10000", places=6)
keys = st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz"))
units = st.dictionaries(
    st.sampled_from("ABC"), st.one_of(st.just(D(0)), st.decimals("0", "1000", places=2)), min_size=1
)
side = st.builds(u.Side, st.dictionaries(keys, st.tuples(numbers, money)), units)
shares = st.dictionaries(st.sampled_from("ABC"), st.decimals("0", "1", places=2))


@settings(max_examples=300, deadline=None)
@given(side, side, shares)
def test_it_always_adds_up_to_the_last_digit(before, after, fixed):
    if not before.volume or not after.volume:
        return
    whole = sum((p[2] for p in u.parts(before, after, fixed)), F(0))
    assert whole == after.unit_cost - before.unit_cost  # as fractions: nothing left over at all
    found = u.split(before, after, fixed)
    assert sum(found["amount"], D(0)) == found.attrs["total"] - found.attrs["previous_total"]
    assert all(abs(a - u.decimal(s)) <= D("1e-16") for a, s in zip(
        found["amount"], (exact(before, after, fixed).get(c, F(0)) for c in u.CAUSES), strict=True
    ))  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(side, side)
def test_backwards_is_the_same_with_another_sign(before, after):
    if before.volume and after.volume:
        there, back = exact(before, after), exact(after, before)
        renamed = {"new": "ended", "ended": "new"}
        assert {c: -a for c, a in there.items()} == {renamed.get(c, c): a for c, a in back.items()}
