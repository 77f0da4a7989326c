"""The requirement files, the groups and the pins say the same."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions, requires
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

# Comes with a new environment; nothing of ours asks for a version of it.
NOT_PINNED = {"pip", "setuptools"}


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement line."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of several requirements."""
    return {name_of(each) for each in requirements}


def listed(file: str) -> set[str]:
    """Return what a requirements file names, with the files it includes."""
    found: set[str] = set()
    for line in (ROOT / "requirements" / file).read_text().splitlines():
        if line.startswith("-r "):
            found |= listed(line.removeprefix("-r ").strip())
        elif line and not line.startswith(("#", "-c ")):
            found.add(name_of(line))
    return found


def group(name: str) -> set[str]:
    """Return what a dependency group names, with the groups it includes."""
    found: set[str] = set()
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            found.add(name_of(entry))
        else:
            found |= group(entry["include-group"])
    return found


def pins() -> dict[str, str]:
    """Return the pinned version of every name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name_of(name): version for name, version in pairs}


def test_the_demo_file_is_the_library_with_its_app_extra() -> None:
    """And the build backend, which installs the work tree."""
    runtime = names(PROJECT["project"]["dependencies"]) | names(EXTRAS["app"])

    assert runtime | {"editables", "hatchling"} == listed("demo.txt")


def test_the_dev_file_is_the_group_with_the_extras_that_tests_need() -> None:
    """A pip that knows groups and one that does not install the same."""
    expected = listed("demo.txt") | group("dev") | names(EXTRAS["testing"])

    assert expected | names(EXTRAS["http"]) == listed("dev.txt")


def test_the_bench_file_is_the_bench_group() -> None:
    """Peers to compare with are installed for benchmarks only."""
    assert group("bench") | listed("dev.txt") == listed("bench.txt")


@pytest.mark.parametrize("file", ["demo.txt", "dev.txt", "bench.txt"])
def test_everything_asked_for_is_pinned(file: str) -> None:
    """No version depends on the day of the installation."""
    assert listed(file) - set(pins()) == set()


def test_a_pin_is_a_name_and_one_version() -> None:
    """No address, no hash, no marker, no wildcard; in order, each once."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [line for line in lines if not line.startswith("#")]

    wrong = [line for line in found if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]
    assert wrong == []
    assert sorted(found, key=str.lower) == found
    assert len(pins()) == len(found)


def brought_along(name: str, extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    """Return what an installed package requires on this platform."""
    found = set()
    for text in requires(name) or []:
        needed = Requirement(text)
        wanted = [{"extra": extra} for extra in extras | {""}]
        if needed.marker is None or any(map(needed.marker.evaluate, wanted)):
            found.add((name_of(needed.name), frozenset(needed.extras)))
    return found


def test_what_others_bring_along_is_pinned() -> None:
    """The list is closed: nothing that pip would add is left to the day."""
    installed = {name_of(each.name) for each in distributions()}
    todo = {(name, frozenset[str]()) for name in listed("dev.txt")}
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        if name in installed:
            new = brought_along(name, extras) - seen
            todo |= new
            seen |= new

    assert {name for name, _ in seen} - set(pins()) - NOT_PINNED == set()


def test_the_ranges_admit_the_pins() -> None:
    """Every pin lies in the range that users get."""
    asked = [*PROJECT["project"]["dependencies"], *chain(*EXTRAS.values())]
    outside = [
        text
        for text in asked
        if not Requirement(text).specifier.contains(pins()[name_of(text)])
    ]

    assert outside == []
