"""House rules that no linter knows, each with a planted bug in the tests.

    long       no file of code above 500 lines
    unsafe     no pickle, marshal, shelve, dill; no eval or exec; no yaml.load
    registry   no address of a package registry and no option that names one
    sleep      no test sleeps; it waits for a fact
    loop       no async fixture outlives its module: its loop would stay the
               current one, and a later test for trio would run on asyncio
    home       no path that exists on one machine only
    reason     noqa and type: ignore name their rule and say why
    stub       no NotImplementedError, no "pragma: no cover"

A line that must break a rule says so and why: ``# hygiene: sleep - reason``. A
file whose time is simulated says it once: ``# hygiene for this file: sleep - ...``.
Where ruff's security rules are waived with a reason, that reason will do.

Usage: hygiene.py [--root DIRECTORY]
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST = 500
CODE = {".css", ".html", ".js", ".lua", ".mjs", ".py", ".pyi", ".sql", ".ts"}
TEXT = CODE | {"", ".cfg", ".ini", ".json", ".md", ".sh", ".toml", ".txt", ".yaml"}
FOLDERS = (
    *(".ci", "benchmarks", "changelog.d", "docs", "examples"),
    *("requirements", "scripts", "src", "tests"),
)
BUILT = {"__pycache__", "_build", ".hypothesis", "node_modules"}
ALLOWED = re.compile(r"hygiene: (?P<rules>[a-z, ]+) - \S")
WHOLE_FILE = re.compile(
    r"^# hygiene for this file: (?P<rules>[a-z, ]+) - \S", re.MULTILINE
)
WAIVED = re.compile(r"noqa: S(102|301|302|307) - \S")

UNSAFE_MODULES = {"cloudpickle", "dill", "jsonpickle", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"eval", "exec", "yaml.load", "yaml.unsafe_load"}
# Written apart, so that this file does not break the rule it checks.
HOSTS = [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com")]
REGISTRY = re.compile(
    "|".join([*(rf"{name}\.{end}" for name, end in HOSTS), "--" + "(extra-)?index-url"])
)
HOME = re.compile("|".join(f"/{name}/" for name in ("home", "root", "Users", "work")))
BARE_NOQA = re.compile(r"#\s*noqa(?!: [A-Z]+\d+(, ?[A-Z]+\d+)*  ?(#|-) ?\S)")
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[[a-z, -]+\]  ?(#|-) ?\S)")
LONG_LIVED = re.compile(r"fixture\(.*scope='(session|package)'")
SLEEPS = {"sleep", "sleep_until"}


@dataclass(frozen=True)
class Source:
    """One file, read once."""

    path: Path
    text: str

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.text.splitlines()

    @property
    def in_tests(self) -> bool:
        """Whether it is a test or a helper of tests."""
        return self.path.parts[0] == "tests"

    def nodes(self) -> Iterator[ast.AST]:
        """Every node of its syntax tree; nothing for other languages."""
        if self.path.suffix == ".py":
            yield from ast.walk(ast.parse(self.text, str(self.path)))


Finding = tuple[int, str]


def long(source: Source) -> Iterator[Finding]:
    """No file of code above 500 lines."""
    if source.path.suffix in CODE and len(source.lines) > LONGEST:
        yield LONGEST, f"{len(source.lines)} lines; split it, {LONGEST} is the most"


def unsafe(source: Source) -> Iterator[Finding]:
    """No way for stored bytes to become code."""
    for node in source.nodes():
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in UNSAFE_CALLS:
            yield node.lineno, f"{ast.unparse(node.func)}() runs what it is given"
        for name in names:
            if name.partition(".")[0] in UNSAFE_MODULES:
                yield getattr(node, "lineno", 1), f"{name} runs what it loads"


def registry(source: Source) -> Iterator[Finding]:
    """No address of a package registry."""
    for number, line in enumerate(source.lines, 1):
        if REGISTRY.search(line):
            yield number, "the machine's own settings say where packages come from"


def sleep(source: Source) -> Iterator[Finding]:
    """No test sleeps; ``sleep(0)`` only lets others run and is fine."""
    if not source.in_tests:
        return
    slept_by_name = {
        alias.asname or alias.name
        for node in source.nodes()
        if isinstance(node, ast.ImportFrom)
        and node.module in {"anyio", "asyncio", "time", "trio"}
        for alias in node.names
        if alias.name in SLEEPS
    }
    for node in source.nodes():
        if not isinstance(node, ast.Call) or _is_zero(node):
            continue
        called = ast.unparse(node.func)
        owner, _, name = called.rpartition(".")
        if called in slept_by_name or (
            name in SLEEPS and owner in {"anyio", "asyncio", "time", "trio"}
        ):
            yield node.lineno, f"{called}(): wait for a fact instead"


def _is_zero(call: ast.Call) -> bool:
    """Whether the only argument is the number 0."""
    match call.args:
        case [ast.Constant(value=0)]:
            return True
        case _:
            return False


def loop(source: Source) -> Iterator[Finding]:
    """No async fixture outlives its module."""
    for node in source.nodes():
        if isinstance(node, ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if LONG_LIVED.search(ast.unparse(decorator)):
                    yield node.lineno, "an async fixture of at most scope 'module'"


def home(source: Source) -> Iterator[Finding]:
    """No path that exists on one machine only."""
    for number, line in enumerate(source.lines, 1):
        if HOME.search(line):
            yield number, "a path of one machine; make it relative or a setting"


def reason(source: Source) -> Iterator[Finding]:
    """An ignore names its rule and says why."""
    if source.path.suffix != ".py":
        return
    for number, line in enumerate(source.lines, 1):
        if BARE_NOQA.search(line) or BARE_IGNORE.search(line):
            yield number, "name the rule and say why: # noqa: X123 - reason"


def stub(source: Source) -> Iterator[Finding]:
    """Nothing that only looks finished."""
    if source.path.parts[0] not in {"src", "examples"}:
        return
    for number, line in enumerate(source.lines, 1):
        if "pragma: no cover" in line:
            yield number, "every line is tested or goes"
    for node in source.nodes():
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node):
            yield node.lineno, "refuse with an error that says what to do"


RULES: dict[str, Callable[[Source], Iterator[Finding]]] = {
    rule.__name__: rule
    for rule in (long, unsafe, registry, sleep, loop, home, reason, stub)
}


def sources(root: Path) -> Iterator[Source]:
    """Every text file of the project."""
    found = [path for path in root.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += (path for path in (root / folder).rglob("*") if path.is_file())
    for path in sorted(found):
        inside = path.relative_to(root)
        if path.suffix in TEXT and not BUILT & set(inside.parts):
            # A file that somebody writes just now may be anything.
            yield Source(inside, path.read_text(encoding="utf-8", errors="replace"))


def findings(root: Path) -> Iterator[str]:
    """Every broken rule, as ``path:line: rule: what``."""
    for source in sources(root):
        lines = source.lines
        whole = WHOLE_FILE.search(source.text)
        waived = whole["rules"].split(", ") if whole else []
        for name, rule in RULES.items():
            if name in waived:
                continue
            for number, what in rule(source):
                if not _is_allowed(name, lines[min(number, len(lines)) - 1]):
                    yield f"{source.path.as_posix()}:{number}: {name}: {what}"


def _is_allowed(rule: str, line: str) -> bool:
    """Whether the line itself says why it may."""
    allowed = ALLOWED.search(line)
    if allowed and rule in allowed["rules"].split(", "):
        return True
    return rule == "unsafe" and WAIVED.search(line) is not None


def main() -> int:
    """Print what is found; 1 if anything is."""
    parser = argparse.ArgumentParser(description="house rules that no linter knows")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    found = list(findings(parser.parse_args().root))
    for each in found:
        print(each)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
