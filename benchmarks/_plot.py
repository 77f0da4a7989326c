"""Line charts as SVG, written by hand: no plotting package, the same bytes always.

A chart carries its own colours for a light and for a dark page, and draws each
line with its own dashes, so that it can be read without seeing colours. A title
and a description stand in the file for those who hear it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 760
_LEFT, _RIGHT, _TOP = 64, 16, 104
_PANEL, _GAP, _BOTTOM = 190, 60, 52
_LEGEND_COLUMNS = 3

#: (stroke on white, stroke on black, dashes), one for each line in turn.
_PENS = (
    ("#57606a", "#9ea7b3", ""),
    ("#c2410c", "#fb923c", ""),
    ("#a21caf", "#e879f9", "2 3"),
    ("#15803d", "#4ade80", ""),
    ("#1d4ed8", "#7aa2ff", "8 3"),
    ("#0f766e", "#2dd4bf", "8 3 2 3"),
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; those of a picture share the seconds below them.

    Args:
        label: What the height means, with its unit.
        top: The highest value shown.
        step: Distance between two marks of the height.
        lines: Values at 0.5, 1.5, ... seconds; one line a name of the legend.
        limit: A level to mark, and what it is called; None for no mark.
    """

    label: str
    top: float
    step: float
    lines: Sequence[Sequence[float]]
    limit: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn.

    The first line is broad and pale, so that one that runs on it is seen.

    Args:
        title: The heading.
        description: One or two sentences for those who do not see it.
        names: The legend, one name a line.
        panels: The charts, from top to bottom.
        seconds: Length of the axis.
        step: Distance between two of its marks.
        shaded: From which to which second the ground is darker, and its name.
    """

    title: str
    description: str
    names: Sequence[str]
    panels: Sequence[Panel]
    seconds: int
    step: int
    shaded: tuple[float, float, str]


def svg(picture: Picture) -> str:
    """Return *picture* as an SVG document."""
    count = len(picture.panels)
    height = _TOP + count * _PANEL + (count - 1) * _GAP + _BOTTOM
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    heard = 'role="img" aria-labelledby="t d"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {heard}>',
        f'<title id="t">{escape(picture.title)}</title>',
        f'<desc id="d">{escape(picture.description)}</desc>',
        _style(len(picture.names)),
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>',
        _text(_LEFT, 24, picture.title, "title"),
        *_legend(picture.names),
    ]
    for number, panel in enumerate(picture.panels):
        last = number == count - 1
        parts += _panel(picture, panel, _TOP + number * (_PANEL + _GAP), last=last)
    return "\n".join([*parts, "</svg>", ""])


def _style(lines: int) -> str:
    light = [f".l{n}{{stroke:{_PENS[n][0]}}}" for n in range(lines)]
    dark = [f".l{n}{{stroke:{_PENS[n][1]}}}" for n in range(lines)]
    dashes = [
        f".l{n}{{stroke-dasharray:{_PENS[n][2]}}}" for n in range(lines) if _PENS[n][2]
    ]
    rules = (
        "text{font:12px system-ui,sans-serif;fill:#24292f}",
        ".title{font-size:15px;font-weight:600}",
        ".label{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}",
        ".page{fill:#fff}.shade{fill:#57606a;opacity:.13}",
        ".grid{stroke:#d0d7de}.limit{stroke:#57606a;stroke-dasharray:4 4}",
        ".l{fill:none;stroke-width:2;stroke-linejoin:round}",
        ".l0{stroke-width:6;opacity:.5}",  # what the others are compared to
        *light,
        *dashes,
    )
    at_night = (
        "text{fill:#e6edf3}.page{fill:#0d1117}.shade{fill:#9ea7b3;opacity:.2}",
        ".grid{stroke:#30363d}.limit{stroke:#9ea7b3}",
        *dark,
    )
    return (
        "<style>\n"
        + "\n".join(rules)
        + "\n@media (prefers-color-scheme:dark){\n"
        + "\n".join(at_night)
        + "\n}\n</style>"
    )


def _legend(names: Sequence[str]) -> Iterator[str]:
    width = (WIDTH - _LEFT - _RIGHT) / _LEGEND_COLUMNS
    for number, name in enumerate(names):
        x = _LEFT + width * (number % _LEGEND_COLUMNS)
        y = 44 + 18 * (number // _LEGEND_COLUMNS)
        yield (
            f'<line class="l l{number}" x1="{x:.1f}" y1="{y - 4}" '
            f'x2="{x + 26:.1f}" y2="{y - 4}"/>'
        )
        yield _text(x + 32, y, name)


def _panel(picture: Picture, panel: Panel, top: float, *, last: bool) -> Iterator[str]:
    width = WIDTH - _LEFT - _RIGHT
    bottom = top + _PANEL

    def x(second: float) -> float:
        return _LEFT + width * second / picture.seconds

    def y(value: float) -> float:
        return bottom - _PANEL * min(value, panel.top) / panel.top

    since, until, name = picture.shaded
    yield (
        f'<rect class="shade" x="{x(since):.1f}" y="{top}" '
        f'width="{x(until) - x(since):.1f}" height="{_PANEL}"/>'
    )
    yield _text(x((since + until) / 2), top + 14, name, "middle")
    yield _text(_LEFT, top - 10, panel.label, "label")
    for mark in range(round(panel.top / panel.step) + 1):
        level = y(mark * panel.step)
        yield _line("grid", _LEFT, level, WIDTH - _RIGHT, level)
        yield _text(_LEFT - 8, level + 4, f"{mark * panel.step:,.0f}", "end")
    if panel.limit is not None:
        level = y(panel.limit[0])
        yield _line("limit", _LEFT, level, WIDTH - _RIGHT, level)
        yield _text(WIDTH - _RIGHT - 4, level - 5, panel.limit[1], "end")
    for number, line in enumerate(panel.lines):
        points = " ".join(
            f"{x(second + 0.5):.1f},{y(value):.1f}" for second, value in enumerate(line)
        )
        yield f'<polyline class="l l{number}" points="{points}"/>'
    for second in range(0, picture.seconds + 1, picture.step):
        yield _line("grid", x(second), bottom, x(second), bottom + 5)
        yield _text(x(second), bottom + 19, str(second), "middle")
    if last:
        yield _text((_LEFT + WIDTH - _RIGHT) / 2, bottom + 40, "seconds", "middle")


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" '
        f'x2="{x2:.1f}" y2="{y2:.1f}"/>'
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text{mark} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
