"""A page's layout as a small picture and a list of boxes, and how two of them differ.

Fonts differ between machines, so pixels do not: what is compared is where each part stands, how large it is, and how dark
its surface is in cells of 24 px, which a missing picture, lost style or white text changes and another font does not.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FOLDER = Path(__file__).with_name("reference")
SCALE = 4  # a kept picture is a quarter as wide
CELL = 6  # kept pixels [24 CSS px]
AGREE = {"left": 12, "width": 0.03, "height": 0.25, "mean": 0.035, "text": 0.06, "cells": 0.12}
PARTS = """() => {
  const parts = document.querySelectorAll('.kit-block, .kit-block h1, .kit-block h2, figure img, .kit-tile, .kit-spark, .kit-scroll, .kit-choices');
  return [...parts].map(e => { const b = e.getBoundingClientRect();
    const name = e.tagName.toLowerCase() + [...e.classList].filter(c => c.startsWith('kit-')).map(c => '.' + c).join('');
    return [name, b.x + scrollX, b.y + scrollY, b.width, b.height]; }).filter(b => b[3] > 0 && b[4] > 0);
}"""


def taken(page: Any) -> tuple[list[list[Any]], np.ndarray]:
    """Boxes [CSS px] and the page as grey values from 0 to 1, a quarter as wide."""
    boxes = [[n, *(round(v) for v in box)] for n, *box in page.evaluate(PARTS)]
    image = Image.open(BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("L")
    small = image.resize((max(1, image.width // SCALE), max(1, image.height // SCALE)), Image.Resampling.BOX)
    return boxes, np.asarray(small) / 255


def keep(name: str, boxes: list[list[Any]], grey: np.ndarray) -> None:
    """Make what was taken the reference: a PNG of 16 greys, and its boxes."""
    FOLDER.mkdir(exist_ok=True)
    image = Image.fromarray((grey * 255).astype("uint8")).quantize(16)
    image.save(FOLDER / f"{name}.png", optimize=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(boxes).replace("], [", "],\n[") + "\n", "utf-8")


def kept(name: str) -> tuple[list[list[Any]], np.ndarray]:
    """The reference."""
    boxes = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return boxes, np.asarray(Image.open(FOLDER / f"{name}.png").convert("L")) / 255


def differences(
    one: tuple[list[list[Any]], np.ndarray], other: tuple[list[list[Any]], np.ndarray]
) -> list[str]:
    """What a person would notice, as sentences; empty where the layouts agree."""
    (boxes, grey), (seen, shown) = one, other
    names, found = [b[0] for b in boxes], [b[0] for b in seen]
    if names != found:
        lost, new = [n for n in names if n not in found], [n for n in found if n not in names]
        return [f"other parts: {len(names)} kept, {len(found)} shown; gone {lost[:4]}, new {new[:4]}"]
    wide = grey.shape[1] * SCALE
    said = []
    for n, (a, b) in enumerate(zip(boxes, seen, strict=True)):
        name, x, y, w, h = a
        _, x2, y2, w2, h2 = b
        if abs(x - x2) > AGREE["left"] or abs(w - w2) > max(AGREE["left"], AGREE["width"] * wide):
            said.append(f"{name} ({n}) stands at {x2} and is {w2} wide, not at {x} and {w} wide")
        if abs(h - h2) > max(28, AGREE["height"] * h):
            said.append(f"{name} ({n}) is {h2} high, not {h}")
        if name.startswith(("img", "h1", "h2", "li", "div.kit-scroll")):
            said += _surface(name, n, _cut(grey, x, y, w, h), _cut(shown, x2, y2, w2, h2))
    return said


def _surface(name: str, n: int, was: np.ndarray, now: np.ndarray) -> list[str]:
    size = (max(1, was.shape[1] // CELL), max(1, was.shape[0] // CELL))
    cells = [
        np.asarray(Image.fromarray((part * 255).astype("uint8")).resize(size, Image.Resampling.BOX)) / 255
        for part in (was, now)
    ]
    off = np.abs(cells[0] - cells[1])
    mean, share = float(abs(cells[0].mean() - cells[1].mean())), float((off > 0.2).mean())
    if mean > AGREE["text" if name.startswith("h") else "mean"] or share > AGREE["cells"]:
        return [f"{name} ({n}) looks different: {mean:.3f} in brightness, {share:.0%} of its cells"]
    return []


def _cut(grey: np.ndarray, x: int, y: int, w: int, h: int) -> np.ndarray:
    top, left = max(0, y // SCALE), max(0, x // SCALE)
    return grey[top : max(top + 1, (y + h) // SCALE), left : max(left + 1, (x + w) // SCALE)]
