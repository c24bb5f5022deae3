"""Engineering's pictures, tables and sentences: readable at every width, safe, never saying more than their numbers."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal as D
from types import SimpleNamespace as N

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.terms.week import Week
from helpers.views import charts_engineering as charts
from helpers.views import sentences_engineering as sentences
from helpers.views import tables_engineering as tables
from helpers.views import theme

WEEK = Week.parse("mon-fri 07:45-19:00; sat 10:00-14:00", "America/New_York")
PLAN = N(
    name="checkout-vms", week=WEEK, share=D("0.66"), hours=2208, off_hours=1428, wrong_hours=0, starts=0.71,
    profile=tuple(tuple(None if h == 3 else float(8 <= h < 19) for h in range(24)) for _ in range(7)),
)  # fmt: skip


def advice(name="checkout-vm-with-a-long-name-b7c8", kind="oversized machine", saving="1840.90", **more):
    usual = {
        "resource_id": name, "name": name, "kind": kind, "now": "m6i.4xlarge", "candidate": "m6i.2xlarge", "saving": D(saving), "cost": D(saving) * 2,
        "p95": 37.0, "p999": 43.0, "peak": 99.0, "risk": 0.0, "confidence": "high", "why": "It would do.", "limits": "", "blocked": D(0),
        "carbon": None,
    }  # fmt: skip
    return N(**usual | more)


SOME = [
    advice(),
    advice("x<script>", saving="12.5", risk=0.004),
    advice("idle", "idle machine", "500", p999=None),
]
FOUND = N(
    advice=SOME,
    possible=[advice("blind", limits="not measured: memory")],
    held=[{"name": "standby", "cost": D(9), "reason": "tagged purpose: dr"}],
    unknown=[],
    saving=D("2353.40"),
    cost=D(9000),
)
REVIEW = N(found=FOUND, uses={"a": {}}, days=92)
KINDS = pd.DataFrame(
    [
        {"kind": "oversized machine", "amount": D("1853.40"), "resources": 2},
        {"kind": "idle machine", "amount": D(500), "resources": 1},
    ],
    dtype=object,
)
COVER = pd.DataFrame(
    [
        {"rule": "tag team", "amount": D(900), "share": D("0.9")},
        {"rule": "no rule", "amount": D(100), "share": D("0.1")},
    ],
    dtype=object,
)


def drawings():
    return {
        "week": charts.week(PLAN), "no week": charts.week(None), "risk": charts.risk(SOME, currency="USD"), "no risk": charts.risk([]),
        "owners": charts.owners(COVER, currency="USD"), "kinds": charts.kinds(KINDS, currency="USD"), "no kinds": charts.kinds(KINDS[:0]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", drawings())
@pytest.mark.parametrize("width", [theme.WIDE, theme.HALF, theme.PHONE])
def test_nothing_stands_outside_the_picture_or_on_another_text(kind, width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = drawings()[kind].draw(width)
    renderer = FigureCanvasAgg(canvas.figure).get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in canvas.axes.texts]
    assert boxes
    for said, box in boxes:
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= canvas.height + 1, said
    for (a, one), (b, two) in itertools.combinations(boxes, 2):
        apart = (
            min(one.x1, two.x1) - max(one.x0, two.x0) <= 0.5 or min(one.y1, two.y1) - max(one.y0, two.y0) <= 2
        )
        assert apart, (a, b)


@pytest.mark.parametrize("kind", drawings())
def test_text_on_a_phone_is_never_under_11_px_and_colours_follow_dark_mode(kind):
    svg = drawings()[kind].svg(theme.PHONE)
    sizes = [float(s) * 100 for s in re.findall(r"scale\(([\d.]+) -[\d.]+\)", svg)]
    assert min(sizes) * min(1, (360 - 2 * 16) / theme.PHONE) >= 11
    drawn = svg[svg.index("</style>") :]
    assert not re.findall(
        r"#[0-9a-f]{6}\b(?!\S*\))", re.sub(r'(xlink:)?href="#[^"]*"|url\(#[^)]*\)|id="[^"]*"', "", drawn)
    )
    assert svg == drawings()[kind].svg(theme.PHONE)


def test_titles_say_the_finding():
    shown = drawings()
    assert (
        shown["week"].title
        == "checkout-vms could be off 66 % of the time; no hour of use would have been lost"
    )
    assert "lost" not in charts.week(N(**vars(PLAN) | {"wrong_hours": 3})).title
    assert shown["risk"].title == "Two machines could be smaller; one would have been short at times"
    assert shown["owners"].title == "10 % of cost has no owner by any rule"
    assert "Mon–Fri 07:45–19:00" in shown["week"].alt


def test_tables_escape_names_and_foot():
    page = tables.advice(REVIEW, currency="USD").html
    assert "<script" not in page and "x&lt;script&gt;" in page
    assert "2,353" in page and "not counted" in tables.left_alone(REVIEW, currency="USD").html
    empty = N(found=N(advice=[], possible=[], held=[], unknown=[], saving=D(0), cost=D(0)), uses={}, days=0)
    for one in (
        tables.advice(empty),
        tables.left_alone(empty),
        tables.promises(pd.DataFrame(columns=["status"])),
    ):
        assert one.html and not re.search(r"\b(nan|None)\b", one.text)


def test_carbon_stands_beside_the_money_where_it_is_known():
    assert "kgCO2e" not in tables.advice(REVIEW, currency="USD").text
    some = [N(**vars(a) | {"carbon": kg}) for a, kg in zip(SOME, (D("12.4"), None, D("7.2")), strict=True)]
    found = N(**vars(FOUND) | {"advice": some})
    lines = tables.advice(N(**vars(REVIEW) | {"found": found}), currency="USD").text.splitlines()
    told = {line.split()[0]: line.split()[-1] for line in lines if line.split()}
    assert (told["checkout-vm-with-a-long-name-b7c8"], told["x<script>"], told["idle"], told["Total"]) == (
        "13", "–", "7", "20",
    ), "they foot to the total shown"  # fmt: skip


amounts = st.decimals("0.01", 100_000, places=2)


@given(
    st.lists(st.tuples(st.sampled_from(["idle machine", "schedule", "ARM"]), amounts), max_size=8),
    st.decimals(1, 10_000_000, places=2),
)
def test_the_headline_says_the_sum_and_names_the_largest(parts, cost):
    made = N(
        advice=[N(kind=k, saving=s, resource_id=str(n)) for n, (k, s) in enumerate(parts)],
        saving=sum((s for _, s in parts), D(0)),
        cost=cost,
    )
    said = sentences.of_advice(made, currency="USD")
    if not parts:
        assert said == "Nothing to save that these data show"
        return
    sums: dict[str, D] = {}
    for k, s in parts:
        sums[k] = sums.get(k, D(0)) + s
    largest = max(sums.values())
    named = [k for k in sums if sentences.plural(k) in said]
    assert any(sums[k] == largest for k in named)
    assert ("all of it" in said) == (len(sums) == 1)


def test_promises_are_counted_in_words():
    rows = [
        {"status": "done", "judgement": "no effect"},
        {"status": "done", "judgement": "kept"},
        {"status": "open", "judgement": "nobody's"},
    ]
    assert (
        sentences.of_promises(pd.DataFrame(rows), "USD")
        == "One of two done actions moved no charge and one open one has no owner"
    )
    assert "none of them" in sentences.of_promises(pd.DataFrame(rows[1:2]), "USD")
    assert "actions.csv" in sentences.of_promises(pd.DataFrame(rows[:0]), "USD")
