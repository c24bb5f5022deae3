"""A page never shows what its own kernel would not; kept pages are bounded, private, and made anew for any change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.runs import pages

from helpers.catalog import notebooks
from helpers.runs import app, snapshots
from helpers.runs.pool import Pool
from helpers.runs.snapshots import Asked, Snapshot, Snapshots, spoken, state
from helpers.views import look


def by_kernel(notebook: Path, store: Path, given: dict[str, str]) -> list[tuple[str, str]]:
    """The parts of a page as a stock kernel's outputs give them: a fresh process, nbclient, nothing kept."""
    from nbclient import NotebookClient

    os.environ["FINOPS_MODE"] = "app"
    try:
        book = notebooks.read(notebook, "app", {"data": str(store), **given})
        NotebookClient(book, timeout=300, kernel_name="python3").execute()
    finally:
        del os.environ["FINOPS_MODE"]
    found = []
    for index, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            made = app.prose(cell)
        else:
            made = "\n".join(filter(None, map(app.piece, cell.get("outputs", []))))
        if made:
            found.append((f"c{index}", made))
    return found


def by_workers(asked: list[Asked], folder: Path) -> list[Snapshot]:
    """The same pages by the pool, one after another in one worker that has served others before."""

    async def work() -> list[Snapshot]:
        pool = Pool([a.notebook for a in asked], Snapshots(folder), size=1)
        await pool.start()
        for each in asked:
            job, token = pool.ask(each, "eva")
            async for _ in pool.follow(job):
                pass
            pool.leave(job, token)
            assert not job.stopped, job.stopped
        await pool.close()
        fresh = Snapshots(folder)  # as another server finds them
        return [fresh.get(each.key) for each in asked]

    loop = pages.Loop()
    try:
        return loop.run(work(), 900)
    finally:
        loop.close()


def compare(stem: str, store: Path, given: dict[str, str], folder: Path) -> None:
    notebook = notebooks.find(stem)
    others = [notebooks.find(n) for n in notebooks.ids() if n != stem][:1]
    before = [Asked(n, (), "all", store, state(store)) for n in others]
    asked = Asked(notebook, spoken(given), "all", store, state(store))
    asked_before = Asked(notebook, spoken({"month": "2026-07"}), "all", store, state(store))
    *_, kept = by_workers([*before, asked_before, asked], folder)
    # said by name: that is how the form asks for the default page, and how what is kept of it is found
    fresh = by_kernel(notebook, store, dict(snapshots.by_name(asked, kept.done).given))
    assert [name for name, _ in kept.parts] == [name for name, _ in fresh]
    for (name, shown), (_, made) in zip(kept.parts, fresh, strict=True):
        assert shown == made, name


def test_a_kept_page_is_what_a_kernel_shows(larkspur, tmp_path):
    """The practitioner's page, made by a worker after two others and read from its folder, against a stock kernel."""
    compare("practitioner_kpis", larkspur, {"provider": "AWS"}, tmp_path / "kept")


@pytest.mark.slow
@pytest.mark.parametrize("stem", [n for n in notebooks.ids() if n != "practitioner_kpis"])
def test_each_kept_page_is_what_a_kernel_shows(larkspur, tmp_path, stem):
    compare(stem, larkspur, {"month": "2026-08"}, tmp_path / "kept")


@pytest.fixture
def asked(tmp_path) -> Asked:
    return Asked(
        pages.notebook(tmp_path / "notebooks"),
        (("month", "2026-08"),),
        "all",
        pages.store(tmp_path / "store"),
        "v1",
    )


def made(text: str = "x") -> Snapshot:
    return Snapshot([("c1", f"<p>{text}</p>")], {"results": {}}, "v1")


def test_anything_that_changes_the_page_changes_its_key(asked, tmp_path, monkeypatch):
    from dataclasses import replace

    keys = {asked.key}
    for change in (
        {"given": ()},
        {"given": (("month", "2026-09"),)},
        {"scope": "dabc"},
        {"version": "v2"},
        {"as_of": "2026-09-01"},
    ):
        keys.add(replace(asked, **change).key)
    assert len(keys) == 6
    asked.notebook.write_text(asked.notebook.read_text().replace("A small page", "A changed page"))
    keys.add(asked.key)
    playbook = tmp_path / "playbooks"
    playbook.mkdir()
    (playbook / "small.md").write_text("x")
    keys.add(asked.key)
    monkeypatch.setenv("FINOPS_LANGUAGE", "de")
    keys.add(asked.key)
    assert len(keys) == 9


def test_another_logo_is_another_page(asked, tmp_path, monkeypatch):
    """The logo stands in the page, so look.yaml alone does not say which page it is."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="{}"/></svg>'
    (tmp_path / "look.yaml").write_text("name: Aurora\nlogo: logo.svg\n")
    monkeypatch.setenv("FINOPS_LOOK", "")
    keys = {asked.key}
    for height in (4, 8):
        (tmp_path / "logo.svg").write_text(svg.format(height))
        look.choose(tmp_path / "look.yaml")
        keys.add(asked.key)
    assert len(keys) == 3


def test_the_state_of_a_store_follows_every_commit_and_another_store(tmp_path):
    store = pages.store(tmp_path / "store")
    seen = {state(store)}
    pages.commit(store)
    seen.add(state(store))
    log = store / "companions" / "budgets" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("{}")
    seen.add(state(store))
    shutil.copytree(store, tmp_path / "copy")
    shutil.rmtree(store)
    (tmp_path / "copy" / "charges" / "_delta_log" / f"{1:020d}.json").write_text('{"other": 1}')
    (tmp_path / "copy").rename(store)
    seen.add(state(store))
    assert len(seen) == 4
    assert state(store) == state(store)


def test_the_folder_is_bounded_and_the_longest_unused_goes_first(tmp_path):
    kept = Snapshots(tmp_path / "kept", memory=1, disk=3000)
    for n in range(12):
        kept.put(f"{n:064d}", made(os.urandom(300).hex()))
        os.utime(tmp_path / "kept" / f"{n:064d}{snapshots.ENDING}", ns=(n, n))
        if n:
            assert kept.get(f"{0:064d}") is not None, "used again and again: it stays"
    sizes = [p.stat().st_size for p in (tmp_path / "kept").iterdir()]
    assert sum(sizes) <= 3000
    assert kept.get(f"{1:064d}") is None
    assert len(kept.held) == 1, "memory is bounded too"


def test_half_a_page_is_none(tmp_path, asked):
    kept = Snapshots(tmp_path / "kept")
    kept.put(asked.key, made())
    file = tmp_path / "kept" / f"{asked.key}{snapshots.ENDING}"
    for cut in (file.read_bytes()[:-9], b"", b"not gzip"):
        file.write_bytes(cut)
        assert Snapshots(tmp_path / "kept").get(asked.key) is None
        assert not file.exists()
        kept.put(asked.key, made())


def test_a_folder_that_others_can_read_is_not_used(tmp_path, asked):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    kept = Snapshots(shared)
    assert kept.folder is None
    kept.put(asked.key, made())
    assert kept.get(asked.key).parts == made().parts
    assert list(shared.iterdir()) == []
    kept = Snapshots(tmp_path / "own")
    kept.put(asked.key, made())
    assert (tmp_path / "own").stat().st_mode & 0o077 == 0


def test_a_full_disk_costs_the_copy_and_not_the_page(tmp_path, asked, monkeypatch):
    kept = Snapshots(tmp_path / "kept")

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept.put(asked.key, made())
    assert kept.get(asked.key).parts == made().parts
    assert not [p for p in (tmp_path / "kept").iterdir() if p.name.endswith(snapshots.ENDING)]
