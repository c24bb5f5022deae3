"""Reports and pages as a browser test looks at them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from tests.notebooks.making import report

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def axe(page: Any) -> list[str]:
    """Violations of WCAG 2.2 A and AA that axe-core finds."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(
        "tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}).then(r => r.violations)",
        WCAG,
    )
    return [f"{v['id']}: {n['html'][:200]}" for v in found for n in v["nodes"]]


def address(notebook: str, data: Path, to: Path, **parameters: str) -> str:
    """Of a report's page that is made for the test."""
    report(notebook, data, to, **parameters)
    return (to / "index.html").as_uri()


def fits(page: Any, report: str, width: int, scheme: str) -> None:
    """The report in a window of this width, all its details open: accessible, and nothing to the side of the screen."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def pictures(page: Any) -> list[list[Any]]:
    """Of each picture whether it is loaded, and its width in pixels of its own."""
    return page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
