"""Every package shows exactly its public names, sorted, and loads them late."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import syncpatterns

SOURCE = Path(syncpatterns.__path__[0])

# Not lazy: whoever imports one of these wants what is in it.
EAGER = ("syncpatterns.engines.", "syncpatterns.testing")


def public_modules() -> dict[str, bool]:
    """Name the public modules that need no extra; True for a package."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        inside = path.relative_to(SOURCE.parent).with_suffix("")
        parts = [part for part in inside.parts if part != "__init__"]
        private = any(part.startswith("_") for part in parts)
        if not private and "adapters" not in parts[1:-1]:
            found[".".join(parts)] = path.name == "__init__.py"
    return found


MODULES = sorted(public_modules())
PACKAGES = sorted(name for name, is_package in public_modules().items() if is_package)


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_without_repeats(name: str) -> None:
    """`__all__` stands in the order that ruff keeps, each name once."""
    exported = list(getattr(importlib.import_module(name), "__all__", []))

    assert len(set(exported)) == len(exported)
    assert sorted(exported, key=_isort_key) == exported


def _isort_key(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions."""
    if name.isupper():
        return 0, name
    return (1 if name[:1].isupper() else 2), name


@pytest.mark.parametrize("name", MODULES)
def test_every_name_in_all_is_there(name: str) -> None:
    """A name that is promised can be imported."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])

    missing = [each for each in exported if not hasattr(module, each)]

    assert missing == []


@pytest.mark.parametrize("name", PACKAGES)
def test_dir_of_a_package_lists_its_public_names(name: str) -> None:
    """What a shell completes is what there is."""
    module = importlib.import_module(name)

    assert set(getattr(module, "__all__", [])) <= set(dir(module))


@pytest.mark.parametrize("name", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(name: str) -> None:
    """The lazy lookup refuses like any module does, naming the module."""
    module = importlib.import_module(name)

    with pytest.raises(AttributeError, match=name):
        _ = module.no_such_name


def test_importing_a_package_loads_nothing_of_it() -> None:
    """A package's names are loaded at first use (PEP 562)."""
    lazy = [name for name in PACKAGES if not name.startswith(EAGER)]
    code = f"""
import importlib, sys
for name in {lazy!r}:
    importlib.import_module(name)
loaded = sorted(n for n in sys.modules if n.startswith("syncpatterns."))
print("\\n".join(sorted(set(loaded) - set({PACKAGES!r}))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == []


def test_the_version_is_that_of_the_distribution() -> None:
    """`syncpatterns.__version__` is what pip installed."""
    from importlib.metadata import version

    assert syncpatterns.__version__ == version("syncpatterns")
