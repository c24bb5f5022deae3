"""Pictures, tables and sentences of emissions: what they say is what the numbers are, at every width."""

from __future__ import annotations

from decimal import Decimal as D

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_theme import text_sizes  # beside this file

from helpers.terms.period import Month
from helpers.views import charts_carbon, sentences_carbon, tables_carbon, theme

SERVICES = pd.DataFrame(
    [(f"Service {n} with a rather long name", D(k) / 2, D(k), D(k) * 3) for n, k in enumerate((4000, 1200, 900, 300, 80, 40, 20, 9, 3))],
    columns=["service", "low", "kg", "high"], dtype=object,
)  # fmt: skip
FOUND = pd.DataFrame(
    [{"name": f"machine-{n}", "measure": m, "money": None if c is None else D(c), "carbon": D(k), "currency": "USD", "to": "", "worth": D(1), "ask": "its owner", "cost": D(0)}
     for n, (m, c, k) in enumerate((("idle", 500, 12), ("idle", 520, 12), ("schedule", 3200, 53), ("region", None, 48), ("region", -20, 42), ("rightsize", 900, 18)))],
    dtype=object,
)  # fmt: skip
PATH = pd.DataFrame(
    [{"month": str(Month(2025, 1).plus(n)), "low": D(50), "kg": D(100 + n * 5), "high": D(300), "budget": D(104 - n), "source": "path", "measured": n > 8} for n in range(14)],
    dtype=object,
)  # fmt: skip
REGIONS = pd.DataFrame(
    [{"region": r, "provider": "AWS", "grid": D(g), "year": 2024, "kg": D(k), "cost": D(c)} for r, g, k, c in (("ap-southeast-2", "497.5", 818, 12605), ("us-east-1", "323", 3800, 162138), ("eu-north-1", "2.73", 14, 1559))],
    dtype=object,
)  # fmt: skip


def drawings():
    return {
        "services": charts_carbon.services(SERVICES, month="2026-09"),
        "frontier": charts_carbon.frontier(FOUND, currency="USD", price=D(100)),
        "path": charts_carbon.path(PATH),
        "regions": charts_carbon.regions(REGIONS, currency="USD", month="2026-09"),
    }


@pytest.mark.parametrize("kind", ["services", "frontier", "path", "regions"])
def test_text_on_a_phone_is_never_under_11_px(kind):
    sizes = text_sizes(drawings()[kind].svg(theme.PHONE))
    assert sizes and min(sizes) * min(1, (360 - 2 * 16) / theme.PHONE) >= 11


@pytest.mark.parametrize("kind", ["services", "frontier", "path", "regions"])
@pytest.mark.parametrize("width", [theme.WIDE, theme.HALF, theme.PHONE])
def test_nothing_stands_outside_the_picture_or_on_another_text(kind, width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = drawings()[kind].draw(width)
    renderer = FigureCanvasAgg(canvas.figure).get_renderer()
    boxes = [t.get_window_extent(renderer) for t in canvas.axes.texts if t.get_text()]
    assert boxes
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= canvas.width + 1 and box.y0 >= -1 and box.y1 <= canvas.height + 1
    for n, a in enumerate(boxes):
        for b in boxes[n + 1 :]:
            assert not (a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1 and a.y0 < b.y1 - 2 and b.y0 < a.y1 - 2)


def test_titles_say_the_finding():
    assert drawings()["services"].title.startswith("Service 0")
    assert (
        drawings()["frontier"].title == "4 of 6 measures save money and carbon together; 1 has no known price"
    )
    assert drawings()["path"].title == "February 2026 lies 81.3 % above its path"
    assert drawings()["regions"].title == "Power in ap-southeast-2 is 182 times as dirty as in eu-north-1"
    assert "use is measured from October 2025 on" in drawings()["path"].subtitle


def test_parts_foot_and_the_rest_stands_together():
    rows = drawings()["services"].rows
    assert rows[-1][0] == "2 others"
    assert sum(D(r[1]) for r in rows) == D("6.55")  # 6,552 kg in tonnes, two places


def test_empty_results_are_said_not_drawn_wrong():
    empty = SERVICES.head(0)
    for chart in (
        charts_carbon.services(empty),
        charts_carbon.frontier(FOUND.head(0), currency="USD"),
        charts_carbon.path(PATH.head(0)),
        charts_carbon.regions(REGIONS.head(0), currency="USD"),
    ):
        assert "<svg" in chart.svg(theme.PHONE) and chart.title


@settings(deadline=None)
@given(st.decimals(0, 10**7, places=3), st.decimals(0, 10**7, places=3))
def test_a_headline_never_says_the_wrong_direction(now, before):
    months = pd.DataFrame(
        [
            {"period": p, "low": k / 2, "kg": k, "high": k * 2}
            for p, k in (("2026-08", before), ("2026-09", now))
        ],
        dtype=object,
    )
    said = sentences_carbon.headline(months, Month(2026, 9))
    if not now:
        assert said.startswith("No emissions are known")
    elif before and " more than" in said:
        assert now > before
    elif before and " less than" in said:
        assert now < before
    if now:
        assert sentences_carbon.mass(now) in said


@pytest.mark.parametrize(
    ("kg", "said"),
    [
        ("0", "0.000 kg"),
        ("0.0182", "0.018 kg"),
        ("9.94", "9.9 kg"),
        ("999", "999 kg"),
        ("1000", "1.0 t"),
        ("123456", "123.5 t"),
    ],
)
def test_masses_for_people(kg, said):
    assert sentences_carbon.mass(D(kg)) == said


def test_a_file_never_runs_as_a_formula():
    frame = pd.DataFrame([{"name": "=HYPERLINK(1)", "kg": D("-1.50")}], dtype=object)
    assert tables_carbon._csv(frame, ["name", "kg"]) == "name,kg\n'=HYPERLINK(1),-1.5\n"


def test_region_moves_are_never_cut_off():
    shown = tables_carbon.measures(FOUND, currency="USD", price=D(100), top=1)
    assert "machine-3" in shown.text and "machine-4" in shown.text and "3 more in tables.xlsx" in shown.text
