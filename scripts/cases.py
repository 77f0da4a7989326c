"""Say which numbered case is proven by which tests.

Prints one line a case: its identity, the number of tests that carry it (and
the parts they prove), the first of them. The cases that no test carries come
last. The list of all cases is the tables in docs/reference/cases.

The tests are collected by pytest itself, because a mark may come from a
module, a class, or one parameter of many.

Usage: cases.py [--check]    --check prints only mistakes
Exit:  1 when a test names a case that the pages do not know, 2 when the tests
       cannot be collected.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROW = re.compile(r"^\| ([A-Z]{3}-\d{2,3}) \|", re.MULTILINE)


@dataclass
class Proof:
    """The tests that carry one identity."""

    tests: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)

    def line(self, case: str) -> str:
        """One line of the report."""
        parts = f" ({', '.join(sorted(self.parts))})" if self.parts else ""
        return f"{case} {len(self.tests):4}  {self.tests[0]}{parts}"


class Collector:
    """A pytest plugin that notes the `case` marks of every collected test."""

    def __init__(self) -> None:
        self.proofs: dict[str, Proof] = {}
        self.mistakes: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the marks."""
        for item in items:
            for mark in item.iter_markers("case"):
                self._note(item.nodeid, mark)

    def _note(self, test: str, mark: pytest.Mark) -> None:
        if len(mark.args) != 1 or set(mark.kwargs) - {"part"}:
            self.mistakes.append(f"{test}: write case(ID) or case(ID, part=NAME)")
            return
        proof = self.proofs.setdefault(str(mark.args[0]), Proof())
        if test not in proof.tests:
            proof.tests.append(test)
        if "part" in mark.kwargs:
            proof.parts.add(str(mark.kwargs["part"]))


def known_cases(pages: Path) -> list[str]:
    """Return the identities in the tables, page by page; none may stand twice."""
    known: list[str] = []
    for page in sorted(pages.glob("*.md")):
        known += ROW.findall(page.read_text(encoding="utf-8"))
    twice = sorted({case for case in known if known.count(case) > 1})
    if twice:
        sys.exit(f"cases: in the pages more than once: {', '.join(twice)}")
    return known


def collect(tests: Path) -> Collector:
    """Let pytest collect *tests* in silence; its words are shown when it fails."""
    collector = Collector()
    said = io.StringIO()
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider"]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main([*options, str(tests)], plugins=[collector])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        sys.stderr.write(said.getvalue())
        print("cases: the tests cannot be collected", file=sys.stderr)
        sys.exit(2)
    return collector


def report(known: list[str], proofs: dict[str, Proof]) -> None:
    """Print every case: the proven ones, then the others."""
    for case in known:
        if case in proofs:
            print(proofs[case].line(case))
    uncovered = [case for case in known if case not in proofs]
    print(f"\n{len(known) - len(uncovered)} of {len(known)} cases carry a test")
    if uncovered:
        print(f"uncovered ({len(uncovered)}):")
        for family in sorted({case[:3] for case in uncovered}):
            numbers = [case for case in uncovered if case.startswith(family)]
            print(f"  {' '.join(numbers)}")


def main() -> int:
    """Run; see the module's docstring."""
    parser = argparse.ArgumentParser(description="which test proves which case")
    parser.add_argument("--check", action="store_true", help="print only mistakes")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    arguments = parser.parse_args()

    os.chdir(arguments.root)
    known = known_cases(Path("docs/reference/cases"))
    collector = collect(Path("tests"))
    mistakes = list(collector.mistakes)
    for case in sorted(set(collector.proofs) - set(known)):
        test = collector.proofs[case].tests[0]
        mistakes.append(f"{test}: no page in docs/reference/cases knows {case}")
    if not arguments.check:
        report(known, collector.proofs)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
