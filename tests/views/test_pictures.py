"""What pictures and tables say: parts foot, odd rows are marked, others stand together, nothing is invented."""

from __future__ import annotations

import re
from decimal import Decimal as D
from types import SimpleNamespace

import made
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import views
from helpers.views import charts, tables, theme

parts = st.lists(
    st.decimals(-(10**7), 10**7, allow_nan=False, allow_infinity=False, places=6), min_size=1, max_size=9
)


def number(text: str) -> D:
    return D(re.sub(r"[^\d.\-]", "", text.replace("−", "-")))


@given(parts)
@settings(max_examples=60)
def test_a_bridge_foots_to_its_displayed_totals(amounts):
    frame = pd.DataFrame({"cause": [f"c{i}" for i in range(len(amounts))], "amount": amounts}, dtype=object)
    end = D(1000) + sum(amounts, D(0))
    chart = charts.bridge(frame, D(1000), end, currency="USD")
    first, *steps, last = [number(v) for _, v in chart.rows]
    assert first + sum(steps, D(0)) == last


@given(parts)
@settings(max_examples=60)
def test_a_table_foots_to_its_total_and_its_shares_to_100(amounts):
    frame = pd.DataFrame(
        {"ServiceName": [f"n{i}" for i in range(len(amounts))], "amount": amounts}, dtype=object
    )
    lines = tables.shares(frame, currency="USD", top=4).text.split("\n")[3:]
    cells = [re.split(r"  +", line.strip()) for line in lines]
    *rows, total = cells
    assert sum((number(r[1]) for r in rows), D(0)) == number(total[1])
    if total[2] != "—":
        assert sum((number(r[2]) for r in rows), D(0)) == D("100.0")


def test_rows_without_a_name_are_marked_and_in_the_title():
    shown = tables.shares(
        made.ranked("x_KitDepartment", made.DEPARTMENTS), currency="USD", note="rules of 1 September"
    )
    assert shown.text.startswith("13 % of cost has no owner")
    assert re.search(r'<tr class="kit-odd"><th scope="row">no owner', shown.html)
    assert "rules of 1 September" in shown.html


def test_a_marked_row_stays_however_small():
    rows = {f"d{i:02d}": (str(100 - i), "0") for i in range(20)} | {None: ("0.5", "0")}
    shown = tables.shares(made.ranked("x_KitDepartment", rows), currency="USD", top=5)
    assert "no owner" in shown.text and "15 others" in shown.text


def test_the_smallest_names_stand_together_with_their_sum():
    chart = charts.ranked(made.ranked("ServiceName", made.SERVICES), currency="USD", top=6)
    assert chart.rows[-1] == ("3 others", "25,000", "−14.7 %")
    assert chart.title == "Compute costs most, two fifths of all; it also grew most, by 9 %"


def test_a_title_of_ones_own_wins():
    assert charts.bridge(made.change(), title="Mine").title == "Mine"


def test_a_bridge_speaks_of_equal_days():
    frame = made.change()
    frame.attrs["days"] = 12
    assert "twelve equal days" in charts.bridge(frame).subtitle


def test_empty_results_are_said_not_drawn_wrong():
    empty = pd.DataFrame({"ServiceName": [], "amount": [], "previous": []}, dtype=object)
    assert "no charges" in charts.ranked(empty).title
    assert charts.ranked(empty).html
    assert "no cost" in tables.shares(empty).text
    assert charts.trend([("2026-09", None)]).html
    assert "Nothing to decide" in views.decisions([]).text
    assert views.findings([]).text == "No finding in these charges"


def test_credits_turn_bars_to_the_left_and_shares_off():
    frame = made.ranked("ServiceName", {"A": ("100", "90"), "Refunds": ("-40", "0")})
    canvas = charts.ranked(frame, currency="USD").draw(600)
    bars = sorted(p.get_x() for p in canvas.axes.patches)
    assert bars[0] < bars[1]
    assert "of all" not in charts.ranked(frame).title


def test_a_number_without_value_shows_a_dash_and_why():
    shown = views.tiles(made.kpis())
    assert (
        "Tag policy compliance: — (there is no tag policy: write tag_policy.csv with finops init)"
        in shown.text
    )
    assert shown.html.count('class="kit-tile"') == 6
    assert "▲" in shown.html and "●" in shown.html, "a shape beside the colour"


def test_tiles_by_id_and_variant():
    shown = views.tiles(
        made.kpis(), ids=["commitment-coverage", "effective-savings-rate-percentage:commitments"]
    )
    assert shown.text.split("\n")[0].startswith("Commitment coverage: 61 %; −5 points on August")
    with pytest.raises(KeyError, match="no KPI 'nope'"):
        views.tiles(made.kpis(), ids=["nope"])


def test_a_masthead_that_does_not_reconcile_says_so():
    facts = made.facts()
    assert "reconciled, difference 0.00" in views.masthead(facts).text
    facts.difference = D("0.01")
    assert "does not reconcile: difference 0.0100" in views.masthead(facts).text
    facts.difference = None
    assert "not reconciled yet" in views.masthead(facts).text
    facts.open = True
    assert "not over yet" in views.masthead(facts).text


def test_a_reconciliation_shows_all_digits():
    frame = pd.DataFrame({"provider": ["AWS"], "source": [D("1.000000000000000001")], "report": [D(1)],
                          "difference": [D("-0.000000000000000001")]}, dtype=object)  # fmt: skip
    shown = views.reconciliation(frame)
    assert "One of one totals do not reconcile" in shown.text
    assert "−0.000000000000000001" in shown.text


def test_definitions_are_named_once():
    kpi = SimpleNamespace(name="A", variant="", definition="x ÷ y")
    assert views.definitions([kpi, kpi]).html.count("<dt>") == 1


def test_every_shown_object_has_html_and_text():
    for thing in made.story():
        bundle = thing._repr_mimebundle_(include=None, exclude=None)
        assert set(bundle) == {"text/html", "text/plain"}
        assert bundle["text/plain"].strip()


def test_tables_have_captions_and_scopes():
    for thing in made.story():
        assert thing.html.count("<table") == thing.html.count("<caption")
        assert "<th>" not in thing.html


def test_a_long_name_takes_lines_and_is_not_cut():
    frame = made.ranked("ServiceName", {"Amazon Relational Database Service": ("100", "90")})
    for width in (theme.HALF, theme.PHONE):
        drawn = [t.get_text() for t in charts.ranked(frame, currency="USD").draw(width).axes.texts]
        assert "Amazon Relational Database Service" in " ".join(drawn)
        assert not any("…" in text for text in drawn)


def test_a_heat_shows_its_heads_whole_and_no_column_of_zeros():
    causes = {"commitment": "8640", "no quantity": "1197", "corrections": "2140", "negotiated": "0.2"}
    frame = pd.DataFrame(
        [("Amazon Elastic Compute Cloud", c, D(a)) for c, a in causes.items()],
        columns=["ServiceName", "cause", "amount"],
    )
    chart = charts.heat(frame, currency="USD")
    assert "negotiated" not in chart.head
    for width in (theme.WIDE, theme.PHONE):
        assert not any("…" in t.get_text() for t in chart.draw(width).axes.texts)


def test_figures_that_are_texts_already_stand_on_the_right():
    frame = pd.DataFrame(
        {
            "what": ["a", "b"],
            "share": ["+4.9 %", "—"],
            "month": ["2026-09", "2026-10"],
            "said": ["12", "twelve"],
        }
    )
    markup = tables.listing(frame, title="T").html
    right = {name for kind, name in re.findall(r'<th scope="col"(| class="kit-r")>(\w+)', markup) if kind}
    assert right == {"Share"}
