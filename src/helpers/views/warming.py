"""What the libraries for pictures look for once, looked for before the first picture is wanted."""

from __future__ import annotations


def warm() -> None:
    """Import them, find the fonts, draw one small figure; nothing is kept."""
    import matplotlib.backends.backend_svg
    import matplotlib.pyplot  # noqa: F401
    import seaborn  # noqa: F401
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.add_subplot().set_title("Warm")
    FigureCanvasAgg(figure).draw()
