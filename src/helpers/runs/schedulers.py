"""Ready files for the schedulers that people have: a batch every day at a time of a place, alone, within limits.

Each kind quotes a plan's path and names in its own way, because each reads them in its own way: cron knows ``%``,
systemd ``%`` and ``$``, Kubernetes ``$(…)``, GitHub ``${{…}}``, Airflow templates. A daily run makes only what is
missing, failed or has newer inputs, so a run too many does no harm.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import helpers
from helpers.runs import strict
from helpers.terms.errors import BadInput, UsageError

KINDS = ("cron", "systemd", "airflow", "kubernetes", "github-actions")
HOURS, MEMORY_MB = 4, 4000  # a batch may take: wall time [h], resident memory [MB]
STOP = 30  # from SIGTERM to SIGKILL [s]; a batch ends within 10


@dataclass(frozen=True)
class Job:
    """A plan and when it runs.

    Attributes
    ----------
    plan : Path
        Absolute.
    name : str
        In lower case letters, digits and ``-``; names files, units, jobs.
    command : tuple of str
        Words that start the kit's command line.
    hour, minute : int
    zone : str
        IANA name.
    writes : tuple of Path
        Folders that a run writes to on this machine.
    reads : tuple of str
        Paths in the plan that lie elsewhere, as written.
    secrets : tuple of str
        Names of environment variables that the plan reads.
    """

    plan: Path
    name: str
    command: tuple[str, ...]
    hour: int
    minute: int
    zone: str
    writes: tuple[Path, ...] = ()
    reads: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The whole command."""
        return [*self.command, "batch", "run", str(self.plan)]

    @property
    def time(self) -> str:
        """``06:00``."""
        return f"{self.hour:02d}:{self.minute:02d}"


def export(
    plan: Path, kind: str, *, at: str = "06:00", zone: str = "UTC", to: Path | None = None, image: str = ""
) -> tuple[list[Path], list[str]]:
    """Write the files of one scheduler.

    Parameters
    ----------
    plan : Path
    kind : str
        Of `KINDS`.
    at : str
        ``HH:MM`` on the clock of `zone`.
    zone : str
        IANA name, such as ``Europe/Berlin``.
    to : Path, optional
        Folder of the files; default beside the plan, ``schedule-KIND``.
    image : str
        Container image for Kubernetes; default one that the Dockerfile beside it makes.

    Returns
    -------
    tuple
        The files, and sentences about what is left to do.

    Raises
    ------
    UsageError, BadInput
    """
    makers = {
        "cron": _cron,
        "systemd": _systemd,
        "airflow": _airflow,
        "kubernetes": lambda job: _kubernetes(job, image),
        "github-actions": _github,
    }
    if kind not in makers:
        raise UsageError(f"no scheduler {kind!r}", f"one of {', '.join(KINDS)}", "take one of them")
    job = read(plan, at, zone)
    files, notes = makers[kind](job)
    folder = to or job.plan.parent / f"schedule-{kind}"
    made = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.part")
        half.write_text(text, "utf-8")
        half.replace(path)
        made.append(path)
    return made, [*notes, *doubtful(job)]


def read(plan: Path, at: str = "06:00", zone: str = "UTC") -> Job:
    """Check plan, time and zone.

    Raises
    ------
    UsageError, BadInput
    """
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if not found:
        raise UsageError(f"--at {at[:20]!r}", "a time of day as HH:MM", "for example --at 06:00")
    try:
        ZoneInfo(zone)
        known = bool(re.fullmatch(r"[A-Za-z0-9_+/-]+", zone))
    except (KeyError, ValueError, OSError):
        known = False
    if not known:
        raise UsageError(f"no time zone {zone[:40]!r}", "an IANA name", "for example --zone Europe/Berlin")
    path = Path(os.path.abspath(plan))  # noqa: PTH100 - a link in the path stays a link
    if any(ord(c) < 32 or ord(c) == 127 for c in str(path)) or str(path) != str(path).strip():
        raise UsageError(f"a plan's path with line ends or other control characters: {str(path)[:80]!r}", "a plain path", "rename it")  # fmt: skip
    held = strict.read(plan, BadInput).plain
    if not isinstance(held, Mapping) or "reports" not in held or not isinstance(held.get("to"), str):
        raise BadInput("no plan: it has no to: or no reports:", "a plan of finops batch", "finops batch init writes one", file=str(plan))  # fmt: skip
    name = re.sub(r"[^a-z0-9]+", "-", str(held.get("plan") or path.stem).lower()).strip("-")[:40].strip("-")
    delivered = [d for d in _deliveries(held) if isinstance(d, Mapping)]
    folders = [str(d["folder"]) for d in delivered if isinstance(d.get("folder"), str) and "://" not in d["folder"]]  # fmt: skip
    writes = [path.parent / t.partition("{")[0].rpartition("/")[0] if "{" in t else (path.parent / t).parent for t in folders]  # fmt: skip
    to = path.parent / held["to"]
    outside = [str(p) for p in (held.get("data"), held["to"], *folders) if isinstance(p, str) and (p.startswith("/") or ".." in Path(p).parts)]  # fmt: skip
    return Job(
        path,
        name or "plan",
        _finops(),
        int(found[1]),
        int(found[2]),
        zone,
        tuple(dict.fromkeys([to, *writes])),
        tuple(dict.fromkeys(outside)),
        tuple(sorted({v for d in delivered for v in _variables(d)})),
    )


def _deliveries(held: Mapping[str, Any]) -> list[Any]:
    reports = held["reports"] if isinstance(held["reports"], list) else []
    lists = [held.get("deliver"), *(r.get("deliver") for r in reports if isinstance(r, Mapping))]
    return [d for each in lists if isinstance(each, list) for d in each]


def _variables(value: Any) -> list[str]:
    """Names of environment variables in a delivery: ``{env: NAME}``."""
    if isinstance(value, Mapping):
        own = value.get("env")
        named = [own] if isinstance(own, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", own) else []
        return named + [n for v in value.values() for n in _variables(v)]
    return []


def _finops() -> tuple[str, ...]:
    beside = Path(sys.executable).with_name("finops")
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "helpers")


def doubtful(job: Job, since: datetime | None = None) -> list[str]:
    """Days of the next year on which the clock of the zone shows the time twice, or not at all.

    Examples
    --------
    >>> job = Job(Path("/p.yaml"), "p", ("finops",), 2, 30, "Europe/Berlin")
    >>> doubtful(job, datetime(2026, 11, 26, tzinfo=UTC))[0][:45]
    '02:30 does not come on 2027-03-28 in Europe/B'
    """
    zone, day = ZoneInfo(job.zone), (since or datetime.now(UTC)).date()
    said = []
    for n in range(366):
        one = day + timedelta(n)
        first, second = (datetime(one.year, one.month, one.day, job.hour, job.minute, tzinfo=zone, fold=f) for f in (0, 1))  # fmt: skip
        if first.utcoffset() != second.utcoffset():
            back = first.astimezone(UTC).astimezone(zone)
            how = "comes twice" if (back.hour, back.minute) == (job.hour, job.minute) else "does not come"
            said.append(f"{job.time} {how} on {one} in {job.zone} (summer time): take another time if that matters; a second run makes nothing twice")  # fmt: skip
    return said


def _head(job: Job, what: str, mark: str = "#") -> str:
    lines = [
        f"{what}, made by finops batch export (kit {helpers.__version__}).",
        f"Plan: {job.plan.name}. Every day at {job.time} on the clock of {job.zone}, summer time and winter time.",
    ]
    return "".join(f"{mark} {line}\n" for line in lines)


# --- cron -----------------------------------------------------------------------------------------------------------


def _cron(job: Job) -> tuple[dict[str, str], list[str]]:
    """One line that looks at the zone's clock four times an hour: no cron is sure to know time zones."""
    folder = job.plan.parent
    quarter = [str((job.minute + 15 * n) % 60) for n in range(4)]
    minutes = ",".join(sorted(quarter, key=int))
    lock, log, variables = (folder / f"{p}finops-{job.name}{e}" for p, e in ((".", ".lock"), ("", ".log"), ("", ".env")))  # fmt: skip
    quoted = {k: shlex.quote(str(v)) for k, v in {"lock": lock, "log": log, "env": variables, "folder": folder}.items()}  # fmt: skip
    given = f"set -a && . {quoted['env']} && set +a && " if job.secrets else ""
    run = f"{given}flock -n {quoted['lock']} {shlex.join(job.words)}"
    line = f'if [ "$(TZ={job.zone} date +%H:%M)" = {job.time} ]; then cd {quoted["folder"]} && {{ {run}; }} >>{quoted["log"]} 2>&1; fi'
    escaped = line.replace("%", r"\%")  # cron ends a command at a bare %
    text = (
        _head(job, "A line for crontab")
        + "# It looks four times an hour at the clock of the zone, whatever the machine's own zone is, and runs once a day.\n"
        + "# flock: never two at once. Add it: (crontab -l; cat THIS-FILE) | crontab -\n"
        + f"{minutes} * * * * {escaped}\n"
    )
    notes = [f"the log grows in {log}: let logrotate keep it"]
    if job.secrets:
        notes.insert(0, f"write {', '.join(job.secrets)} as NAME=value into {variables}, mode 600")
    return {f"finops-{job.name}.cron": text}, notes


# --- systemd --------------------------------------------------------------------------------------------------------


def _systemd(job: Job) -> tuple[dict[str, str], list[str]]:
    folder, unit = job.plan.parent, f"finops-{job.name}"
    writes = " ".join(_unit_word(str(p)) for p in job.writes)
    service = f"""{_head(job, "A systemd service")}
[Unit]
Description=FinOps reports, plan {job.name}
Documentation=https://www.finops.org/
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={_user()}
WorkingDirectory={_unit_path(str(folder))}
EnvironmentFile=-/etc/finops/{job.name}.env
Environment=HOME=%C/{unit} MPLCONFIGDIR=%C/{unit} XDG_CACHE_HOME=%C/{unit}
CacheDirectory={unit}
ExecStart={" ".join(_unit_word(w, variables=True) for w in job.words)}
Nice=10
TimeoutStartSec={HOURS}h
TimeoutStopSec={STOP}s
KillMode=mixed
MemoryMax={MEMORY_MB}M
TasksMax=512
UMask=0027

# It may write to these folders and its cache, and to nothing else.
ProtectSystem=strict
ReadWritePaths={writes}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
PrivateIPC=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
    timer = f"""{_head(job, "A systemd timer")}
[Unit]
Description=FinOps reports, plan {job.name}, every day at {job.time} {job.zone}

[Timer]
OnCalendar=*-*-* {job.time}:00 {job.zone}
Persistent=true
AccuracySec=1min
Unit={unit}.service

[Install]
WantedBy=timers.target
"""
    shown = " ".join(shlex.quote(str(p)) for p in job.writes)
    notes = [
        f"these folders must be there first: mkdir -p {shown}",
        f"copy both files to /etc/systemd/system, then: systemctl daemon-reload && systemctl enable --now {unit}.timer",
    ]
    if job.secrets:
        notes.append(
            f"write {', '.join(job.secrets)} as NAME=value into /etc/finops/{job.name}.env, mode 600"
        )
    return {f"{unit}.service": service, f"{unit}.timer": timer}, notes


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return "nobody"
    return name if re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", name) else "nobody"


def _unit_word(value: str, variables: bool = False) -> str:
    """One word of a unit's line: quotes, specifiers and (in a command) variables are plain text."""
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text.replace("$", "$$") if variables else text}"'


def _unit_path(value: str) -> str:
    """A setting that is one path to the end of its line."""
    return value.replace("%", "%%")


# --- Airflow --------------------------------------------------------------------------------------------------------

DAG = '''\
{head}
from __future__ import annotations

import subprocess
from datetime import timedelta

import pendulum

try:  # Airflow 3
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.operators.python import PythonOperator

# Plain Python values: Airflow reads no template in them, and no shell reads the command.
COMMAND = {command}
FOLDER = {folder}


def run() -> None:
    """Run the batch; what stops the task stops it too, and the next run goes on from there."""
    with subprocess.Popen(COMMAND, cwd=FOLDER) as child:
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            try:
                child.wait({stop})
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    if code:
        raise RuntimeError(f"finops batch run ended with {{code}}; its log and summary page say why")


with DAG(
    dag_id={dag},
    schedule={schedule},
    start_date=pendulum.datetime({year}, {month}, {day}, tz={zone}),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours={hours}),
    tags=["finops"],
) as dag:
    PythonOperator(
        task_id="batch",
        python_callable=run,
        retries=1,
        retry_delay=timedelta(minutes=10),
        execution_timeout=timedelta(hours={hours}),
    )
'''


def _airflow(job: Job) -> tuple[dict[str, str], list[str]]:
    today = datetime.now(UTC).date()
    text = DAG.format(
        head=_head(job, "An Airflow DAG"),
        command=ascii(job.words),
        folder=ascii(str(job.plan.parent)),
        dag=ascii(f"finops-{job.name}"),
        schedule=ascii(f"{job.minute} {job.hour} * * *"),
        zone=ascii(job.zone),
        stop=STOP,
        hours=HOURS,
        year=today.year,
        month=today.month,
        day=today.day,
    )
    notes = ["copy it into the folder of your DAGs; the workers must see the kit, the plan and its folders at the same paths"]  # fmt: skip
    if job.secrets:
        notes.append(f"give {', '.join(job.secrets)} to the workers' environment")
    return {f"finops_{job.name.replace('-', '_')}.py": text}, notes


# --- Kubernetes -----------------------------------------------------------------------------------------------------

DOCKERFILE = """\
{head}FROM python:3.11-slim
RUN pip install --no-cache-dir "finops-playbook-kit[s3]=={version}"
USER 10001
WORKDIR /work
ENTRYPOINT ["finops"]
"""


def _kubernetes(job: Job, image: str) -> tuple[dict[str, str], list[str]]:
    import yaml

    unit = f"finops-{job.name}"
    labels = {"app.kubernetes.io/name": "finops-playbook-kit", "app.kubernetes.io/instance": job.name}
    meta: dict[str, Any] = {"name": unit, "labels": labels}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": STOP,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "batch",
                "image": image or f"finops-playbook-kit:{helpers.__version__}",
                "args": ["batch", "run", "/work/plan.yaml"],
                "workingDir": "/work",
                "env": [{"name": n, "value": "/tmp"} for n in ("HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME")],
                "envFrom": [{"secretRef": {"name": unit, "optional": not job.secrets}}],
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "work", "mountPath": "/work"},
                    {"name": "plan", "mountPath": "/work/plan.yaml", "subPath": "plan.yaml", "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},
                ],
            }
        ],
        "volumes": [
            {"name": "work", "persistentVolumeClaim": {"claimName": unit}},
            {"name": "plan", "configMap": {"name": unit}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }  # fmt: skip
    documents = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"plan.yaml": job.plan.read_text("utf-8")}},
        {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta,
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
        },
        {
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta,
            "spec": {
                "schedule": f"{job.minute} {job.hour} * * *",
                "timeZone": job.zone,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 3600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {
                    "spec": {
                        "backoffLimit": 1,
                        "activeDeadlineSeconds": HOURS * 3600,
                        "template": {"metadata": {"labels": labels}, "spec": pod},
                    }
                },
            },
        },
    ]  # fmt: skip
    dumper: Any = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    text = yaml.dump_all(documents, Dumper=dumper, sort_keys=False, allow_unicode=True, width=110)
    files = {
        f"{unit}.yaml": _head(job, "A Kubernetes CronJob with its plan and its volume") + text,
        "Dockerfile": DOCKERFILE.format(head=_head(job, "The image"), version=helpers.__version__),
    }
    notes = [
        "the plan's paths are seen from /work, the volume: bring the store and the plan's tables there, or read them from an object store",
        f"build and push the image, then: kubectl apply -f {unit}.yaml",
    ]
    if job.reads:
        notes.insert(0, f"these paths of the plan lie outside its folder and will not be found in the pod: {', '.join(job.reads)}")  # fmt: skip
    if job.secrets:
        notes.append(f"make a Secret {unit} with {', '.join(job.secrets)}")
    return files, notes


# --- GitHub Actions -------------------------------------------------------------------------------------------------


def _github(job: Job) -> tuple[dict[str, str], list[str]]:
    import yaml

    root = next((p for p in job.plan.parents if (p / ".git").exists()), None)
    plan = (job.plan.relative_to(root) if root else Path(job.plan.name)).as_posix()
    to = os.path.relpath(job.writes[0], root or job.plan.parent).replace(os.sep, "/")
    if "${{" in plan + to:
        raise UsageError("a path with ${{ in it", "a path that GitHub does not read as an expression", "rename it", file=str(job.plan))  # fmt: skip
    unit = f"finops-{job.name}"
    secrets = {n: f"${{{{ secrets.{n} }}}}" for n in job.secrets}
    steps = [
        {"uses": "actions/checkout@v4", "with": {"persist-credentials": False}},
        {"uses": "actions/setup-python@v5", "with": {"python-version": "3.11"}},
        {"name": "Install the kit", "run": f'pip install "finops-playbook-kit[s3]=={helpers.__version__}"'},
        {
            "name": "Bring back the ledger and the reports of the last run",
            "uses": "actions/cache@v4",
            "with": {"path": to, "key": f"{unit}-${{{{ github.run_id }}}}", "restore-keys": f"{unit}-"},
        },
        {"name": "Run the batch", "env": {"PLAN": plan, **secrets}, "run": 'finops batch run "$PLAN"'},
        {
            "name": "Keep the reports",
            "if": "always()",
            "uses": "actions/upload-artifact@v4",
            "with": {"name": unit, "path": to, "if-no-files-found": "warn", "retention-days": 30},
        },
    ]
    flow = {
        "name": f"FinOps reports, {job.name}",
        "on": {
            "schedule": [{"cron": f"{job.minute} {job.hour} * * *", "timezone": job.zone}],
            "workflow_dispatch": {},
        },
        "permissions": {"contents": "read"},
        "concurrency": {"group": unit, "cancel-in-progress": False},
        "jobs": {"reports": {"runs-on": "ubuntu-latest", "timeout-minutes": HOURS * 60, "steps": steps}},
    }
    text = yaml.safe_dump(flow, sort_keys=False, allow_unicode=True, width=110).replace("'on':", "on:")
    notes = [
        f"copy {unit}.yml to .github/workflows of the repository that holds the plan, and pin each action to a commit that you have looked at",
        "the reports become artifacts: whoever may read the repository may read them; a public one shows them to everyone",
        "bring the store to the runner (a step before the batch), or use a runner of your own that has it",
    ]
    if job.reads:
        notes.insert(0, f"these paths of the plan lie outside its folder and will not be found on the runner: {', '.join(job.reads)}")  # fmt: skip
    if job.secrets:
        notes.append(f"make the repository's secrets {', '.join(job.secrets)}")
    return {f"{unit}.yml": _head(job, "A workflow of GitHub Actions") + text}, notes
