"""Voila with the kit's pages, their routes and their headers. Imported only when a page is served: it takes a second.

Every route of the served pages goes through `Reader`: who asks is found out there, in one place, and every page, answer
and download is made for that viewer only. The routes change nothing and keep nothing for anybody, so there is no session
to steal and nothing to forge: each request stands for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import html
import io
import re
import tempfile
import zipfile
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import tornado.ioloop
import tornado.web
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.iostream import StreamClosedError
from voila.app import Voila
from voila.handler import BaseVoilaHandler
from voila.tornado.handler import TornadoVoilaHandler

from helpers.runs import app, guard, site
from helpers.runs.pool import Busy, Job
from helpers.runs.snapshots import Asked, Snapshot
from helpers.terms.errors import KitError, Refused
from helpers.views import portal
from helpers.views.words import say

_OWN = "base-uri 'none'; frame-ancestors 'none'; form-action 'self'; "
POLICIES = {
    "app": _OWN + "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:",
    "file": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "lesson": _OWN
    + "default-src 'none'; script-src 'self' 'unsafe-inline'; script-src-attr 'none'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:",
}
SLOW = 60  # seconds that a reader may take to take in what was sent
PATIENCE = 180  # seconds until a page that does not end is given up
_kernel: ContextVar[str] = ContextVar("kernel of the request at hand", default="")
READY = "import helpers.runs.session, helpers.catalog, helpers.measures, helpers.views.charts"  # a second of imports


class Kernels(guard.Owned, AsyncMappingKernelManager):
    """Keeps one kernel waiting with its imports done and no data open; a request takes it, and it is its person's.

    What a request asks for comes to its kernel as a cell, not by the environment, so any waiting kernel will do.
    """

    waiting, refilling = "", False

    async def start_kernel(self, **kwargs):  # type: ignore[override]
        kernel_id, self.waiting = self.waiting, ""
        if not (kernel_id and await self.is_alive(kernel_id)):
            kernel_id = await super().start_kernel(**kwargs)
        self.own(kernel_id, guard.asking.get())
        _kernel.set(kernel_id)
        return kernel_id

    async def make_room(self, key: str) -> bool:
        """End this person's kernels whose page was closed or left, sooner than their patience; whether one more may be."""
        open_ones: dict[str, int] = getattr(self, "_kernel_connections", {})
        for kernel_id, owner in list(self.owners.items()):
            if (
                owner == key
                and kernel_id in self
                and self._since.get(kernel_id)
                and not open_ones.get(kernel_id)
            ):
                with contextlib.suppress(KeyError, RuntimeError):
                    await self.shutdown_kernel(kernel_id, now=True)
                self._forget(kernel_id)
        return self.room_for(key)

    async def refill(self) -> None:
        """Start the next kernel that waits; done when nobody waits for a page."""
        if self.waiting or self.refilling:
            return
        self.refilling = True
        try:
            kernel_id = await super().start_kernel()
            client: Any = self.get_kernel(kernel_id).client()
            client.start_channels()
            await client.wait_for_ready(timeout=60)
            client.execute(READY, silent=True, store_history=False)
            client.stop_channels()
            self.waiting = kernel_id
        finally:
            self.refilling = False

    async def cull_kernel_if_idle(self, kernel_id):
        if kernel_id != self.waiting:
            await super().cull_kernel_if_idle(kernel_id)


class Page(guard.Locked, TornadoVoilaHandler):
    """The lesson page: checks who asks and what before any kernel starts."""

    comes = False  # whether this page counts as one that is being made

    def on_finish(self) -> None:
        super().on_finish()
        self.gone()

    def gone(self) -> None:
        """The page is made, or nobody waits for it any more."""
        if self.comes:
            self.comes = False
            kernels: Any = self.kernel_manager
            kernels.coming[self.key] -= 1

    @property
    def kit(self) -> dict[str, Any]:
        """Title, style sheet, mode and names of choices, as the server was started with."""
        return self.voila_configuration.resources["kit"]

    @tornado.web.authenticated
    async def get(self, path=None):
        self.set_header("Content-Security-Policy", POLICIES[self.kit["mode"]])
        kernels: Any = self.kernel_manager
        viewer, page = self.viewer(), self.kit["page"]
        try:
            self.asked = app.asked(self.request.query, self.kit["offered"])
            viewer.need(page)
            viewer.check(self.asked)
            if not kernels.room_for(self.key) and not await kernels.make_room(self.key):
                raise tornado.web.HTTPError(429)
            kernels.coming[self.key] += 1
            self.comes = True
            self.given = self.asked | {"data": str(await self.doors.store_for(viewer))}
            self.doors.note(viewer.name, page, self.asked, scope=viewer.scope)
        except KitError as refused:
            self.doors.note(viewer.name, page, outcome="refused")
            self.set_status(403 if isinstance(refused, Refused) else 400)
            self.finish(app.refusal(self.kit, refused))
            return
        try:
            async with asyncio.timeout(PATIENCE):
                async for piece in self.get_generator(path=None):
                    self.write(piece)
                    await self.flush()
        except StreamClosedError:
            self.log.info("The reader left before the page was done.")
        except TimeoutError:
            self.log.error("The page did not end within %s s.", PATIENCE)
            self.finish(app.stopped(say("error.slow")))
        finally:
            kernels.done(_kernel.get())
            self.gone()
            tornado.ioloop.IOLoop.current().add_callback(kernels.refill)


class Reader(guard.Locked, BaseVoilaHandler):
    """Whatever a reader asks for: who they are, which page, which choices, and how they are told."""

    @property
    def site(self) -> Any:
        return self.settings["kit_site"]

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", POLICIES["app"])
        self.set_header("Cache-Control", "private, no-cache")

    def page(self, stem: str | None) -> site.Entry:
        """The page of this address, if this viewer may open it."""
        entries = self.site.entries
        found = (
            next(iter(entries.values()), None)
            if stem is None and self.site.single
            else entries.get(stem or "")
        )
        if found is None or not self.viewer().may_open(found.id):
            raise tornado.web.HTTPError(404)
        return found

    async def asked(self, page: site.Entry) -> Asked:
        """What is asked for, checked; nothing that a page sends is taken on trust."""
        if page.broken:
            raise Refused(portal.SAY["broken"])
        viewer = self.viewer()
        try:
            given = app.asked(self.request.query, page.offered)
            viewer.check(given)
            found = await self.site.asked(page, given, viewer)
        except KitError:
            self.doors.note(viewer.name, page.id, outcome="refused")
            raise
        self.doors.note(
            viewer.name, page.id, given, data=found.version, scope=viewer.scope, way=self.request.path
        )
        return found

    @property
    def zipped(self) -> bool:
        return site.compressed(self.request.headers.get("Accept-Encoding", ""))

    def answer(self, data: bytes, kind: str) -> None:
        """A whole answer, compressed where the browser takes it."""
        self.set_header("Content-Type", kind)
        self.set_header("Vary", "Accept-Encoding")
        if self.zipped:
            self.set_header("Content-Encoding", "gzip")
        taken: Any = self.finish(data)
        late = asyncio.get_running_loop().call_later(SLOW, self.drop)
        taken.add_done_callback(lambda _: late.cancel())

    def drop(self) -> None:
        """End the connection of a reader who takes nothing in."""
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None:
            stream.close()

    def refuse(self, said: Exception | str, status: int = 400) -> None:
        """A page with one sentence."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        if status in (429, 503):
            self.set_header("Retry-After", "10")
        self.finish(app.refusal({"title": portal.SAY["title"], "css": site._css()}, said))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Without a trace of what went on inside."""
        if status_code in (401, 403):
            super().write_error(status_code, **kwargs)
            return
        said = "There is no such page." if status_code == 404 else "This cannot be shown."
        self.refuse(said, status_code)

    def on_connection_close(self) -> None:
        """The reader left: the place in the queue is given up."""
        super().on_connection_close()
        for job, token in getattr(self, "places", []):
            self.site.pool.leave(job, token)

    def place(self, asked: Asked, do: str = "page", **extra: Any) -> Job:
        """A place in the queue, given up when the reader leaves."""
        job, token = self.site.pool.ask(asked, self.key, do, **extra)
        self.places = [*getattr(self, "places", []), (job, token)]
        return job

    def on_finish(self) -> None:
        super().on_finish()
        for job, token in getattr(self, "places", []):
            self.site.pool.leave(job, token)

    async def out(self, text: str) -> None:
        """Send now; a reader who takes nothing in for long is given up."""
        self.write(text)
        await asyncio.wait_for(self.flush(), SLOW)

    async def made(self, asked: Asked) -> Snapshot:
        """The page, made if it is not kept."""
        held = self.site.snapshots.get(asked.key)
        if held is None:
            job = self.place(asked)
            async for _ in self.site.pool.follow(job):
                pass
            if job.stopped:
                raise Refused(job.stopped)
            held = self.site.snapshots.get(asked.key)
        if held is None:
            raise Refused("The page could not be kept.")
        return held


class Front(Reader):
    """The portal."""

    @tornado.web.authenticated
    async def get(self):
        words = self.get_query_arguments("q")
        asked = words[0][: app.LONGEST] if len(words) == 1 and words[0].isprintable() else ""
        viewer = self.viewer()
        self.doors.note(viewer.name, "portal", scope=viewer.scope)
        facts = await self.site.about_data(viewer)
        before, after = self.site.frame(None)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(before + portal.body(await self.site.cards(viewer), facts, asked) + after)


class Slash(Reader):
    """An address of a page without its last slash, as people type it: what a page names is found from there."""

    @tornado.web.authenticated
    def get(self, stem):
        self.page(stem)
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(f"{self.request.path}/{query}")


class Shown(Reader):
    """A page: from what is kept, else as it is made."""

    @tornado.web.authenticated
    async def get(self, stem=None):
        page = self.page(stem)
        try:
            asked = await self.asked(page)
            held = self.site.snapshots.get(asked.key)
            if held is not None:
                self.whole(page, asked, held)
                return
            job = self.place(asked)
        except Busy as full:
            self.refuse(full, full.status)
        except KitError as refused:
            self.refuse(refused)
        else:
            try:
                await self.stream(page, asked, job)
            except (StreamClosedError, TimeoutError):
                self.drop()
                self.log.info("The reader left before the page was done.")

    def whole(self, page: site.Entry, asked: Asked, held: Snapshot) -> None:
        """The page as it is kept."""
        tag = f'"{asked.key[:32]}-{site.script_name()[4:16]}{"z" if self.zipped else ""}"'
        self.set_header("Etag", tag)
        self.site.around(asked, held)
        if self.request.headers.get("If-None-Match") == tag:
            self.set_status(304)
            self.finish()
            return
        self.answer(self.site.whole(page, asked, held, self.zipped), "text/html; charset=UTF-8")

    async def stream(self, page: site.Entry, asked: Asked, job: Job) -> None:
        """The page as it is made: each part when it is ready."""
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        before, after = self.site.frame(page, asked.version)
        loading = html.escape(portal.SAY["loading"].format(title=page.title))
        await self.out(f'{before}<div class="kit-loading"><p>{loading}</p></div>')
        async for name, part in self.site.pool.follow(job):
            await self.out(
                site.section(name, part) if name else f'<p class="kit-waiting">{html.escape(part)}</p>'
            )
        end, about = "<style>.kit-loading,.kit-waiting{display:none}</style>", ""
        if job.stopped:
            end += app.stopped(job.stopped)
            if job.bug:
                end += f'<p class="kit-reference">{html.escape(portal.SAY["reference"].format(reference=job.reference))}</p>'
        elif held := self.site.snapshots.get(asked.key):
            about = self.site.about(page, held)
            self.site.around(asked, held)
        await self.out(end + after.replace("</main>", about + "</main>", 1))
        self.finish()


class Live(Reader):
    """What a page's script asks for at a change of choices: the page at these choices, one part a line."""

    @tornado.web.authenticated
    async def get(self, stem=None):
        page = self.page(stem)
        self.set_header("Content-Type", "application/x-ndjson; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        try:
            for _ in range(3):
                asked = await self.asked(page)
                held = self.site.snapshots.get(asked.key)
                if held is not None:
                    self.site.around(asked, held)
                    self.answer(self.site.lines(page, asked, held, self.zipped), "application/x-ndjson; charset=UTF-8")  # fmt: skip
                    return
                job = self.place(asked)
                if not await self.stream(page, asked, job):
                    return
                self.site.seen.clear()
        except Busy as full:
            self.set_status(full.status)
            self.finish(site.line(stopped=str(full)))
        except KitError as refused:
            self.set_status(400)
            self.finish(site.line(stopped=str(refused)))
        except (StreamClosedError, TimeoutError):
            self.drop()
            self.log.info("The reader left before the answer was done.")
        else:
            self.finish(site.line(stopped=portal.SAY["silent"]))

    async def stream(self, page: site.Entry, asked: Asked, job: Job) -> bool:
        """Send the answer as it is made; True if the store changed meanwhile, so that it is to be made again."""
        async for name, part in self.site.pool.follow(job):
            await self.out(
                site.line(part=name, sign=site.sign(part), html=part) if name else site.line(wait=part)
            )
        if job.moved:
            await self.out(site.line(again=True))
            return True
        if job.stopped:
            said = portal.SAY["reference"].format(reference=job.reference) if job.bug else ""
            self.finish(site.line(stopped=job.stopped, reference=said))
            return False
        held = self.site.snapshots.get(asked.key)
        if held is not None:
            self.site.around(asked, held)
            self.finish(site.line(done=self.site.done(page, held)))
        return False


class State(Reader):
    """Which state of the store a page would show now."""

    @tornado.web.authenticated
    async def get(self, stem=None):
        self.page(stem)
        store = await self.site.store(self.viewer())
        self.set_header("Cache-Control", "no-store")
        self.finish({"version": self.site.state(store)})


class Download(Reader):
    """A page's tables, as a workbook or text, or the page as a document."""

    @tornado.web.authenticated
    async def get(self, stem, kind):
        page = self.page(stem)
        if kind not in site.DOWNLOADS:
            raise tornado.web.HTTPError(404)
        try:
            asked = await self.asked(page)
            held = await self.made(asked)
            keep = self.site.snapshots.notebook(asked.key)
            if keep is None or not keep.is_file():
                raise Refused("The page of this download is not kept any more. Load the page again.")
            title = self.site.title(page, held)
            with tempfile.TemporaryDirectory(prefix="finops-download-") as folder:
                job = self.place(asked, "formats", format=kind, folder=folder, keep=str(keep), title=title)
                async for _ in self.site.pool.follow(job):
                    pass
                if job.stopped:
                    raise Refused(job.stopped)
                data = await asyncio.to_thread(_bundle, [Path(p) for p in (job.done or {})["files"]], kind)
        except Busy as full:
            self.refuse(full, full.status)
        except KitError as refused:
            self.refuse(refused)
        else:
            self.set_header("Content-Security-Policy", POLICIES["file"])
            self.set_header("Content-Type", site.DOWNLOADS[kind])
            ending = "zip" if kind == "csv" else kind
            self.set_header(
                "Content-Disposition", f'attachment; filename="{_file_name(page, held)}.{ending}"'
            )
            self.finish(data)


class Picture(Reader):
    """One picture of a page."""

    @tornado.web.authenticated
    async def get(self, stem, number):
        page = self.page(stem)
        try:
            held = await self.made(await self.asked(page))
        except Busy as full:
            self.refuse(full, full.status)
            return
        except KitError as refused:
            self.refuse(refused)
            return
        drawn = site.pictures(held)
        if not 1 <= int(number) <= len(drawn):
            raise tornado.web.HTTPError(404)
        kind, data, _ = drawn[int(number) - 1]
        ending = kind.partition("+")[0]
        self.set_header("Content-Security-Policy", POLICIES["file"])
        self.set_header("Content-Type", f"image/{kind}")
        self.set_header(
            "Content-Disposition", f'attachment; filename="{_file_name(page, held)}-{int(number)}.{ending}"'
        )
        self.finish(data)


class Script(Reader):
    """The page's own script."""

    @tornado.web.authenticated
    async def get(self):
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.answer(site.script() if not self.zipped else _zipped_script(), "text/javascript; charset=UTF-8")


class Nowhere(Reader):
    """Every other address."""

    @tornado.web.authenticated
    async def get(self):
        raise tornado.web.HTTPError(404)


@cache
def _zipped_script() -> bytes:
    return gzip.compress(site.script(), 9, mtime=0)


def _file_name(page: site.Entry, held: Snapshot) -> str:
    month = str(held.done.get("results", {}).get("month", ""))
    return re.sub(r"[^A-Za-z0-9_-]", "", f"{page.id}_{month}".strip("_"))[:80]


def _bundle(files: list[Path], kind: str) -> bytes:
    """One file as it is; several, or tables as text, in an archive."""
    if kind != "csv":
        return files[0].read_bytes()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in {file.name: file for file in reversed(files)}.items():  # each name once
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    return held.getvalue()


class Server(Voila):
    """Voila on loopback; the readers' pages have their own routes only, the lesson page those of its fields."""

    site: Any = None
    doors: guard.Doors

    def load_config_file(self, *args, **kwargs):
        """No voila.json of the machine loosens what the kit sets."""

    def setup_template_dirs(self):
        super().setup_template_dirs()
        self.template_paths.insert(0, str(app.HERE / "pages"))

    def init_settings(self):
        settings: dict[str, Any] = super().init_settings()  # pyright: ignore[reportAssignmentType]
        settings |= guard.settings(self.doors, self.cookie_secret, self.identity_provider)
        loop = tornado.ioloop.IOLoop.current()
        if self.site is None:
            self.kernel_manager.start_reaping()
            loop.add_callback(self.kernel_manager.refill)
        else:
            settings["kit_site"] = self.site
            loop.add_callback(self.site.pool.start)
            loop.add_callback(self.site.watch)
        return settings

    def stop(self):
        """End what was started, whatever it does."""
        if self.site is not None:
            asyncio.get_event_loop().run_until_complete(self.site.pool.close())
        super().stop()

    def init_handlers(self):
        handlers: Any = super().init_handlers()
        *parts, (_, _, page) = handlers
        base = self.base_url.rstrip("/")
        provided = self.identity_provider.get_handlers()
        ways_in = [(base + path, *rest) for path, *rest in provided]
        if self.site is None:
            # Voila's own list has the provider's routes without the path of this server
            stock = [h for h in parts if h[0] not in {path for path, *_ in provided}]
            return guard.locked([*ways_in, *stock, (rf"{base}/", Page, page), (r".*", guard.Nowhere)])
        stem = rf"(?:(?P<stem>{site.STEM})/)"
        own = {"voila_configuration": self.voila_configuration}
        routes = [
            (rf"/{stem}", Shown),
            (rf"/{stem}?live", Live),
            (rf"/{stem}?state", State),
            (rf"/{stem}?download/(?P<kind>[a-z]{{3,4}})", Download),
            (rf"/{stem}?picture/(?P<number>[0-9]{{1,3}})", Picture),
            (rf"/{re.escape(site.script_name())}", Script),
            (r"/", Shown if self.site.single else Front),
            (rf"/(?P<stem>{site.STEM})", Slash),  # after a single page's own live and state
            (r"/.*", Nowhere),
        ]
        return guard.locked([*ways_in, *((base + pattern, handler, own) for pattern, handler in routes)])
