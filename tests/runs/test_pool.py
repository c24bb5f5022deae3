"""Workers and their queue: pages are shared, faults stay with their page, places are given up, processes end."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest
from tests.runs import pages

from helpers.runs.pool import DIED, EDITED, MOVED, OWN, TOO_LARGE, TOO_LONG, Busy, Pool
from helpers.runs.snapshots import Asked, Snapshots, spoken, state
from helpers.runs.worker import BUG, OUT_OF_MEMORY

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


@pytest.fixture(scope="module")
def runner():
    held = pages.Loop()
    yield held
    held.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    return pages.notebook(folder / "notebooks"), pages.store(folder / "store"), folder / "kept"


@pytest.fixture(scope="module")
def pool(runner, place):
    said: list[str] = []
    made = Pool([place[0]], Snapshots(place[2]), size=2, tell=said.append)
    made.said = said
    runner.run(made.start())
    yield made
    runner.run(made.close())
    assert psutil.pid_exists(made.zygote.pid) is False
    left = [p for p in psutil.process_iter() if p.pid in made.pids and p.status() != "zombie"]
    _, left = psutil.wait_procs(
        left, timeout=10
    )  # killed ones are nobody's child any more, and go a moment later
    assert not [p for p in left if p.is_running() and p.status() != "zombie"]


@pytest.fixture(autouse=True)
def note(pool):
    """All process numbers that were seen, to look for in the end."""
    pool.pids = getattr(pool, "pids", set())
    yield
    pool.pids |= {w.pid for w in pool.workers}


def page(place, **given) -> Asked:
    return Asked(place[0], spoken(given), "all", place[1], state(place[1]))


async def make(pool, asked, viewer="eva"):
    job, token = pool.ask(asked, viewer)
    try:
        parts = [p async for p in pool.follow(job) if p[0]]
        return job, parts
    finally:
        pool.leave(job, token)


def test_a_page_is_made_and_kept(runner, pool, place):
    asked = page(place, department="a")
    job, parts = runner.run(make(pool, asked))
    assert not job.stopped
    assert any("<h1>a 2026-09</h1>" in html for _, html in parts)
    held = pool.snapshots.get(asked.key)
    assert held.parts == parts
    assert held.done["choices"]["chosen"] == {"month": "2026-09", "department": "a"}
    assert pool.snapshots.get(page(place, department="a", month="2026-09").key) is held, "said by name"
    assert not [w for w in pool.workers if w.job]


def test_viewers_who_ask_for_the_same_wait_for_one_run(runner, pool, place):
    async def both():
        asked = page(place, department="slow1")
        return await asyncio.gather(*(make(pool, asked, f"viewer {n}") for n in range(20)))

    before = sum(w.runs for w in pool.workers)
    found = runner.run(both())
    assert len({id(job) for job, _ in found}) == 1
    assert len({parts[-1] for _, parts in found}) == 1
    assert sum(w.runs for w in pool.workers) <= before + 1


@pytest.mark.parametrize(
    ("department", "said", "bug"),
    [
        ("stop", "no department 'stop'\n  needed: one of a, b\n  remedy: choose one", False),
        ("bug", BUG, True),
        ("memory", OUT_OF_MEMORY, True),
        ("die", DIED, True),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_the_next_page_is_made(runner, pool, place, department, said, bug):
    job, parts = runner.run(make(pool, page(place, department=department)))
    assert (job.stopped, job.bug) == (said, bug)
    assert not any("<h1>" in html for _, html in parts)
    assert pool.snapshots.get(page(place, department=department).key) is None, "never kept"
    other, _ = runner.run(make(pool, page(place, department=f"after {department}")))
    assert other.done


def test_a_worker_that_is_killed_once_costs_a_page_nothing(runner, pool, place):
    job, parts = runner.run(make(pool, page(place, department="once")))
    assert job.done
    assert job.tries == 2
    assert sum("<h1>" in html for _, html in parts) == 1, "nothing twice"


def test_a_run_that_hangs_is_given_up(runner, pool, place):
    pool.patience, began = 1.5, time.monotonic()
    try:
        job, _ = runner.run(make(pool, page(place, department="hang")))
    finally:
        pool.patience = 120
    assert job.stopped == TOO_LONG
    assert time.monotonic() - began < 30


def test_a_run_that_grows_is_given_up(runner, pool, place):
    pool.memory = 600_000_000
    try:
        job, _ = runner.run(make(pool, page(place, department="grow")))
    finally:
        pool.memory = 2_000_000_000
    assert job.stopped == TOO_LARGE


def test_a_page_whose_store_changes_meanwhile_is_not_kept(runner, pool, place):
    asked = page(place, department="moves")
    job, _ = runner.run(make(pool, asked))
    assert job.moved
    assert job.stopped == MOVED
    assert pool.snapshots.get(asked.key) is None
    again, _ = runner.run(make(pool, page(place, department="a")))
    assert again.done
    assert {w.version for w in pool.workers if w.job is None and not w.why} >= {state(place[1])}


def test_a_page_whose_notebook_changes_meanwhile_is_not_kept(runner, pool, place):
    """Kept under the new notebook's key, the old one's page would be shown for it from then on."""
    asked, before = page(place, department="slow edit"), place[0].read_text("utf-8")
    first = asked.key

    async def edited():
        job, token = pool.ask(asked, "eva")
        async for name, _ in pool.follow(job):
            if name:
                place[0].write_text(before.replace("A small page", "Another page"), "utf-8")
        pool.leave(job, token)
        return job

    try:
        job = runner.run(edited())
        assert asked.key != first
        assert pool.snapshots.get(asked.key) is None
    finally:
        place[0].write_text(before, "utf-8")
    assert (job.moved, job.stopped) == (True, EDITED)
    assert pool.snapshots.get(first) is None
    again, parts = runner.run(make(pool, asked))
    assert again.done
    assert any("A small page" in html for _, html in parts)


def test_who_leaves_gives_the_place_up_and_the_run_ends(runner, pool, place):
    async def leave():
        held = [pool.ask(page(place, department=f"slow leave {n}"), f"viewer {n}") for n in range(50)]
        await asyncio.sleep(0.3)
        waiting = pool.counts()["waiting"]
        for job, token in held:
            pool.leave(job, token)
        gone = pool.counts()["waiting"]
        job, _ = await make(pool, page(place, department="slow after"))
        return waiting, gone, job

    waiting, gone, job = runner.run(leave())
    assert waiting >= 48
    assert gone == 0
    assert job.done
    assert len(pool.workers) <= 2
    assert len(pool.jobs) <= 2


def test_one_viewer_cannot_take_all_places(runner, pool, place):
    async def many():
        held = [pool.ask(page(place, department=f"slow many {n}"), "eager") for n in range(OWN)]
        with pytest.raises(Busy, match="You are waiting for 6 pages") as refused:
            pool.ask(page(place, department="slow one more"), "eager")
        began = time.monotonic()
        other, _ = await make(pool, page(place, department="b"), "patient")
        waited = time.monotonic() - began
        left = pool.counts()["waiting"]
        for job, token in held:
            pool.leave(job, token)
        return refused.value.status, other, waited, left

    status, other, waited, left = runner.run(many())
    assert status == 429
    assert other.done
    assert left >= 1, "the patient viewer is before the eager one's later pages"
    assert waited < 10


def test_what_nobody_waits_for_gives_way(runner, pool, place):
    async def both():
        pool.make_ahead((n / 10, page(place, department=f"slow ahead {n}")) for n in range(6))
        await asyncio.sleep(0.4)
        began = time.monotonic()
        await make(pool, page(place, department="urgent"))
        waited = time.monotonic() - began
        for _ in range(900):
            if all(pool.snapshots.has(page(place, department=f"slow ahead {n}").key) for n in range(6)):
                break
            await asyncio.sleep(0.1)
        return waited

    assert runner.run(both()) < 10
    assert all(pool.snapshots.has(page(place, department=f"slow ahead {n}").key) for n in range(6))


def test_workers_of_other_rights_are_other_processes(runner, pool, place):
    async def others():
        found = {}
        for scope in ("one", "two", "three"):
            asked = Asked(place[0], (("department", "a"),), scope, place[1], state(place[1]))
            _, parts = await make(pool, asked)
            found[scope] = parts[-1]
            assert len(pool.workers) <= pool.size
        return found

    found = runner.run(others())
    assert len(set(found.values())) == 3, "each by a worker of its own"


def test_workers_are_forked_again_when_their_parent_is_killed(runner, pool, place):
    os.kill(pool.zygote.pid, signal.SIGKILL)
    job, _ = runner.run(make(pool, page(place, department="reborn")))
    assert job.done
