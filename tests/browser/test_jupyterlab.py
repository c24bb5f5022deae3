"""The learner's copy in a real JupyterLab: it opens with its data and runs to its end."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from tests.conftest import ROOT

ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}


@pytest.fixture(scope="module")
def lab(larkspur, tmp_path_factory):
    """Address of a JupyterLab in the learner's folder."""
    folder = tmp_path_factory.mktemp("lesson")
    command = [sys.executable, "-m", "helpers", "lesson", "practitioner_kpis", "--data", str(larkspur), "--to", str(folder / "copy")]  # fmt: skip
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    words = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=learner"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *words],
            cwd=folder / "copy",
            env=ENV | config,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status?token=learner", timeout=5)
            break
        except OSError:
            time.sleep(0.25)
    yield f"{address}/lab/tree/practitioner_kpis.ipynb?token=learner"
    server.terminate()
    server.wait(timeout=20)
    shutil.rmtree(folder)


def test_the_learners_copy_runs_in_jupyterlab(page, lab):
    page.goto(lab, timeout=120_000)
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    # cells that are run while the kernel still starts are given up without a word
    page.get_by_text(re.compile(r"\| Idle$")).first.wait_for(timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells")).click()
    # asked for again and again: JupyterLab draws the cells in view only, and moves them about while it does
    for _ in range(120):
        page.wait_for_timeout(1000)
        if "Results are kept." in page.locator(".jp-Notebook").inner_text():  # the last cell's output
            break
    else:
        raise AssertionError(page.locator(".jp-Notebook").inner_text()[-2000:])
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
    assert page.locator(".jp-OutputArea figure img, .jp-OutputArea figure svg").count() >= 1
