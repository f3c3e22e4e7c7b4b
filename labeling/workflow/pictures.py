"""A learning curve → an SVG, PNG or PDF, the same for the same figures."""

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy

from labeling.core.growth import Growth
from labeling.core.learning_curve import Curve
from labeling.distribution import install
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.workflow.curves import MORE

ENDINGS = (".svg", ".png", ".pdf")
SERIES = (("f", "F of exact spans", "#1f6feb"), ("effort", "effort saved", "#d1242f"))
SETTINGS: Any = {"svg.hashsalt": "labeling"}  # else the ids in an SVG are random
INCHES, DPI = (7.0, 4.5), 150


def check_picture(path: Path) -> str:
    """Why the picture cannot be drawn, and what to install; "" if it can.

    Raises:
        InputError: The file's extension is not one of `ENDINGS`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} is not a picture that can be drawn.", f"Its name may end with {', '.join(ENDINGS)}.")
    return "" if find_spec("matplotlib") else f"No picture, because matplotlib is not installed: {install('plot')}"


def write_picture(curve: Curve, path: Path) -> Path:
    """Write a picture of the curve, in the format of the path's extension; the path.

    It shows the points with their intervals, and the fitted curve if there is one, dashed beyond the last point, up to
    the interval of the gain.

    Raises:
        InputError: It cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = path.suffix.lower().removeprefix(".")
    with rc_context(SETTINGS):
        figure = Figure(figsize=INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for name, title, color in SERIES:
            _draw(axes, curve, name, title, color)
        axes.set_xlabel("reviewed documents that the model learned from")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
        axes.set_title(curve.sentence() or "Learning curve", fontsize="medium", wrap=True)
        data = io.BytesIO()
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        figure.savefig(data, format=kind, dpi=DPI, metadata=dated)
    return write_atomic(path, data.getvalue())


def _draw(axes: Any, curve: Curve, name: str, title: str, color: str) -> None:
    points = [(point.documents, getattr(point, name)) for point in curve.points]
    sizes = [size for size, interval in points if interval.point is not None]
    known = [interval for _, interval in points if interval.point is not None]
    if not known:
        return
    bars = [
        [0.0 if one.low is None else max(0.0, one.point - one.low) for one in known],
        [0.0 if one.high is None else max(0.0, one.high - one.point) for one in known],
    ]
    values = [one.point for one in known]
    axes.errorbar(sizes, values, yerr=bars, fmt="o", color=color, capsize=3, label=title)
    growth: Growth = getattr(curve, name)
    if growth.curve is None or growth.gain is None:
        axes.plot(sizes, values, color=color, linewidth=1)
        return
    last = max(sizes)
    for there, style in ((numpy.linspace(min(sizes), last), "-"), (numpy.linspace(last, last + MORE), "--")):
        axes.plot(there, [growth.curve.at(size) for size in there], style, color=color, linewidth=1.2)
    end = growth.curve.at(last + MORE)
    low, high = growth.gain.point - growth.gain.low, growth.gain.high - growth.gain.point
    axes.errorbar([last + MORE], [end], yerr=[[low], [high]], fmt="o", mfc="white", color=color, capsize=3)
