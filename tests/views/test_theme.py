"""The palette holds: contrast, colour-blind readers, dark; pictures are the same bytes each time."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal as D

import made
import numpy as np
import pytest

from helpers.views import charts, theme

# Machado, Oliveira and Fernandes (2009), full severity; applied to linear RGB.
BLIND = {
    "none": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritan": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    light, dark = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def apart(a: str, b: str, eye: str) -> float:
    """Distance in OKLab as a reader with this eye sees it; 0.02 is just seen."""
    seen = [TO_LAB @ np.cbrt(TO_LMS @ np.clip(BLIND[eye] @ linear(c), 0, 1)) for c in (a, b)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out_from_the_paper(palette):
    for name in ("ink", "quiet", "subject", "adds", "takes"):  # all are used for text
        assert contrast(palette[name], palette["paper"]) >= 4.5, name
    assert contrast(palette["context"], palette["paper"]) >= 3
    assert min(contrast(palette["ink"], palette[g]) for g in ("adds-soft", "takes-soft")) >= 4.5


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", BLIND)
def test_marks_are_told_apart_by_every_eye(palette, eye):
    together = [("adds", "takes"), ("subject", "context"), ("adds", "context"), ("takes", "context")]
    for a, b in together:  # marks that meet in one picture
        assert apart(palette[a], palette[b], eye) >= 0.08, (a, b)


def test_a_picture_is_the_same_bytes_each_time():
    first = [s.html for s in made.story() if s.html]
    assert first == [s.html for s in made.story() if s.html]


def drawings() -> dict[str, charts.Chart]:
    return {
        "bridge": charts.bridge(made.change()),
        "ranked": charts.ranked(made.ranked("ServiceName", made.SERVICES), currency="USD"),
        "heat": charts.heat(made.detail()),
        "trend": charts.trend(made.kpis()[1].history, unit="ratio"),
    }


@pytest.mark.parametrize("kind", ["bridge", "ranked", "heat", "trend"])
def test_a_picture_carries_both_palettes_and_nothing_from_outside(kind):
    svg = drawings()[kind].svg(theme.WIDE)
    assert svg.startswith("<svg") and "prefers-color-scheme:dark" in svg
    drawn = svg[svg.index("</style>") :]
    assert not re.findall(
        r"#[0-9a-f]{6}\b(?!\S*\))", re.sub(r'(xlink:)?href="#[^"]*"|url\(#[^)]*\)|id="[^"]*"', "", drawn)
    ), "a colour that does not follow dark mode"
    assert "<text" not in drawn and "date" not in svg.lower() and "<!--" not in svg
    assert not re.search(r'href="(?!#)', svg) and "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)
    assert len(svg) < 60_000


def text_sizes(svg: str) -> list[float]:
    """Sizes of text [CSS px]: glyphs are outlines of 1/64 of a hundredth, scaled."""
    return [float(s) * 100 for s in re.findall(r"scale\(([\d.]+) -[\d.]+\)", svg)]


@pytest.mark.parametrize("kind", ["bridge", "ranked", "heat", "trend"])
def test_text_on_a_phone_is_never_under_11_px(kind):
    sizes = text_sizes(drawings()[kind].svg(theme.PHONE))
    assert sizes, "no text found: the rule would hold of nothing"
    shrunk = min(1, (360 - 2 * 16) / theme.PHONE)  # a phone 360 wide, with the page's margin
    assert min(sizes) * shrunk >= 11


@pytest.mark.parametrize("kind", ["bridge", "ranked", "heat", "trend"])
@pytest.mark.parametrize("width", [theme.WIDE, theme.HALF, theme.PHONE])
def test_nothing_stands_outside_the_picture_or_on_another_text(kind, width):
    canvas = drawings()[kind].draw(width)
    figure = canvas.figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in canvas.axes.texts]
    for said, box in boxes:
        assert box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= canvas.height + 1, said
    for (a, one), (b, two) in itertools.combinations(boxes, 2):
        cross_x = min(one.x1, two.x1) - max(one.x0, two.x0)
        cross_y = min(one.y1, two.y1) - max(one.y0, two.y0)
        assert cross_x <= 0.5 or cross_y <= 2, (a, b)


def test_a_missing_month_is_a_gap():
    history = [("2026-06", D(1)), ("2026-07", D(2)), ("2026-08", None), ("2026-09", D(3)), ("2026-10", D(4))]
    thread = charts.sparkline(history)
    assert thread.count("<polyline") == 2
    canvas = charts.trend(history, currency="USD").draw(theme.WIDE)
    lines = [line for line in canvas.axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2]
    assert len(lines) == 2
    assert "no value" in charts.trend(history).alt


def test_a_name_is_cut_to_its_place():
    long = theme.fitted("a" * 10_000, 100)
    assert long.endswith("…") and theme.width_of(long) <= 100


def test_math_signs_in_a_name_are_drawn_as_they_are():
    import pandas as pd

    names = ["team $\\frac{$", "a_b $x^{$", "$$", "\\alpha", "line\nbreak", "名前", "x" * 10_000, None]
    frame = pd.DataFrame(
        {"ServiceName": names, "amount": [D(i + 1) for i in range(len(names))]}, dtype=object
    )
    chart = charts.ranked(frame, currency="USD", top=20)
    assert chart.svg(theme.WIDE).startswith("<svg")
    assert "$\\frac{$" in chart.alt
