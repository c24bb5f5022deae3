"""A store of two departments, a notebook that shows one, and servers over them that are attacked."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from tests.data.storing import charge, put

ROOT = Path(__file__).resolve().parents[2]
SECRET = "searchlight"  # in every text of the other department
OURS = "bakery"  # in every text of ours
PROXY = "proxy-secret-of-32-signs-in-tests"
PROTOCOL = "v1.kernel.websocket.jupyter.org"

RIGHTS = f"""
groups: {{board: [max]}}
rights:
  - {{user: ana, departments: [{OURS}]}}
  - {{user: ben, departments: [{SECRET}]}}
  - {{user: eva, departments: all, notebooks: [elsewhere]}}
  - {{group: board, departments: all}}
  - {{user: token, departments: [{OURS}]}}
  - {{user: password, departments: [{OURS}]}}
"""
ACCESS = "way: header\naddress: {address}\nrights: rights.yaml\nheader: {{name: X-User, groups: X-Groups, secret: X-Proxy, secret_file: secret}}\n"


def store(folder: Path) -> Path:
    """Two months of two departments, each its own sub-account, resource and service."""
    made = folder / "store"
    rows = [
        charge(
            period, cost, SubAccountName=who, SubAccountId=f"{who}-id", ResourceId=f"{who}-db", ResourceName=f"{who} db",
            ServiceName=f"{who} service", ServiceCategory="Compute", ChargeCategory="Usage", BillingAccountName="Larch",
            ChargeDescription=f"{who} hours",
        )
        for period in ("2026-08", "2026-09")
        for who, cost in ((OURS, "10.25"), (SECRET, "700.135724"))
    ]  # fmt: skip
    put(made, folder, rows, day=date(2026, 10, 5))
    return made


LESSON = """
from IPython.display import HTML
from helpers.runs.session import begin
source_of_a_cell = "hush"
run = begin("small", data=data, month=month, department=department)
seen = run.charges.aggregate(by=["x_KitDepartment"], cost=run.charges.BilledCost.sum()).execute()
"""
WIDGETS = """
import ipywidgets as widgets
from IPython.display import display
def rows(of):
    found = run.charges.filter(run.charges.x_KitDepartment == of) if of else run.charges
    return str(found.select("ResourceId", "BilledCost").execute().to_dict("records"))
said = widgets.HTML("nothing yet", description="said")
off = widgets.Text(disabled=True, description="off")
off.observe(lambda change: setattr(said, "value", rows(change["new"])), names="value")
press = widgets.Button(disabled=True, description="press")
press.on_click(lambda _: setattr(said, "value", rows("")))
limit = widgets.IntSlider(max=10, description="limit")
limit.observe(lambda change: setattr(said, "value", f"limit {change['new']}"), names="value")
never_shown = widgets.Text("state of a widget that no page shows")
display(widgets.VBox([off, press, limit, said]))
"""
PANEL = """
from helpers.views import controls
controls.explore({"month": ["2026-08", "2026-09"]}, {"month": "2026-09"}, lambda **k: HTML(f"<p class=again>{k}</p>"))
"""


def notebook(path: Path) -> Path:
    """Shows the departments that its store has, and widgets whose callbacks show any row they can reach."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    book = new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    book.cells = [
        new_markdown_cell("# Small\\n\\nWhere did the money go?"),
        new_code_cell('data = "store"\nmonth = ""\ndepartment = ""', metadata={"tags": ["parameters"]}),
        new_code_cell(LESSON),
        new_code_cell("HTML(f'<h1 class=kit-headline>{run.month}: {seen.to_dict(\"records\")}</h1>')"),
        new_code_cell(WIDGETS, metadata={"tags": ["exercise"]}),
        new_code_cell(PANEL, metadata={"tags": ["lesson"]}),
    ]
    nbformat.write(book, path)
    return path


# Writes the routes of the server down before it serves, whatever server it is.
START = """
import json, sys
from pathlib import Path
import tornado.web
said = json.loads(sys.argv[1])
routes = []
whole = tornado.web.Application.add_handlers
def added(self, host, handlers):
    for h in handlers:
        kind = h[1] if isinstance(h, (tuple, list)) else h.target
        path = h[0] if isinstance(h, (tuple, list)) else h.matcher.regex.pattern
        routes.append([path, kind.__name__, [c.__name__ for c in kind.__mro__], sorted(getattr(kind, "open_methods", ["no such word"]))])
    Path(said["routes"]).write_text(json.dumps(routes))
    return whole(self, host, handlers)
tornado.web.Application.add_handlers = added
from helpers.runs.app import serve
serve(said["notebook"], data=Path(said["data"]), mode=said["mode"], port=said["port"], ip=said.get("ip", "127.0.0.1"),
      access=said.get("access") and Path(said["access"]), audit=said.get("audit") and Path(said["audit"]), cache=Path(said["cache"]), ahead=False)
"""


@dataclass
class Answer:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]
    seconds: float
    cookies: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)  # of cookies, as they came


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen
    port: int
    log: Path
    routes: Path
    audit: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self,
        path: str = "/",
        who: str = "",
        method: str = "GET",
        body: str | None = None,
        timeout: float = 60,
        **headers: str,
    ) -> Answer:
        """One request, by default of nobody; `who` comes through the proxy's header."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        began = time.monotonic()
        line.putrequest(method, path, skip_host="Host" in headers)
        for name, value in ({"X-User": who, "X-Proxy": PROXY} if who else {}).items():
            line.putheader(name, value)
        for name, value in headers.items():
            line.putheader(name.replace("_", "-"), value)
        if body is not None:
            line.putheader("Content-Length", str(len(body.encode())))
        line.endheaders(body.encode() if body is not None else None)
        found = line.getresponse()
        text = found.read().decode("utf-8", "replace")
        cookies = {
            part.split("=", 1)[0]: part.split("=", 1)[1].split(";")[0]
            for name, part in found.getheaders()
            if name.lower() == "set-cookie"
        }
        line.close()
        told = [part for name, part in found.getheaders() if name.lower() == "set-cookie"]
        return Answer(found.status, text, dict(found.getheaders()), time.monotonic() - began, cookies, told)

    def kernel(self, who: str) -> str:
        """A page of this person, and the id of its kernel."""
        page = self.ask("/", who)
        assert page.status == 200, page.text[:500]
        found = page.text.partition('"kernelId": "')[2].partition('"')[0]
        assert found, page.text[-2000:]
        return found

    def kernels(self) -> list[psutil.Process]:
        """The kernels that this server has."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if any("ipykernel_launcher" in word for word in child.cmdline()):
                    found.append(child)
            except psutil.Error:
                continue
        return found

    def said(self) -> str:
        """The log so far."""
        return self.log.read_text("utf-8", "replace")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def start(
    folder: Path, book: Path, data: Path, mode: str, access: str = "", port: int = 0, **more: Any
) -> Served:
    """A server in a process of its own, once it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    said = {
        "notebook": book and str(book),
        "data": str(data),
        "mode": mode,
        "port": port,
        "routes": str(folder / "routes.json"),
    }
    said |= {"audit": str(folder / "audit.jsonl"), "cache": str(folder / "cache")} | more
    if access:
        (folder / "rights.yaml").write_text(RIGHTS)
        secret = folder / "secret"
        if not secret.exists():
            secret.write_text(PROXY)
        secret.chmod(0o600)
        (folder / "access.yaml").write_text(access.format(address=f"http://127.0.0.1:{port}"))
        said["access"] = str(folder / "access.yaml")
    log = folder / "log.txt"
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", START, json.dumps(said)], env=env, stdout=out, stderr=out
        )
    made = Served(process, port, log, folder / "routes.json", folder / "audit.jsonl", folder)
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        try:
            made.ask("/nowhere", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return made
    process.kill()
    raise AssertionError(log.read_text())


# --- the WebSocket ----------------------------------------------------------------------------------------------------


def frame(
    kind: str,
    content: Any = None,
    channel: str = "shell",
    header: Any = None,
    parts: list[bytes] | None = None,
    metadata: Any = None,
) -> bytes:
    """A message of protocol v1, as a page sends it."""
    said = header if header is not None else {
        "msg_id": os.urandom(8).hex(), "msg_type": kind, "session": "s", "username": "", "version": "5.2",
        "date": "2026-11-26T12:00:00Z",
    }  # fmt: skip
    parts = parts or [
        json.dumps(p).encode() for p in (said, {}, metadata or {}, content if content is not None else {})
    ]
    pieces = [channel.encode(), *parts]
    at = [8 * (len(pieces) + 2)]
    for piece in pieces:
        at.append(at[-1] + len(piece))
    return b"".join([len(at).to_bytes(8, "little"), *(n.to_bytes(8, "little") for n in at), *pieces])


def read(raw: bytes) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Channel, header and content of a frame."""
    many = int.from_bytes(raw[:8], "little")
    at = [int.from_bytes(raw[8 * i : 8 * i + 8], "little") for i in range(1, many + 1)]
    return raw[at[0] : at[1]].decode(), json.loads(raw[at[1] : at[2]]), json.loads(raw[at[4] : at[5]])


def _parent(raw: bytes) -> str:
    """Id of the message that a frame answers."""
    many = int.from_bytes(raw[:8], "little")
    at = [int.from_bytes(raw[8 * i : 8 * i + 8], "little") for i in range(1, many + 1)]
    return json.loads(raw[at[2] : at[3]]).get("msg_id", "")


class Line:
    """A WebSocket to a kernel, as somebody."""

    def __init__(
        self, server: Served, kernel: str, who: str = "ana", protocol: str | None = PROTOCOL, **headers: str
    ) -> None:
        import websocket

        told = [f"X-User: {who}", f"X-Proxy: {PROXY}"] if who else []
        told += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items() if k != "Host"]
        origin = f"http://127.0.0.1:{server.port}"
        self.raw = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/kernels/{kernel}/channels?session_id={os.urandom(4).hex()}",
            subprotocols=[protocol] if protocol else None,
            header=told,
            origin=headers.get("Origin", origin),
            suppress_origin="Origin" in headers,
            host=headers.get("Host"),
            timeout=20,
        )
        self.bytes = b""

    def send(self, message: bytes) -> None:
        self.raw.send_binary(message)

    def closed(self, seconds: float = 10.0) -> int:
        """The code with which the server closes; 0 where it does not."""
        import struct

        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.raw.settimeout(left)
            try:
                kind, data = self.raw.recv_data(control_frame=True)
            except Exception:
                return -1 if not self.raw.connected else 0
            if kind == 8:
                return struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
            if kind == 2:
                self.bytes += data
        return 0

    def do(
        self, kind: str, content: Any, metadata: Any = None, seconds: float = 30.0
    ) -> list[tuple[str, dict, dict]]:
        """Send a message and hear until the kernel is done with it."""
        import websocket

        raw = frame(kind, content, metadata=metadata)
        mine = read(raw)[1]["msg_id"]
        self.send(raw)
        found, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.raw.settimeout(left)
            try:
                got = self.raw.recv()
            except (
                websocket.WebSocketTimeoutException,
                websocket.WebSocketConnectionClosedException,
                OSError,
            ):
                break
            if not isinstance(got, bytes) or not got:
                break
            self.bytes += got
            found.append((*read(got), _parent(got)))
            _, header, said, parent = found[-1]
            if parent == mine and header["msg_type"] == "status" and said["execution_state"] == "idle":
                break
        return [f[:3] for f in found]

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of every widget, as a page asks for it."""
        comm = os.urandom(8).hex()
        self.do(
            "comm_open",
            {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}},
            {"version": "1.0.0"},
        )
        for _, _, content in self.do("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}}):
            if content.get("data", {}).get("method") == "update_states":
                return {k: v["state"] for k, v in content["data"]["states"].items()}
        raise AssertionError("no states")

    def update(self, comm: str, **state: Any) -> None:
        """A value for a widget."""
        self.do(
            "comm_msg", {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}}
        )

    def press(self, comm: str) -> None:
        """A press of a button."""
        self.do("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}})

    def close(self) -> None:
        self.raw.close()


class Held(Line):
    """One that answers the server's pings, so that its kernel is kept while a test thinks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.raw.settimeout(None)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        import contextlib

        with contextlib.suppress(Exception):
            while True:
                self.raw.recv()


def split(address: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 80
