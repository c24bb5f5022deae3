"""Page openings for a long time: does memory, a handle or a process stay behind?

Viewers as HTTP clients open pages one after another: nine in ten kept ones (the default pages, their neighbours), one in
ten a page that was dropped from what is kept and is made again, some leave in mid-load. Every few seconds the server and all its processes are
counted: proportional set size, open files, processes. Growth is what the last third holds beyond the second third; the
first third fills what is meant to be filled.

``python benchmarks/soak.py --data STORE [--minutes 24] [--openings 20000] [--calm]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent))
import pages

HERE = Path(__file__).parent


def count(process: psutil.Process) -> dict[str, float]:
    """What the server and its processes hold."""
    held = [process, *process.children(recursive=True)]
    files = 0
    for one in held:
        try:
            files += one.num_fds()
        except psutil.Error:
            continue
    return {"pss_mib": pages.pss(process), "files": files, "processes": len(held)}


class Counting:
    """Counts every few seconds while something runs."""

    def __init__(self, process: psutil.Process, every: float) -> None:
        self.process, self.every, self.found, self.stop = process, every, [], threading.Event()

    def __enter__(self) -> Counting:
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        began = time.monotonic()
        while not self.stop.wait(self.every):
            self.found.append({"at_s": round(time.monotonic() - began, 1)} | count(self.process))

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()


async def open_pages(address: str, queries: dict[str, list[str]], cache: Path, seconds: float, most: int, viewers: int) -> dict[str, int]:  # fmt: skip
    """Open pages until time or number is reached."""
    from tornado.httpclient import AsyncHTTPClient, HTTPError

    client = AsyncHTTPClient(force_instance=True, max_clients=viewers, max_body_size=50_000_000)
    until, done = time.monotonic() + seconds, {"opened": 0, "left": 0, "answers": 0, "refused": 0, "wrong": 0}
    gap = seconds / most * viewers  # between a viewer's openings, so that they fill the time
    host, port = address.removeprefix("http://").rstrip("/").split(":")

    async def leave(path: str) -> None:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()

    async def one(seed: int) -> None:
        dice = random.Random(seed)
        while time.monotonic() < until and sum(done.values()) < most:
            began = time.monotonic()
            stem = dice.choice(sorted(queries))
            query = dice.choice(["", *queries[stem]])
            if dice.random() < 0.002:  # dropped from what is kept: made again
                for file in dice.sample(sorted(cache.glob("*.page.gz")), 1):
                    file.unlink(missing_ok=True)
            try:
                if dice.random() < 0.05:
                    await leave(f"{stem}/?{query}")
                    done["left"] += 1
                elif dice.random() < 0.3:
                    answer = await client.fetch(f"{address}{stem}/live?{query}", request_timeout=300)
                    done["answers"] += 1
                    done["wrong"] += b'"done"' not in answer.body
                else:
                    answer = await client.fetch(f"{address}{stem}/?{query}", request_timeout=300)
                    done["opened"] += 1
                    done["wrong"] += b"<h1" not in answer.body
            except HTTPError as refused:
                done["refused" if refused.code in (429, 503) else "wrong"] += 1
            except OSError:
                done["wrong"] += 1
            await asyncio.sleep(max(0, gap - (time.monotonic() - began)))

    await asyncio.gather(*(one(n) for n in range(viewers)))
    client.close()
    return done


def growth(found: list[dict[str, float]]) -> dict[str, Any]:
    """Medians of the thirds, and what the last holds beyond the second."""
    third = max(1, len(found) // 3)
    parts = [found[:third], found[third : 2 * third], found[2 * third :]]
    said: dict[str, Any] = {}
    for name in ("pss_mib", "files", "processes"):
        medians = [round(statistics.median(x[name] for x in part), 1) for part in parts if part]
        said[name] = {
            "thirds": medians,
            "growth": round(medians[-1] - medians[-2], 1) if len(medians) > 1 else 0.0,
        }
    return said


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--minutes", type=float, default=24)
    words.add_argument("--openings", type=int, default=20_000)
    words.add_argument("--viewers", type=int, default=8)
    words.add_argument("--neighbours", type=int, default=6, help="kept pages beside each default page")
    words.add_argument("--calm", action="store_true")
    words.add_argument("--out", type=Path, default=HERE / "results" / "soak.json")
    asked = words.parse_args()
    data = asked.data.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache"
        with pages.ours(data, cache) as (address, server):
            for stem in pages._ids():
                urllib.request.urlopen(f"{address}{stem}/", timeout=600).read()
            queries = {s: q[: asked.neighbours] for s, q in pages.neighbours_of(data, cache).items()}
            for stem, held in queries.items():
                for query in held:
                    urllib.request.urlopen(f"{address}{stem}/?{query}", timeout=600).read()
            first = count(server)
            with Counting(server, max(1.0, asked.minutes * 60 / 240)) as counting:
                began = time.monotonic()
                done = asyncio.run(
                    open_pages(address, queries, cache, asked.minutes * 60, asked.openings, asked.viewers)
                )
                took = time.monotonic() - began
            time.sleep(5)
            last = count(server)
    found = {
        "machine": f"{os.cpu_count()} cores; {'calm' if asked.calm else 'busy'}",
        "day": time.strftime("%Y-%m-%d"),
        "minutes": round(took / 60, 1),
        "openings": sum(done.values()),
        "done": done,
        "before": first,
        "after": last,
        "growth": growth(counting.found),
        "counts": counting.found[:: max(1, len(counting.found) // 48)],
    }
    asked.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in found.items() if k != "counts"}, indent=1))


if __name__ == "__main__":
    main()
