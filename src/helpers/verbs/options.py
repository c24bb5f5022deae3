"""What all verbs share: options, exit codes, how an answer goes out as JSON, how an error is said.

A group of verbs (``finops batch …``) stands in a module of its own beside this one and is read only when it is called.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import click

from helpers.terms import errors
from helpers.terms.errors import KitError, Refused, UsageError


def store_option(verb: Callable) -> Callable:
    """``--data STORE``."""
    shown = "$FINOPS_DATA, else ./store"
    option = click.option("--data", metavar="STORE", envvar="FINOPS_DATA", default="store", show_default=shown, help="Folder of the store.")  # fmt: skip
    return option(verb)


def looking(verb: Callable) -> Callable:
    """The options of every verb that shows pages: the organisation's look, and the language."""
    return looked(click.option("--language", envvar="FINOPS_LANGUAGE", metavar="CODE", expose_value=False, callback=_language, help="Language of the page: en or de.  [default: $FINOPS_LANGUAGE, else the look's, else en]")(verb))  # fmt: skip


def looked(verb: Callable) -> Callable:
    """The organisation's look alone."""
    return click.option("--look", envvar="FINOPS_LOOK", metavar="FILE", expose_value=False, callback=_look, help="The organisation's look.yaml: name, logo, colours, amounts, dates.  [default: $FINOPS_LOOK]")(verb)  # fmt: skip


def _look(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        from helpers.views import look

        _until_the_end(ctx, look.VARIABLE)
        for note in look.choose(value).notes:
            click.echo(f"note: {value}: {note}", err=True)


def _language(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value:
        from helpers.views import words

        _until_the_end(ctx, words.VARIABLE)
        words.choose(value)


def _until_the_end(ctx: click.Context, variable: str) -> None:
    """What a verb sets for itself and what it starts ends with it: a program may call several."""
    before = os.environ.get(variable)

    def back() -> None:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before

    ctx.call_on_close(back)


class Kit(click.Group):
    """Verbs in the order of use, and one way to say what went wrong."""

    screen: Any = None  # where `--json -` writes
    elsewhere: dict[str, tuple[str, str]] = {}  # noqa: RUF012  verb -> (its module here, one line of help)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *self.elsewhere]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.elsewhere:
            return getattr(importlib.import_module(f"helpers.verbs.{self.elsewhere[cmd_name][0]}"), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without reading the modules of those that stand elsewhere."""
        rows = [(name, verb.get_short_help_str(formatter.width - 14)) for name, verb in self.commands.items()]
        rows += [(name, said) for name, (_, said) in self.elsewhere.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, args=None, prog_name=None, **_: Any) -> Any:  # type: ignore[override]
        given = _json_target(list(args if args is not None else sys.argv[1:]))
        as_json = ""  # an answer goes nowhere before the place for it is known to be free
        Kit.screen = sys.stdout
        with suppress(ValueError):  # only a main thread may
            signal.signal(signal.SIGTERM, _stopped)
        try:
            json_may_stand(given)
            as_json = given
            # with `--json -` the screen gets the record and nothing else, so that a program can read it
            with redirect_stdout(sys.stderr) if as_json == "-" else nullcontext():
                code = super().main(args, prog_name or "finops", standalone_mode=False)
            sys.exit(code if isinstance(code, int) else errors.DONE)
        except click.ClickException as problem:
            said = UsageError(problem.format_message(), "", "finops --help")
            _fail(said, as_json, problem.show if not as_json else None)
        except (click.Abort, KeyboardInterrupt):
            _fail(Refused("stopped by you; nothing was changed"), as_json)
        except KitError as problem:
            _fail(problem, as_json)
        except OSError as problem:
            what = os.strerror(problem.errno) if problem.errno else str(problem)
            where = str(problem.filename) if problem.filename else None
            _fail(Refused(what, "a disk with room and a folder that you may write", "mend that, then run it again; nothing was changed", file=where), as_json)  # fmt: skip
        except Exception as problem:  # a bug of ours: a sentence for the person, the rest to a log
            _fail(_bug(problem), as_json)


def _stopped(*_: Any) -> None:
    """A scheduler's stop ends like a person's: what runs is ended, what is half done is cleared away."""
    raise KeyboardInterrupt


class WithNotebooks(click.Command):
    """Its help lists the notebooks that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from helpers.catalog import notebooks

        formatter.write_paragraph()
        formatter.write_text(f"Notebooks: {', '.join(notebooks.ids())}; or the path of an .ipynb file.")


def _fail(problem: KitError, as_json: str, show: Callable[[], None] | None = None) -> None:
    from helpers.runs.secrets import clean, masked

    if as_json:
        emit(clean(problem.record()), as_json)
    if show:
        show()
    else:
        for line in [*str(problem).splitlines(), *(f"  {n}" for n in getattr(problem, "__notes__", []))]:
            click.echo(masked(line), err=True)
    sys.exit(problem.code)


def _bug(problem: Exception) -> KitError:
    import tempfile
    import traceback

    from helpers.runs.secrets import masked

    with tempfile.NamedTemporaryFile(
        "w", prefix="finops-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(masked("".join(traceback.format_exception(problem))))
    return Refused(
        f"something went wrong inside the kit ({type(problem).__name__})",
        "",
        f"the details are in {log.name}; please report them with what you did",
    )


def _json_target(args: list[str]) -> str:
    for at, arg in enumerate(args):
        if arg.startswith("--json="):
            return arg.partition("=")[2]
        if arg == "--json":
            after = args[at + 1] if at + 1 < len(args) else ""
            return after if after and (after == "-" or not after.startswith("-")) else "-"
    return ""


def json_may_stand(target: str) -> None:
    """``--json`` never writes over something else: `finops ingest --json export.csv` would lose the export."""
    path = Path(target)
    if target in ("", "-"):
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--json {target} is no file that can be written", "a file in a folder that is there", "give another name, or - for the screen")  # fmt: skip
    if path.exists() and path.stat().st_size:
        with path.open("rb") as file:
            begins = file.read(64).lstrip()[:1]
        if begins not in (b"{", b"["):
            raise UsageError(f"--json would write over {target}, which is no JSON", "a name that is free, or an earlier answer", "give the option a name of its own, or put it behind the files")  # fmt: skip


def emit_in_order(record: Any, target: str) -> None:
    """As `emit`, the names in their own order."""
    emit(record, target, in_order=True)


def emit(record: Any, target: str, in_order: bool = False) -> None:
    text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=not in_order, default=str)
    if target == "-":
        click.echo(text, file=Kit.screen)
        return
    path = Path(target)
    half = path.with_name(f".{path.name}.part")
    half.write_text(text + "\n", "utf-8")
    half.replace(path)


def day(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    from helpers.terms.period import parse_day

    return parse_day(value) if value else None


def json_option(verb: Callable) -> Callable:
    """``--json``, to be answered with `emit`."""
    return click.option("--json", "as_json", is_flag=False, flag_value="-", default="", metavar="[FILE|-]", help="Also as JSON, to a file or the screen.")(verb)  # fmt: skip


def reading(verb: Callable) -> Callable:
    """The options of every verb that reads a store."""
    verb = json_option(verb)
    verb = click.option("--as-of", callback=day, metavar="DATE", help="Take the deliveries dated up to this day (UTC).")(verb)  # fmt: skip
    return store_option(verb)


def writing(help: str, default: str | None = None) -> Callable:
    """The options of every verb that writes."""

    def add(verb: Callable) -> Callable:
        verb = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")(verb)
        return click.option("--to", metavar="FOLDER", default=default, required=default is None, show_default=bool(default), help=help)(verb)  # fmt: skip

    return add


def reached(verb: Callable) -> Callable:
    """Under which address a server answers, to whom, and where it writes down who saw what."""
    verb = click.option("--audit", metavar="FILE", default=None, help="Write down who saw what, one JSON line each.")(verb)  # fmt: skip
    verb = click.option("--access", metavar="FILE", default=None, help="How people come in, and who may see what: docs/security.md.")(verb)  # fmt: skip
    return click.option("--ip", default="127.0.0.1", show_default=True, help="Address to listen on; one that others reach needs --access.")(verb)  # fmt: skip
