"""The project's files agree with each other: ranges, lock, layers, no machine's path."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ]", requirement, maxsplit=1)[0].lower()


def _tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.split("\0") if name]


def test_environment_yml_holds_the_ranges_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert sorted(pip) == sorted(_project()["dependencies"])
    python = next(d for d in environment["dependencies"] if isinstance(d, str) and d.startswith("python"))
    assert python == "python" + _project()["requires-python"]


def test_every_dependency_has_an_upper_bound_or_a_calendar_version():
    free = [
        r
        for r in _project()["dependencies"]
        if "<" not in r and _name(r) not in {"fsspec", "pytz", "pyarrow"}
    ]
    assert free == []


def test_lock_has_hashes_for_all_and_no_index():
    lock = (ROOT / "requirements.lock").read_text()
    assert "--index-url" not in lock and "--extra-index-url" not in lock and "://" not in lock
    blocks = re.split(r"\n(?=[a-z0-9])", lock.strip(), flags=re.I)
    assert all("--hash=sha256:" in b for b in blocks if "==" in b.splitlines()[0])
    locked = {_name(b) for b in blocks}
    wanted = {_name(r) for r in _project()["dependencies"] + _project()["optional-dependencies"]["dev"]}
    assert wanted - locked == set()


def test_layers_hold():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == EXIT_STATUS_SUCCESS


def test_no_path_of_a_machine_in_any_tracked_file():
    marks = re.compile(rb"/home/[a-z]+/|/root/|/Users/[A-Za-z]+/|file:///[a-z]")
    found = [
        str(p.relative_to(ROOT))
        for p in _tracked()
        if p.is_file()
        and p.suffix not in {".png", ".gz", ".parquet"}
        and p != Path(__file__)
        and marks.search(p.read_bytes())
    ]
    assert found == []


def test_every_layer_has_a_docstring_that_says_what_it_is():
    bare = [
        str(p) for p in (ROOT / "src/helpers").glob("**/*.py") if not p.read_text().lstrip().startswith('"""')
    ]
    assert bare == []
