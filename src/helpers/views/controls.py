"""Controls: the only module that knows ipywidgets.

Two needs: a field with a button under an exercise, and the choices of provider, month and department. On the served
page (``FINOPS_MODE=app``) the choices are a plain form that reloads the page with its query string: no script is
needed, every state has an address, and a keyboard or screen reader meets native controls.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from helpers.terms.errors import UsageError
from helpers.terms.period import Month
from helpers.views.words import SOURCE, language, say, term

MODE = "FINOPS_MODE"  # set by the server: "app" or "lesson"; absent in JupyterLab
CHOICES = (
    "application/vnd.finops.choices+json"  # a page takes no form from a notebook: it makes its own from this
)
NAMED = ("month", "provider", "department", "currency")  # parameters that every language names
ALL = ""  # a choice that filters nothing
LONGEST = 200  # signs of an answer


def question(
    prompt: str,
    *,
    label: str,
    unit: str,
    choices: Sequence[str],
    first: str,
    judge: Callable[[str], str],
    plain: str,
) -> None:
    """Show an exercise with a field to answer in.

    Parameters
    ----------
    prompt, first : str
        Safe HTML: the question, and the feedback to begin with.
    label, unit : str
        Name of the field, and what stands behind it.
    choices : sequence of str
        A list to choose from; empty for a text field.
    judge : callable
        Takes the answer, gives safe HTML.
    plain : str
        The whole as text, where nothing can be drawn.
    """
    import ipywidgets as widgets
    from IPython.display import display

    wide = widgets.Layout(width="auto", max_width="32rem")
    style = {"description_width": "initial"}
    label = f"{label}, {unit}" if unit else label
    if choices:
        options = [(say("controls.choose"), ""), *((c, c) for c in choices)]
        given: Any = widgets.Dropdown(options=options, value="", description=label, style=style, layout=wide)
    else:
        given = widgets.Text(
            placeholder="", description=label, style=style, layout=wide, continuous_update=False
        )
    button = widgets.Button(
        description=say("controls.check"),
        tooltip=say("controls.check_what", what=f"{label[0].lower()}{label[1:]}"),
        button_style="primary",
    )
    said = widgets.HTML(first)
    said.add_class("kit-live")  # the page makes it a live region

    def answer(_=None) -> None:
        # a page may send any value: what the widget offers and how long it may be is checked again behind it
        value = str(given.value or "")[:LONGEST]
        said.value = judge(value if not choices or value in choices else "")

    button.on_click(answer)
    if not choices:
        given.observe(answer, names="value")  # Enter, or leaving the field
    box = widgets.VBox([widgets.HTML(prompt), given, button, said])
    box.add_class("kit-question")
    drawn = box._repr_mimebundle_() or {}
    display(drawn | {"text/html": prompt + first, "text/plain": plain}, raw=True)


def explore(
    choices: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str],
    recompute: Callable[..., Any],
) -> None:
    """Show controls for `choices`; what is chosen is recomputed.

    Parameters
    ----------
    choices : mapping
        Parameter name (``provider``, ``month``, ``department``) to the values offered; ``""`` means all.
    chosen : mapping
        The values of the run at hand.
    recompute : callable
        Takes the parameters by name, gives an object to show. Used in a notebook; the served page reloads itself.
    """
    from IPython.display import display

    if os.environ.get(MODE) == "app":
        display(
            {CHOICES: {"choices": dict(choices), "chosen": dict(chosen)}, "text/plain": "Choices"}, raw=True
        )
    else:
        display(_panel(choices, chosen, recompute))


def form(choices: Mapping[str, Sequence[str]], chosen: Mapping[str, str]) -> str:
    """The choices as an HTML form that reloads the page with its query string.

    Examples
    --------
    >>> 'value="2026-09" selected' in form({"month": ["2026-08", "2026-09"]}, {"month": "2026-09"})
    True
    """
    fields = "".join(
        f"<label>{_safe(_named(name))}"
        f'<select name="{_safe(name)}">{_options(name, values, chosen.get(name, ALL))}</select></label>'
        for name, values in choices.items()
    )
    return (
        f'<form class="kit-choices" method="get" action="./" aria-label="{_safe(say("controls.what"))}">'
        f'{fields}<button type="submit">{_safe(say("controls.show"))}</button></form>'
    )


def _options(name: str, values: Sequence[str], chosen: str) -> str:
    return "".join(
        f'<option value="{_safe(v)}"{" selected" if v == chosen else ""}>{_safe(_label(name, v))}</option>'
        for v in values
    )


def _named(name: str) -> str:
    """A parameter's name as a label."""
    return say(f"controls.{name}") if name in NAMED else term(name.replace("_", " ").capitalize())


def _label(name: str, value: str) -> str:
    """A choice as a reader reads it: ``September 2026``, ``all providers``."""
    if value == ALL:
        return say("controls.all", what=_named(name) if language() != SOURCE else name.replace("_", " "))
    return Month.parse(value).title if name == "month" else value


def _safe(text: object) -> str:
    return html.escape(str(text), quote=True)


def _panel(choices, chosen, recompute):
    import ipywidgets as widgets

    style = {"description_width": "initial"}
    picks = {
        name: widgets.Dropdown(
            options=[(_label(name, v), v) for v in values],
            value=chosen.get(name, ALL) if chosen.get(name, ALL) in values else values[0],
            description=_named(name),
            style=style,
        )
        for name, values in choices.items()
    }
    shown = widgets.HTML()
    shown.add_class("kit-live")

    def again(_=None) -> None:
        shown.value = '<p class="kit-busy">' + _safe(say("controls.working")) + "</p>"
        try:
            shown.value = _html(recompute(**checked(choices, {name: p.value for name, p in picks.items()})))
        except Exception as stopped:  # a person sees a sentence, whatever stopped it
            shown.value = f'<p class="kit-stopped">{_safe(str(stopped))}</p>'

    for pick in picks.values():
        pick.observe(again, names="value")
    again()
    box = widgets.VBox([widgets.HBox(list(picks.values()), layout=widgets.Layout(flex_flow="wrap")), shown])
    box.add_class("kit-explore")
    return box


def checked(choices: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen, if it is offered: a widget's limits are state that a page can change, so they are no check.

    Raises
    ------
    UsageError
        Naming the choice.

    Examples
    --------
    >>> checked({"month": ["2026-08", "2026-09"]}, {"month": "2026-09"})
    {'month': '2026-09'}
    """
    for name, value in given.items():
        if not isinstance(value, str) or value not in choices.get(name, ()):
            raise UsageError(
                f"no {name.replace('_', ' ')} {str(value)[:80]!r} among the choices",
                "one that is offered",
                "choose again",
            )
    return dict(given)


def _html(shown: Any) -> str:
    if hasattr(shown, "_repr_mimebundle_"):
        return shown._repr_mimebundle_()["text/html"]
    return shown._repr_html_() if hasattr(shown, "_repr_html_") else f"<pre>{_safe(shown)}</pre>"
