"""Colours: how far two stand apart by WCAG, and how a colour is moved until it can be read.

References
----------
Web Content Accessibility Guidelines 2.2, relative luminance and contrast ratio, https://www.w3.org/TR/WCAG22/ (read
2026-11-26). B. Ottosson, A perceptual color space for image processing (OKLab), https://bottosson.github.io/posts/oklab/
(read 2026-11-26).
"""

from __future__ import annotations

import re

TEXT = 4.5  # contrast of text that WCAG AA asks for
MARK = 3.0  # of marks and large text
_HEX = re.compile(r"#[0-9a-f]{6}", re.I)
_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_FROM_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_FROM_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)
Three = tuple[float, float, float]


def is_colour(text: object) -> bool:
    """Whether a text is a colour as the kit takes it: ``#`` and six hexadecimal digits."""
    return isinstance(text, str) and bool(_HEX.fullmatch(text))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours [1 to 21].

    Examples
    --------
    >>> contrast("#000000", "#ffffff")
    21.0
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 9)


def readable(colour: str, paper: str, least: float = TEXT) -> str:
    """The colour itself where it stands out from the paper, else the nearest lightness of its hue that does.

    Examples
    --------
    >>> readable("#0b5cad", "#ffffff"), readable("#f08a4b", "#ffffff")
    ('#0b5cad', '#bc5b11')
    """
    if contrast(colour, paper) >= least:
        return colour
    lightness, a, b = _lab(colour)
    darker = _luminance(paper) > 0.18
    low, high = (0.0, lightness) if darker else (lightness, 1.0)
    for _ in range(24):
        middle = (low + high) / 2
        enough = contrast(_hex((middle, a, b)), paper) >= least
        if darker:
            low, high = (middle, high) if enough else (low, middle)
        else:
            low, high = (low, middle) if enough else (middle, high)
    return _hex((low if darker else high, a, b))


def apart(one: str, other: str) -> float:
    """Distance in OKLab; 0.02 is just seen.

    Examples
    --------
    >>> apart("#0b5cad", "#0b5cad")
    0.0
    """
    return sum((x - y) ** 2 for x, y in zip(_lab(one), _lab(other), strict=True)) ** 0.5


def _linear(colour: str) -> Three:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _times(matrix: tuple[Three, Three, Three], vector: Three) -> Three:
    x, y, z = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _lab(colour: str) -> Three:
    x, y, z = (v ** (1 / 3) for v in _times(_TO_LMS, _linear(colour)))
    return _times(_TO_LAB, (x, y, z))


def _hex(lab: Three) -> str:
    """The nearest colour that a screen has: chroma is given up before lightness."""
    lightness, a, b = lab
    for step in range(21):
        keep = 1 - step / 20
        x, y, z = (v**3 for v in _times(_FROM_LAB, (lightness, a * keep, b * keep)))
        rgb = _times(_FROM_LMS, (x, y, z))
        if all(-0.0005 <= v <= 1.0005 for v in rgb):
            break
    return "#" + "".join(f"{round(_gamma(min(max(v, 0.0), 1.0)) * 255):02x}" for v in rgb)


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
