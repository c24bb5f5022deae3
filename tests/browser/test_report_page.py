"""The report's page in a real browser: accessible, private, safe with hostile text, readable on a phone and on paper."""

from __future__ import annotations

import base64
import importlib
import re
import sys
from pathlib import Path

import pytest
from tests.browser.making import axe

from helpers import views
from helpers.views import page as pages
from helpers.views import theme

pytestmark = pytest.mark.browser
sys.path.insert(0, str(Path(__file__).parents[1] / "views"))
made = importlib.import_module("made")

TITLE = "Cloud cost, September 2026"
ALARM = "alert(document.domain)"
PAYLOADS = [
    f"<script>{ALARM}</script>", f"<ScRiPt >{ALARM}</sCrIpT>", f"<scr<script>ipt>{ALARM}</scr</script>ipt>",
    f"<img src=x onerror={ALARM}>", f'"><img src=x onerror={ALARM}>', f"'><img src=x onerror='{ALARM}'>",
    f"<svg onload={ALARM}>", f"<svg><script>{ALARM}</script></svg>", f"<svg><animate onbegin={ALARM} attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{ALARM}'><text y=20>x</text></a></svg>", f"<math><mi xlink:href='javascript:{ALARM}'>x</mi></math>",
    f"<iframe src='javascript:{ALARM}'></iframe>", f'<iframe srcdoc="<script>parent.{ALARM}</script>"></iframe>',
    f"<object data='javascript:{ALARM}'></object>", f"<embed src='javascript:{ALARM}'>", f"<body onload={ALARM}>",
    f"<input autofocus onfocus={ALARM}>", f"<select autofocus onfocus={ALARM}>", f"<textarea autofocus onfocus={ALARM}>",
    f"<details open ontoggle={ALARM}>x</details>", f"<marquee onstart={ALARM}>x</marquee>", f"<video><source onerror={ALARM}></video>",
    f"<audio src=x onerror={ALARM}>", f"<style onload={ALARM}></style>", "<style>@import 'https://evil.example/x.css';</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>", "<base href=https://evil.example/>", "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    f"<a href='javascript:{ALARM}'>x</a>", f"<a href='java\tscript:{ALARM}'>x</a>", f"<a href='data:text/html,<script>{ALARM}</script>'>x</a>",
    f"[x](javascript:{ALARM})", f"![x](x\"onerror=\"{ALARM})", "<form action=https://evil.example/><button>x</button></form>",
    f"</td></tr></table><script>{ALARM}</script>", f"</caption><script>{ALARM}</script>", f"</style><script>{ALARM}</script>", f"</title><script>{ALARM}</script>",
    f"-->{'<script>'}{ALARM}</script><!--", f"<![CDATA[<script>{ALARM}</script>]]>", f"]]><script>{ALARM}</script>", f"<!--<img src=x onerror={ALARM}>-->",
    f"&lt;script&gt;{ALARM}&lt;/script&gt;", f"&#60;script&#62;{ALARM}&#60;/script&#62;", f"\\u003cscript\\u003e{ALARM}", f"%3Cscript%3E{ALARM}%3C/script%3E",
    f"{{{{constructor.constructor('{ALARM}')()}}}}", f"${{{ALARM}}}", f"{{% raw %}}{ALARM}{{% endraw %}}", "{{ resources }}", f"<%= {ALARM} %>",
    f"＜script＞{ALARM}＜/script＞", f"<\u200bscript>{ALARM}</script>", f"<img\x0csrc=x\x0conerror={ALARM}>", f"<img/src=x/onerror={ALARM}>",
    f"x\" onmouseover=\"{ALARM}", f"x' onfocus='{ALARM}' tabindex=1 autofocus='", f"` onerror={ALARM}", f"url(javascript:{ALARM})", "expression(alert(1))",
    "team $\\frac{$", "a_b $x^{$", "\u202e000,1 DSU\u202c", "a\x00b\nc\r\nd\u2028e", "x" * 10_000, "=HYPERLINK(\"https://evil.example\")", "\ud800",
]  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    return written(tmp_path_factory.mktemp("report"), pages.render(made.notebook(made.story()), title=TITLE))


def written(folder: Path, html: str) -> str:
    file = folder / "report.html"
    file.write_text(html, "utf-8")
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1180, 390])
def test_axe_finds_no_violation(page, report, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert axe(page) == []


def test_axe_would_find_one(page, report):
    page.goto(report)
    page.evaluate("document.querySelector('figure img').removeAttribute('alt')")
    assert any("image-alt" in v for v in axe(page))


def test_the_page_of_a_failure_is_accessible_too(page, tmp_path):
    page.goto(
        written(
            tmp_path,
            pages.message("The report stopped", ["Cell 4 found no charges.", "Ask for another month."]),
        )
    )
    assert axe(page) == []


def test_the_page_asks_nobody_for_anything(page, report):
    seen, said = [], []
    page.on("request", lambda r: seen.append(r.url))
    page.on("console", lambda m: said.append(m.text))
    page.goto(report)
    assert [u for u in seen if not u.startswith("data:")] == [report]
    assert said == []
    drawn = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth])")
    assert len(drawn) >= 8 and all(done and width for done, width in drawn)


@pytest.mark.parametrize("width", [360, 390, 640, 768, 911, 1180, 1600])
def test_nothing_is_wider_than_the_screen(page, report, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    texts = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))"
        ".map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(texts) >= 11


@pytest.mark.parametrize("width", [360, 700, 880, 911, 1180])
def test_text_in_pictures_is_shown_at_11_px_or_more(page, report, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(report)
    shown = page.evaluate(
        "[...document.querySelectorAll('figure img')].map(i => [i.currentSrc, i.getBoundingClientRect().width])"
    )
    assert len(shown) >= 3
    for address, wide in shown:
        svg = base64.b64decode(address.partition(",")[2]).decode()
        drawn = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])  # type: ignore[index]
        sizes = [float(s) * 100 for s in re.findall(r"scale\(([\d.]+) -", svg)]
        assert min(sizes) * wide / drawn >= 11


def test_dark_mode_reaches_into_the_pictures_and_print_stays_light(page, report):
    def corner_and_mark() -> tuple:
        from io import BytesIO

        from PIL import Image

        image = Image.open(BytesIO(page.locator("figure img").first.screenshot())).convert("RGB")
        colours = {c for _, c in image.getcolors(1_000_000)}
        return image.getpixel((image.width - 1, 0)), colours

    def rgb(palette, name) -> tuple:
        return tuple(int(palette[name][i : i + 2], 16) for i in (1, 3, 5))

    page.goto(report)
    for media, scheme, palette in (("screen", "light", theme.LIGHT), ("screen", "dark", theme.DARK)):
        page.emulate_media(media=media, color_scheme=scheme)
        page.wait_for_timeout(100)
        corner, colours = corner_and_mark()
        assert corner == rgb(palette, "paper")
        assert rgb(palette, "adds") in colours and rgb(palette, "takes") in colours
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_it_prints_on_a_few_sheets_of_a4(page, report):
    page.goto(report)
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 5
    height, width = (float(x) for x in re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)", pdf).groups()[::-1])  # type: ignore[union-attr]
    assert (round(width), round(height)) == (595, 842)


def test_the_keyboard_reaches_what_opens(page, report):
    page.goto(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "kit-skip"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("part", range(4))
def test_hostile_text_in_every_place_is_only_text(page, tmp_path, part):
    """Every payload as every name, through every object, and raw as outputs of a hostile notebook."""
    payloads = PAYLOADS[part::4]
    stories = [thing for payload in payloads[::6] for thing in made.story(payload)]
    names = {p + str(i): (str(100 + i), "90") for i, p in enumerate(payloads)}
    frame = made.ranked("ServiceName", names)
    stories += [
        views.charts.ranked(frame, currency="USD", top=30), views.tables.shares(frame, currency="USD", top=30),
        views.tables.listing(frame, title=payloads[0], heads={"amount": payloads[1]}), views.findings(payloads),
        views.charts.bridge(made.change(payloads[0]), currency=payloads[1][:200], start_label=payloads[2], end_label=payloads[3]),
        views.definitions([made.Kpi("x", p, None, formula=p, variant=p) for p in payloads]),
        *(views.headline(p, p) for p in payloads),
    ]  # fmt: skip
    raw = [{"text/html": p} for p in payloads if p.isprintable()] + [
        {"text/markdown": p} for p in payloads if p.isprintable()
    ]
    html = pages.render(
        made.notebook(stories + raw, before="\n\n".join(p for p in payloads if p.isprintable())),
        title=payloads[0],
    )
    ran, asked = [], []
    page.on("dialog", lambda d: (ran.append(d.message), d.dismiss()))
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: ran.append(str(e)))
    address = written(tmp_path, html)
    page.goto(address)
    for focusable in page.locator("main a, main summary").all()[:40]:
        focusable.focus()
    page.wait_for_timeout(300)
    assert ran == [] and page.outside == []
    assert [u for u in asked if not u.startswith("data:")] == [address]
    assert (
        page.evaluate(
            "document.querySelectorAll('script, iframe, object, embed, svg, form, input, main link, main style').length"
        )
        == 0
    )
    assert (
        page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => /^on/.test(a.name)).length"
        )
        == 0
    )
    assert (
        page.evaluate("[...document.links].filter(a => !/^(https?|mailto|file):/.test(a.href)).length") == 0
    )
    assert (
        page.evaluate("[...document.images].filter(i => i.src && !(i.complete && i.naturalWidth)).length")
        == 0
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 1180


def test_without_the_sanitiser_and_the_policy_the_payloads_would_run(page, tmp_path):
    """The test above can fail: the same payloads, raw, do run."""
    ran = []
    page.on("dialog", lambda d: (ran.append(d.message), d.dismiss()))
    page.goto(
        written(tmp_path, "<!doctype html><body>" + "".join(p for p in PAYLOADS[:12] if p.isprintable()))
    )
    page.wait_for_timeout(300)
    assert ran
