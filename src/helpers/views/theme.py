"""The look of pictures: one palette in light and dark, a canvas in CSS pixels, and SVG that is the same every time.

A picture is drawn in the light colours; afterwards each becomes a CSS variable inside the SVG, with its dark twin
under ``prefers-color-scheme``, which browsers honour in an image too. Print is light.
"""

from __future__ import annotations

import base64
import io
import re
from functools import lru_cache
from typing import Any

from helpers.views.markup import plain, safe

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",  # text, totals
    "quiet": "#5b6570",  # text beside it
    "rule": "#d9dee3",  # lines that only guide the eye
    "context": "#87919b",  # marks that are not the subject
    "subject": "#0b5cad",
    "adds": "#b5480a",
    "takes": "#12806a",
    "adds-soft": "#fbe3d3",  # a ground for text
    "takes-soft": "#d5efe6",
}
DARK = {
    "paper": "#14181d",
    "ink": "#e8ebee",
    "quiet": "#a5afb9",
    "rule": "#39424c",
    "context": "#717c88",
    "subject": "#6cb0f5",
    "adds": "#f08a4b",
    "takes": "#4fc3a1",
    "adds-soft": "#4a2a14",
    "takes-soft": "#11392f",
}
# Widths drawn [CSS px]: page, half a page, phone. The page shows the first two a tenth larger and prints them on A4
# at three quarters, so that text is 14 px there and over 7 pt here.
WIDE, HALF, PHONE = 920, 440, 340
PHONE_PAGE = (
    910  # widest viewport [CSS px] that gets the phone's drawing: below it the wide one's text is under 11 px
)
FONT = 13  # [CSS px]; never below 11
RC: Any = {
    "svg.fonttype": "path",  # no font is needed to read it
    "svg.hashsalt": "finops",
    "text.parse_math": False,  # a $ in a name is a $
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so it is the same everywhere
    "path.simplify": False,
    "axes.unicode_minus": True,
}


class Canvas:
    """A figure whose data coordinates are CSS pixels, from the top left corner.

    Parameters
    ----------
    width, height : float
        [CSS px]
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        with rc_context(RC):
            self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
            self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        self.figure.patch.set_visible(False)

    def text(
        self, x: float, y: float, value: str, *, align: str = "left", color: str = "ink", size: float = FONT,
        bold: bool = False,
    ) -> None:  # fmt: skip
        """Text with its middle at `y`."""
        self.axes.text(
            x, y, value, ha=align, va="center_baseline", color=LIGHT[color], fontsize=size,
            fontweight="bold" if bold else "normal", parse_math=False, fontfamily=RC["font.family"],
        )  # fmt: skip

    def lines(
        self, x: float, y: float, values: list[str], *, align: str = "left", color: str = "ink", size: float = FONT
    ) -> None:  # fmt: skip
        """Lines of text one below the other, their middle at `y`."""
        for i, value in enumerate(values):
            self.text(
                x, y + (i - (len(values) - 1) / 2) * (size + 2), value, align=align, color=color, size=size
            )

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """A filled bar from its top left corner; a negative width goes left."""
        from matplotlib.patches import Rectangle

        x, width = (x + width, -width) if width < 0 else (x, width)
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=LIGHT[color], linewidth=0))

    def line(self, xs: list[float], ys: list[float], color: str, thick: float = 1) -> None:
        """A line through points."""
        self.axes.plot(
            xs, ys, color=LIGHT[color], linewidth=thick, solid_joinstyle="round", solid_capstyle="butt",
            antialiased=True,
        )  # fmt: skip

    def dot(self, x: float, y: float, color: str, size: float = 7) -> None:
        """A dot of `size` across."""
        self.axes.plot([x], [y], "o", color=LIGHT[color], markersize=size, markeredgewidth=0)

    def svg(self) -> str:
        """The picture as SVG text: no date, no random id, colours that follow light and dark."""
        import warnings

        from matplotlib import rc_context

        held = io.StringIO()
        with rc_context(RC), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "(?s)Glyph .* missing"
            )  # drawn as a box; the text beside it has the name
            self.figure.savefig(
                held, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
        return _themed(held.getvalue(), self.width, self.height)


@lru_cache(maxsize=4096)
def width_of(value: str, size: float = FONT, bold: bool = False) -> float:
    """Width of a text as drawn [CSS px]."""
    import warnings

    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=RC["font.family"], size=size, weight="bold" if bold else "normal")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s)Glyph .* missing")
        return float(text_to_path.get_text_width_height_descent(value, font, ismath=False)[0])


def fitted(value: object, width: float, size: float = FONT) -> str:
    """A name cut with an ellipsis so that it fits into `width` [CSS px]."""
    text = plain(value)
    if width_of(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if width_of(text[:middle].rstrip() + "…", size) <= width else (low, middle - 1)
        )
    return text[:low].rstrip() + "…"


def wrapped(value: object, width: float, size: float = FONT, most: int = 3) -> list[str]:
    """A name in up to `most` lines that fit into `width` [CSS px]; only what is longer is cut with an ellipsis.

    Examples
    --------
    >>> wrapped("Amazon Elastic Compute Cloud", 110), wrapped("Storage", 110)
    (['Amazon Elastic', 'Compute Cloud'], ['Storage'])
    """
    words = plain(value).split()
    lines: list[str] = []
    while words and len(lines) < most - 1:
        n = len(words)
        while n > 1 and width_of(" ".join(words[:n]), size) > width:
            n -= 1
        lines.append(fitted(" ".join(words[:n]), width, size))
        words = words[n:]
    return [*lines, fitted(" ".join(words), width, size)] if words else lines


def picture(wide: str, phone: str, alt: str, size: tuple[float, float]) -> str:
    """HTML of a picture: the wide drawing, and one for phones, both inside the page."""
    return (
        f'<picture><source media="screen and (max-width: {PHONE_PAGE}px)" srcset="{data_uri(phone)}">'
        f'<img src="{data_uri(wide)}" alt="{safe(alt)}" width="{size[0]:.0f}" height="{size[1]:.0f}"></picture>'
    )


def data_uri(svg: str) -> str:
    """SVG text as an address that needs no network."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def variables(colours: dict[str, str]) -> str:
    """CSS declarations of a palette."""
    return ";".join(f"--kit-{name}:{value}" for name, value in colours.items())


def style() -> str:
    """CSS inside an SVG: the palette, light unless the reader's screen is dark."""
    light, dark = palettes()
    return f":root{{{variables(light)}}}@media screen and (prefers-color-scheme:dark){{:root{{{variables(dark)}}}}}"


def palettes() -> tuple[dict[str, str], dict[str, str]]:
    """The colours as shown, on white and on dark paper: the kit's, but for those that the organisation's look sets."""
    from helpers.views import look

    own = look.current()
    return {**LIGHT, **own.light}, {**DARK, **own.dark}


def mark() -> str:
    """The organisation's logo as HTML; empty where the look has none. Its name stands beside it, so it says nothing."""
    from helpers.views import look

    address = look.current().logo
    return f'<img class="kit-logo" alt="" src="{address}">' if address else ""


def _themed(svg: str, width: float, height: float) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)  # matplotlib writes each text as a comment too
    for name, colour in LIGHT.items():
        body = body.replace(colour, f"var(--kit-{name})")
    body = re.sub(r'width="[\d.]+pt"', f'width="{width:g}"', body, count=1)
    body = re.sub(r'height="[\d.]+pt"', f'height="{height:g}"', body, count=1)
    body = re.sub(r"[ \t]*\n[ \t]*", "\n", body)
    return body.replace("<defs>", f"<style>{style()}</style><defs>", 1)


def css() -> str:
    """The page's style sheet, with the palette."""
    from pathlib import Path

    here = Path(__file__)
    own = "\n".join(here.with_name(name).read_text("utf-8") for name in ("page.css", "controls.css"))
    light, dark = palettes()
    light["button"] = light["subject"]  # white on it in both schemes
    return (
        f":root{{{variables(light)}}}:root:has(.kit-body){{color-scheme:light dark}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{variables(dark)}}}}}\n{own}"
    )
