"""Served pages against stock Voila, with and without its pre-heated kernels; 1, 10, 50 and 100 viewers; memory.

* Page: the practitioner's page over a store, each load in a new Chromium context (empty cache), variants in turn inside
  each round. Times are Chromium's own (``performance.now()``): first paint of the notebook's own heading, controls that
  can be used, and for a change of month from the ``change`` event until the answer is in the page and a frame has passed.
  Requests and bytes are counted by the DevTools protocol. Stock is ``voila`` as installed with its ``lab`` template; its
  notebook is the same, with the same parameters and the ipywidgets controls it has in JupyterLab.
* Change: to a page that was made ahead (all one choice away from what is shown are), and to one that nobody has made.
* Crowd: viewers as HTTP clients, all at once: each opens one of the five pages, then changes one choice as its script
  would. Proportional set size of the server and all its processes, every half second. For stock, ten clients read the page
  to its end. Ten real browsers are reported apart: their own ten pages load the same cores.

``python benchmarks/pages.py --data STORE [--rounds 5] [--crowd 1,10,50,100] [--stock-crowd 10] [--browsers 10] [--calm]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
ROOT = HERE.parent
STEM = "practitioner_kpis"
WATCH = """
(() => {
  const seen = window.__kit = {};
  const look = () => {
    const h1 = [...document.querySelectorAll("h1")].find(e => e.getClientRects().length && /[0-9]/.test(e.textContent));
    if (h1 && !seen.h1) seen.h1 = performance.now();
    const live = document.documentElement && document.documentElement.dataset.live || document.querySelector(".widget-dropdown select");
    if (live && h1 && !seen.live) seen.live = performance.now();
    if (!(seen.h1 && seen.live)) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
CHANGE_OURS = """
([name, value]) => new Promise(done => {
  const pick = document.querySelector(`.kit-choices select[name="${name}"]`), root = document.documentElement;
  const before = root.dataset.answered || "", began = performance.now();
  new MutationObserver((_, self) => { if ((root.dataset.answered || "") !== before) { self.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))); } })
    .observe(root, {attributes: true});
  pick.value = value; pick.dispatchEvent(new Event("change", {bubbles: true}));
})
"""
CHANGE_STOCK = """
([at, value]) => new Promise(done => {
  const pick = document.querySelectorAll(".widget-dropdown select")[at];
  const shown = document.querySelector(".kit-live .widget-html-content"), began = performance.now();
  let busy = false;
  new MutationObserver((_, self) => { const working = shown.querySelector(".kit-busy") || !shown.textContent.trim(); busy = busy || working;
    if (busy && !working) { self.disconnect(); requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))); } })
    .observe(shown, {childList: true, subtree: true, characterData: true});
  pick.selectedIndex = value; pick.dispatchEvent(new Event("change", {bubbles: true}));
})
"""


def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def running(words: list[str], env: dict[str, str], ready: str) -> Iterator[psutil.Process]:
    """A server, until it is no longer needed."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, env=os.environ | env, stdout=log, stderr=log)
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(ready, timeout=5)
                    break
                except urllib.error.HTTPError:
                    break
                except OSError:
                    if process.poll() is not None:
                        log.seek(0)
                        raise RuntimeError(log.read().decode()[-2000:]) from None
                    time.sleep(0.2)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def ours(data: Path, cache: Path, ahead: bool = False) -> Iterator[tuple[str, psutil.Process]]:
    """The kit's server over all pages."""
    at = port()
    words = [
        sys.executable,
        "-m",
        "helpers",
        "serve",
        "--data",
        str(data),
        "--port",
        str(at),
        "--cache",
        str(cache),
    ]
    words += [] if ahead else ["--no-ahead"]
    with running(words, {"PYTHONPATH": str(ROOT / "src")}, f"http://127.0.0.1:{at}/{STEM}/state") as process:
        yield f"http://127.0.0.1:{at}/", process


@contextmanager
def stock(data: Path, folder: Path, heated: bool) -> Iterator[tuple[str, psutil.Process]]:
    """Stock Voila over the same notebook."""
    import nbformat

    from helpers.catalog import notebooks

    path = folder / f"{STEM}.ipynb"
    nbformat.write(notebooks.read(notebooks.find(STEM), "app", {"data": str(data)}), path)
    at = port()
    words = [
        sys.executable,
        "-m",
        "voila",
        str(path),
        "--no-browser",
        f"--port={at}",
        "--Voila.port_retries=0",
    ]
    words += ["--preheat_kernel=True", "--pool_size=2"] if heated else []
    env = {"PYTHONPATH": str(ROOT / "src"), "JUPYTER_CONFIG_DIR": str(folder), "IPYTHONDIR": str(folder)}
    with running(words, env, f"http://127.0.0.1:{at}/voila/static/none") as process:
        if heated:  # its kernels run the notebook before anybody comes
            wait_idle(process)
        yield f"http://127.0.0.1:{at}/", process


def wait_idle(process: psutil.Process, most: float = 180) -> None:
    """Until the server's processes compute nothing for two seconds."""
    until, quiet = time.monotonic() + most, 0.0
    before = spent(process)
    while time.monotonic() < until and quiet < 2:
        time.sleep(0.5)
        now = spent(process)
        quiet = quiet + 0.5 if now - before < 0.05 else 0.0
        before = now


def spent(process: psutil.Process) -> float:
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += sum(one.cpu_times()[:2])
        except psutil.Error:
            continue
    return total


def pss(process: psutil.Process) -> float:
    """Proportional set size of a server and all its processes [MiB]."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += int(
                next(
                    x
                    for x in Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
                    if x.startswith("Pss:")
                ).split()[1]
            )
        except (OSError, StopIteration, psutil.Error):
            continue
    return total / 1024


class Memory:
    """The largest proportional set size while something runs."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.most, self.stop = process, 0.0, threading.Event()

    def __enter__(self) -> Memory:
        self.first = pss(self.process)
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stop.wait(0.5):
            self.most = max(self.most, pss(self.process))

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.most = max(self.most, pss(self.process), self.first)


def load(browser: Any, address: str) -> tuple[dict[str, float], Any, Any]:
    """One page load in a new context: times [ms], requests, bytes."""
    context = browser.new_context(viewport={"width": 1180, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    held = {"requests": 0, "bytes": 0}
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on(
        "Network.requestWillBeSent",
        lambda e: held.update(requests=held["requests"] + (not e["request"]["url"].startswith("data:"))),
    )
    tools.on(
        "Network.loadingFinished", lambda e: held.update(bytes=held["bytes"] + int(e["encodedDataLength"]))
    )
    page.goto(address, timeout=180_000, wait_until="commit")
    for _ in range(1800):
        seen = page.evaluate("window.__kit")
        if seen and seen.get("h1") and seen.get("live"):
            break
        page.wait_for_timeout(100)
    page.wait_for_load_state("load")
    page.wait_for_timeout(300)
    paint = page.evaluate(
        "(performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime || null"
    )
    return (
        {"first_paint": paint, "first_content": max(seen["h1"], paint or 0), "live": seen["live"], **held},
        page,
        context,
    )


def pages(data: Path, rounds: int, folder: Path) -> dict[str, Any]:
    """Page loads and changes of choice, variants in turn."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[dict[str, float]]] = {"ours": [], "stock": [], "preheated": []}
    changes: dict[str, list[float]] = {"kept": [], "never made": [], "stock": []}
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    with (
        sync_playwright() as play,
        ours(data, folder / "cache") as (mine, _),
        stock(data, folder / "a", False) as (plain, _),
        stock(data, folder / "b", True) as (heated, hot),
    ):
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        urllib.request.urlopen(f"{mine}{STEM}/", timeout=300).read()  # made once, as at the start of a server
        months = kept_months(mine)
        for month in months[:2]:  # those made ahead
            urllib.request.urlopen(f"{mine}{STEM}/?month={month}", timeout=300).read()
        new = iter([(m, p) for p in ("AWS", "Microsoft", "Google") for m in months[2:]])
        for turn in range(rounds):
            variants = [("ours", f"{mine}{STEM}/"), ("stock", plain), ("preheated", heated)]
            random.Random(turn).shuffle(variants)
            for name, address in variants:
                if name == "preheated":
                    wait_idle(hot)
                times, page, context = load(browser, address)
                found[name].append(times)
                if name == "ours":
                    for month in months[:2]:
                        changes["kept"].append(page.evaluate(CHANGE_OURS, ["month", month]))
                    month, provider = next(new)
                    page.evaluate(
                        f"document.querySelector('select[name=provider]').value = {json.dumps(provider)}"
                    )
                    changes["never made"].append(page.evaluate(CHANGE_OURS, ["month", month]))
                elif name == "preheated":
                    page.locator(".kit-live .kit-figure").first.wait_for(timeout=60_000)
                    for at in (2, 1):
                        changes["stock"].append(page.evaluate(CHANGE_STOCK, [0, at]))
                context.close()
        browser.close()
    summary = {n: {k: spread([x[k] for x in held]) for k in held[0]} for n, held in found.items() if held}
    ratios = {
        f"{what}, {name} / ours": round(
            statistics.median(r[what] / o[what] for r, o in zip(found[name], found["ours"], strict=True)), 2
        )
        for name in ("stock", "preheated")
        for what in ("first_content", "live", "requests", "bytes")
    }
    return {
        "loads_ms": summary,
        "ratios_median_of_rounds": ratios,
        "change_ms": {n: spread(v) for n, v in changes.items()},
    }


def kept_months(address: str) -> list[str]:
    """The months that the page offers, from the newest back, without the one it shows."""
    text = urllib.request.urlopen(f"{address}{STEM}/", timeout=300).read().decode()
    part = text.split('name="month">', 1)[1].split("</select>", 1)[0]
    shown = part.split('" selected', 1)[0].rsplit('value="', 1)[1]
    return [x.split('"', 1)[0] for x in part.split('value="')[1:] if not x.startswith(shown)]


def spread(values: list[float]) -> dict[str, float]:
    held = sorted(v for v in values if v is not None)
    return {"min": round(held[0], 3), "median": round(statistics.median(held), 3), "max": round(held[-1], 3), "n": len(held)} if held else {}  # fmt: skip


async def visit(client: Any, address: str, stem: str, query: str) -> tuple[float, float, bool]:
    """One viewer: time until the page is whole, time until the answer to one change is [s]."""
    began = time.perf_counter()
    answer = await client.fetch(f"{address}{stem}/", request_timeout=300, headers={"Accept-Encoding": "gzip"})
    whole = time.perf_counter() - began
    good = b"<h1" in answer.body and b"kit-message kit-stopped" not in answer.body
    began = time.perf_counter()
    answer = await client.fetch(
        f"{address}{stem}/live?{query}", request_timeout=300, headers={"Accept-Encoding": "gzip"}
    )
    return whole, time.perf_counter() - began, good and b'"done"' in answer.body


async def crowd(address: str, many: int, choices: dict[str, list[str]], seed: int) -> dict[str, Any]:
    """Viewers at once, each with a page and a change of their own."""
    from tornado.httpclient import AsyncHTTPClient

    client = AsyncHTTPClient(force_instance=True, max_clients=many, max_body_size=50_000_000)
    dice = random.Random(seed)
    asked = [(stem := dice.choice(sorted(choices)), dice.choice(choices[stem])) for _ in range(many)]
    found = await asyncio.gather(*(visit(client, address, *a) for a in asked))
    client.close()
    return {
        "viewers": many,
        "content_s": spread([f[0] for f in found]),
        "answer_s": spread([f[1] for f in found]),
        "all_right": all(f[2] for f in found),
        "different_answers": len(set(asked)),
    }


def neighbours_of(data: Path, cache: Path) -> dict[str, list[str]]:
    """Query strings one choice away from each default page, as its form would ask."""
    from urllib.parse import urlencode

    from helpers.catalog import notebooks
    from helpers.runs import site
    from helpers.runs.snapshots import Asked, Snapshots, state

    kept, found = Snapshots(cache), {}
    for stem in notebooks.ids():
        asked = Asked(notebooks.find(stem).resolve(), (), "all", data, state(data))
        held = kept.get(asked.key)
        if held:
            found[stem] = [urlencode(a.given) for a in site.neighbours(asked, held)]
    return found


def crowds(data: Path, sizes: list[int], folder: Path, ready: float, near: int) -> dict[str, Any]:
    """Crowds on a server that has had time to make pages ahead, and one on a server that has made the default pages only."""
    from helpers.runs.pool import OWN

    found: dict[str, Any] = {"kept": [], "not made ahead": []}
    cache = folder / "crowd"
    with ours(data, cache, ahead=True) as (address, server):
        for stem in _ids():
            urllib.request.urlopen(f"{address}{stem}/", timeout=600).read()
        every = neighbours_of(data, cache)
        choices = {s: q[:near] for s, q in every.items()}
        began = time.monotonic()
        while time.monotonic() - began < ready and not _all_kept(data, cache, choices):
            time.sleep(2)
        found["made_ahead_s"] = round(time.monotonic() - began, 1)
        for many in sizes:
            with Memory(server) as memory:
                held = asyncio.run(crowd(address, many, choices, many))
            found["kept"].append(held | {"pss_mib": round(memory.most), "pss_before_mib": round(memory.first), "processes": len(server.children(recursive=True)) + 1})  # fmt: skip
    for file in cache.glob("*.gz"):  # the same, with nothing but default pages kept
        file.unlink()
    with ours(data, cache) as (address, server):
        for stem in _ids():
            urllib.request.urlopen(f"{address}{stem}/", timeout=600).read()
        for turn, many in enumerate(n for n in sizes if n <= 50):
            n = min(near, OWN)  # all come from this machine, so they are one person to the server
            some = {STEM: every[STEM][turn * n : (turn + 1) * n]}  # asked by nobody before
            with Memory(server) as memory:
                held = asyncio.run(crowd(address, many, some, many))
            found["not made ahead"].append(held | {"pss_mib": round(memory.most)})
    return found


def _ids() -> list[str]:
    from helpers.catalog import notebooks

    return notebooks.ids()


def _all_kept(data: Path, cache: Path, choices: dict[str, list[str]]) -> bool:
    from urllib.parse import parse_qsl

    from helpers.catalog import notebooks
    from helpers.runs.snapshots import Asked, Snapshots, spoken, state

    kept = Snapshots(cache)
    return all(
        kept.has(Asked(notebooks.find(s).resolve(), spoken(dict(parse_qsl(q))), "all", data, state(data)).key)
        for s, held in choices.items()
        for q in held
    )


def stock_crowd(data: Path, many: int, folder: Path, most: float = 240) -> dict[str, Any]:
    """Clients at once on stock Voila: seconds until the page's HTML has ended for those for whom it does, and memory."""
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError

    async def all_of(address: str) -> list[float]:
        client = AsyncHTTPClient(force_instance=True, max_clients=many, max_body_size=100_000_000)

        async def one() -> float | None:
            began = time.perf_counter()
            try:
                await client.fetch(address, request_timeout=most)
            except HTTPClientError:  # 599: no end within that time
                return None
            return time.perf_counter() - began

        return [s for s in await asyncio.gather(*(one() for _ in range(many))) if s is not None]

    folder.mkdir(exist_ok=True)
    with stock(data, folder, False) as (address, server), Memory(server) as memory:
        found = asyncio.run(all_of(address))
    return {"viewers": many, "ended": len(found), "most_s": most, "html_ended_s": spread(found), "pss_mib": round(memory.most)}  # fmt: skip


def browsers(data: Path, many: int, folder: Path) -> dict[str, Any]:
    """Real browsers at once on the kit's server: Chromium's own times [ms]."""
    from playwright.async_api import async_playwright

    async def all_of(address: str, month: str) -> list[dict[str, float]]:
        async with async_playwright() as play:
            browser = await play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )

            async def one() -> dict[str, float]:
                context = await browser.new_context(viewport={"width": 1180, "height": 900})
                page = await context.new_page()
                await page.add_init_script(WATCH)
                await page.goto(f"{address}{STEM}/", wait_until="commit", timeout=120_000)
                for _ in range(600):
                    seen = await page.evaluate("window.__kit")
                    if seen and seen.get("live"):
                        break
                    await asyncio.sleep(0.1)
                change = await page.evaluate(CHANGE_OURS, ["month", month])
                paint = await page.evaluate(
                    "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                )
                return {"first_content": max(seen["h1"], paint), "live": seen["live"], "change": change}

            found = await asyncio.gather(*(one() for _ in range(many)))
            await browser.close()
            return found

    with ours(data, folder / "browsers") as (address, _):
        urllib.request.urlopen(f"{address}{STEM}/", timeout=300).read()
        month = kept_months(address)[0]
        urllib.request.urlopen(f"{address}{STEM}/?month={month}", timeout=300).read()
        found = asyncio.run(all_of(address, month))
    return {"browsers": many, **{k: spread([f[k] for f in found]) for k in found[0]}}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--crowd", default="1,10,50,100")
    words.add_argument("--stock-crowd", type=int, default=10)
    words.add_argument("--browsers", type=int, default=10)
    words.add_argument("--ready", type=float, default=900, help="seconds to wait for pages made ahead")
    words.add_argument("--neighbours", type=int, default=8, help="choices of each page that a crowd takes")
    words.add_argument("--calm", action="store_true", help="nothing else runs on this machine")
    words.add_argument("--out", type=Path, default=HERE / "results" / "pages.json")
    asked = words.parse_args()
    data = asked.data.resolve()

    def keep() -> None:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")

    before = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else {}
    found: dict[str, Any] = before | {  # what is not asked for stays as it was measured
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; {'calm' if asked.calm else 'busy'}",
        "day": time.strftime("%Y-%m-%d"),
        "versions": versions(),
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if asked.rounds:
            found["page"] = pages(data, asked.rounds, folder)
            keep()
        sizes = [int(n) for n in asked.crowd.split(",") if n]
        if sizes:
            found["crowd"] = crowds(data, sizes, folder, asked.ready, asked.neighbours)
            keep()
        if asked.stock_crowd:
            found["stock_crowd"] = stock_crowd(data, asked.stock_crowd, folder / "c")
            keep()
        if asked.browsers:
            found["ten_browsers"] = browsers(data, asked.browsers, folder)
    keep()
    print(json.dumps(found, indent=1))


def versions() -> dict[str, str]:
    from importlib import metadata

    return {
        n: metadata.version(n)
        for n in ("voila", "ipywidgets", "jupyter_server", "tornado", "duckdb", "matplotlib")
    }


if __name__ == "__main__":
    main()
