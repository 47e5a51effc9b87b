"""Pictures for pages: one SVG element each, without anything from outside."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PALE, GRID = "#26303a", "#8b95a1", "#e3e7eb"
HUES = ("#3066be", "#8f5bb5", "#c77d1e", "#5a7d2a", "#17858f", "#b83280", "#8c564b", "#5566aa", "#9a8700", "#607080")


def draw(width_in: float, height_in: float, paint: Callable[[Axes], None]) -> str:
    """One picture as the text of an <svg> element; the same input gives the same text."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": paint.__qualname__, "text.parse_math": False, "font.size": 9,
        "font.family": "sans-serif", "axes.edgecolor": PALE, "axes.labelcolor": INK, "text.color": INK,
        "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.subplots())
        text = io.StringIO()
        figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg, count=2)
