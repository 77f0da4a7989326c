"""``python -m benchmarks [suite ...]``: run suites and print their rows.

A suite is a module of this package that has ``rows() -> list[Row]``. With
``JSON=file`` in the environment, or ``--json file``, the rows are also written
there. A missed target does not fail the run unless ``--strict`` asks for it; a
suite that breaks does, after the others have run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import benchmarks
from benchmarks._harness import Row, table


def suites() -> list[str]:
    """Return the names of all suites, sorted."""
    names = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in names if not name.startswith("_"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what *arguments* name; return the exit code."""
    options = _parse(arguments)
    known = suites()
    if options.list:
        print("\n".join(known))
        return 0
    unknown = sorted(set(options.suite) - set(known))
    if unknown:
        print(
            f"Unknown suite: {', '.join(unknown)}. There are: {', '.join(known)}.",
            file=sys.stderr,
        )
        return 2
    rows: list[Row] = []
    broken: list[str] = []
    for name in options.suite or known:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        try:
            rows.extend(importlib.import_module(f"benchmarks.{name}").rows())
        except Exception:  # noqa: BLE001 - the other suites shall still be measured
            traceback.print_exc()
            broken.append(name)
    print(table(rows))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    missed = [row["id"] for row in rows if not row["holds"]]
    if missed:
        print(f"Missed: {', '.join(missed)}.")
    if broken:
        print(f"Broken: {', '.join(broken)}.", file=sys.stderr)
    return 1 if broken or (missed and options.strict) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", help="which to run; default: all")
    parser.add_argument("--json", default=os.environ.get("JSON"), help="write rows")
    parser.add_argument("--list", action="store_true", help="print the suites")
    parser.add_argument("--strict", action="store_true", help="a miss is a failure")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
