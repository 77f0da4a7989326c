from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks._plot import Panel, Picture, svg

_SVG = "{http://www.w3.org/2000/svg}"


def _drawn(**changes: object) -> ET.Element:
    fields: dict[str, object] = {
        "title": "Load & recovery",
        "description": "One line <rises>.",
        "names": ["flat", "rising"],
        "panels": [
            Panel("calls", 10, 5, [[2, 2], [0, 10]], limit=(5, "limit")),
            Panel("errors", 100, 50, [[0, 0], [0, 0]]),
        ],
        "seconds": 2,
        "step": 1,
        "shaded": (0.5, 1.0, "down"),
    }
    document = svg(Picture(**(fields | changes)))  # type: ignore[arg-type]  # of mixed values
    return ET.fromstring(document)


def _texts(root: ET.Element) -> list[str]:
    return [item.text or "" for item in root.iter(f"{_SVG}text")]


def test_a_picture_speaks_to_those_who_do_not_see_it() -> None:
    """Title and description are in the file and name the image."""
    root = _drawn()

    assert [item.text for item in root.iter(f"{_SVG}title")] == ["Load & recovery"]
    assert [item.text for item in root.iter(f"{_SVG}desc")] == ["One line <rises>."]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "t d"


def test_axes_legend_limit_and_ground_are_labelled() -> None:
    """Nothing in the picture has to be guessed."""
    texts = _texts(_drawn())

    for words in ("flat", "rising", "calls", "errors", "limit", "down", "seconds"):
        assert words in texts
    assert {"0", "5", "10", "50", "100"} <= set(texts)


def test_a_value_above_the_axis_stays_in_the_picture() -> None:
    """The line runs along the top instead of through the heading."""
    high = _drawn(panels=[Panel("calls", 10, 5, [[2, 2], [0, 99]])])
    full = _drawn(panels=[Panel("calls", 10, 5, [[2, 2], [0, 10]])])

    points = [
        [line.get("points") for line in root.iter(f"{_SVG}polyline")]
        for root in (high, full)
    ]
    assert points[0] == points[1]


@pytest.mark.parametrize("mode", ["#fff", "prefers-color-scheme:dark"])
def test_a_picture_has_colours_for_light_and_dark_pages(mode: str) -> None:
    """A page may be either, and the picture brings its own ground."""
    style = _drawn().find(f"{_SVG}style")

    assert style is not None
    assert mode in (style.text or "")


def test_every_line_of_the_legend_has_a_line_in_each_panel() -> None:
    """The pen of a name is the same in the legend and in all panels."""
    root = _drawn()
    pens = [item.get("class") for item in root.iter(f"{_SVG}polyline")]

    assert pens == ["l l0", "l l1", "l l0", "l l1"]
