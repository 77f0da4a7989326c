"""Every module has declarations beside it, and they name the same things."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

BROWSER = Path(str(files("syncpatterns").joinpath("browser")))
PAGE = Path(__file__).parents[2] / "examples/critical_buttons/web"
EXPORT = re.compile(
    r"^export (?:declare )?(?:async )?(?:class|function|const) (\w+)", re.MULTILINE
)
MODIFIERS = r"^  (?:(?:async|static|get|set) |\*)*"
PRIVATE = re.compile(MODIFIERS + r"#.*$", re.MULTILINE)
MEMBER = re.compile(MODIFIERS + r"(\w+)(?=[(;: =])", re.MULTILINE)
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
)
MODULES = sorted(path.stem for path in BROWSER.glob("*.js"))


def exported(text: str) -> set[str]:
    """Return the classes, functions and constants that a module exports."""
    return set(EXPORT.findall(text))


def members(text: str) -> set[str]:
    """Return the public members of the exported classes."""
    found: set[str] = set()
    for body in re.findall(
        r"^export (?:declare )?class [^{]+\{(.*?)^\}", text, re.MULTILINE | re.DOTALL
    ):
        code = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
        found |= set(MEMBER.findall(PRIVATE.sub("", code)))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_declarations_name_what_a_module_exports(module: str) -> None:
    """A function that was renamed in one place only would mislead an editor."""
    code = (BROWSER / f"{module}.js").read_text("utf-8")
    declared = (BROWSER / f"{module}.d.ts").read_text("utf-8")

    assert exported(code)
    assert exported(declared) == exported(code)
    assert members(declared) == members(code)


def test_a_forgotten_member_is_found() -> None:
    """The comparison sees a method that only the code has."""
    code = (
        "export class Sender {\n  #secret = 1;\n  async send(wish) {}\n  open() {}\n}\n"
    )
    declared = (
        "export declare class Sender {\n  #private;\n  send(wish: Wish): void;\n}\n"
    )

    assert members(code) - members(declared) == {"open"}


def test_no_module_turns_text_into_markup_or_code() -> None:
    """Text stays text: a customer's name must never become an element."""
    scripts = [*BROWSER.glob("*.js"), *PAGE.rglob("*.js")]
    unsafe = [path.name for path in scripts if UNSAFE.search(path.read_text("utf-8"))]

    assert len(scripts) > 20
    assert unsafe == []
    assert UNSAFE.search("row.innerHTML = name")


def test_the_page_preloads_every_module_it_has() -> None:
    """A module that is missing here costs a round trip more at each start."""
    html = (PAGE / "index.html").read_text("utf-8")
    listed = set(re.findall(r'<(?:script|link)[^>]*(?:src|href)="([^"]+\.js)"', html))
    own = {
        f"/static/{path.relative_to(PAGE).as_posix()}" for path in PAGE.rglob("*.js")
    }
    library = {f"/syncpatterns/{name}.js" for name in MODULES}

    assert listed == own | library


def test_the_page_has_no_inline_code_or_style() -> None:
    """What the policy would refuse is not even tried."""
    html = (PAGE / "index.html").read_text("utf-8")

    assert re.findall(r"<style|style=|\son\w+=|<script(?![^>]*src=)", html) == []
