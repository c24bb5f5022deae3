"""What is served: the portal and a page for each notebook; what each needs from the store; what is made ahead.

Nothing here knows HTTP (`helpers.runs.server`) nor processes (`helpers.runs.pool`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import html
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.runs import app, parameters
from helpers.runs.pool import Pool
from helpers.runs.snapshots import Asked, Snapshot, Snapshots, by_name, spoken, state
from helpers.terms.errors import KitError, UsageError
from helpers.views import portal, words
from helpers.views.portal import SAY, Card

NEIGHBOURS = 60  # pages one choice away from a page that are made ahead of being asked for
GLANCE = 0.5  # seconds for which the store's state is taken as known
STEM = "[a-z0-9_]{1,80}"  # of a notebook that has an address
MARK = "\0content\0"
DOWNLOADS = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "application/zip", "pdf": "application/pdf"}  # fmt: skip
_IMAGE = re.compile(r'<img src="(data:image/(svg\+xml|png);base64,([A-Za-z0-9+/=]+))" alt="([^"]*)"')


@dataclass(frozen=True)
class Entry:
    """A notebook that is served.

    Attributes
    ----------
    id : str
    path : Path
        Of the notebook as it stands; it is read anew for each run.
    title : str
    offered : tuple of str
        Parameters that a reader may ask for.
    broken : str
        Why it cannot be read; empty where it can.
    """

    id: str
    path: Path
    title: str
    offered: tuple[str, ...] = ()
    broken: str = ""


def entry(path: Path) -> Entry:
    """What there is to know of a notebook before it runs; a damaged one is known as damaged."""
    try:
        offered = tuple(n for n in parameters.declared(path) if n not in app.KEPT)
        return Entry(path.stem, path, notebooks.title(path), offered)
    except Exception as problem:  # whatever is wrong with one file, the others are served
        return Entry(
            path.stem,
            path,
            path.stem.replace("_", " ").capitalize(),
            (),
            str(problem) or type(problem).__name__,
        )


class Site:
    """The portal and its pages over one store.

    Parameters
    ----------
    pages : sequence of Path
        Notebooks; a single one is served without a portal.
    data : Path
        The store.
    as_of : str
        The server's own day, or empty.
    snapshots : Snapshots
    pool : Pool
    single : bool
        Serve the first notebook at the server's root.
    ahead : bool
        Make pages while nobody waits.
    tell : callable
        Takes one line for the log.
    """

    def __init__(
        self,
        pages: Sequence[Path],
        data: Path,
        *,
        as_of: str = "",
        snapshots: Snapshots,
        pool: Pool,
        single: bool = False,
        ahead: bool = True,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.entries = {e.id: e for e in map(entry, pages)}
        self.data, self.as_of, self.single, self.tell = Path(data).resolve(), as_of, single, tell
        self.snapshots, self.pool, self.ahead = snapshots, pool, ahead
        self.facts: dict[tuple[str, str], dict[str, Any]] = {}  # (scope, version) -> as the worker said them
        self.seen: dict[Path, tuple[float, str]] = {}
        self.planned: set[str] = set()
        self.version = ""
        self.stores: Callable[[Any], Any] | None = None  # viewer -> the store of their rights, an awaitable
        pool.made = self._made
        for broken in filter(lambda e: e.broken, self.entries.values()):
            tell(f"{broken.path}: {broken.broken}")

    # --- which page ---

    def state(self, store: Path) -> str:
        """The store's state, looked up at most twice a second."""
        at, known = self.seen.get(store, (0.0, ""))
        now = time.monotonic()
        if now - at > GLANCE:
            known = state(store)
            self.seen[store] = (now, known)
        return known

    async def asked(self, page: Entry, given: Mapping[str, str], viewer: Any) -> Asked:
        """The page that a viewer asks for: by the store that the viewer may read."""
        store = await self.store(viewer)
        return self._asked(page, viewer, store, given)

    def _asked(self, page: Entry, viewer: Any, store: Path, given: Mapping[str, str] | None = None) -> Asked:
        """The page that this store gives now; the default one where nothing is asked for."""
        return Asked(page.path, spoken(given or {}), viewer.scope, store, self.state(store), self.as_of)

    async def store(self, viewer: Any) -> Path:
        """The store that holds only what a viewer may see."""
        return self.data if self.stores is None else await self.stores(viewer)

    # --- ahead ---

    async def watch(self) -> None:
        """Make the default pages, now and whenever the store has changed."""
        while True:
            found = self.state(self.data)
            if found != self.version:
                if self.version:
                    self.tell("the store has changed: pages are made anew")
                self.version = found
                self.pool.forget_others({found})
                if self.ahead:
                    self.plan()
            await asyncio.sleep(1.0)

    def plan(self, viewer: Any = app.LOCAL, store: Path | None = None) -> None:
        """Put the default page of every notebook on the list, and what is one choice away from those that are kept."""
        store = store or self.data
        pages = [
            self._asked(e, viewer, store)
            for e in self.entries.values()
            if not e.broken and viewer.may_open(e.id)
        ]
        self.pool.make_ahead((0.0, p) for p in pages)
        for page in pages:
            if held := self.snapshots.get(page.key):
                self.snapshots.name(by_name(page, held.done).key, page.key)
                self._made(page, held)

    def _made(self, asked: Asked, snapshot: Snapshot) -> None:
        """A page was made or read: those one choice away from a default page come next."""
        if self.ahead and not asked.given:
            self.around(asked, snapshot, 1.0)

    def around(self, asked: Asked, snapshot: Snapshot, first: float = 0.5) -> None:
        """Put the pages that are one choice away from this one on the list."""
        if not self.ahead or asked.key in self.planned:
            return
        if len(self.planned) > 5000:
            self.planned.clear()
        self.planned.add(asked.key)
        self.pool.make_ahead((first + n / 100, a) for n, a in enumerate(neighbours(asked, snapshot)))

    # --- the portal ---

    async def cards(self, viewer: Any) -> list[Card]:
        """What the portal says of each page, with its newest finding where it was made; the others are made next."""
        store = await self.store(viewer)
        if self.ahead and f"{viewer.scope} {self.state(store)}" not in self.planned:
            self.planned.add(f"{viewer.scope} {self.state(store)}")
            self.plan(viewer, store)
        return [self._card(e, viewer, store) for e in self.entries.values() if viewer.may_open(e.id)]

    def _card(self, page: Entry, viewer: Any, store: Path) -> Card:
        if page.broken:
            return Card(page.id, page.title, broken=True)
        said, names = _of_catalog(page.id)
        finding = ""
        asked = self._asked(page, viewer, store)
        if held := self.snapshots.get(asked.key):
            finding = str(held.done.get("results", {}).get("headline", ""))
        elif not self.ahead:
            finding = SAY["unmade"]
        return Card(
            page.id,
            page.title,
            said.get("question", ""),
            said.get("persona", ""),
            said.get("cadence", ""),
            finding,
            names,
        )

    async def about_data(self, viewer: Any) -> dict[str, Any] | None:
        """What the store holds; None where it is still being read, empty where it cannot be."""
        store = await self.store(viewer)
        first = next(iter(self.entries.values()), None)
        if first is None:
            return {}
        asked = self._asked(first, viewer, store)
        if (known := self.facts.get((viewer.scope, asked.version))) is not None:
            return known
        job, token = self.pool.ask(asked, f"portal {viewer.scope}", "facts")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    async for _ in self.pool.follow(job, 0.1):
                        pass
        finally:
            if job.over:
                self.pool.leave(job, token)
        if not job.over:
            return None
        self.facts = {k: v for k, v in self.facts.items() if k[1] == asked.version}
        self.facts[viewer.scope, asked.version] = job.done or {}
        return self.facts[viewer.scope, asked.version]

    # --- as HTML and as lines ---

    def frame(self, page: Entry | None, version: str = "", title: str = "") -> tuple[str, str]:
        """What stands before and after a page's parts, in the language of the page."""
        with words.use(words.of_page(page.id) if page else ""):
            return self._frame(page, version, title)

    def _frame(self, page: Entry | None, version: str, title: str) -> tuple[str, str]:
        title = title or (words.term(page.title) if page else SAY["title"])
        alone = page is None or self.single
        says = (
            {"version": version} | {n: SAY[n] for n in ("working", "ready", "silent", "renewed")}
            if page
            else {}
        )
        kit = {
            "title": title,
            "css": _css(),
            "mode": "app" if page else "portal",
            "says": says,
            **app.framed(title),
            "bar": portal.bar(not alone),
            "newer": portal.newer() if page else "",
            "content": MARK,
            "script": ("" if alone else "../") + script_name(),
        }
        before, _, after = _template().render(resources={"kit": kit}).partition(MARK)
        return before, after

    def whole(self, page: Entry, asked: Asked, snapshot: Snapshot, compressed: bool = True) -> bytes:
        """The page as one answer, compressed once and kept beside it."""
        kind = f"page {page.id} {self.single}"
        return _answer(snapshot, kind, lambda: self._page(page, asked, snapshot), compressed)

    def _page(self, page: Entry, asked: Asked, snapshot: Snapshot) -> str:
        before, after = self.frame(page, asked.version, self.title(page, snapshot))
        after = after.replace("</main>", self.about(page, snapshot) + "</main>", 1)
        return before + "\n".join(section(n, h) for n, h in snapshot.parts) + after

    def lines(self, page: Entry, asked: Asked, snapshot: Snapshot, compressed: bool = True) -> bytes:
        """The page as the script takes it, one part a line, compressed once and kept beside it."""
        kind = f"lines {page.id}"
        return _answer(snapshot, kind, lambda: self._lines(page, snapshot), compressed)

    def _lines(self, page: Entry, snapshot: Snapshot) -> str:
        parts = "".join(line(part=n, sign=sign(h), html=h) for n, h in snapshot.parts)
        return parts + line(done=self.done(page, snapshot))

    def done(self, page: Entry, snapshot: Snapshot) -> dict[str, Any]:
        """The end of an answer: what a page's frame says of it."""
        return {
            "title": self.title(page, snapshot),
            "version": snapshot.version,
            "about": self.about(page, snapshot),
        }

    def title(self, page: Entry, snapshot: Snapshot) -> str:
        """Of the window."""
        month = snapshot.done.get("facts", {}).get("month")
        with words.use(words.of_page(page.id)):
            return ", ".join(filter(None, (words.term(page.title), month)))

    def about(self, page: Entry, snapshot: Snapshot) -> str:
        """What stands below a page."""
        kinds = tuple(DOWNLOADS) if snapshot.done.get("results") else ()
        with words.use(words.of_page(page.id)):
            return self._about(page, snapshot, kinds)

    def _about(self, page: Entry, snapshot: Snapshot, kinds: Sequence[str]) -> str:
        return portal.about(snapshot.done.get("facts", {}), query(page, snapshot), kinds, [alt for _, _, alt in pictures(snapshot)])  # fmt: skip


def _answer(snapshot: Snapshot, kind: str, make: Callable[[], str], compressed: bool) -> bytes:
    """An answer made of a page, compressed once and kept beside it."""
    if kind not in snapshot.made:
        snapshot.made[kind] = gzip.compress(make().encode("utf-8", "replace"), 5, mtime=0)
    made = snapshot.made[kind]
    return made if compressed else gzip.decompress(made)


def neighbours(asked: Asked, snapshot: Snapshot) -> list[Asked]:
    """The pages one choice away, the likeliest first: the next months, then each other choice in turn."""
    held = snapshot.done.get("choices", {})
    offered, chosen = held.get("choices", {}), held.get("chosen", {})
    base = dict(asked.given) | {n: chosen.get(n, "") for n in offered}
    lists = [
        [v for v in _near(values, chosen.get(name, "")) if v != chosen.get(name, "")]
        for name, values in offered.items()
    ]
    names, found = list(offered), []
    for at in range(max(map(len, lists), default=0)):
        for name, values in zip(names, lists, strict=True):
            if at < len(values):
                found.append(replace(asked, given=spoken(base | {name: values[at]})))
    return found[:NEIGHBOURS]


def _near(values: Sequence[str], chosen: str) -> list[str]:
    at = values.index(chosen) if chosen in values else 0
    return sorted(values, key=lambda v: abs(values.index(v) - at))


def query(page: Entry, snapshot: Snapshot) -> str:
    """A page's own choices as a query string: what it shows, said by name."""
    held = snapshot.done.get("choices", {})
    names = [n for n in held.get("choices", {}) if n in page.offered]
    chosen = {n: held["chosen"].get(n, "") for n in names}
    return urllib.parse.urlencode({n: v for n, v in chosen.items() if v})


def pictures(snapshot: Snapshot) -> list[tuple[str, bytes, str]]:
    """A page's pictures: kind (``svg+xml``, ``png``), bytes, what it shows."""
    return [
        (kind, base64.b64decode(data), html.unescape(alt))
        for _, part in snapshot.parts
        for _, kind, data, alt in _IMAGE.findall(part)
        if len(data) > 4000  # no sparklines
    ]


def section(name: str, part: str) -> str:
    """A part of a page as it stands in it."""
    return f'<div class="kit-part" data-part="{name}" data-sign="{sign(part)}">{part}</div>'


def sign(part: str) -> str:
    """12 hexadecimal digits that tell whether a part has changed."""
    return hashlib.sha256(part.encode("utf-8", "replace")).hexdigest()[:12]


def line(**said: Any) -> str:
    """One line of an answer to the page's script."""
    return json.dumps(said, ensure_ascii=False) + "\n"


@cache
def script() -> bytes:
    """The page's own script."""
    return (app.HERE / "pages" / "kit.js").read_bytes()


@cache
def script_name() -> str:
    """Its address: another script has another, so that a browser may keep it for good."""
    return f"kit.{hashlib.sha256(script()).hexdigest()[:12]}.js"


@cache
def _css() -> str:
    from helpers.views import theme

    own = Path(theme.__file__).with_name("site.css").read_text("utf-8")
    return theme.css() + own


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader

    return Environment(loader=FileSystemLoader(app.HERE / "pages"), autoescape=False).get_template(
        "index.html.j2"
    )


@cache
def _of_catalog(notebook_id: str) -> tuple[dict[str, str], str]:
    """Question, persona and cadence of a page's playbook; the names of its numbers."""
    from helpers.catalog import kpis, playbooks
    from helpers.runs.session import persona

    said: dict[str, str] = {}
    names: list[str] = []
    with contextlib.suppress(KitError):
        held = playbooks.playbook(notebook_id)
        said = {"question": held.question, "persona": persona(held), "cadence": held.cadence}
    with contextlib.suppress(KitError):
        names = [f"{r.name} {r.short}" for r in kpis.of_notebook(notebook_id)]
    return said, " ".join(names)


def compressed(accepts: str) -> bool:
    """Whether a browser takes gzip.

    Examples
    --------
    >>> compressed("br, gzip;q=0.8"), compressed("identity"), compressed("gzip;q=0")
    (True, False, False)
    """
    for one in accepts.lower().split(","):
        name, _, weight = one.strip().partition(";")
        if name == "gzip":
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def pages_of(given: str | Path | None) -> tuple[list[Path], bool]:
    """The notebooks to serve: one that was named, all of a folder, or all of the kit; and whether it is one."""
    if given and Path(given).is_dir():
        found = sorted(p.resolve() for p in Path(given).glob("*.ipynb") if re.fullmatch(STEM, p.stem))
        if not found:
            raise UsageError(
                f"no notebook in {given}",
                "files such as my_month.ipynb, named in lower case",
                "name another folder or a notebook",
            )
        return found, False
    if given:
        return [notebooks.find(given).resolve()], True
    folder = notebooks.folder("notebooks")
    return [(folder / f"{n}.ipynb").resolve() for n in notebooks.ids()], False
