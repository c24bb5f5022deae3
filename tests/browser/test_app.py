"""The served page and the lesson page on a small notebook: what a reader gets, and what nobody gets."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from tests.browser.making import axe

pytestmark = pytest.mark.browser
SOURCE = """
from IPython.display import HTML
from helpers.views import controls
from helpers.terms.errors import UsageError
source_of_a_cell = {"2026-08": "332,150.00", "2026-09": "352,410.00"}
if provider == "bug": raise KeyError("/srv/finops/secret.parquet")
if provider not in ("", "Aurora"): raise UsageError(f"no provider {provider!r}", "Aurora", "choose it")
shown = month or "2026-09"  # begin(
"""
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"


@pytest.fixture(scope="session")
def notebook(tmp_path_factory):
    """Parameters, a month's number, choices, one exercise with a control, and its solution."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    def code(source, *tags):
        return new_code_cell(source, metadata={"tags": list(tags)})

    nb = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    nb.cells = [
        new_markdown_cell("# A page under test\n\nWhere did the money go?"),
        code('data = "store"\nmonth = ""\nprovider = ""\ndepartment = ""', "parameters"),
        code(SOURCE),
        code('HTML(f"<h1 class=kit-headline>{shown} cost {source_of_a_cell[shown]} USD</h1>")'),
        code(f"print({HOSTILE!r})"),
        code(
            'choices = {"month": ["2026-08", "2026-09"], "provider": ["", "Aurora", ' + repr(HOSTILE) + "]}\n"
            'controls.explore(choices, {"month": shown, "provider": provider},'
            ' lambda **k: HTML(f"<p class=again>{k}</p>"))',
            "app",
        ),
        code(
            "from helpers.lessons.exercises import Exercise, Mistake\nfrom decimal import Decimal\n"
            'answer = ...\nExercise(1, "Add up", 2, "Half and half?", "Add them.", "money", Decimal(1), "It is one.", '
            '(Mistake(Decimal(2), "You counted it twice."),), "USD").check(answer)',
            "exercise",
        ),
        code(
            'Exercise(2, "Choose", 2, "Why?", "Look.", "choice", "volume", "Yes.", (), "", ("price", "volume")).check()',
            "exercise",
        ),
        code('print("the_solution_itself")', "solution"),
    ]
    path = tmp_path_factory.mktemp("notebooks") / "small.ipynb"
    nbformat.write(nb, path)
    return path


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A folder that stands for a store; the small notebook does not open it."""
    folder = tmp_path_factory.mktemp("data") / "store"
    folder.mkdir()
    (folder / "secret.csv").write_text("BilledCost\n1\n")
    return folder


@pytest.fixture(scope="session")
def app(serve, notebook, store):
    """Address of the page for readers."""
    return serve(notebook, store, "app")


@pytest.fixture(scope="session")
def lesson(serve, notebook, store):
    """Address of the lesson page."""
    return serve(notebook, store, "lesson")


def get(address: str, **headers: str) -> tuple[int, str, dict]:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode(), dict(refused.headers)


def test_the_page_shows_the_month_and_changes_it(page, app):
    page.goto(app)
    assert page.locator(".kit-headline").inner_text() == "2026-09 cost 352,410.00 USD"
    assert page.locator(".kit-loading").is_hidden()
    chosen, number = page.get_by_label("Month").bounding_box(), page.locator(".kit-headline").bounding_box()
    assert chosen["y"] < number["y"], "a reader chooses before reading"
    page.get_by_label("Month").select_option("2026-08")
    page.get_by_role("button", name="Show").click()
    page.wait_for_load_state()
    assert page.locator(".kit-headline").inner_text() == "2026-08 cost 332,150.00 USD"
    assert "month=2026-08" in page.url, "every state has an address"
    assert page.get_by_label("Month").input_value() == "2026-08"
    assert page.outside == []


def test_the_page_works_with_the_keyboard_alone(page, app):
    page.goto(app)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "month"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Show"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".kit-headline").inner_text() == "2026-08 cost 332,150.00 USD"


def test_first_content_comes_before_the_notebook_is_done(app):
    parts = urllib.parse.urlsplit(app)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        began = time.monotonic()
        # a page that nobody has asked for yet: it is not kept
        line.sendall(
            f"GET /?department=Growth HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode()
        )
        text, first = b"", None
        while piece := line.recv(65536):
            text += piece
            if first is None and b"reading the charges" in text:
                first = time.monotonic() - began
                assert b"cost 352" not in text
    assert first is not None
    assert b"cost 352" in text
    assert first < time.monotonic() - began


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("month=September", "month &#x27;September&#x27;"),
        ("month=2026-13", "write it like 2026-09"),
        ("month=2026-08&month=2026-09", "month twice"),
        ("mnth=2026-09", "did you mean month?"),
        ("data=/etc", "the address asks for &#x27;data&#x27;"),
        ("department=" + "x" * 300, "a text that no department has"),
        ("department=a%00b", "a text that no department has"),
        ("provider=" + "%41" * 3000, "a very long address"),
        ("theme=dark", "the address asks for &#x27;theme&#x27;"),
        ("template=classic", "the address asks for &#x27;template&#x27;"),
    ],
)
def test_an_address_that_asks_for_what_there_is_not_gets_a_sentence(app, query, said):
    status, text, _ = get(f"{app}?{query}")
    assert status == 400
    assert said in text
    assert "Traceback" not in text
    assert "Start again" in text


def test_theme_is_not_reflected(app):
    for name in ("theme", "template", "month"):
        _, text, _ = get(f'{app}?{name}="><img src=x onerror=alert(1)>'.replace(" ", "%20"))
        assert "<img" not in text


def test_a_provider_that_is_not_there_gets_the_kits_sentence(app):
    status, text, _ = get(f"{app}?provider=Nowhere")
    assert status == 200, "the page had begun"
    assert "reading the charges" in text
    assert "no provider &#x27;Nowhere&#x27;" in text
    assert "remedy: choose it" in text
    assert "Traceback" not in text
    assert "cost 352" not in text, "nothing is shown after a cell that stopped"


def test_a_bug_shows_no_path_and_no_traceback(app):
    _, text, _ = get(f"{app}?provider=bug")
    assert "The server’s log says why" in text
    for secret in ("/srv", "KeyError", "Traceback", "secret.parquet"):
        assert secret not in text


def test_no_source_and_no_data_reach_a_reader(app, lesson, notebook, store, page):
    responses, texts = [], {}
    page.on("response", lambda response: responses.append(response))
    for address in (app, lesson):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        texts |= {
            r.url: r.body().decode("utf-8", "replace") for r in responses if not r.url.startswith("data:")
        }
        responses.clear()
    assert {app, lesson} <= texts.keys()
    for url, text in texts.items():
        for secret in ("source_of_a_cell", "the_solution_itself", str(store), str(notebook.parent)):
            assert secret not in text, url
    paths = [
        "small.ipynb",
        "voila/files/small.ipynb",
        "voila/files/secret.csv",
        "voila/tree",
        "api/contents",
        "voila/render/x",
    ]
    for path in paths:
        for address in (app, lesson):
            status, text, _ = get(address + path)
            assert status >= 400, path
            assert "source_of_a_cell" not in text


def test_the_readers_page_has_one_route(app):
    for path in (
        "api/kernels/x",
        "voila/static/voila.js",
        "voila/api/themes/x",
        "login",
        "voila/templates/lab/static/x",
    ):
        assert get(app + path)[0] == 404, path


@pytest.mark.parametrize("mode", ["app", "lesson"])
def test_headers_and_hosts(request, mode):
    address = request.getfixturevalue(mode)
    status, _, headers = get(f"{address}?month=none")
    assert status == 400
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    if mode == "app":
        assert "script-src 'self'" in policy, "no script but the server's own file"
        assert "unsafe-eval" not in policy
        assert "script-src 'self' 'unsafe-inline'" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert get(address, Host="finops.example")[0] == 403


def test_it_listens_on_loopback_only(app):
    port = urllib.parse.urlsplit(app).port
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in open(table).read().splitlines()[1:]  # noqa: SIM115, PTH123
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == ["0100007F:" + f"{port:04X}"]


def test_hostile_text_runs_nowhere(page, app, lesson):
    for address in (app, lesson):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(300)
        assert page.title() == "A page under test"


@pytest.mark.parametrize("width", [1180, 390])
def test_no_axe_violations_and_no_sideways_scroll(chromium, app, lesson, width):
    for scheme, address, ready in (
        ("light", app, ".kit-choices"),
        ("dark", app, ".kit-choices"),
        ("light", f"{app}?month=none", ".kit-stopped"),
        ("light", lesson, ".kit-question input"),
        ("dark", lesson, ".kit-question input"),
    ):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        page.goto(address)
        page.locator(ready).first.wait_for(timeout=30_000)
        page.wait_for_timeout(300)
        assert axe(page) == [], (address, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_the_lesson_page_answers_by_a_field(page, lesson):
    page.goto(lesson)
    field = page.get_by_label("Your answer to exercise 1, USD")
    field.wait_for(timeout=30_000)
    said = page.locator(".kit-live", has=page.locator(".kit-feedback")).first
    assert "No answer yet" in said.inner_text()
    field.fill("2.00")
    page.get_by_role("button", name="Check").first.click()
    page.get_by_text("You counted it twice.").wait_for(timeout=10_000)
    field.fill("1,00")
    page.keyboard.press("Enter")
    page.get_by_text("Right: 1.00 USD. It is one.").wait_for(timeout=10_000)
    assert said.get_attribute("aria-live") == "polite"
    assert page.get_by_text("the_solution_itself").count() == 0
    assert page.outside == []


def test_the_lesson_page_answers_by_a_choice_with_the_keyboard(page, lesson):
    page.goto(lesson)
    choice = page.get_by_label("Your answer to exercise 2")
    choice.wait_for(timeout=30_000)
    choice.focus()
    page.keyboard.type("vol")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"
    page.keyboard.press("Enter")
    page.get_by_text("Right: volume. Yes.").wait_for(timeout=10_000)
