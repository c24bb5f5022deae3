"""Answers as people write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.lessons import answers


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1,234.56", "money", D("1234.56")),
        ("1.234,56", "money", D("1234.56")),
        ("1 234,56", "money", D("1234.56")),
        ("USD 1,234.56", "money", D("1234.56")),
        ("1234.56 USD", "money", D("1234.56")),
        ("$1,234,567.80", "money", D("1234567.80")),
        ("−12.5", "money", D("-12.5")),
        (1234.56, "money", D("1234.56")),
        (D("1234.56"), "money", D("1234.56")),
        (7, "money", D(7)),
        ("12.5 %", "percent", D("0.125")),
        ("12,5%", "percent", D("0.125")),
        ("12.5", "percent", D("0.125")),
        ("0.125", "percent", D("0.125")),
        (0.125, "percent", D("0.125")),
        ("2026-10-12", "date", date(2026, 10, 12)),
        ("12 October 2026", "date", date(2026, 10, 12)),
        ("12 Oct 2026", "date", date(2026, 10, 12)),
        (date(2026, 10, 12), "date", date(2026, 10, 12)),
        ("VOLUME", "choice", "volume"),
        (" vol ", "choice", "volume"),
    ],
)
def test_readings(text, kind, value):
    assert answers.meets(answers.readings(text, kind, ("volume", "price")), value, kind)


@pytest.mark.parametrize("text", ["twelve", "1,2,3", "12..5", "--5", "1e5", "NaN", float("nan"), True])
def test_no_number_gets_a_sentence(text):
    with pytest.raises(ValueError, match="number"):
        answers.readings(text, "money")


def test_a_grouped_number_is_not_read_as_a_small_one():
    assert D("1.23456") not in answers.readings("1,234.56", "money")
    assert answers.readings("1,234,567", "money") == (D(1234567),)


def test_a_choice_that_fits_twice_is_asked_again():
    with pytest.raises(ValueError, match="is not one of"):
        answers.readings("v", "choice", ("volume", "vendor"))


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2))
def test_any_amount_is_read_as_it_is_shown(amount):
    assert answers.meets(answers.readings(answers.shown(amount, "money", "USD"), "money"), amount, "money")


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    for kind in answers.FORMS:
        try:
            assert answers.readings(text, kind, ("volume", "price"))
        except ValueError as refused:
            assert str(refused).endswith((".", "?"))
