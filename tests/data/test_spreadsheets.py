"""A budget as finance keeps it, department by month, in the ways in which spreadsheets of several countries save it."""

from __future__ import annotations

import zipfile
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.data import companions, sources, spreadsheets
from helpers.terms.errors import BadInput

TODAY = date(2026, 11, 26)


def sheet(tmp_path, text: str, name: str = "plan.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    return path


def amounts(path) -> list[tuple]:
    delivery = sources.find(str(path), today=TODAY)
    assert [name for name, _ in delivery.companions] == ["budgets"]
    table = companions.read(path)
    return [(r["month"], r["department"], r["amount"], r["currency"]) for r in table.to_pylist()]


@pytest.mark.parametrize(
    "text",
    [
        'Department,currency,Oct 2026,Nov 2026\nShop,USD,"1,234.56",1000\nData,USD,"(2,000.00)",\n',
        "department;currency;10/2026;11/2026\nShop;USD;1.234,56;1.000\nData;USD;-2.000;\n",
        "Department;currency;2026-10;2026-11\nShop;USD;1\u202f234,56 $;1\u00a0000 $\nData;USD;−2 000;\n",
        "department,currency,Oct-26,Nov-26,Total\nShop,USD,1'234.56,1'000,2'234.56\nData,USD,-2000,,-2000\n",
        "department,#who,currency,2026-10-01,2026-11-01\nShop,ann,USD,1234.56,1000.00\nData,bob,USD,USD -2000,\n",
        "department,currency,2026-10,2026-11\nShop,USD,1234.56,1000\nData,USD,-2000,\nTotal,USD,-765.44,1000\n",
    ],
)
def test_each_way_gives_the_same_budget(tmp_path, text):
    assert amounts(sheet(tmp_path, text)) == [
        ("2026-10", "Shop", Decimal("1234.56"), "USD"),
        ("2026-11", "Shop", Decimal(1000), "USD"),
        ("2026-10", "Data", Decimal(-2000), "USD"),
    ]


@pytest.mark.parametrize(
    ("text", "row", "column", "found"),
    [
        (
            "department,currency,2026-10,2026-11\nA,USD,1.234,2.345\n",
            2,
            "2026-10",
            "thousands or thousandths",
        ),
        ("department;currency;2026-10;2026-11\nA;EUR;1,234;2\n", 2, "2026-10", "thousands or thousandths"),
        (
            'department,currency,2026-10,2026-11\nA,USD,"1,234.50",2\nB,USD,"1.234,50",2\n',
            3,
            "2026-10",
            "where row 2 has",
        ),
        ("department,currency,2026-10,2026-11\nA,USD,12x,2\n", 2, "2026-10", "12x"),
        ("department,currency,2026-10,2026-11\nA,USD,1,2\nTotal,USD,1,3\n", 3, "2026-11", "a total of 3"),
        ("department,currency,2026-10,2026-11,Total\nA,USD,1,2,4\n", 2, "Total", "add up to 3"),
        ("department,2026-10,2026-11\nA,1,2\n", 1, "currency", "without currency"),
        ("department,currency,2026-10,Oct 2026\nA,USD,1,2\n", 1, "2026-10", "twice"),
        ("department,currency,2026-10,2026-11,Notes\nA,USD,1,2,x\n", 1, "Notes", "neither a month"),
        ("department,currency,2026-10,2026-11\nA,,1,2\n", 2, "currency", "an empty cell"),
        ("department,currency,2026-10,2026-11\nA,USD,1,2\nA,USD,3,4\n", 3, "month", "again"),
    ],
)
def test_what_is_open_or_wrong_is_refused_with_its_place(tmp_path, text, row, column, found):
    with pytest.raises(BadInput) as told:
        companions.read(sheet(tmp_path, text))
    assert (told.value.row, told.value.column) == (row, column)
    assert found in told.value.found
    assert told.value.needed and told.value.remedy


def test_two_currencies_have_totals_of_their_own(tmp_path):
    text = "department,currency,2026-10,2026-11\nA,USD,1,2\nB,EUR,5,6\nTotal,USD,1,2\nTotal,EUR,5,6\n"
    assert len(amounts(sheet(tmp_path, text))) == 4


def test_a_workbook_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "plan.xlsx"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(BadInput, match="an Excel workbook") as told:
        sources.find(str(path), today=TODAY)
    assert "CSV UTF-8" in told.value.remedy


def test_a_tall_budget_is_still_one(tmp_path):
    text = "month;department;amount;currency\n2026-10;Shop;1234.56;USD\n"
    assert amounts(sheet(tmp_path, text)) == [("2026-10", "Shop", Decimal("1234.56"), "USD")]


@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=2, max_size=6),
    st.sampled_from(["en", "de", "fr", "ch"]),
)
def test_numbers_come_back_as_they_were(tmp_path_factory, values, country):
    group, mark, separator = {
        "en": (",", ".", ","),
        "de": (".", ",", ";"),
        "fr": ("\u202f", ",", ";"),
        "ch": ("'", ".", ";"),
    }[country]
    cells = [f'"{f"{v:,.2f}".replace(",", "g").replace(".", mark).replace("g", group)}"' for v in values]
    months = [f"2026-{n + 1:02d}" for n in range(len(values))]
    path = tmp_path_factory.mktemp("plan") / "plan.csv"
    path.write_text(
        separator.join(["department", "currency", *months])
        + "\n"
        + separator.join(["A", "EUR", *cells])
        + "\n",
        encoding="utf-8",
    )
    assert companions.read(path).column("amount").to_pylist() == values


def test_months_are_read_as_they_are_written():
    assert spreadsheets.month("Sept 2026") == "2026-09"
    assert spreadsheets.month("01.10.2026") == "2026-10"
    assert spreadsheets.month("13/2026") is None
