"""Pages that were made once and are kept: in memory and in a folder, both bounded, for viewers of equal rights.

A page is what its notebook's run gave at given parameters, from one state of the store, by one state of the notebook,
its playbook and the kit. All of these are in its key, so that a page is never shown for something else; a changed file
of any of them makes new pages, and the old ones are the first to go.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from helpers.data import layout

MEMORY = 96_000_000  # bytes of compressed pages kept at hand
DISK = 768_000_000  # bytes of the folder
ENDING = ".page.gz"


@dataclass(frozen=True)
class Asked:
    """What identifies a page.

    Attributes
    ----------
    notebook : Path
    given : tuple of (str, str)
        Parameters asked for, sorted by name; those left empty are absent.
    scope : str
        Equal for viewers of equal rights.
    store : Path
        The store that this scope may read.
    version : str
        Its state; see `state`.
    as_of : str
        The server's own day, or empty.
    """

    notebook: Path
    given: tuple[tuple[str, str], ...]
    scope: str
    store: Path
    version: str
    as_of: str = ""

    @property
    def key(self) -> str:
        """64 hexadecimal digits."""
        said = [self.notebook.stem, code(self.notebook), self.given, self.scope, self.version, self.as_of]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def parameters(self) -> dict[str, str]:
        """What the notebook is run with, beside its store."""
        return dict(self.given) | ({"as_of": self.as_of} if self.as_of else {})


@dataclass
class Snapshot:
    """A page that was made.

    Attributes
    ----------
    parts : list of (str, str)
        Name of the part and its clean HTML, in order.
    done : dict
        ``choices``, ``results``, ``facts`` as the worker said them.
    version : str
        State of the store that it shows.
    """

    parts: list[tuple[str, str]]
    done: dict[str, Any]
    version: str
    made: dict[str, bytes] = field(default_factory=dict)  # compressed answers, by what they are

    def pack(self) -> bytes:
        """As it stands in its file."""
        text = json.dumps(
            {"parts": self.parts, "done": self.done, "version": self.version}, ensure_ascii=False
        )
        return gzip.compress(text.encode("utf-8", "replace"), 3, mtime=0)

    @classmethod
    def unpack(cls, data: bytes) -> Snapshot:
        """Read what `pack` wrote."""
        held = json.loads(gzip.decompress(data))
        return cls([(name, html) for name, html in held["parts"]], held["done"], held["version"])


def state(store: Path) -> str:
    """The state of a store, cheaply: any commit to any of its tables, or another store in its place, changes it.

    Pages are kept by it, stores of fewer rights are named by it, and the audit log tells it (`rights.version`).

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    said = hashlib.sha256()
    if (store / layout.LAYOUT).is_file():
        said.update((store / layout.LAYOUT).read_bytes())
    for table in (store / layout.CHARGES, *sorted((store / layout.COMPANIONS).glob("*"))):
        newest = max((table / "_delta_log").glob("*.json"), default=None)
        if newest is not None:
            said.update(f"\0{table.name}\0{newest.name}\0".encode() + newest.read_bytes())
    return said.hexdigest()[:16]


def code(notebook: Path) -> str:
    """The state of what computes a page: the notebook, its playbook, the kit, the libraries that count and draw."""
    from helpers.views import look

    said = hashlib.sha256(_kit().encode())
    said.update(f"{look.current().sha256} {os.environ.get('FINOPS_LANGUAGE', '')}".encode())
    for file in (notebook, notebook.parent.parent / "playbooks" / f"{notebook.stem}.md"):
        if file.is_file():
            said.update(hashlib.sha256(file.read_bytes()).digest())
    return said.hexdigest()[:16]


@cache
def _kit() -> str:
    from importlib import metadata

    from helpers.runs.batch import work

    said = hashlib.sha256(work.kit().encode())
    for name in ("duckdb", "ibis-framework", "matplotlib", "pandas", "seaborn", "nh3"):
        try:
            said.update(f"{name} {metadata.version(name)}\n".encode())
        except metadata.PackageNotFoundError:
            continue
    return said.hexdigest()


def default_folder() -> Path:
    """Where a person's kept pages stand: ``$FINOPS_CACHE``, else in the user's folder for caches."""
    given = os.environ.get("FINOPS_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else base / "finops-playbook-kit" / "pages"


class Snapshots:
    """Pages by key. The folder is used only if nobody else can read or write it: pages show cost.

    Parameters
    ----------
    folder : Path or None
        None keeps them in memory only.
    memory, disk : int
        Bounds [bytes].
    """

    def __init__(self, folder: Path | None, memory: int = MEMORY, disk: int = DISK) -> None:
        self.held: OrderedDict[str, tuple[Snapshot, int]] = OrderedDict()
        self.names: OrderedDict[str, str] = OrderedDict()  # a page asked for in other words -> its key
        self.size, self.memory, self.disk = 0, memory, disk
        self.folder = folder if folder is not None and _private(folder) else None

    def get(self, key: str) -> Snapshot | None:
        """The page of this key, if it was made."""
        key = self.names.get(key, key)
        if key in self.held:
            self.held.move_to_end(key)
            return self.held[key][0]
        file = self._file(key)
        if file is None or not file.is_file():
            return None
        try:
            data = file.read_bytes()
            snapshot = Snapshot.unpack(data)
            os.utime(file)  # used just now: the last to go
        except (OSError, ValueError, KeyError, EOFError):
            file.unlink(missing_ok=True)  # half of a page is none
            return None
        self._hold(key, snapshot, len(data))
        return snapshot

    def has(self, key: str) -> bool:
        """Whether the page is kept, without reading it."""
        key = self.names.get(key, key)
        file = self._file(key)
        return key in self.held or (file is not None and file.is_file())

    def put(self, key: str, snapshot: Snapshot, data: bytes | None = None) -> None:
        """Keep a page; the longest unused ones make room."""
        data = data if data is not None else snapshot.pack()
        self._hold(key, snapshot, len(data))
        file = self._file(key)
        if file is None:
            return
        half = file.with_name(f".{file.name}-{os.getpid()}")
        try:
            half.write_bytes(data)
            half.replace(file)
        except OSError:  # a full disk costs the folder's copy, not the page
            half.unlink(missing_ok=True)
            return
        self._bound()

    def name(self, other: str, key: str) -> None:
        """The page of `key` answers `other` too: the same choices, said by name instead of left empty."""
        if other == key:
            return
        self.names[other] = key
        while len(self.names) > 20_000:
            self.names.popitem(last=False)

    def notebook(self, key: str) -> Path | None:
        """Where the executed notebook of a page stands, or will stand."""
        key = self.names.get(key, key)
        return self.folder / f"{key}.ipynb.gz" if self.folder else None

    def _hold(self, key: str, snapshot: Snapshot, size: int) -> None:
        if key in self.held:
            self.size -= self.held.pop(key)[1]
        size *= 8  # the page as text, and its compressed answers
        self.held[key] = (snapshot, size)
        self.size += size
        while self.size > self.memory and len(self.held) > 1:
            self.size -= self.held.popitem(last=False)[1][1]

    def _file(self, key: str) -> Path | None:
        return self.folder / f"{key}{ENDING}" if self.folder else None

    def _bound(self) -> None:
        """Remove the longest unused pages until the folder is within its bound."""
        assert self.folder is not None
        files = []
        for entry in os.scandir(self.folder):
            try:
                found = entry.stat()
            except OSError:
                continue
            files.append((found.st_mtime_ns, found.st_size, entry.path))
        over = sum(size for _, size, _ in files) - self.disk
        for _, size, path in sorted(files):
            if over <= 0:
                return
            Path(path).unlink(missing_ok=True)
            over -= size


def _private(folder: Path) -> bool:
    """Make the folder for this user alone; False where that cannot be had."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            return False
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError:
        return False
    return True


def by_name(asked: Asked, done: Mapping[str, Any]) -> Asked:
    """The same page asked for with every choice said by name, as its form asks for it."""
    held = done.get("choices", {})
    chosen = held.get("chosen", {})
    given = spoken(dict(asked.given) | {n: chosen.get(n, "") for n in held.get("choices", {})})
    return replace(asked, given=given)


def spoken(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Parameters as `Asked` has them: sorted, without empty ones."""
    return tuple(sorted((k, v) for k, v in given.items() if v))
