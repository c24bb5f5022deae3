"""JupyterHub as the way in: a real hub, its real proxy, the kit's server as its service. Slow: npm fetches the proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from tests.security import making
from tests.security.making import OURS, SECRET

pytestmark = pytest.mark.slow

CONFIG = """
import json, sys
c.JupyterHub.ip = "127.0.0.1"
c.JupyterHub.port = {port}
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = {hub}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "open sesame"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.ConfigurableHTTPProxy.command = ["{node}", "{proxy}"]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.load_groups = {{"board": {{"users": ["kim"]}}}}
c.JupyterHub.services = [{{
    "name": "finops", "url": "http://127.0.0.1:{service}", "oauth_no_confirm": True,
    "command": [sys.executable, "-c", open("{folder}/start.py").read(), open("{folder}/said.json").read()],
    "environment": {{"PYTHONPATH": "{source}", "PATH": "{path}", "HOME": "{folder}"}},
}}]
c.JupyterHub.load_roles = [{{"name": "user", "scopes": ["self", "access:services!service=finops", "read:users:groups!user"]}}]
"""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory) -> Path:
    """configurable-http-proxy, from npm."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm and node are absent: JupyterHub's proxy is a program for node")
    folder = tmp_path_factory.mktemp("proxy")
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "configurable-http-proxy@5"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = folder / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    if done.returncode or not found.is_file():
        pytest.skip(f"configurable-http-proxy cannot be installed: {done.stderr[-300:]}")
    return found


@pytest.fixture(scope="module")
def hub(proxy, book, two, tmp_path_factory):
    import json

    folder = tmp_path_factory.mktemp("hub")
    port, hub_port, api, service = (making.free_port() for _ in range(4))
    (folder / "rights.yaml").write_text(making.RIGHTS)
    (folder / "access.yaml").write_text(
        f"way: hub\naddress: http://127.0.0.1:{port}/services/finops\nrights: rights.yaml\n"
    )
    said = {
        "notebook": str(book), "data": str(two), "mode": "app", "port": service, "routes": str(folder / "routes.json"),
        "access": str(folder / "access.yaml"), "audit": str(folder / "audit.jsonl"), "cache": str(folder / "cache"),
    }  # fmt: skip
    (folder / "said.json").write_text(json.dumps(said))
    (folder / "start.py").write_text(making.START)
    names = {
        "port": port,
        "hub": hub_port,
        "api": api,
        "service": service,
        "folder": folder,
        "proxy": proxy,
        "node": shutil.which("node"),
        "source": making.ROOT / "src",
        "path": os.environ["PATH"],
    }
    (folder / "jupyterhub_config.py").write_text(CONFIG.format(**names))
    log = folder / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(folder / "jupyterhub_config.py")],
            cwd=folder,
            stdout=out,
            stderr=out,
            env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": "t" * 32},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            try:
                if requests.get(f"{address}/services/finops/", timeout=5).status_code == 401:
                    break
            except requests.RequestException:
                pass
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        print(log.read_text()[-6000:])  # noqa: T201 - shown where a test fails


def logged_in(address: str, name: str) -> requests.Session:
    """A browser in which this person has logged in at the hub, sent there by our own page."""
    browser = requests.Session()
    page = browser.get(f"{address}/services/finops/login", timeout=30)
    assert "/hub/login" in page.url, page.url
    xsrf = browser.cookies.get("_xsrf", path="/hub/") or browser.cookies.get("_xsrf")
    there = browser.post(
        page.url, data={"username": name, "password": "open sesame", "_xsrf": xsrf}, timeout=60
    )
    assert there.status_code in (200, 403), there.text[:2000]
    return browser


def test_a_hubs_user_sees_their_part(hub):
    nobody = requests.get(f"{hub}/services/finops/", timeout=30)
    assert nobody.status_code == 401
    assert '<a href="/services/finops/login">Log in</a>' in nobody.text
    ana = logged_in(hub, "ana").get(f"{hub}/services/finops/", timeout=120)
    assert ana.status_code == 200, ana.text[-1500:]
    assert OURS in ana.text
    assert SECRET not in ana.text


def test_a_hubs_group_gives_the_groups_rights(hub):
    page = logged_in(hub, "kim").get(f"{hub}/services/finops/", timeout=120)
    assert page.status_code == 200, page.text[-1500:]
    assert OURS in page.text
    assert SECRET in page.text


def test_a_hubs_user_whom_the_file_does_not_name_is_told_so(hub):
    page = logged_in(hub, "joe").get(f"{hub}/services/finops/", timeout=60)
    assert page.status_code == 403
    assert "has no rights here" in page.text
    assert OURS not in page.text


def test_a_forged_cookie_is_nobody(hub):
    page = requests.get(f"{hub}/services/finops/", cookies={"service-finops": "forged"}, timeout=30)
    assert page.status_code == 401
