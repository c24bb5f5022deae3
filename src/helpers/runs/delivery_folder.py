"""A report into a folder or an object store: whole or not at all, its manifest last."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from helpers.runs import delivery, formats, outputs
from helpers.runs.delivery import Delivery, Facts, Outcome
from helpers.terms.errors import KitError, NotDelivered, UsageError

FIELDS = ("folder", "formats", "options")
SCHEMES = ("s3", "s3a", "abfs", "abfss", "az", "gs", "gcs", "memory")


def read(entry: Mapping[str, Any], where: str) -> Delivery:
    """Check an entry ``folder: …``."""
    delivery.fields(entry, where, FIELDS, ("folder",))
    place = delivery.text(entry, "folder", where)
    scheme, colon, _ = place.partition("://")
    if colon and scheme not in SCHEMES:
        raise UsageError(
            f"folder: {place[:60]!r}",
            f"a path, or an address that begins with one of {', '.join(f'{s}://' for s in SCHEMES[:-1])}",
            "an https address is a webhook",
            file=where,
        )
    options = entry.get("options") or {}
    if not isinstance(options, Mapping) or any(
        k in options for k in ("key", "secret", "token", "password", "connection_string", "account_key")
    ):
        raise UsageError(
            "options with a secret in them, or no mapping",
            "what the store's client takes beside its credentials, such as endpoint_url",
            "give credentials as the client reads them itself: its environment, file or role",
            file=where,
        )
    asked = formats.check(delivery.words(entry, "formats", where, ("html", "xlsx", "json")), where)
    return Folder(where, asked, place, tuple(sorted(options.items())))


@dataclass(frozen=True)
class Folder(Delivery):
    """Into a folder here, or below an address of an object store."""

    kind: ClassVar[str] = "folder"
    repeatable: ClassVar[bool] = True

    place: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def remote(self) -> bool:
        """Whether it is an object store's."""
        return "://" in self.place

    def targets(self, facts: Facts) -> list[str]:
        """One: the address with its values filled in."""
        place = delivery.filled(self.place, facts, self.where)
        return [place.rstrip("/") if self.remote else os.path.abspath(place)]  # noqa: PTH100 - a link in the path stays a link

    def arrived(self, facts: Facts, target: str) -> bool:
        """Whether the target still holds these results."""
        try:
            held = json.loads(self._read(target))
        except (OSError, ValueError, KitError):
            return False
        here = json.loads((facts.folder / "manifest.json").read_text("utf-8"))["files"]
        there = held.get("files", {}) if isinstance(held, dict) else {}
        return held.get("version") == facts.version and all(
            p.relative_to(facts.folder).as_posix() in there
            for p in _chosen(facts.folder, self.formats)
            if p.relative_to(facts.folder).as_posix() in here
        )

    def deliver(self, facts: Facts, targets: Sequence[str]) -> Outcome:
        """Copy the files, the manifest last."""
        files = _chosen(facts.folder, self.formats)
        names = [p.relative_to(facts.folder).as_posix() for p in files]
        manifest = json.loads((facts.folder / "manifest.json").read_text("utf-8"))
        kept = {n: h for n, h in manifest["files"].items() if n in names}
        given = (manifest.get("parameters") or {}).get("given") or {}
        given.pop("data", None)  # where the store lies on this machine is nobody's business there
        said = json.dumps(manifest | {"files": kept, "version": facts.version}, indent=1, sort_keys=True, ensure_ascii=False)  # fmt: skip
        put = self._upload if self.remote else self._copy
        put(targets[0], dict(zip(names, files, strict=True)), said + "\n")
        return Outcome(tuple(targets), f"{len(files) + 1} files")

    def _copy(self, target: str, files: Mapping[str, Path], manifest: str) -> None:
        from helpers.runs import report

        to = Path(target)
        what = f"cannot write {to}"
        with delivery.told(self.where, what, "make room or grant access; the next run delivers it"), report._alone(to):  # fmt: skip
            report._may_replace(to)
            report._recover(to)
            scratch = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
            try:
                made = scratch / "report"
                made.mkdir()
                for name, source in files.items():
                    (made / name).parent.mkdir(exist_ok=True)
                    shutil.copyfile(source, made / name)
                    report._flush(made / name)
                (made / "manifest.json").write_text(manifest, "utf-8")
                report._flush(made / "manifest.json")
                report._swap(made, to)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _upload(self, target: str, files: Mapping[str, Path], manifest: str) -> None:
        what = f"cannot write to {target}"
        with delivery.told(self.where, what, "see that the store answers and takes it; the next run delivers it"):  # fmt: skip
            system, base = self._system(target)
            with suppress(FileNotFoundError):
                system.rm_file(f"{base}/manifest.json")  # until the new one stands there, it is not whole
            for name, source in files.items():
                system.put_file(str(source), f"{base}/{name}")
                if (held := system.size(f"{base}/{name}")) != source.stat().st_size:
                    raise NotDelivered(f"{what}: {name} has {held} bytes there, {source.stat().st_size} here", "", "run it again", file=self.where)  # fmt: skip
            system.pipe_file(f"{base}/manifest.json", manifest.encode())

    def _system(self, target: str) -> tuple[Any, str]:
        import fsspec

        try:
            return fsspec.core.url_to_fs(target, **dict(self.options), use_listings_cache=False)
        except (ImportError, ValueError) as problem:
            raise NotDelivered(
                f"no client for {target.partition('://')[0]}://",
                "its fsspec package",
                "pip install 'finops-playbook-kit[s3]' (or azure, gcs)",
                file=self.where,
            ) from problem

    def _read(self, target: str) -> bytes:
        if not self.remote:
            return (Path(target) / "manifest.json").read_bytes()
        system, base = self._system(target)
        return system.cat_file(f"{base}/manifest.json")


def _chosen(report: Path, asked: Sequence[str]) -> list[Path]:
    """Files of the formats, what carries the decisions out, and the executed notebook never: it holds the code's paths."""
    made = [p for f in asked for p in formats.files(report, f)]
    carried = sorted((report / outputs.FILES).glob("*"))
    results = [report / "results.json"]
    return list(dict.fromkeys([*made, *carried, *results]))
