"""Files for schedulers, each read by the scheduler's own parser or schema, with a plan whose path is as odd as may be."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import check_jsonschema
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from helpers.runs import schedulers
from helpers.terms.errors import BadInput, UsageError
from helpers.verbs.batch_export import KINDS, export

PLAN = """\
plan: monthly
data: store
to: reports
reports:
  - notebook: practitioner_kpis
deliver:
  - folder: published/{month}/{department}
  - email: [a@b.example]
    from: c@d.example
    server: mail.example
    user: me
    password: {env: SMTP_PASSWORD}
  - webhook: {env: SLACK_URL}
    format: slack
"""
ODD = 'it\'s a "$HOME" `id` 100% %h $(touch x) {{ ds }} ; & é'  # a folder's name; quoted in each file in its own way


@pytest.fixture(params=["plain", "odd"])
def plan(request, tmp_path) -> Path:
    folder = tmp_path / (ODD if request.param == "odd" else "plain")
    folder.mkdir()
    (folder / "plan.yaml").write_text(PLAN)
    return folder / "plan.yaml"


def made(plan: Path, kind: str, **more) -> dict[str, str]:
    files, _ = schedulers.export(plan, kind, **{"at": "06:00", "zone": "Europe/Berlin"} | more)
    return {p.name: p.read_text("utf-8") for p in files}


# --- cron -----------------------------------------------------------------------------------------------------------


def cron_line(plan: Path, **more) -> tuple[str, str]:
    """The times, and the command as cron gives it to the shell."""
    ((_, text),) = made(plan, "cron", **more).items()
    (line,) = [x for x in text.splitlines() if not x.startswith("#")]
    times, command = " ".join(line.split(" ", 5)[:5]), line.split(" ", 5)[5]
    assert not re.search(r"(?<!\\)%", command)
    return times, command.replace(r"\%", "%")


@pytest.mark.skipif(not shutil.which("flock"), reason="flock (util-linux) is absent")
def test_cron_runs_the_plan_when_the_zones_clock_says_so(plan, tmp_path, monkeypatch):
    """The line itself, run by a shell with a `finops` that notes its words, at two moments of a clock of ours."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "finops").write_text(
        '#!/bin/sh\nfor w in "$@"; do printf "%s\\n" "$w"; done; echo "env $SMTP_PASSWORD"\n'
    )
    (bin_ / "date").write_text('#!/bin/sh\nexec /bin/date -d "$NOW" "$@"\n')
    for f in bin_.iterdir():
        f.chmod(0o755)
    monkeypatch.setattr(schedulers, "_finops", lambda: (str(bin_ / "finops"),))
    times, command = cron_line(plan)
    assert times == "0,15,30,45 * * * *"
    (plan.parent / "finops-monthly.env").write_text("SMTP_PASSWORD='a b'\n")
    log = plan.parent / "finops-monthly.log"
    for now, runs in (("2026-07-01T04:00:20Z", 1), ("2026-07-01T05:00:20Z", 1), ("2026-12-01T05:00:20Z", 2), ("2026-12-01T04:00:00Z", 2)):  # fmt: skip
        env = {"PATH": f"{bin_}:/usr/bin:/bin", "NOW": now, "HOME": str(tmp_path)}
        done = subprocess.run(["/bin/sh", "-c", command], env=env, cwd="/", capture_output=True, text=True, check=False)  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        told = log.read_text("utf-8") if log.exists() else ""
        assert told.splitlines() == ["batch", "run", str(plan), "env a b"] * runs, now
    assert not (plan.parent / "x").exists() and not Path("/x").exists()


def test_two_of_cron_never_run_at_once(plan):
    assert "flock -n " in cron_line(plan)[1]


@pytest.mark.parametrize(
    ("at", "zone"), [("06:00", "Asia/Kathmandu"), ("23:50", "Australia/Eucla"), ("00:05", "America/St_Johns")]
)
def test_cron_finds_the_minute_of_every_zone(tmp_path, at, zone):
    """On a machine that keeps UTC: exactly one minute of a day is both the line's and the zone's."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    times, _ = cron_line(tmp_path / "plan.yaml", at=at, zone=zone)
    minutes = {int(m) for m in times.split(" ")[0].split(",")}
    start = datetime(2026, 11, 1, tzinfo=UTC)
    hits = [t for n in range(1440) if (t := start + timedelta(minutes=n)).minute in minutes and t.astimezone(ZoneInfo(zone)).strftime("%H:%M") == at]  # fmt: skip
    assert len(hits) == 1


# --- systemd --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is absent")
def test_systemd_takes_the_units(plan):
    made(plan, "systemd")
    folder = plan.parent / "schedule-systemd"
    units = [str(folder / f"finops-monthly.{e}") for e in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)  # fmt: skip
    said = [x for x in (done.stdout + done.stderr).splitlines() if "finops" in x]
    assert (done.returncode, said) == (0, []), done.stderr
    offline = ["systemd-analyze", "security", "--offline=yes", "--threshold=25", units[0]]
    done = subprocess.run(offline, capture_output=True, text=True, check=False)
    if "unrecognized option" not in done.stderr:
        assert done.returncode == 0, done.stdout[-300:]


def test_systemd_quotes_and_hardens(plan):
    text = made(plan, "systemd")["finops-monthly.service"]
    (line,) = [x for x in text.splitlines() if x.startswith("ExecStart=")]
    words = [unit_word(w) for w in re.findall(r'"((?:[^"\\]|\\.)*)"', line)]
    assert words[-3:] == ["batch", "run", str(plan)]
    (writes,) = [x for x in text.splitlines() if x.startswith("ReadWritePaths=")]
    held = [unit_word(w, False) for w in re.findall(r'"((?:[^"\\]|\\.)*)"', writes)]
    assert held == [str(plan.parent / "reports"), str(plan.parent / "published")]
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "MemoryMax=4000M", "TimeoutStartSec=4h"):
        assert f"\n{line}\n" in text
    assert "OnCalendar=*-*-* 06:00:00 Europe/Berlin\n" in made(plan, "systemd")["finops-monthly.timer"]


def unit_word(value: str, variables: bool = True) -> str:
    """A word of a unit as systemd reads it."""
    text = re.sub(r"\\(.)", r"\1", value).replace("%%", "%")
    return text.replace("$$", "$") if variables else text


# --- Kubernetes and GitHub ------------------------------------------------------------------------------------------


def test_kubernetes_takes_the_documents(plan):
    import kubernetes_validate

    files = made(plan, "kubernetes")
    documents = list(yaml.safe_load_all(files["finops-monthly.yaml"]))
    assert [d["kind"] for d in documents] == ["ConfigMap", "PersistentVolumeClaim", "CronJob"]
    for one in documents:
        kubernetes_validate.validate(one, "1.31", strict=True)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(one | {"extra": 1}, "1.31", strict=True)
    assert documents[0]["data"]["plan.yaml"] == PLAN
    spec = documents[2]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"], spec["schedule"]) == (
        "Forbid",
        "Europe/Berlin",
        "0 6 * * *",
    )
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (box,) = pod["containers"]
    assert box["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}  # fmt: skip
    assert box["resources"]["limits"]["memory"] and pod["securityContext"]["runAsNonRoot"] is True
    assert box["envFrom"] == [{"secretRef": {"name": "finops-monthly", "optional": False}}]
    assert "ENTRYPOINT" in files["Dockerfile"] and "FROM python" in files["Dockerfile"]


def test_github_takes_the_workflow(plan):
    made(plan, "github-actions")
    path = plan.parent / "schedule-github-actions" / "finops-monthly.yml"
    # the schema that check-jsonschema carries; its command line takes eight seconds to start on a busy machine
    vendored = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor" / "github-workflows.json"
    schema = json.loads(vendored.read_text("utf-8"))
    read = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # only texts, so that `on` is one
    assert [e.message for e in jsonschema.Draft7Validator(schema).iter_errors(typed(read))] == []
    assert not jsonschema.Draft7Validator(schema).is_valid(typed(read) | {"permissions": "all"})
    flow = yaml.safe_load(path.read_text("utf-8"))
    assert flow["permissions"] == {"contents": "read"}
    assert flow["concurrency"] == {"group": "finops-monthly", "cancel-in-progress": False}
    assert flow[True]["schedule"] == [
        {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}
    ]  # YAML 1.1 reads `on` so
    (run,) = [s for s in flow["jobs"]["reports"]["steps"] if s.get("name") == "Run the batch"]
    assert run["env"]["PLAN"] == "plan.yaml" and run["run"] == 'finops batch run "$PLAN"'
    assert run["env"]["SMTP_PASSWORD"] == "${{ secrets.SMTP_PASSWORD }}"


def typed(value):
    """Texts as YAML 1.2 reads them, where `on` is a text."""
    if isinstance(value, dict):
        return {k: typed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [typed(v) for v in value]
    return {"true": True, "false": False}.get(value, int(value) if value.isdigit() else value)


def test_github_finds_the_plan_from_the_repositorys_root(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "reporting").mkdir()
    (tmp_path / "reporting" / "plan.yaml").write_text(PLAN)
    flow = yaml.safe_load(made(tmp_path / "reporting" / "plan.yaml", "github-actions")["finops-monthly.yml"])
    run = flow["jobs"]["reports"]["steps"][4]
    assert run["env"]["PLAN"] == "reporting/plan.yaml"
    assert flow["jobs"]["reports"]["steps"][3]["with"]["path"] == "reporting/reports"


def test_github_refuses_a_path_that_it_would_read_as_an_expression(tmp_path):
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "${{ github.token }}"
    folder.mkdir()
    (folder / "plan.yaml").write_text(PLAN)
    with pytest.raises(UsageError, match="path with"):
        schedulers.export(folder / "plan.yaml", "github-actions")


# --- Airflow --------------------------------------------------------------------------------------------------------


def test_the_dag_is_python_with_the_words_as_values(plan):
    import ast

    ((name, text),) = made(plan, "airflow").items()
    assert name == "finops_monthly.py"
    named = {t.targets[0].id: t.value for t in ast.parse(text).body if isinstance(t, ast.Assign)}  # type: ignore[attr-defined]
    values = {n: ast.literal_eval(named[n]) for n in ("COMMAND", "FOLDER")}
    assert values["COMMAND"][-3:] == ["batch", "run", str(plan)]
    assert values["FOLDER"] == str(plan.parent)


PARSED = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
dag = bag.dags["finops-monthly"]
task = dag.get_task("batch")
timetable = dag.timetable
print(json.dumps({"errors": {k: str(v) for k, v in bag.import_errors.items()}, "active": dag.max_active_runs,
    "catchup": dag.catchup, "schedule": getattr(timetable, "expression", str(timetable)), "zone": str(dag.timezone),
    "retries": task.retries, "limit": task.execution_timeout.total_seconds()}))
ran = task.python_callable
"""


@pytest.mark.slow
def test_real_airflow_reads_the_dag(tmp_path):
    """An environment of its own from PyPI: some minutes. Set AIRFLOW_PYTHON to one that is there to save them."""
    python = os.environ.get("AIRFLOW_PYTHON", "")
    if not python:
        subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
        python = str(tmp_path / "env" / "bin" / "python")
        got = subprocess.run([python, "-m", "pip", "install", "-q", "apache-airflow>=3,<4"], capture_output=True, text=True, check=False)  # fmt: skip
        if got.returncode:
            pytest.skip(f"Airflow cannot be installed here: {got.stderr.strip().splitlines()[-1:]}")
    folder = tmp_path / ODD
    folder.mkdir()
    (folder / "plan.yaml").write_text(PLAN)
    made(folder / "plan.yaml", "airflow", to=tmp_path / "dags")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}  # fmt: skip
    subprocess.run([python, "-m", "airflow", "db", "migrate"], env=env, capture_output=True, check=True)
    done = subprocess.run([python, "-c", PARSED, str(tmp_path / "dags")], env=env, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"errors": {}, "active": 1, "catchup": False, "schedule": "0 6 * * *", "zone": "Europe/Berlin", "retries": 1, "limit": 14400.0}  # fmt: skip


# --- what all share -------------------------------------------------------------------------------------------------


def test_summer_time_is_said():
    job = schedulers.Job(Path("/p.yaml"), "p", ("finops",), 2, 30, "Europe/Berlin")
    said = schedulers.doubtful(job, datetime(2026, 11, 26, tzinfo=UTC))
    found = [re.sub(" in .*", "", x) for x in said]
    assert found == ["02:30 does not come on 2027-03-28", "02:30 comes twice on 2027-10-31"]
    at_six = schedulers.Job(Path("/p.yaml"), "p", ("finops",), 6, 0, "Europe/Berlin")
    assert schedulers.doubtful(at_six, datetime(2026, 11, 26, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"at": "25:00"}, "--at '25:00'"),
        ({"at": "6"}, "--at '6'"),
        ({"zone": "Berlin"}, "no time zone 'Berlin'"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"zone": "UTC\n* * * * * id"}, "no time zone"),
    ],
)
def test_a_time_or_zone_that_is_none(tmp_path, more, said):
    (tmp_path / "plan.yaml").write_text(PLAN)
    with pytest.raises(UsageError, match=re.escape(said)):
        schedulers.export(tmp_path / "plan.yaml", "cron", **more)


@pytest.mark.parametrize("text", ["", "to: x\n", "reports: []\n", "a: [\n", "- 1\n"])
def test_a_plan_that_is_none(tmp_path, text):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(BadInput):
        schedulers.export(tmp_path / "plan.yaml", "cron")


def test_a_path_with_a_line_end_is_refused(tmp_path):
    folder = tmp_path / "a\n* * * * * id"
    folder.mkdir()
    (folder / "plan.yaml").write_text(PLAN)
    for kind in schedulers.KINDS:
        with pytest.raises(UsageError, match="control characters"):
            schedulers.export(folder / "plan.yaml", kind)


@pytest.mark.parametrize("kind", schedulers.KINDS)
def test_a_hostile_name_of_a_plan_becomes_a_plain_one(tmp_path, kind):
    (tmp_path / "plan.yaml").write_text(
        PLAN.replace("plan: monthly", 'plan: "x\'; rm -rf / #\\n[Install]\\n${{ a }}"')
    )
    files = made(tmp_path / "plan.yaml", kind, to=tmp_path / "out")
    assert all(re.fullmatch(r"finops[-_]x[-_]rm[-_]rf[-_]install[-_]a\.\w+|Dockerfile", n) for n in files)
    assert not any("rm -rf /" in t for n, t in files.items() if kind != "kubernetes")


def test_the_verb(tmp_path):
    assert KINDS == schedulers.KINDS
    (tmp_path / "plan.yaml").write_text(PLAN)
    words = [str(tmp_path / "plan.yaml"), "--for", "cron", "--at", "02:30", "--zone", "Europe/Berlin"]
    done = CliRunner().invoke(export, [*words, "--dry-run"])
    assert done.exit_code == 0 and "would write" in done.output and not (tmp_path / "schedule-cron").exists()
    done = CliRunner().invoke(export, [*words, "--to", str(tmp_path / "out")])
    assert done.exit_code == 0 and (tmp_path / "out" / "finops-monthly.cron").is_file()
    assert "comes twice" in done.output and "SLACK_URL, SMTP_PASSWORD" in done.output
    assert shlex.split(done.output.splitlines()[0])


STOPPED = """
import signal, sys, types
class Any_:
    def __init__(self, *a, **k): pass
    def __enter__(self): return self
    def __exit__(self, *a): pass
for name, members in {"pendulum": {"datetime": lambda *a, **k: None}, "airflow": {}, "airflow.sdk": {"DAG": Any_}, "airflow.providers": {},
    "airflow.providers.standard": {}, "airflow.providers.standard.operators": {}, "airflow.providers.standard.operators.python": {"PythonOperator": Any_}}.items():
    sys.modules[name] = types.ModuleType(name); vars(sys.modules[name]).update(members)
def stop(*_): raise RuntimeError("stopped by the scheduler")
signal.signal(signal.SIGTERM, stop)
space = {}
exec(compile(open(sys.argv[1]).read(), "dag", "exec"), space)
space["run"]()
"""


def test_what_stops_the_task_of_the_dag_stops_the_batch(tmp_path, monkeypatch):
    """Without Airflow, whose place two classes take: its SIGTERM reaches the batch, which ends before the task does."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    child = "import signal, sys, time, pathlib\ndef end(*_):\n    pathlib.Path('ended').touch(); sys.exit(5)\nsignal.signal(signal.SIGTERM, end)\npathlib.Path('ready').touch()\ntime.sleep(60)"
    monkeypatch.setattr(schedulers, "_finops", lambda: (sys.executable, "-c", child))
    made(tmp_path / "plan.yaml", "airflow", to=tmp_path / "dags")
    words = [sys.executable, "-c", STOPPED, str(tmp_path / "dags" / "finops_monthly.py")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as task:
        until = time.monotonic() + 60
        while not (tmp_path / "ready").exists() and time.monotonic() < until:
            time.sleep(0.05)
        task.terminate()
        _, said = task.communicate(timeout=60)
    assert (tmp_path / "ended").exists() and "stopped by the scheduler" in said
