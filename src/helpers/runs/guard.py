"""What stands between a server and whoever asks: login, host, origin, forged requests, kernels and their WebSocket.

Stock Voila was attacked (docs/decisions/0011-who-may-see-what.md): it lets a viewer read the running cells, reach another
viewer's kernel by its id, and stop the server with one frame. Here every route asks for a person first (`locked`), a
kernel belongs to the person it was started for (`Bound`, `Kernels`), and a frame is checked by arithmetic before anything
parses it (`checked`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tornado.web
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.handlers import KernelHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.kernel_websocket_handler import (
    VoilaKernelWebsocketHandler,
    read_header_from_binary_message,
)

from helpers.runs import rights
from helpers.runs.audit import Audit
from helpers.runs.rights import LOCAL, Rights, Viewer
from helpers.terms.errors import KitError, Refused

PROTOCOL = "v1.kernel.websocket.jupyter.org"
LARGEST = 1 << 17  # bytes of a frame: an answer in a field has a few hundred
MOST_BUFFERS = 4
ASKED = frozenset({"comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request"})
TOLD = frozenset({"status", "comm_open", "comm_close", "comm_msg", "comm_info_reply", "kernel_info_reply"})
METHODS = frozenset({"update", "custom", "request_state", "request_states"})
TARGET = (
    "jupyter.widget.control"  # the one comm that a page opens; new widgets are made by the notebook alone
)
BURST, RATE = 200, 40.0  # frames of a socket at once, and a second
DOORS = "kit_doors"  # the server's settings keep its `Doors` here
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; style-src 'unsafe-inline'; img-src data:"
WORDS = {
    400: ("This cannot be answered", "The request is not one that this page makes."),
    401: ("Please log in", "This server shows its pages to people it knows."),
    403: ("This is not yours to see", "You have no right to this, or it belongs to somebody else."),
    404: ("Nothing here", "There is no page at this address."),
    405: ("This cannot be answered", "The request is not one that this page makes."),
    429: ("Too many at once", "You have as many pages open as one person may: close one, or wait a minute."),
    503: ("Not now", "The server cannot answer now: try again in a minute."),
}
asking: ContextVar[str] = ContextVar("key of the person whose request is at hand", default="")


# --- who asks ---------------------------------------------------------------------------------------------------------


@dataclass
class Doors:
    """What a server needs to know about its visitors; its settings keep it as ``kit_doors``.

    Attributes
    ----------
    store : Path
        The whole store; nobody's process but that of a viewer with all rights is started on it.
    folder : Path
        Where the stores of viewers with fewer rights are kept.
    rights : Rights or None
        None: whoever is let in sees everything.
    audit : Audit or None
    hosts : tuple of str
        Names under which the server is reached, besides loopback.
    secure : bool
        Reached over https only: cookies say so.
    """

    store: Path | None = None
    folder: Path | None = None
    rights: Rights | None = None
    audit: Audit | None = None
    hosts: tuple[str, ...] = ()
    secure: bool = False
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict, repr=False)

    def viewer(self, user: Any) -> Viewer:
        """The rights of somebody who is logged in (`identity.Person`, or any Jupyter user).

        Raises
        ------
        Refused
            The person has none.
        """
        name = getattr(user, "known_as", "") or user.username
        if self.rights is None:
            return LOCAL if name == LOCAL.name else Viewer(name, None)
        return self.rights.viewer(name, getattr(user, "groups", ()))

    async def store_for(self, viewer: Viewer) -> Path:
        """The store on which this viewer's process is started (`rights.scoped`), made off the event loop."""
        if self.store is None or self.folder is None:
            raise Refused("this server has no store", "finops serve --data STORE", "")
        if viewer.departments is None:
            return self.store
        async with self._locks.setdefault(viewer.scope, asyncio.Lock()):
            return await asyncio.to_thread(self._scoped, viewer)

    def _scoped(self, viewer: Viewer) -> Path:
        assert self.store is not None and self.folder is not None
        before = set(self.folder.glob("d*-*"))
        found = rights.scoped(self.store, viewer, self.folder)
        if found not in before:  # a delivery made it anew: what nobody asked for since yesterday goes
            rights.tidy(self.folder, self.store, older_than=86_400)
        return found

    def note(self, who: str, page: str, asked: dict[str, str] | None = None, **more: Any) -> None:
        """One line of the audit log, where there is one; with the version of the store."""
        if self.audit is None:
            return
        with suppress(KitError):
            more.setdefault("data", rights.version(self.store) if self.store else "")
        self.audit.note(who, page, asked, **more)


class Locked:
    """Stands before a handler's own class: no answer without a person, no forged request, errors in words."""

    settings: Any
    request: Any
    current_user: Any
    referrer = "no-referrer"  # with it a browser sends `Origin: null` beside a form
    open_methods: frozenset[str] = (
        frozenset()
    )  # that answer people who are not logged in: of a login's own handlers

    @property
    def doors(self) -> Doors:
        """The server's doors."""
        return self.settings[DOORS]

    def viewer(self) -> Viewer:
        """Who asks, with their rights; 403 in words for a person who has none."""
        if not self.current_user:
            raise tornado.web.HTTPError(401)
        try:
            return self.doors.viewer(self.current_user)
        except Refused as refused:
            self.said = refused  # for the page of the refusal
            raise tornado.web.HTTPError(403) from refused

    @property
    def key(self) -> str:
        """What a kernel is bound to: the way in and the person's own id there, not a name that many share."""
        return key_of(self.current_user)

    @property
    def following(self) -> str:
        """Where to go after a login: the address of this server that was asked for, else its first page."""
        asked = self.get_query_argument("next", self.base_url)  # type: ignore[attr-defined]
        inside = asked.startswith(self.base_url) and not asked.startswith(("//", "/\\"))  # type: ignore[attr-defined]
        return asked if inside and asked.isprintable() else self.base_url  # type: ignore[attr-defined]

    def set_default_headers(self) -> None:
        super().set_default_headers()  # type: ignore[misc]
        for name, value in HEADERS.items():
            self.set_header(name, value)  # type: ignore[attr-defined]
        self.set_header("Referrer-Policy", self.referrer)  # type: ignore[attr-defined]
        if self.doors.secure:
            self.set_header("Strict-Transport-Security", "max-age=31536000")  # type: ignore[attr-defined]
        self.clear_header("Server")  # type: ignore[attr-defined]

    @property
    def content_security_policy(self) -> str:
        return POLICY

    async def prepare(self, **kwargs: Any) -> None:
        if self.request.headers.get("Sec-Fetch-Site") == "cross-site" and self.request.method not in ("GET", "HEAD"):  # fmt: skip
            raise tornado.web.HTTPError(403)
        open_to_all = is_open(self, self.request.method)
        try:
            await super().prepare(**kwargs) if not open_to_all else await _prepared_open(self)  # type: ignore[misc]
        except _Redirected:
            raise tornado.web.HTTPError(401) from None
        if self._finished:  # type: ignore[attr-defined]
            return
        if not open_to_all:
            self.viewer()
            asking.set(self.key)

    def get_login_url(self) -> str:
        """No silent way to a login page: whoever is not known is told so, with the way to log in."""
        raise _Redirected

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A page of words, or a line of JSON for a program; never a traceback, never a template that needs a login."""
        title, words = WORDS.get(status_code, WORDS[503] if status_code >= 500 else WORDS[400])
        said = getattr(self, "said", None)
        self.set_header("Content-Security-Policy", POLICY)  # type: ignore[attr-defined]
        self.set_header("Cache-Control", "no-store")  # type: ignore[attr-defined]
        if isinstance(self, APIHandler):
            self.set_header("Content-Type", "application/json")  # type: ignore[attr-defined]
            self.finish(json.dumps({"message": words}))  # type: ignore[attr-defined]
            return
        lines = [str(said.found) + "." if said else words] + (
            [said.remedy + "."] if said and said.remedy else []
        )
        self.set_header("Content-Type", "text/html; charset=UTF-8")  # type: ignore[attr-defined]
        provider = self.settings.get("identity_provider")
        door = getattr(provider, "door", "") if status_code == 401 else ""
        self.finish(words_page(title, lines, self.settings.get("base_url", "/") + door if door else ""))  # type: ignore[attr-defined]


class _Redirected(Exception):
    """Tornado's way to send somebody to a login page; here it becomes a 401 in words."""


class Nowhere(Locked, JupyterHandler):
    """Every address that is none."""

    def _none(self, *args: Any, **kwargs: Any) -> None:
        raise tornado.web.HTTPError(404)

    get = post = put = delete = patch = head = options = _none  # type: ignore[assignment]


def words_page(title: str, lines: Sequence[str], door: str = "") -> str:
    """A page of a few sentences in the kit's look, with a link to the login where there is one."""
    from helpers.views import page
    from helpers.views.markup import safe

    made = page.message(title, lines)
    if not door:
        return made
    link = f'<p><a href="{safe(door)}">Log in</a></p></div></main>'
    return made.replace("</div></main>", link, 1)


def key_of(user: Any) -> str:
    """What binds a kernel to a person."""
    return f"{getattr(user, 'way', '')}\0{user.username}" if user else ""


def is_open(handler: Any, method: str) -> bool:
    """Whether a handler's method is meant for people who are not logged in: the login itself, and nothing else.

    What other libraries mark as open, such as Jupyter Server's answer to OPTIONS, is not.
    """
    return method.lower() in handler.open_methods


async def _prepared_open(handler: Any) -> None:
    """Host and forged requests are checked there too."""
    if not handler.check_host():
        raise tornado.web.HTTPError(403)
    user = handler.identity_provider.get_user(handler)
    handler.current_user = handler._jupyter_current_user = await user if asyncio.iscoroutine(user) else user
    if handler.request.method not in ("GET", "HEAD", "OPTIONS"):
        handler.check_xsrf_cookie()


@cache
def _locked(handler: type) -> type:
    if issubclass(handler, Locked):
        return handler
    bases = (Locked, handler) if issubclass(handler, JupyterHandler) else (Locked, JupyterHandler, handler)
    return type(f"Locked{handler.__name__}", bases, {"__doc__": handler.__doc__, "__module__": __name__})


def locked(handlers: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The routes of a server, each behind `Locked`, and those that reach kernels behind their owner.

    A server gives all its routes through this function, so that a new one is locked whoever writes it.
    """
    instead = {
        KernelHandler: OwnKernel,
        VoilaKernelWebsocketHandler: Socket,
        VoilaShutdownKernelHandler: OwnShutdown,
    }
    return [(path, _locked(instead.get(handler, handler)), *rest) for path, handler, *rest in handlers]


def settings(doors: Doors, cookie_secret: bytes, provider: Any) -> dict[str, Any]:
    """What a server's tornado settings take from here."""
    import hashlib
    import hmac

    secret = hmac.new(cookie_secret, digestmod=hashlib.sha256)
    prefix = "__Host-" if doors.secure else ""
    return {
        DOORS: doors,
        "allow_remote_access": False,  # a foreign Host header is refused
        "local_hostnames": ["localhost", *doors.hosts],
        "cookie_secret": provider.cookie_secret_hook(secret).digest(),  # a changed password ends every login
        "xsrf_cookie_name": f"{prefix}_xsrf",
        "xsrf_cookie_kwargs": {"httponly": False, "samesite": "Strict", "secure": doors.secure, "path": "/"},
        "websocket_max_message_size": LARGEST,
        "log_function": log_request,
        "disable_check_xsrf": False,
    }


def log_request(handler: Any) -> None:
    """One line for a request, without its query: that holds names, and with a link perhaps a token."""
    from tornado.log import access_log

    status, seconds = handler.get_status(), 1000.0 * handler.request.request_time()
    write = access_log.info if status < 400 else access_log.warning if status < 500 else access_log.error
    path = handler.request.path[:200].encode("ascii", "backslashreplace").decode("ascii")
    write("%d %s %s %.0f ms", status, handler.request.method, path, seconds)


# --- kernels and their owners -----------------------------------------------------------------------------------------


class Bound(Authorizer):
    """A kernel answers the person it was started for; to know its id is no right."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        kernel_id = handler.path_kwargs.get("kernel_id") or next(iter(handler.path_args), None)
        if resource != "kernels" or not kernel_id:
            return False
        kernel_id = kernel_id.decode() if isinstance(kernel_id, bytes) else kernel_id
        return bool(user) and handler.kernel_manager.owners.get(kernel_id) == key_of(user)


class Owned:
    """For a kernel manager: whose each kernel is, how many one person may have, and an end to those nobody looks at.

    Attributes
    ----------
    owners : dict
        Kernel -> key of its person; one that waits for a reader has none.
    most_each : int
        Kernels of one person.
    patience : float
        How long a kernel without a WebSocket is kept once its page is done [s].
    """

    most_each, patience = 4, 30.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owners: dict[str, str] = {}
        self._since: dict[str, float | None] = {}  # None while its page is being made
        self.coming: Counter[str] = Counter()  # key -> pages being made
        self._reaping: Any = None

    def room_for(self, key: str) -> bool:
        """Whether the person may have one more, those that are just coming counted."""
        kept = [k for k, owner in self.owners.items() if owner == key and k in self and self._since.get(k)]  # type: ignore[operator]
        return self.coming[key] + len(kept) < self.most_each

    def own(self, kernel_id: str, key: str) -> None:
        """From now on the kernel is this person's, and its page is being made."""
        self.owners[kernel_id] = key
        self._since[kernel_id] = None

    def done(self, kernel_id: str) -> None:
        """Its page is done, or its reader left: without a WebSocket it ends soon."""
        if kernel_id in self.owners:
            self._since[kernel_id] = time.monotonic()

    async def reap(self) -> list[str]:
        """End the kernels of closed and dropped pages; which."""
        connections: dict[str, int] = getattr(self, "_kernel_connections", {})
        ended, now = [], time.monotonic()
        for kernel_id in list(self.owners):
            if kernel_id not in self:  # type: ignore[operator]
                self._forget(kernel_id)
                continue
            since = self._since.get(kernel_id)
            if connections.get(kernel_id, 0):
                self._since[kernel_id] = now
            elif since is not None and now - since > self.patience:
                with suppress(KeyError, RuntimeError):
                    await self.shutdown_kernel(kernel_id, now=True)  # type: ignore[attr-defined]
                self._forget(kernel_id)
                ended.append(kernel_id)
        return ended

    def _forget(self, kernel_id: str) -> None:
        self.owners.pop(kernel_id, None)
        self._since.pop(kernel_id, None)

    def start_reaping(self) -> None:
        """Look every few seconds, from the running event loop."""
        from tornado.ioloop import PeriodicCallback

        if self._reaping is None:
            self._reaping = PeriodicCallback(self.reap, min(5000.0, 1000 * self.patience / 3))
            self._reaping.start()


class OwnKernel(Locked, KernelHandler):
    """One's own kernel: what it is, and its end. The checks of another's are in `Bound`."""


class OwnShutdown(Locked, VoilaShutdownKernelHandler):
    """The page says that it is left."""

    auth_resource = "kernels"

    @tornado.web.authenticated
    @authorized(action="execute", resource="kernels")
    async def post(self, kernel_id: str) -> None:
        await super().post(kernel_id)  # type: ignore[misc]


# --- the WebSocket of a page ------------------------------------------------------------------------------------------


class Hostile(Exception):
    """A frame that no page of ours sends."""


def checked(frame: Any) -> str:
    """Refuse a frame that a page of ours would not send; its message type otherwise.

    Sizes and offsets are checked by arithmetic on the bytes that are there, before anything is cut or parsed: a frame of
    72 bytes that speaks of 20 million offsets stopped a stock server.

    Raises
    ------
    Hostile
    """
    if not isinstance(frame, bytes | bytearray | memoryview):
        raise Hostile("text, where version 1 of the protocol has bytes")
    frame = bytes(frame)
    size = len(frame)
    if not 64 <= size <= LARGEST:
        raise Hostile("a size that no message has")
    many = int.from_bytes(frame[:8], "little")
    if not 6 <= many <= 6 + MOST_BUFFERS or 8 * (many + 1) > size:
        raise Hostile("a number of parts that no message has")
    at = [int.from_bytes(frame[8 * i : 8 * i + 8], "little") for i in range(1, many + 1)]
    if at[0] != 8 * (many + 1) or at[-1] != size or any(a > b for a, b in itertools.pairwise(at)):
        raise Hostile("parts that do not follow one another")
    if frame[at[0] : at[1]] != b"shell":
        raise Hostile("another channel")
    header, _, _, content = (_object(frame[a:b]) for a, b in itertools.pairwise(at[1:6]))
    kind = header.get("msg_type")
    if not isinstance(kind, str) or kind not in ASKED:
        raise Hostile("a message type that no page sends")
    data = content.get("data", {})
    if kind == "comm_open" and content.get("target_name") != TARGET:
        raise Hostile("a new widget")
    if kind in ("comm_open", "comm_msg") and not isinstance(data, dict):
        raise Hostile("a message without data")
    if kind == "comm_msg" and data.get("method") not in METHODS:
        raise Hostile("a method that no page uses")
    return kind


def _object(part: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Hostile("a name twice: two readers could take two values")
        return found

    try:
        found = json.loads(part, object_pairs_hook=once)
    except (ValueError, RecursionError) as problem:
        raise Hostile("a part that is no JSON") from problem
    if not isinstance(found, dict):
        raise Hostile("a part that is no object")
    return found


class Connection(ZMQChannelsWebsocketConnection):
    """Between a page's WebSocket and its kernel: lets through what pages say, and of the kernel what widgets need."""

    _left: float = BURST
    _at: float = 0.0

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - (self._at or now)) * RATE) - 1
        self._at = now
        try:
            if self._left < 0:
                raise Hostile("too many messages")
            checked(incoming_msg)
        except Hostile as hostile:
            self.log.warning("A WebSocket was closed: it sent %s.", hostile)
            self.websocket_handler.close(1008, "refused")
            return
        super().handle_incoming_message(incoming_msg)


class Socket(Locked, VoilaKernelWebsocketHandler):
    """The WebSocket of one's own kernel, version 1 of the protocol only."""

    auth_resource = "kernels"

    async def get(self, *args: Any, **kwargs: Any) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        if PROTOCOL not in [one.strip() for one in offered.split(",")]:
            raise tornado.web.HTTPError(
                400
            )  # the older protocol sends texts, in which cells' sources were found
        await super().get(*args, **kwargs)

    async def pre_get(self) -> None:
        if not self.authorizer.is_authorized(self, self.current_user, "execute", "kernels"):
            raise tornado.web.HTTPError(403)
        if self.kernel_id not in self.kernel_manager:
            raise tornado.web.HTTPError(404)
        await super().pre_get()

    def set_default_headers(self) -> None:
        pass

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Of a kernel's messages those of widgets: no source, no printed text, no traceback with a server's paths."""
        header = read_header_from_binary_message(message) if isinstance(message, bytes) else None
        if not header or header.get("msg_type") not in TOLD:
            return None
        return super().write_message(message, binary)
