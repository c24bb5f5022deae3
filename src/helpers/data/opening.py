"""Files as they are given: found in folders, globs, archives and object stores; opened, unpacked, hashed, counted."""

from __future__ import annotations

import csv
import errno
import glob
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from helpers.terms.errors import BadInput, KitError, Refused

CHUNK = 1 << 22
LONGEST_HEADER = 1 << 20
PARQUET, GZIP, ZIP, ZSTD = b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
MARKS = ("_SUCCESS", "_committed_", "_started_", "_metadata", "_common_metadata")
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "gs": "gcs",
    "gcs": "gcs",
}


@dataclass(frozen=True)
class Given:
    """One file as it was given.

    Attributes
    ----------
    name : str
        As the user gave it (path or URL): the name in messages. Members of an archive stand behind ``!``.
    url : str
        Path or URL to open.
    root : str
        The folder that was given, or the file's own folder.
    member : str
        Name inside a zip archive, else empty.
    """

    name: str
    url: str
    root: str
    member: str = ""

    @property
    def base(self) -> str:
        """Last part of the name."""
        return PurePosixPath(self.member or shown(self.url).replace("\\", "/")).name

    @property
    def relative(self) -> str:
        """Path below the folder that was given."""
        url, root = shown(self.url).replace("\\", "/"), shown(self.root).replace("\\", "/").rstrip("/") + "/"
        path = url[len(root) :] if url.startswith(root) else PurePosixPath(url).name
        return f"{path}!{self.member}" if self.member else path

    @property
    def remote(self) -> bool:
        """Whether it stands in an object store or on a server."""
        return "://" in self.url


def expand(paths: Iterable[Path | str]) -> list[Given]:
    """Every file that the paths, folders, globs and URLs stand for, sorted, archives opened.

    Raises
    ------
    BadInput
        Where one stands for nothing.
    """
    found: dict[tuple[str, str], Given] = {}
    for path in paths:
        text = str(path) if isinstance(path, str) else str(Path(path))
        several = _remote(text) if "://" in text else _local(text)
        if not several:
            raise BadInput(
                "a folder without files", "at least one FOCUS file", "check the path", file=shown(text)
            )
        for given in several:
            for one in _members(given):
                found.setdefault((one.url, one.member), one)
    return list(found.values())


def _local(text: str) -> list[Given]:
    path = Path(text)
    if path.is_dir():
        below = (p for p in sorted(path.rglob("*")) if p.is_file())
        return [Given(str(p), str(p), text) for p in below if not _hidden(p.relative_to(path).as_posix())]
    if path.is_file():
        return [Given(text, text, str(path.parent))]
    if any(c in text for c in "*?["):
        matches = [Path(p) for p in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207  Path cannot glob an absolute pattern
        if matches:
            return [g for p in matches if not _hidden(p.name) for g in _local(str(p))]
        raise BadInput("nothing fits the pattern", "at least one file", "check the pattern", file=text)
    raise BadInput("no such file", "an existing file, folder or pattern", "check the path", file=text)


def _hidden(relative: str) -> bool:
    """Marks that other tools leave beside the data; AWS keeps its manifests in a folder of their own."""
    parts = PurePosixPath(relative).parts
    return any(p.startswith(".") for p in parts) or parts[-1].startswith(MARKS) or parts[-1].endswith(".crc")


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password, signature."""
    protocol, _, rest = url.partition("://")
    if not rest or protocol not in ("http", "https", "abfs", "abfss", "az"):
        return url
    place, _, path = rest.split("?", 1)[0].split("#", 1)[0].partition("/")
    host = place.rsplit("@", 1)[-1] if protocol.startswith("http") else place  # abfs://container@account
    return f"{protocol}://{host}/{path}"


def _remote(text: str) -> list[Given]:
    with _told(shown(text)):
        fs, path = _file_system(text)
        protocol = text.split("://", 1)[0]

        def given(p: str, root: str) -> Given:
            url = p if "://" in p else f"{protocol}://{p}"
            return Given(shown(url), url, root)

        if any(c in path for c in "*?[") and protocol not in ("http", "https"):
            found = [p for p in sorted(fs.glob(path)) if fs.isfile(p)]
            return [given(p, text.rsplit("/", 1)[0]) for p in found if not _hidden(PurePosixPath(p).name)]
        if fs.isfile(path):
            return [given(path, text.rsplit("/", 1)[0])]
        found = sorted(fs.find(path))
        if not found:
            raise BadInput(
                "no such file", "an existing file or folder", "check the address", file=shown(text)
            )
        root = path.rstrip("/") + "/"
        below = [p for p in found if not _hidden(p.removeprefix(root) or p)]
        return [given(p, f"{protocol}://{root.rstrip('/')}") for p in below]


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(url)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what opening a file can raise into a refusal with the file's name, never with its credentials."""
    try:
        yield
    except KitError:
        raise
    except ImportError as problem:
        extra = EXTRAS.get(name.split("://", 1)[0])
        raise BadInput(
            f"the package that opens such addresses is not installed: {problem}",
            f"the extra {extra}" if extra else "its fsspec package",
            f"pip install 'finops-playbook-kit[{extra}]'" if extra else "install it, or copy the file first",
            file=name,
        ) from problem
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as problem:
        raise BadInput(
            f"the compressed file is cut off or damaged: {problem}",
            "the whole file",
            "download or export it again",
            file=name,
        ) from problem
    except FileNotFoundError as problem:
        raise BadInput("no such file", "an existing file", "check the path", file=name) from problem
    except RuntimeError as problem:  # zipfile's word for a password
        raise BadInput(
            f"the archive cannot be opened: {problem}",
            "an archive without password",
            "unpack it first",
            file=name,
        ) from problem
    except (OSError, ValueError) as problem:
        if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
            raise full_disk() from problem
        raise BadInput(
            f"the file cannot be opened: {type(problem).__name__}"
            + (f", {problem.strerror}" if isinstance(problem, OSError) and problem.strerror else ""),
            "a file that this user may read",
            "check the path and your rights",
            file=name,
        ) from problem


def _members(given: Given) -> list[Given]:
    with _told(given.name), _raw(given) as raw:
        if raw.read(4) != ZIP:
            return [given]
        raw.seek(0)
        with zipfile.ZipFile(raw) as archive:
            names = sorted(
                i.filename for i in archive.infolist() if not i.is_dir() and not _hidden(i.filename)
            )
    if "xl/workbook.xml" in names:
        raise BadInput(
            "an Excel workbook",
            "CSV in UTF-8, or Parquet",
            "save the sheet as 'CSV UTF-8' and give that file",
            file=given.name,
        )
    if not names:
        raise BadInput("an empty archive", "at least one file in it", "export it again", file=given.name)
    return [Given(f"{given.name}!{n}", given.url, given.root, n) for n in names]


@contextmanager
def _raw(given: Given) -> Iterator[IO[bytes]]:
    if given.remote:
        fs, path = _file_system(given.url)
        with fs.open(path, "rb") as raw:
            yield raw
    else:
        with Path(given.url).open("rb") as raw:
            yield raw


@contextmanager
def stream(given: Given, seen: Callable[[bytes], None] | None = None) -> Iterator[Iterator[bytes]]:
    """Pieces of the file's content, unpacked; `seen` gets the pieces as delivered (a member's content)."""
    with _told(given.name), _raw(given) as raw:
        if given.member:
            with zipfile.ZipFile(raw) as archive, archive.open(given.member) as inner:
                yield _unpacked(inner, seen, given.name)
        else:
            yield _unpacked(raw, seen, given.name)


def _unpacked(raw: IO[bytes], seen: Callable[[bytes], None] | None, name: str) -> Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        while piece := raw.read(CHUNK):
            if seen:
                seen(piece)
            yield piece

    feed = pieces()
    first = next(feed, b"")
    start = _chain(first, feed)
    if first[:2] == GZIP:
        return _inflate(start, lambda: zlib.decompressobj(31), name)
    if first[:4] == ZSTD:
        import zstandard

        return _inflate(start, lambda: zstandard.ZstdDecompressor().decompressobj(), name)
    return start


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
        yield from rest


def _inflate(pieces: Iterator[bytes], make: Callable[[], Any], name: str) -> Iterator[bytes]:
    """Unpack one or more joined members; a file that ends inside one is cut off."""
    unpack: Any = None
    try:
        for piece in pieces:
            while piece:
                unpack = unpack or make()
                if out := unpack.decompress(piece):
                    yield out
                piece = unpack.unused_data if unpack.eof else b""
                if unpack.eof:
                    unpack = None
    except Exception as problem:
        if isinstance(problem, KitError | OSError):
            raise
        raise EOFError(f"{type(problem).__name__} while unpacking") from problem
    if unpack is not None:
        raise EOFError("it ends in the middle")


@dataclass(frozen=True)
class Landed:
    """A file's content on this disk: where, its hashes, size as delivered, and a count of its records.

    Attributes
    ----------
    given : Given
    path : Path
        Uncompressed CSV, or Parquet.
    sha256, content : str
        Hash of the bytes as delivered, and of the content.
    bytes : int
    parquet : bool
    records : int
        Rows that a Parquet file says it has; of a CSV, line ends outside quotes without the header's (blank lines
        count too).
    """

    given: Given
    path: Path
    sha256: str
    content: str
    bytes: int
    parquet: bool
    records: int


def land(given: Given, scratch: Path, seen: Callable[[int], None] | None = None) -> Landed:
    """Hash and count a file; unpack or fetch it into `scratch` where it is not a plain file here.

    Raises
    ------
    BadInput
        Not there, empty, cut off, no text.
    """
    delivered, size = hashlib.sha256(), 0

    def tell(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        delivered.update(piece)
        if seen:
            seen(len(piece))

    with stream(given, tell) as pieces:
        first = next(pieces, b"")
        # a path that is also a pattern would make the engine read whatever else fits it
        pattern = any(c in given.url for c in "*?[")
        packed = given.remote or bool(given.member) or pattern or _is_packed(given)
        parquet = first[:4] == PARQUET
        if not parquet:
            _refuse_encodings(first, given.name)
        target = scratch / f"{len(list(scratch.iterdir()))}{'.parquet' if parquet else '.csv'}"
        content = hashlib.sha256() if packed else delivered
        counter = _Lines()
        out = target.open("wb") if packed else None
        try:
            for piece in _chain(first, pieces):
                if not parquet:
                    counter.add(piece)
                if out:
                    content.update(piece)
                    out.write(piece)
        finally:
            if out:
                out.close()
    path = target if packed else Path(given.url)
    records = _parquet_rows(path, given.name) if parquet else counter.lines - 1
    return Landed(given, path, delivered.hexdigest(), content.hexdigest(), size, parquet, records)


def _parquet_rows(path: Path, name: str) -> int:
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_metadata(path).num_rows
    except (ArrowException, OSError, ValueError) as problem:
        raise damaged_parquet(name, problem) from problem


def _is_packed(given: Given) -> bool:
    with _raw(given) as raw:
        first = raw.read(4)
    return first[:2] == GZIP or first == ZSTD


def _refuse_encodings(first: bytes, name: str) -> None:
    if not first:
        raise BadInput("an empty file", "a FOCUS file", "export or download it again", file=name)
    if first[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in first[:200]:
        utf16 = first[:2] in (b"\xff\xfe", b"\xfe\xff") or first[1:2] == b"\0"
        raise BadInput(
            "the text is UTF-16" if utf16 else "no text: the file holds zero bytes",
            "CSV in UTF-8, or Parquet",
            "save or export it as UTF-8 (Excel: 'CSV UTF-8'; iconv -f UTF-16 -t UTF-8)"
            if utf16
            else "give the FOCUS file itself",
            file=name,
        )


class _Lines:
    """Counts line ends outside quotes, in pieces, at memory speed."""

    def __init__(self) -> None:
        self.ends, self.quotes, self.last = 0, 0, b"\n"

    def add(self, piece: bytes) -> None:
        import numpy as np

        self.last = piece[-1:]
        if b'"' not in piece:
            self.ends += 0 if self.quotes % 2 else piece.count(b"\n")
            return
        view = np.frombuffer(piece, np.uint8)
        quotes = np.flatnonzero(view == 34)
        before = np.searchsorted(quotes, np.flatnonzero(view == 10)) + self.quotes
        self.ends += int((before % 2 == 0).sum())
        self.quotes += len(quotes)

    @property
    def lines(self) -> int:
        return self.ends + (self.last != b"\n")


def header(given: Given | Path | str) -> list[str]:
    """Column names of a CSV or Parquet file, as it spells them; empty where it is neither.

    Examples
    --------
    >>> header("allocation.csv")  # doctest: +SKIP
    ['match_on', 'match_value', 'owner']
    """
    if not isinstance(given, Given):
        given = expand([given])[0]
    with stream(given) as pieces:
        first = next(pieces, b"")
        if first[:4] == PARQUET:
            return _parquet_header(given)
        _refuse_encodings(first, given.name)
        while len(first) < LONGEST_HEADER and (more := next(pieces, b"")):
            first += more
        text = first[:LONGEST_HEADER].decode("utf-8-sig", errors="replace")
        names = next(csv.reader(io.StringIO(text, newline="")), [])
    if any("\ufffd" in name for name in names):
        raise not_utf8(first, given.name, 1)
    return names


def not_utf8(line: bytes, name: str, row: int) -> BadInput:
    """The refusal of a line in another encoding."""
    try:
        line.decode("utf-8-sig")
        byte = "the text"
    except UnicodeDecodeError as problem:
        byte = f"byte 0x{line[problem.start]:02X}"
    return BadInput(
        f"{byte} is not UTF-8; it looks like Latin-1 or Windows-1252",
        "CSV in UTF-8",
        "save or export it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)",
        file=name,
        row=row,
    )


def _parquet_header(given: Given) -> list[str]:
    from pyarrow import ArrowException, parquet

    try:
        if given.member:
            with stream(given) as pieces:
                return parquet.ParquetFile(io.BytesIO(b"".join(pieces))).schema_arrow.names
        with _raw(given) as raw:
            return parquet.ParquetFile(raw).schema_arrow.names
    except (ArrowException, OSError, ValueError) as problem:
        raise damaged_parquet(given.name, problem) from problem


def full_disk() -> Refused:
    """The refusal of a delivery for which there is no room."""
    return Refused(
        "the disk is full",
        "room for the delivery, unpacked and as Parquet",
        "free some space; nothing was changed",
    )


def damaged_parquet(name: str, problem: Exception) -> BadInput:
    """The refusal of a Parquet file that cannot be read."""
    return BadInput(
        f"the Parquet file is cut off or damaged: {str(problem).splitlines()[0][:160]}",
        "the whole file as it was written",
        "download or export it again",
        file=name,
    )
