"""Lines 7 to 12, 15 and 27 of the checklist: routes, headers, addresses, dropped pages, and what leaks by the way."""

from __future__ import annotations

import json
import re
import socket
import threading
import time

import pytest
from tests.security import making
from tests.security.making import OURS, PROXY, SECRET, Held, Line

# a path that fits each group of a route's pattern
FILLED = {"kernel_id": "0-0-0-0-0", "stem": "small", "kind": "xlsx", "number": "1"}


def sample(pattern: str) -> str:
    """A path that a route's pattern takes."""
    found = pattern.removesuffix("$").replace("(?:", "(")
    for name, value in FILLED.items():
        found = re.sub(rf"\(\?P<{name}>[^()]*\)", value, found)
    found = re.sub(r"\(\?P<\w+>[^()]*\)|\((\.\*|\.\+|[^()]*\.\*)\)", "x", found)
    found = re.sub(r"\(([^()]*)\)\??", r"\1", found)
    found = (
        found.replace(r"\.", ".")
        .replace(r"\-", "-")
        .replace("/.*", "/nowhere")
        .replace(".*", "/nowhere")
        .rstrip("?")
    )
    return found if found.startswith("/") else "/" + found


@pytest.mark.parametrize("mode", ["app", "lesson"])
def test_07_every_route_asks_for_a_person(request, mode):
    """The list is what the server itself gave to Tornado, so that a new route fails here until it asks."""
    server = request.getfixturevalue(mode)
    routes = json.loads(server.routes.read_text())
    assert len(routes) >= (8 if mode == "app" else 10)
    for pattern, kind, parents, open_to_all in routes:
        assert "Locked" in parents, (pattern, kind)
        assert open_to_all == [], (pattern, kind)
        path = sample(pattern)
        assert re.fullmatch(pattern.removesuffix("$"), path), (pattern, path)
        for method in ("GET", "POST", "DELETE", "PUT", "HEAD", "PATCH", "OPTIONS"):
            answer = server.ask(path, method=method, body="" if method in ("POST", "PUT", "PATCH") else None)
            assert answer.status in (401, 403, 405), (method, path, answer.status)
            assert OURS not in answer.text
            assert "Traceback" not in answer.text


def test_07_without_a_person_there_is_a_page_in_words(app, lesson):
    for server in (app, lesson):
        answer = server.ask("/")
        assert answer.status == 401
        assert "Please log in" in answer.text
        assert "<form" not in answer.text, "a header is nobody's to type"


def test_07_websockets_ask_too(lesson, kernel):
    import websocket

    for who in ("", "kim"):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            Line(lesson, kernel, who)
        assert refused.value.status_code in (401, 403)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-User", "ana")],
        [("X-User", "ana"), ("X-Proxy", "")],
        [("X-User", "ana"), ("X-Proxy", PROXY[:-1])],
        [("X-User", "ana"), ("X-Proxy", PROXY.upper())],
        [("X-User", "ana"), ("X-Proxy", PROXY), ("X-Proxy", PROXY)],
        [("X-User", "ana"), ("X-User", "max"), ("X-Proxy", PROXY)],
        [("X-User", "ana,max"), ("X-Proxy", PROXY)],
        [("X-User", ""), ("X-Proxy", PROXY)],
        [("X-User", "kim"), ("X-Proxy", PROXY)],
        [("X-User", "local"), ("X-Proxy", PROXY)],
        [("X-User", "token"), ("X-Proxy", "wrong")],
        [("X-User", "kim"), ("X-Groups", "board"), ("X-Groups", "board"), ("X-Proxy", PROXY)],
        [("Authorization", f"token {PROXY}")],
        [("Cookie", "finops-login=ana"), ("X-Proxy", PROXY)],
    ],
)
def test_07_forged_doubled_and_empty_identity_headers_are_nobody(app, headers):
    answer = raw(app, "GET", "/", headers)
    assert answer.startswith("HTTP/1.1 401"), answer[:200]
    assert OURS not in answer


def test_07_a_group_that_the_proxy_vouches_for_counts(app):
    answer = raw(
        app, "GET", "/?month=none", [("X-User", "kim"), ("X-Groups", "staff, board"), ("X-Proxy", PROXY)]
    )
    assert answer.startswith("HTTP/1.1 400")


def raw(server, method, path, headers) -> str:
    """A request with exactly these headers, doubled ones too."""
    said = "".join(f"{k}: {v}\r\n" for k, v in headers)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n{said}\r\n".encode()
        )
        found = b""
        while piece := line.recv(65536):
            found += piece
    return found.decode("utf-8", "replace")


# --- 8, 9 ---


@pytest.mark.parametrize("mode", ["app", "lesson"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"department={SECRET}", "for you"),
        (f"department={SECRET[:-1]}%74", "for you"),
        (f"department={OURS}&department={SECRET}", "department twice"),
        (f"department={OURS}&%64epartment={SECRET}", "department twice"),
        ("department=" + "x" * 300, "a text that no department has"),
        ("department=" + "x" * 3000, "a very long address"),
        (f"department={SECRET}%00", "a text that no department has"),
        (f"department={SECRET}%0a", "a text that no department has"),
        (f"Department={SECRET}", "did you mean department"),
        (f"department[]={SECRET}", "the address asks for"),
        (f"data=/tmp&department={OURS}", "the address asks for"),
    ],
)
def test_08_another_department_is_refused_with_a_sentence(request, mode, query, said):
    answer = request.getfixturevalue(mode).ask(f"/?{query}", "ana")
    assert answer.status in (400, 403)
    assert said in answer.text
    assert f"{SECRET}-db" not in answer.text
    assert f"{SECRET} service" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("mode", ["app", "lesson"])
def test_08_each_person_sees_their_own(request, mode):
    server = request.getfixturevalue(mode)
    ana, ben, eva = (server.ask("/", who) for who in ("ana", "ben", "eva"))
    assert (ana.status, ben.status) == (200, 200)
    assert f"{OURS}" in ana.text
    assert SECRET not in ana.text
    assert f"{SECRET}" in ben.text
    assert OURS not in ben.text
    assert eva.status in (403, 404), "her rights name another page"
    assert OURS not in eva.text + SECRET * 0
    assert server.ask(f"/?department={OURS}", "ana").status == 200


def test_08_what_is_kept_for_one_is_not_shown_to_another(app):
    """The same page, asked for in the same words, by people of different rights, one after the other, twice."""
    for _ in range(2):
        for who, theirs, others in (
            ("max", (OURS, SECRET), ()),
            ("ana", (OURS,), (SECRET,)),
            ("ben", (SECRET,), (OURS,)),
        ):
            for path in ("/?month=2026-09", "/small/live?month=2026-09", "/small/?month=2026-09"):
                answer = app.ask(path, who)
                if answer.status == 200:
                    assert all(t in answer.text for t in theirs), (who, path, answer.text[-500:])
                    assert not any(o in answer.text for o in others), (who, path)
    tag = app.ask("/?month=2026-09", "max").headers.get("Etag")
    again = app.ask("/?month=2026-09", "ana", If_None_Match=tag or "x")
    assert again.status == 200, "another's tag is not one's own"


HOSTILE = (
    '"><img src=x onerror=alert(1)>',
    "<script>",
    "lab",
    "base",
    "script",
    "python",
    "../../etc",
    "nope",
    "classic",
)


@pytest.mark.parametrize("mode", ["app", "lesson"])
@pytest.mark.parametrize("name", ["theme", "template"])
def test_09_theme_and_template_are_not_reflected_and_the_answer_ends(request, mode, name):
    from urllib.parse import quote

    server = request.getfixturevalue(mode)
    for value in HOSTILE:
        answer = server.ask(f"/?{name}={quote(value)}", "ana", timeout=20)
        assert answer.status == 400
        assert "<img" not in answer.text
        assert answer.seconds < 15


# --- 10 ---


@pytest.mark.parametrize("mode", ["app", "lesson"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "evil.example:8866"]
)
def test_10_a_foreign_host_is_refused(request, mode, host):
    server = request.getfixturevalue(mode)
    for path in ("/", "/login", "/small/live"):
        answer = server.ask(path, "ana", Host=host)
        assert answer.status in (400, 403), (host, path, answer.status)
        assert OURS not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_10_a_foreign_origin_opens_no_websocket(lesson, kernel, origin):
    import websocket

    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Line(lesson, kernel, Origin=origin)
    assert refused.value.status_code == 403


# --- 11 ---


@pytest.mark.parametrize("mode", ["app", "lesson"])
def test_11_no_path_leads_out_and_no_data_is_served(request, mode, two):
    server = request.getfixturevalue(mode)
    (server.folder / "secret-of-the-server.txt").write_text("outside")
    roots = [
        "",
        "/voila/static",
        "/voila/templates/lab/static",
        "/voila/files",
        "/voila/labextensions",
        "/voila/api/themes",
    ]
    ups = ["..", "%2e%2e", "..%2f..", "..%5c..", "....//", "%252e%252e", ".%00."]
    ends = [
        "etc/passwd",
        "small.ipynb",
        "secret-of-the-server.txt",
        "kit.json",
        "store/kit.json",
        "server.py",
    ]
    names = [
        f"{root}/{'/'.join([up] * n)}/{end}"
        for root in roots
        for up in ups
        for n in (1, 6)
        for end in ends[:2]
    ]
    names += [f"{root}/{end}" for root in roots for end in (*ends, str(two / "kit.json"), f"/{two}/kit.json")]
    names += [
        f"/voila/files/{name}"
        for name in ("small.ipynb", "SMALL.IPYNB", "small.csv", "a.png", "a.svg", ".git/config")
    ]
    for name in names:
        answer = raw(server, "GET", name, [("X-User", "max"), ("X-Proxy", PROXY)])
        status = int(answer[9:12])
        assert status >= 400 or (status == 304), (name, answer[:100])
        for found in ("root:x:", '"format": 1', "outside", "source_of_a_cell", "class Server"):
            assert found not in answer, name


# --- 12 ---


def dropped(server, who: str, times: int, path: str = "/") -> None:
    """Begin to load the page, and leave."""

    def one() -> None:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
                said = f"X-User: {who}\r\nX-Proxy: {PROXY}\r\n"
                line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{said}\r\n".encode())
                time.sleep(0.3)
        except OSError:
            return

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def after_dropping(server, times: int, within: float, least: int) -> tuple[int, int]:
    """Most kernels while pages are dropped, and what is left after so many seconds."""
    most = 0
    for _ in range(times // 5):
        dropped(server, "ana", 5)
        most = max(most, len(server.kernels()))
    until = time.monotonic() + within
    while time.monotonic() < until and len(server.kernels()) > least:
        time.sleep(0.5)
    return most, len(server.kernels())


def test_12_dropped_loads_leave_no_kernel_and_one_person_has_a_cap(starter):
    server = starter("lesson", making.ACCESS)
    most, left = after_dropping(server, 15, 75, 1)
    assert most <= 6, "four of one person, and one that waits (one more is being started)"
    assert left <= 1, "the one that waits for the next reader"
    until = time.monotonic() + 75
    while server.ask("/", "ana").status == 429 and time.monotonic() < until:
        time.sleep(0.5)  # those that were dropped are still ending
    kernels, held = [], []
    while (page := server.ask("/", "ana")).status == 200 and len(kernels) < 6:
        kernels.append(page.text.partition('"kernelId": "')[2].partition('"')[0])
        held.append(Held(server, kernels[-1]))  # its page is open
    assert len(kernels) == 4
    assert page.status == 429
    assert "as many pages open" in page.text
    assert server.ask("/", "max").status == 200, "one person's cap is nobody else's"
    token = "x" * 32
    done = server.ask(
        f"/voila/api/shutdown/{kernels[0]}", "ana", "POST", "", Cookie=f"_xsrf={token}", X_XSRFToken=token
    )
    assert done.status == 204
    assert server.ask("/", "ana").status == 200


@pytest.mark.slow
def test_12_fifty_dropped_loads(starter, record_property):
    import psutil

    server = starter("lesson", making.ACCESS)
    server.kernel("ana")
    parent = psutil.Process(server.process.pid)
    before = parent.memory_info().rss
    most, left = after_dropping(server, 50, 90, 1)
    grown = (parent.memory_info().rss - before) / 1e6
    record_property("kernels", f"{most} at most, {left} after, server grew {grown:.0f} MB")
    assert most <= 6
    assert left <= 1
    assert grown < 60


def test_12_dropped_readers_pages_end_too(app):
    dropped(app, "ana", 20, "/?month=2026-08")
    assert app.ask("/?month=2026-08", "ben", timeout=60).status == 200
    assert app.kernels() == []


# --- 15 ---


@pytest.mark.parametrize("mode", ["app", "lesson"])
def test_15_policy_and_headers(request, mode):
    server = request.getfixturevalue(mode)
    for path, who in (
        ("/", "ana"),
        ("/?month=none", "ana"),
        ("/", ""),
        ("/nowhere", "ana"),
        ("/nowhere", ""),
    ):
        answer = server.ask(path, who)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy or "frame-ancestors 'none'" in answer.text, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in answer.headers
        if mode == "app":
            assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        else:
            assert "unsafe-eval" not in policy
            assert "script-src-attr 'none'" in policy or "script-src" not in policy


def test_15_a_report_has_a_policy_of_its_own():
    from helpers.views import page

    assert page.POLICY.startswith("default-src 'none'")
    assert "script-src" not in page.POLICY
    assert page.POLICY.replace("'", "&#x27;") in page.message("x", []) or page.POLICY in page.message("x", [])


# --- 27 ---


def test_27_a_bad_message_tells_the_viewer_nothing_of_the_server(lesson, kernel):
    line = Line(lesson, kernel)
    line.do("comm_msg", {"comm_id": "no such", "data": {"method": "update", "state": {}}})
    line.do("comm_msg", {"comm_id": 7, "data": {"method": "custom"}})
    states = line.states()
    slider = next(k for k, s in states.items() if s.get("description") == "limit")
    line.update(slider, value="not a number")
    heard = line.do(
        "comm_msg",
        {"comm_id": slider, "data": {"method": "update", "state": {"min": "x"}, "buffer_paths": []}},
    )
    assert {h["msg_type"] for _, h, _ in heard} <= {
        "status",
        "comm_msg",
        "comm_open",
        "comm_close",
        "comm_info_reply",
        "kernel_info_reply",
    }
    for told in (b"Traceback", b"site-packages", b".py", str(making.ROOT).encode(), b"TraitError"):
        assert told not in line.bytes, told
    line.close()


def test_27_neither_log_nor_kernels_hold_secrets(lesson, app, two):
    for server in (lesson, app):
        server.ask("/?token=sesame-in-an-address&month=2026-09", "ana")
        server.ask("/?month=2026-09", "ana", Authorization="token sesame-in-a-header")
        text = server.said()
        assert "sesame" not in text
        assert PROXY not in text
        for child in server.kernels():
            environment = child.environ()
            assert not any("sesame" in v or PROXY in v for v in environment.values())
            assert not any(str(two) == v for v in environment.values()), (
                "the whole store's place is not the kernel's to know"
            )


def test_27_errors_in_pages_show_no_path(app, two):
    for path in ("/?month=1999-01", "/small/download/xlsx", "/small/picture/99", "/small/state"):
        answer = app.ask(path, "ana")
        for told in (str(two), str(app.folder), "site-packages", "Traceback", "/tmp/"):
            assert told not in answer.text, (path, told)


def test_the_audit_log_says_who_saw_what_without_cost(app, lesson):
    for server in (app, lesson):
        server.ask("/?month=2026-09", "ana")
        server.ask(f"/?department={SECRET}", "ana")
        server.ask('/?month="}%0a{"who":"max', "ana")
        lines = [json.loads(line) for line in server.audit.read_text("ascii").splitlines()]
        mine = [line for line in lines if line["who"] == "ana"]
        shown = [
            line
            for line in mine
            if line["outcome"] == "shown" and line["parameters"].get("month") == "2026-09"
        ]
        assert shown
        assert shown[-1]["page"] == "small"
        assert shown[-1]["data"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", shown[-1]["when"])
        assert [line for line in mine if line["outcome"] == "refused"]
        text = server.audit.read_text("ascii")
        assert "10.25" not in text
        assert "700.1" not in text
        assert server.audit.stat().st_mode & 0o077 == 0
