"""The server of pages over HTTP: what it answers, what it refuses, what becomes of those who leave."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import psutil
import pytest
from tests.conftest import ROOT
from tests.runs import pages


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return pages.store(tmp_path_factory.mktemp("served") / "store")


@pytest.fixture(scope="module")
def site(serve, store, tmp_path_factory):
    """Address of a portal over two good notebooks and two damaged ones."""
    folder = tmp_path_factory.mktemp("served") / "notebooks"
    pages.notebook(folder, "small")
    pages.notebook(folder, "other")
    (folder / "broken.ipynb").write_text('{"cells": [{"cell_type": "code", "sou')
    (folder / "empty.ipynb").write_text("")
    return serve(folder, store, "app")


def get(address: str, **headers: str) -> tuple[int, bytes, dict]:
    request = urllib.request.Request(address, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


def parts(answer: bytes) -> tuple[list[tuple[str, str]], dict]:
    lines = [json.loads(line) for line in answer.decode().splitlines()]
    return [(x["part"], x["html"]) for x in lines if "part" in x], lines[-1]


def tree(address: str) -> list[psutil.Process]:
    """Processes of the server at this address."""
    port = urllib.parse.urlsplit(address).port
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(port) in words and any("helpers.runs.app" in w for w in words):
            return process.children(recursive=True)
    return []


def test_a_broken_notebook_does_not_take_others_down(site):
    status, text, _ = get(site)
    assert status == 200
    assert text.decode().count("its notebook is damaged") == 2
    for stem in ("small", "other"):
        assert f'href="{stem}/"' in text.decode()
        assert b"<h1>all 2026-09</h1>" in get(f"{site}{stem}/")[1]
    for stem in ("broken", "empty"):
        status, said, _ = get(f"{site}{stem}/")
        assert status == 400
        assert b"its notebook is damaged" in said
        assert str(ROOT).encode() not in said
    status, text, _ = get(f"{site}?q=other")
    assert 'href="other/"' in text.decode()
    assert 'href="small/"' not in text.decode()
    assert b"Pages found: 1" in text
    assert b"No page has all of these words" in get(f"{site}?q=%3Cscript%3E")[1]
    assert b"<script>" not in get(f"{site}?q=%3Cscript%3E")[1]


def test_a_page_comes_from_what_is_kept_and_says_the_same(site):
    first = get(f"{site}small/?department=a")
    began = time.monotonic()
    kept = get(f"{site}small/?department=a", Accept_Encoding="gzip")
    assert time.monotonic() - began < 0.5
    assert kept[2]["Content-Encoding"] == "gzip"
    text = gzip.decompress(kept[1]).decode()
    found, done = parts(get(f"{site}small/live?department=a")[1])
    for name, html in found:
        assert f'data-part="{name}"' in text
        assert html in text
        assert html in first[1].decode()
    assert f"<title>{done['done']['title']}</title>" in text
    assert get(f"{site}small/?department=a")[1].decode() == text, "the same without compression"
    tag = kept[2]["Etag"]
    assert get(f"{site}small/?department=a", Accept_Encoding="gzip", If_None_Match=tag)[0] == 304
    assert kept[2]["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["", "live", "download/xlsx", "picture/1"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("data=/etc", b"the address asks for"),
        ("as_of=2026-01-01", b"the address asks for"),
        ("month=2026-13", b"write it like 2026-09"),
        ("month=2026-08&month=2026-09", b"month twice"),
        ("department=" + "x" * 300, b"a text that no department has"),
        ("department=%00", b"a text that no department has"),
    ],
)
def test_every_route_checks_what_is_asked(site, path, query, said):
    status, text, _ = get(f"{site}small/{path}?{query}")
    assert status == 400
    assert said in text
    assert b"Traceback" not in text


def test_no_other_route(site):
    for path in ("small/x", "none", "none/", "none/live", "small/download/exe", "small/picture/0", "small/picture/9999",
                 "../etc/passwd", "small/..%2f", "voila/static/x", "api/kernels", "login", "kit.000000000000.js", "SMALL/"):  # fmt: skip
        status, text, headers = get(site + path)
        assert status == 404, path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert b"Traceback" not in text
    assert get(f"{site}small")[1] == get(f"{site}small/")[1], "typed without its last slash"
    assert get(site, Host="finops.example")[0] == 403
    request = urllib.request.Request(f"{site}small/", data=b"x=1", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code in (403, 405)


def test_one_notebooks_page_answers_beside_its_own_address(serve, store, tmp_path):
    single = serve(pages.notebook(tmp_path, "small"), store, "app")
    _, done = parts(get(f"{single}live?department=b")[1])
    assert done["done"]["version"] == json.loads(get(f"{single}state")[1])["version"]
    assert get(f"{single}small?department=b")[1] == get(f"{single}?department=b")[1]


def test_a_store_that_changes_is_offered_and_each_answer_reads_one_state(site, store):
    before = json.loads(get(f"{site}small/state")[1])["version"]
    _, done = parts(get(f"{site}small/live?department=b")[1])
    assert done["done"]["version"] == before
    pages.commit(store)
    time.sleep(0.6)
    after = json.loads(get(f"{site}small/state")[1])["version"]
    assert after != before
    _, done = parts(get(f"{site}small/live?department=b")[1])
    assert done["done"]["version"] == after
    text = get(f"{site}small/?department=b")[1].decode()
    assert f'data-version="{after}"' in text
    # the store is written while the page is made: the answer is made again, of one state
    lines = [json.loads(x) for x in get(f"{site}small/live?department=moves")[1].decode().splitlines()]
    assert {"again": True} in lines
    assert "stopped" in lines[-1], "a store that changes in every run is given up with a sentence"
    assert b"data changed while this page was made" in get(f"{site}small/?department=moves")[1]


def test_errors_have_a_reference_and_no_path(site):
    for path in ("", "live"):
        text = get(f"{site}small/{path}?department=bug")[1].decode()
        assert "Reference for whoever runs this server" in text
        assert "/srv/secret" not in text
        assert "KeyError" not in text


def test_fifty_who_leave_take_nothing_with_them(site):
    parts_of = urllib.parse.urlsplit(site)
    get(f"{site}small/")
    for n in range(50):
        with socket.create_connection((parts_of.hostname, parts_of.port), timeout=20) as line:
            line.sendall(
                f"GET /small/?department=slow{n} HTTP/1.1\r\nHost: {parts_of.netloc}\r\n\r\n".encode()
            )
            if n % 2:
                line.recv(100)
    began = time.monotonic()
    status, text, _ = get(f"{site}small/?department=patient")
    assert status == 200
    assert b"<h1>patient 2026-09</h1>" in text
    assert time.monotonic() - began < 20
    held = tree(site)
    assert 2 <= len(held) <= 3, "the process that workers are forked from, and two workers"
    assert sum(p.memory_info().rss for p in held) < 1.5e9


def test_a_slow_viewer_holds_nobody_up(site):
    parts_of = urllib.parse.urlsplit(site)
    slow = []
    for _ in range(20):  # ask, and take nothing in
        line = socket.create_connection((parts_of.hostname, parts_of.port), timeout=20)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        line.sendall(f"GET /small/?department=a HTTP/1.1\r\nHost: {parts_of.netloc}\r\n\r\n".encode())
        slow.append(line)
    began = time.monotonic()
    assert get(f"{site}small/?department=a")[0] == 200
    assert time.monotonic() - began < 2
    for line in slow:
        line.close()


def test_a_viewer_who_asks_for_too_much_gets_a_sentence(site):
    def ask(n: int) -> tuple[int, bytes, dict]:
        return get(f"{site}small/live?department=slow+too+much+{n}")

    with concurrent.futures.ThreadPoolExecutor(12) as crowd:
        found = list(crowd.map(ask, range(12)))
    refused = [f for f in found if f[0] == 429]
    assert refused
    assert all(b"You are waiting for 6 pages already" in text for _, text, _ in refused)
    assert sum(status == 200 for status, _, _ in found) >= 6
    assert any(b'"wait": "Pages before yours' in text for _, text, _ in found)


def started(*words: str, **env: str) -> subprocess.Popen:
    held = os.environ | {"PYTHONPATH": str(ROOT / "src")} | env
    return subprocess.Popen(
        [sys.executable, "-m", "helpers", "serve", *words], env=held, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


def test_a_port_that_is_taken_is_said(site, store):
    port = urllib.parse.urlsplit(site).port
    done = started("practitioner_kpis", "--data", str(store), "--port", str(port))
    said, _ = done.communicate(timeout=60)
    assert done.returncode == 5
    assert f"port {port} is taken by another program" in said
    assert f"--port {port + 1}" in said
    assert "Traceback" not in said


def test_sigterm_ends_all_within_ten_seconds(store, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    notebook = pages.notebook(tmp_path / "notebooks")
    server = started(
        str(notebook), "--data", str(store), "--port", str(port), FINOPS_CACHE=str(tmp_path / "kept")
    )
    address = f"http://127.0.0.1:{port}/"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}state", timeout=5)
            break
        except OSError:
            time.sleep(0.25)
    with concurrent.futures.ThreadPoolExecutor(2) as crowd:
        for department in ("hang", "slow"):
            crowd.submit(lambda d=department: _quiet(f"{address}?department={d}"))
        for _ in range(200):
            if len(held := psutil.Process(server.pid).children(recursive=True)) >= 2:
                break
            time.sleep(0.1)
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=10)
        assert time.monotonic() - began < 10
    _, alive = psutil.wait_procs(held, timeout=5)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0, "kept pages are nobody else's"


def _quiet(address: str) -> None:
    try:
        get(address)
    except (OSError, ConnectionError, Exception):
        return
