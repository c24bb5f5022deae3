"""Voila with the kit's page, its routes and its headers. Imported only when a page is served: it takes a second."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from typing import Any

import tornado.ioloop
import tornado.web
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.iostream import StreamClosedError
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

from helpers.runs import app
from helpers.terms.errors import UsageError
from helpers.views.words import say

_OWN = "base-uri 'none'; frame-ancestors 'none'; form-action 'self'; "
POLICIES = {
    "app": _OWN + "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
    "lesson": _OWN
    + "default-src 'none'; script-src 'self' 'unsafe-inline'; script-src-attr 'none'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:",
}
PATIENCE = 180  # seconds until a page that does not end is given up
READY = "import helpers.runs.session, helpers.catalog, helpers.measures, helpers.views.charts"  # a second of imports
_kernel: ContextVar[str] = ContextVar("kernel of the request at hand", default="")


class Kernels(AsyncMappingKernelManager):
    """Keeps one kernel waiting with its imports done and no data open; a request takes it.

    What a request asks for comes to its kernel as a cell, not by the environment, so any waiting kernel will do.
    """

    waiting, refilling = "", False

    async def start_kernel(self, **kwargs):  # type: ignore[override]
        kernel_id, self.waiting = self.waiting, ""
        if not (kernel_id and await self.is_alive(kernel_id)):
            kernel_id = await super().start_kernel(**kwargs)
        _kernel.set(kernel_id)
        return kernel_id

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


class Page(TornadoVoilaHandler):
    """The one page: checks what is asked before any kernel starts."""

    @property
    def kit(self) -> dict[str, Any]:
        """Title, style sheet, mode and names of choices, as the server was started with."""
        return self.voila_configuration.resources["kit"]

    @tornado.web.authenticated
    async def get(self, path=None):
        self.set_header("Content-Security-Policy", POLICIES[self.kit["mode"]])
        self.set_header("Referrer-Policy", "no-referrer")
        try:
            self.asked = app.asked(self.request.query, self.kit["offered"])
        except UsageError as refused:
            self.set_status(400)
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
            if self.kit["mode"] == "app" and _kernel.get():
                with contextlib.suppress(KeyError):
                    await self.kernel_manager.shutdown_kernel(_kernel.get(), now=True)
            kernels: Any = self.kernel_manager
            tornado.ioloop.IOLoop.current().add_callback(kernels.refill)


class Server(Voila):
    """Voila on loopback; the page for readers has one route, the lesson page those of its fields."""

    def load_config_file(self, *args, **kwargs):
        """No voila.json of the machine loosens what the kit sets."""

    def setup_template_dirs(self):
        super().setup_template_dirs()
        self.template_paths.insert(0, str(app.HERE / "pages"))

    def init_settings(self):
        settings: dict[str, Any] = super().init_settings()  # pyright: ignore[reportAssignmentType]
        settings["allow_remote_access"] = False  # a foreign Host header is refused
        settings["local_hostnames"] = ["localhost", "127.0.0.1"]
        tornado.ioloop.IOLoop.current().add_callback(self.kernel_manager.refill)
        return settings

    def init_handlers(self):
        handlers: Any = super().init_handlers()
        *parts, (_, _, page) = handlers
        only_page = [(r"/", Page, page)]
        return only_page if self.voila_configuration.resources["kit"]["mode"] == "app" else parts + only_page
