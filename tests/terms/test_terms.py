"""The vocabulary: money that foots, months, columns, errors that say what, where and what to do."""

from __future__ import annotations

import doctest
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.terms import errors, focus, money, period

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=10)


@pytest.mark.parametrize("module", [money, period, focus])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


@given(st.lists(amounts, min_size=1, max_size=12), st.integers(-3, 4))
def test_parts_foot_to_the_rounded_total(parts, places):
    footed = money.foot(parts, places)
    unit = Decimal(1).scaleb(-places)
    assert sum(footed) == money.total(parts).quantize(unit)
    assert all(abs(f - p) < unit for f, p in zip(footed, parts, strict=True))


@given(amounts)
def test_plain_text_reads_back_as_the_same_amount(amount):
    text = money.plain(amount)
    assert Decimal(text) == amount
    assert "E" not in text and text != "-0"


def test_a_float_is_no_money():
    with pytest.raises(TypeError, match="float"):
        money.total([0.1])


def test_zero_denominator_gives_nan_not_zero():
    assert money.ratio(Decimal(0), Decimal(0)).is_nan()


def test_quotients_round_half_even_at_twelve_places():
    assert money.shown(Decimal("0.0000000000005")) == "0.000000000000"
    assert money.shown(Decimal("0.0000000000015")) == "0.000000000002"


@given(st.integers(1990, 2090), st.integers(1, 12), st.integers(-400, 400))
def test_months_go_there_and_back(year, month, by):
    first = period.Month(year, month)
    assert first.plus(by).plus(-by) == first
    assert (first.plus(by) < first) == (by < 0)
    assert (first.end - first.start).days == first.days


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "26-09", "2026-9", "2026/09", "", "2026-09-01"])
def test_what_is_no_month_is_refused_with_the_remedy(text):
    with pytest.raises(errors.UsageError, match="write it like 2026-09") as caught:
        period.Month.parse(text)
    assert caught.value.code == errors.USAGE


@pytest.mark.parametrize("text", ["2026-02-30", "20260901", "1/9/26", ""])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(errors.UsageError, match="YYYY-MM-DD"):
        period.parse_day(text)


def test_an_error_says_where_what_needed_and_remedy_and_crosses_processes():
    error = errors.BadInput("'abc'", "a number", "mend the cell", file="a.csv", row=7, column="BilledCost")
    assert str(error).splitlines() == [
        "a.csv, row 7, column BilledCost: 'abc'",
        "  needed: a number",
        "  remedy: mend the cell",
    ]
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.record()) == (errors.BadInput, error.record())
    assert error.code == errors.REFUSED


def test_column_counts_of_the_versions():
    assert {v: len(focus.columns(v)) for v in focus.VERSIONS} == {
        "1.0": 43,
        "1.1": 50,
        "1.2": 57,
        "1.3": 65,
        "1.4": 65,
    }


def test_columns_agree_with_the_specification_model(shared):
    import json

    model = json.loads((shared / "focus" / "focus_1_4_model.json").read_text())
    theirs = model["datasets"]["Cost and Usage"]["columns"]
    ours = focus.columns("1.4")
    assert set(ours) == set(theirs)
    for name, column in ours.items():
        assert column.nulls == theirs[name]["allows_nulls"], name
        assert column.allowed == tuple(theirs[name]["allowed_values"] or ()), name
    assert focus.subcategories() == model["service_subcategory_parents"]
