"""A papermill engine that runs cells in this process: no kernel to start, no messages, one save at the end.

Its outputs are those of the stock engine (tests/runs/test_engine.py compares them, pictures too). What it does not
have is a process of its own: `report` gives it one by forking, so that a crash ends the run and nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from helpers.terms.quick import skip_grammar

INLINE = "module://matplotlib_inline.backend_inline"


class _Papermills(type):
    """What `papermill.engines.Engine` gives its engines, looked up when it is called.

    Papermill loads this module while it is itself imported, as its entry point: if this module imported papermill, the
    one that came first would find the other half made.
    """

    def __getattr__(cls, name: str) -> Any:
        skip_grammar()  # before papermill's import brings jsonschema
        from papermill.engines import Engine

        return getattr(Engine, name).__func__.__get__(cls)


class InProcess(metaclass=_Papermills):
    """Runs a notebook's cells in an IPython shell of this process.

    Attributes
    ----------
    stopped_by : BaseException or None
        What a cell raised in the last run.
    tell : callable or None
        Called with (index, source) before each cell.
    """

    stopped_by: BaseException | None = None
    tell: Callable[[int, str], None] | None = None

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name=None, **kwargs):
        """Run every cell; the notebook is saved when it ends, whatever way."""
        cls.stopped_by = None
        saving, nb_man.save = nb_man.save, lambda **_: None
        shell = _shell()
        language = {"name": "python", "version": sys.version.split()[0], "mimetype": "text/x-python"}
        nb_man.nb.metadata["language_info"] = language | {
            "file_extension": ".py",
            "nbconvert_exporter": "python",
        }
        try:
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                try:
                    if cell.cell_type == "code" and cell.source.strip():
                        if cls.tell:
                            cls.tell(index, cell.source)
                        cls.stopped_by = _run(shell, cell)
                        if cls.stopped_by is not None and "raises-exception" not in cell.metadata.get(
                            "tags", []
                        ):
                            nb_man.cell_exception(cell, index)
                            break
                finally:
                    nb_man.cell_complete(cell, cell_index=index)
        finally:
            nb_man.save = saving
            shell.restore_sys_module_state()  # the caller's __main__ again


def register() -> None:
    """Make the engine known to papermill as ``kit`` (in the wheel also an entry point: ``papermill --engine kit``)."""
    skip_grammar()
    from papermill.engines import papermill_engines

    papermill_engines.register("kit", InProcess)


def _shell() -> Any:
    """A fresh shell that begins as a kernel's does."""
    from IPython.core.interactiveshell import InteractiveShell

    # The backend must be named before pyplot is imported and the shell must exist before the backend is: a prototype
    # that did it the other way round lost every picture and looked faster for it.
    backend = os.environ.setdefault("MPLBACKEND", INLINE)
    InteractiveShell.clear_instance()
    shell: Any = InteractiveShell.instance(history_load_length=0)
    shell.history_manager.enabled = False
    shell.colors = "nocolor"
    formatters = shell.display_formatter
    formatters.active_types = list(formatters.format_types)  # all that a front end could show, as in a kernel
    shell.display_trap.hook = _Hook(shell)
    shell.display_pub = _Publisher(shell)
    shell._showtraceback = _error  # the error is an output of the cell, not text on our stderr
    shell.set_hook("show_in_pager", lambda *_, **__: None, 0)  # `len?` leaves no output in a notebook
    _Cell.displays.clear()
    if backend == INLINE and "matplotlib" in sys.modules:
        # an earlier run has told the backend of its own shell: it must be told of this one, its formats too
        from IPython.core.pylabtools import activate_matplotlib
        from matplotlib_inline import backend_inline

        activate_matplotlib(backend)
        backend_inline.configure_inline_support.current_backend = "unset"  # type: ignore[attr-defined]
        backend_inline.configure_inline_support(shell, backend)
    return shell


class _Cell:
    """The outputs of the cell that runs now."""

    outputs: list[Any] | None = None
    clear_next = False
    displays: dict[str, list[Any]] = {}  # noqa: RUF012 - display ids live as long as the notebook

    @classmethod
    def add(cls, output: Any) -> None:
        if cls.outputs is None:
            return
        if cls.clear_next:
            cls.outputs.clear()
            cls.clear_next = False
        last = cls.outputs[-1] if cls.outputs else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            cls.outputs.append(output)


def _run(shell: Any, cell: Any) -> BaseException | None:
    cell.outputs = _Cell.outputs = []
    _Cell.clear_next = False
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Stream("stdout", before[0]), _Stream("stderr", before[1])  # type: ignore[assignment]
    try:
        result = shell.run_cell(cell.source, store_history=True)
    finally:
        sys.stdout, sys.stderr = before
    cell.execution_count = result.execution_count
    _Cell.outputs = None
    return result.error_before_exec or result.error_in_exec


def _error(kind: type, value: BaseException, lines: list[str]) -> None:
    """An error as the cell's output: where IPython would print it."""
    from nbformat.v4 import new_output

    _Cell.add(new_output("error", ename=kind.__name__, evalue=str(value), traceback=lines))


class _Stream:
    """Text that a cell prints."""

    encoding = "utf-8"

    def __init__(self, name: str, real: Any) -> None:
        self.name, self.real = name, real

    def write(self, text: str) -> int:
        from nbformat.v4 import new_output

        if text:
            _Cell.add(new_output("stream", name=self.name, text=str(text)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self.real.fileno()


def _Hook(shell: Any) -> Any:
    from IPython.core.displayhook import DisplayHook
    from nbformat.v4 import new_output

    class Hook(DisplayHook):
        """The value of a cell's last line."""

        def write_output_prompt(self) -> None:
            """No prompt in a notebook."""

        def write_format_data(self, format_dict, md_dict=None) -> None:
            made = new_output("execute_result", data=_plain(format_dict), metadata=_plain(md_dict or {}))
            made.execution_count = self.prompt_count
            _Cell.add(made)

        def finish_displayhook(self) -> None:
            """Nothing to end."""

    return Hook(shell=shell)


def _Publisher(shell: Any) -> Any:
    from IPython.core.displaypub import DisplayPublisher
    from nbformat.v4 import new_output

    class Publisher(DisplayPublisher):
        """What ``display`` shows."""

        def publish(
            self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs
        ) -> None:
            name = (transient or {}).get("display_id")
            if update and name:
                for shown in _Cell.displays.get(name, []):
                    shown.data, shown.metadata = _plain(data), _plain(metadata or {})
                return
            made = new_output("display_data", data=_plain(data), metadata=_plain(metadata or {}))
            _Cell.add(made)
            if name:
                _Cell.displays.setdefault(name, []).append(made)

        def clear_output(self, wait: bool = False) -> None:
            if wait:
                _Cell.clear_next = True
            elif _Cell.outputs is not None:
                _Cell.outputs.clear()

    return Publisher(shell=shell, parent=shell)


def _plain(data: Any) -> Any:
    """A mime bundle as a kernel would send it: bytes as base64, plain containers."""
    from base64 import b64encode

    from nbformat import from_dict

    return from_dict({k: b64encode(v).decode() if isinstance(v, bytes) else v for k, v in data.items()})
