"""The page: nothing runs, nothing loads, one heading, sources left out."""

from __future__ import annotations

import re

import made
import pytest

from helpers.views import page, theme


@pytest.fixture(scope="module")
def html() -> str:
    return page.render(made.notebook(made.story()), title="Cloud cost, September 2026")


def test_a_page_is_whole_in_itself(html):
    assert html.startswith("<!doctype html>") and '<html lang="en">' in html
    assert page.POLICY.replace("'", "&#39;") in html
    links = re.findall(r'<a href="([^"#][^"]*)"', html)  # a reader may follow one; the page loads none
    assert all(link.startswith("https://www.finops.org/kpi/") for link in links)
    loaded = re.sub(r"<a href[^>]*>", "", html)
    assert not re.findall(r'(?:src|srcset|href|action)="(?!data:image/|data:,|#)([^"]*)"', loaded)
    assert "<script" not in html and "url(http" not in html and "@import" not in html


def test_a_page_has_one_h1_and_no_source(html):
    assert html.count("<h1") == 1
    assert "views.show()" not in html
    assert [int(h) for h in re.findall(r"<h([1-6])", html)].count(1) == 1


def test_the_same_notebook_gives_the_same_page(html):
    assert html == page.render(made.notebook(made.story()), title="Cloud cost, September 2026")


def test_a_notebook_without_headline_gets_the_title_as_heading():
    html = page.render(made.notebook([]), title="Cost <b>")
    assert "<h1>Cost &lt;b&gt;</h1>" in html


def test_pictures_outlive_the_sanitiser():
    for thing in made.story():
        kept = page.clean(thing.html)
        assert kept.count("<img") == thing.html.count("<img")
        assert kept.count("<source") == thing.html.count("<source")
        assert kept.count("<table") == thing.html.count("<table")
        assert kept.count("srcset=") == thing.html.count("srcset=")
        assert re.findall(r'class="([^"]*)"', kept) == re.findall(r'class="([^"]*)"', thing.html)


@pytest.mark.parametrize(
    "bad",
    [
        "<script>x()</script>", "<img src=x onerror=x()>", '<a href="javascript:x()">x</a>', '<p style="position:fixed">x</p>',
        '<a href="data:text/html,<script>x()</script>">x</a>', "<svg onload=x()></svg>", "<iframe srcdoc='x'></iframe>",
        '<img src="data:text/html;base64,AAAA">', '<img srcset="https://a.example/x 2x">', '<link rel=stylesheet href=//x>',
        '<base href="//x">', '<meta http-equiv=refresh content="0;url=//x">', '<form action="//x"><button>x</button></form>',
        '<div class="jp-x other">x</div>', '<table background="//x"><tr><td>x</td></tr></table>', "<math><mi//xlink:href='x'>",
        '<img src="data:image/svg+xml,<svg onload=x()>">', "<style>*{display:none}</style>", '<object data="//x"></object>',
        '<a href="vbscript:x">x</a>', '<input autofocus onfocus=x()>', '<div id="content" data-x="1">x</div>',
        '<source srcset="//x" media="all">', '<video src="//x" onerror=x()></video>', "<noscript><p title='</noscript><img src=x onerror=x()>'>",
    ],
)  # fmt: skip
def test_the_sanitiser_takes_out(bad):
    kept = page.clean(bad)
    assert not re.search(
        r"script:|<script|<svg|<iframe|<style|<link|<base|<meta|<form|<object|<input|<math|<video|style=|id=|\bon\w+=|//x|a\.example|data:text|jp-x|background=",
        kept,
    )


def test_outputs_of_other_kinds_become_text_or_nothing():
    from nbformat import v4

    def shown(**data) -> str:
        return page.piece(v4.new_output("display_data", data=data))

    assert (
        page.piece(v4.new_output("stream", name="stdout", text="<b>"))
        == '<pre class="kit-said" tabindex="0">&lt;b&gt;</pre>'
    )
    assert page.piece(v4.new_output("stream", name="stderr", text="/srv/secret")) == ""
    assert "secret" not in page.piece(
        v4.new_output("error", ename="KeyError", evalue="/srv/secret", traceback=["/srv"])
    )
    assert shown(**{"application/vnd.finops.kit+json": {}, "text/plain": "x"}) == ""
    assert (
        shown(**{"application/javascript": "x()", "text/plain": "said"})
        == '<pre class="kit-said" tabindex="0">said</pre>'
    )
    assert shown(**{"image/svg+xml": "<svg onload=x()>"}) == ""
    assert 'src="data:image/png;base64,AAAA"' in shown(**{"image/png": "AA\nAA", "text/plain": "a <b>"})


def test_cells_go_by_tag():
    from nbformat import v4

    book = v4.new_notebook(
        cells=[v4.new_markdown_cell("a", metadata={"tags": ["lesson"]}), v4.new_markdown_cell("b")]
    )
    assert [c.source for c in page.without(book, {"lesson"}).cells] == ["b"]
    assert len(book.cells) == 2


def test_a_message_in_the_same_look():
    html = page.message("The report <x> failed", ["Cell 4 stopped.", "Do <this>."])
    assert "&lt;x&gt;" in html and "&lt;this&gt;" in html and "<h1>" in html and theme.LIGHT["ink"] in html


def test_the_command_line_does_not_wait_for_pictures():
    import subprocess
    import sys

    code = "import sys, helpers.views, helpers.views.page; print([m for m in ('matplotlib','pandas','nbconvert','nh3') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]"


def test_the_grammar_is_not_compiled():
    import subprocess
    import sys

    code = "from helpers.terms.quick import skip_grammar as s; s(); import nbformat, sys; print(sys.modules.get('lark'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "None"
