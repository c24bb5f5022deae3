"""Pages served for Chromium on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """A function that serves a notebook (or all, for "") over a store in a mode and gives the address."""
    running = []

    def start(notebook: Path | str, data: Path, mode: str, ahead: bool = False) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        code = (
            "import sys; from pathlib import Path; from helpers.runs.app import serve; "
            "serve(sys.argv[1] or None, data=Path(sys.argv[2]), mode=sys.argv[3], port=int(sys.argv[4]), ahead=sys.argv[5] == '1')"
        )
        folder = tmp_path_factory.mktemp("serve")
        log = folder / "log.txt"
        env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "FINOPS_CACHE": str(folder / "cache")}
        with log.open("w") as out:
            words = [sys.executable, "-c", code, str(notebook), str(data), mode, str(port), str(int(ahead))]
            process = subprocess.Popen(words, env=env, stdout=out, stderr=out)
        running.append(process)
        address = f"http://127.0.0.1:{port}/"
        for _ in range(240):
            if process.poll() is not None:
                break
            try:
                # refused at once, runs no notebook; the portal answers
                urllib.request.urlopen(f"{address}?month=none", timeout=5)
                return address
            except urllib.error.HTTPError:
                return address
            except OSError:
                time.sleep(0.25)
        raise AssertionError(log.read_text())

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def sample_store(larkspur) -> Path:
    """The sample company's deliveries in a store, as `make report` makes it."""
    return larkspur
