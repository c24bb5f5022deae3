"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that others wrote; tests skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent: real data of others is not part of the project")
    return folder


# One process for all: what a person types in a row, a second delivery after a first included.
_LARKSPUR = """
import sys
from pathlib import Path
from helpers.__main__ import main

def finops(*words):
    try:
        main([str(w) for w in words])
    except SystemExit as done:
        if done.code:
            raise

folder = Path(sys.argv[1])
finops("sample", "--to", folder / "sample", "--months", 14)
for delivery in sorted((folder / "sample").glob("2*")):
    finops("ingest", delivery, "--to", folder / "store")
finops("ingest", folder / "sample" / "company", "--to", folder / "store")
finops("ingest", folder / "sample" / "usage", "--to", folder / "store")
finops("ingest", folder / "sample" / "later" / "actions.csv", "--to", folder / "store")
finops("ingest", folder / "sample" / "focus" / "contract_commitment.csv", "--to", folder / "store")
"""


@pytest.fixture(scope="session")
def larkspur(tmp_path_factory) -> Path:
    """The last 14 months of the sample company in a store, as `make report` makes it; its deliveries stand in ``../sample``. Read only."""
    folder = tmp_path_factory.mktemp("larkspur")
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", _LARKSPUR, str(folder)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "store"


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, headless, one for all folders: Playwright runs once in a process. Without it page tests skip; with FINOPS_NEED_BROWSER they fail instead."""
    if not (found := shutil.which("chromium")):
        reason = "Chromium is absent: apt-get install chromium"
        if os.environ.get("FINOPS_NEED_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A new page 1180 wide that reaches loopback only; ``page.outside`` lists what it asked of others."""
    context = chromium.new_context(viewport={"width": 1180, "height": 900})
    page = context.new_page()
    page.outside = []

    def gate(route):
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "file:", "blob:")):
            route.continue_()
        else:
            page.outside.append(route.request.url)
            route.abort()

    context.route("**/*", gate)
    yield page
    context.close()
