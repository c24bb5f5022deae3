"""actions.csv: what a spreadsheet opens runs nothing, and amounts stay numbers."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.actions import safe_cell, write_csv
from helpers.catalog import Action


def action(**more):
    usual = {
        "id": "unowned-cost",
        "title": "USD 300 of cost has no owner",
        "why": "Cost without owner is 40.0 %, above 10.0 %.",
        "do": "Ask, then write the owner down.",
        "value": Decimal("300.000000000000000000"),
        "currency": "USD",
        "owner": "FinOps practitioner",
        "due": date(2026, 10, 15),
        "kpi": "percentage-of-costs",
        "scope": {},
        "evidence": {},
    }
    return Action(**(usual | more))


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_actions_are_read_back(tmp_path):
    path = write_csv(
        [action(), action(id="b", value=None, scope={"provider": "AWS"})], tmp_path / "actions.csv"
    )
    first, second = read(path)
    assert first["value_per_month"] == "300"
    assert first["due"] == "2026-10-15"
    assert first["do"] == "Ask, then write the owner down."
    assert second["value_per_month"] == ""
    assert second["provider"] == "AWS"


def test_no_actions_still_have_a_header(tmp_path):
    path = write_csv([], tmp_path / "actions.csv")
    assert path.read_text().startswith("id,title,why,do,value_per_month,")
    assert read(path) == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "\u00a0@"])
def test_no_text_begins_a_formula(tmp_path, start):
    evil = f'{start}HYPERLINK("http://a.example","x")'
    path = write_csv([action(title=evil, owner=evil, scope={"provider": evil})], tmp_path / "actions.csv")
    row = read(path)[0]
    for column in ("title", "owner", "provider"):
        assert row[column] == f"'{evil}"


def test_a_negative_amount_stays_a_number(tmp_path):
    row = read(write_csv([action(value=Decimal("-12.50"))], tmp_path / "actions.csv"))[0]
    assert row["value_per_month"] == "-12.5"


@given(st.text())
def test_any_text_is_safe_and_kept(text):
    cell = safe_cell(text)
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text
    assert not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18))
def test_any_amount_is_read_back_exactly(amount):
    assert Decimal(safe_cell(amount)) == amount


def test_the_earlier_file_stays_where_writing_fails(tmp_path):
    path = write_csv([action()], tmp_path / "actions.csv")
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        write_csv([action(due=None)], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["actions.csv"]
