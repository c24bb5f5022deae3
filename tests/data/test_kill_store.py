"""Whole or not at all: killed at any moment, out of disk, read-only. The store opens, reconciles and goes on."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.data.storing import CHILDREN, NOW, answer, billed, charge, child_ingest, put, stage

from helpers.data import delta, layout, locks
from helpers.data import store as stores
from helpers.data.delivery import Staged
from helpers.terms.errors import Refused

HELD = [charge(period, "1", account=account) for period in ("2026-09", "2026-10") for account in "ab"]
NEW = [
    charge(period, "2", account=account) for period in ("2026-09", "2026-10", "2026-11") for account in "ab"
]
BEFORE, AFTER = Decimal(4), Decimal(12)


@pytest.fixture
def store(tmp_path) -> Path:
    put(tmp_path / "store", tmp_path / "first", HELD)
    return tmp_path / "store"


@pytest.fixture
def delivery(tmp_path) -> Staged:
    return stage(tmp_path / "template", NEW)


def copied(staged: Staged, folder: Path) -> Staged:
    """The same delivery with files of its own: an ingest moves them away."""
    folder.mkdir(parents=True)
    slices = tuple(
        replace(s, files=tuple(Path(shutil.copy(f, folder / f.name)) for f in s.files)) for s in staged.slices
    )
    return replace(staged, slices=slices)


def start(store, staged, how=None, **limits):
    ours, theirs = CHILDREN.Pipe()
    process = CHILDREN.Process(
        target=child_ingest, args=(str(store), staged, how or {}, theirs), kwargs=limits
    )
    process.start()
    theirs.close()
    assert answer(ours) == "ready"
    return process, ours


def whole(store: Path) -> Decimal:
    """The store opens, is what its records say, agrees with its sources; before the delivery or after, never between."""
    found = stores.reconcile(store)
    assert found.exact
    total = sum(line.in_store["BilledCost"] for line in found.lines)
    assert total in (BEFORE, AFTER)
    stores.verify(store)
    assert {f.path for f in layout.state_of(store).live} == delta.paths(store / "charges")
    return total


def recover(store: Path, delivery: Staged, folder: Path) -> tuple[str, ...]:
    """The next writer tidies up, says so, and gets the delivery in."""
    outcome = stores.ingest(store, copied(delivery, folder), now=NOW)
    assert whole(store) == AFTER
    known = {f.path for r in delta.records(store / "charges") for f in r.added}
    found = {
        p.relative_to(store / "charges").as_posix() for p in (store / "charges" / "data").rglob("*.parquet")
    }
    assert found <= known  # no file that was moved but not committed
    assert not list((store / ".staging").iterdir())
    return outcome.cleaned


def kill_at_random(store, delivery, tmp_path, times, seed) -> dict[str, int]:
    """Kill an ingest `times` times, at moments spread over the time one takes; the same `seed`, the same moments."""
    chance = random.Random(seed)
    fresh = tmp_path / "pristine"
    shutil.copytree(store, fresh)
    process, pipe = start(store, copied(delivery, tmp_path / "timing"))
    begun = time.perf_counter()
    pipe.send("go")
    assert answer(pipe)[0] == "committed"
    takes = time.perf_counter() - begun
    process.join(60)
    seen = {"before": 0, "after": 0, "tidied": 0}
    for n in range(times):
        shutil.rmtree(store)
        shutil.copytree(fresh, store)
        process, pipe = start(store, copied(delivery, tmp_path / f"k{n}"))
        pipe.send("go")
        time.sleep(chance.uniform(0.1, 1.8) * takes)
        process.kill()
        process.join(60)
        seen["after" if whole(store) == AFTER else "before"] += 1
        assert billed(store) in (BEFORE, AFTER)
        seen["tidied"] += bool(recover(store, delivery, tmp_path / f"r{n}"))
    return seen


def test_a_writer_that_died_before_its_folder_had_a_name_is_tidied_up_too(store, delivery, tmp_path):
    (store / ".staging" / ".0123456789abcdef").mkdir(parents=True)
    assert recover(store, delivery, tmp_path / "r")


def test_a_folder_taken_for_a_dead_writers_is_made_again(store, monkeypatch):
    real, taken = Path.rename, []

    def once(self, target):
        if self.name.startswith(".") and not taken:
            taken.append(shutil.rmtree(self))
        return real(self, target)

    monkeypatch.setattr(Path, "rename", once)
    with locks.staging(store) as folder:
        assert taken and folder.is_dir() and not folder.name.startswith(".")
    assert not list((store / ".staging").iterdir())


def test_killed_at_ten_random_moments(store, delivery, tmp_path):
    seen = kill_at_random(store, delivery, tmp_path, 10, seed=20261124)
    assert seen["before"] + seen["after"] == 10


@pytest.mark.slow
def test_killed_at_fifty_random_moments(store, delivery, tmp_path, record_property):
    seen = kill_at_random(store, delivery, tmp_path, 50, seed=20261125)
    record_property("kills", str(seen))
    print(seen)  # noqa: T201
    assert seen["before"] and seen["after"] and seen["tidied"]


def test_killed_at_every_step(store, delivery, tmp_path):
    """Not by chance: once at each step that touches the disk, from the first to the last."""
    fresh = tmp_path / "pristine"
    shutil.copytree(store, fresh)
    seen = []
    for n in range(100):
        shutil.rmtree(store)
        shutil.copytree(fresh, store)
        process, pipe = start(store, copied(delivery, tmp_path / f"k{n}"), die_at=n)
        pipe.send("go")
        process.join(60)
        seen.append(whole(store))
        if process.exitcode == 0:
            break
        assert process.exitcode == -9
        if n % 3 == 0:
            assert recover(store, delivery, tmp_path / f"r{n}")  # it says what it removed
    assert n > 12  # three files flushed and moved, journal, folders, commit, log
    assert seen == sorted(seen)  # before, until the commit; after from then on
    assert set(seen) == {BEFORE, AFTER}


def test_a_first_ingest_killed_at_any_step_leaves_a_folder_that_works(delivery, tmp_path):
    for n in (0, 1, 2, 3, 5, 8):
        store = tmp_path / f"s{n}"
        process, pipe = start(store, copied(delivery, tmp_path / f"k{n}"), die_at=n)
        pipe.send("go")
        process.join(60)
        assert process.exitcode == -9
        stores.ingest(store, copied(delivery, tmp_path / f"r{n}"), now=NOW)
        assert whole(store) == AFTER


# --- disks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 MB, or a skip where none may be mounted."""
    if os.geteuid():
        pytest.skip("only root can mount a small disk; test_files_that_may_not_grow covers the same way")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("staged_on_it", [True, False])
def test_a_disk_that_fills_up_at_any_write(disk, tmp_path, delivery, staged_on_it):
    """Room for 0, 1, 2 … pages of 4 kB more: the delivery is in, or refused and nothing is left of it."""
    seen = []
    for pages in range(0, 48, 8):
        for old in disk.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        store = disk / "store"
        put(store, tmp_path / f"first{pages}", HELD)
        mine = copied(delivery, (disk if staged_on_it else tmp_path) / f"d{pages}")
        free = os.statvfs(disk).f_bavail * 4096
        (disk / "filler").write_bytes(b"\0" * max(free - pages * 4096, 0))
        before = sorted((store / "charges" / "data").rglob("*.parquet"))
        try:
            stores.ingest(store, mine, now=NOW)
            seen.append("in")
            assert whole(store) == AFTER
        except Refused as refusal:
            seen.append("refused")
            assert "free space" in str(refusal)
            assert "last complete state" in str(refusal)
            assert whole(store) == BEFORE
            assert sorted((store / "charges" / "data").rglob("*.parquet")) == before
        (disk / "filler").unlink()
        recover(store, delivery, tmp_path / f"r{pages}")
    assert seen[0] == "refused"
    assert seen[-1] == "in"
    assert seen == sorted(seen, reverse=True)  # more room never does worse


def test_files_that_may_not_grow(store, delivery, tmp_path):
    """The same without a disk of one's own: no file may be larger than so many bytes."""
    fresh = tmp_path / "pristine"
    shutil.copytree(store, fresh)
    seen = set()
    for limit in (0, 10, 100, 500, 2000, 10**6):
        shutil.rmtree(store)
        shutil.copytree(fresh, store)
        process, pipe = start(store, copied(delivery, tmp_path / f"k{limit}"), limit=limit)
        pipe.send("go")
        done, said = answer(pipe)
        process.join(60)
        seen.add(done)
        assert done in ("committed", "Refused"), said
        assert whole(store) == (AFTER if done == "committed" else BEFORE)
        recover(store, delivery, tmp_path / f"r{limit}")
    assert seen == {"committed", "Refused"}


def test_a_read_only_store_opens_and_refuses_deliveries(disk, tmp_path, delivery):
    store = disk / "store"
    put(store, tmp_path, HELD)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        with pytest.raises(Refused, match="Read-only file system"):
            stores.ingest(store, delivery, now=NOW)
        with pytest.raises(Refused, match="Read-only file system"):
            stores.ingest(disk / "new", delivery, now=NOW)
        assert whole(store) == BEFORE
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    stores.ingest(store, delivery, now=NOW)
    assert whole(store) == AFTER
