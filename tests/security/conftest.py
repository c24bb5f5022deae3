"""Servers under attack, made once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from tests.security import making
from tests.security.making import Served


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    """A store of two departments. Read only."""
    return making.store(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The small notebook."""
    return making.notebook(tmp_path_factory.mktemp("book") / "small.ipynb")


@pytest.fixture(scope="session")
def starter(tmp_path_factory, book, two) -> Iterator[Callable[..., Served]]:
    """A function that starts a server; all end with the session."""
    running: list[Served] = []

    def go(mode: str, access: str = "", **more) -> Served:
        folder = more.pop("folder", None) or tmp_path_factory.mktemp(f"served-{mode}")
        made = making.start(folder, more.pop("book", book), more.pop("data", two), mode, access, **more)
        running.append(made)
        return made

    yield go
    for made in running:
        made.process.terminate()
    for made in running:
        try:
            made.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            made.process.kill()


@pytest.fixture(scope="session")
def lesson(starter) -> Served:
    """The lesson page behind a proxy's header."""
    return starter("lesson", making.ACCESS)


@pytest.fixture(scope="session")
def app(starter) -> Served:
    """The page for readers behind a proxy's header."""
    return starter("app", making.ACCESS)


@pytest.fixture(scope="session")
def kernel(lesson):
    """Ana's kernel, whose page is open all the time."""
    found = lesson.kernel("ana")
    held = making.Held(lesson, found)
    yield found
    held.close()
