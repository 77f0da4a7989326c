"""Write down the public API as text, so that a change of it shows in a diff.

The sources are read, not imported: an engine's driver need not be there. A
public name is one in the `__all__` of a module without a leading underscore.

Usage: api_snapshot.py            1 and a diff if docs/reference/api.txt is old
       api_snapshot.py --write    write it anew
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

HEADER = """\
# The public API, written by `make api`. A line that goes or changes needs a
# changelog fragment; a new line also needs documentation and tests/typing.
"""
PARAMETER_MARKS = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}


def public_modules(module: griffe.Module) -> Iterator[griffe.Module]:
    """*module* and its public submodules, innermost first, root last."""
    for _, member in sorted(module.modules.items()):
        if not member.is_alias and not member.name.startswith("_"):
            yield from public_modules(member)
    yield module


def signature(function: griffe.Function, *, bound: bool) -> str:
    """Parameters and result as one would write them."""
    shown: list[str] = []
    parameters = list(function.parameters)
    if bound and parameters and not {"staticmethod"} & function.labels:
        parameters = parameters[1:]
    star_due = True
    for index, parameter in enumerate(parameters):
        if parameter.kind is griffe.ParameterKind.var_positional:
            star_due = False
        elif parameter.kind is griffe.ParameterKind.keyword_only and star_due:
            shown.append("*")
            star_due = False
        shown.append(_parameter(parameter))
        if _is_positional_only(parameter) and not any(
            _is_positional_only(later) for later in parameters[index + 1 :]
        ):
            shown.append("/")
    result = f" -> {function.returns}" if function.returns is not None else ""
    return f"({', '.join(shown)}){result}"


def _is_positional_only(parameter: griffe.Parameter) -> bool:
    """Whether callers may not name it."""
    return parameter.kind is griffe.ParameterKind.positional_only


def _parameter(parameter: griffe.Parameter) -> str:
    """One parameter with its annotation and default."""
    mark = PARAMETER_MARKS.get(parameter.kind or griffe.ParameterKind.keyword_only, "")
    text = f"{mark}{parameter.name}"
    if parameter.annotation is not None:
        text += f": {parameter.annotation}"
    if parameter.default is not None and not mark:
        text += f" = {parameter.default}"
    return text


def describe(path: str, thing: griffe.Object, *, bound: bool = False) -> Iterator[str]:
    """The lines of one public name and, for a class, of its public members."""
    if isinstance(thing, griffe.Function):
        for variant in thing.overloads or [thing]:
            word = "async def" if "async" in variant.labels else "def"
            yield f"{word} {path}{signature(variant, bound=bound)}"
    elif isinstance(thing, griffe.Class):
        yield from _describe_class(path, thing)
    elif isinstance(thing, griffe.Attribute):
        kind = f": {thing.annotation}" if thing.annotation is not None else ""
        yield f"{path}{kind}"


def _describe_class(path: str, thing: griffe.Class) -> Iterator[str]:
    """A line for each way to make one, then its members in order of name.

    What a private base holds is listed with the public class: that is where
    users meet it. What a public base holds stands there.
    """
    bases = ", ".join(str(base) for base in thing.bases)
    ending = f"  # {bases}" if bases else ""
    members = {
        name: member
        for name in thing.all_members
        if (member := _resolved(thing.all_members[name])) is not None
        and (name in thing.members or not _has_public_home(member))
    }
    made = members.pop("__init__", None)
    if isinstance(made, griffe.Function):
        for variant in made.overloads or [made]:
            takes = signature(variant, bound=True).partition(" -> ")[0]
            yield f"class {path}{takes}{ending}"
    else:
        yield f"class {path}{ending}"
    for name, member in sorted(members.items()):
        if not name.startswith("_") or _is_called_by_python(name, member):
            yield from describe(f"{path}.{name}", member, bound=True)


def _has_public_home(member: griffe.Object) -> bool:
    """Whether the class that defines *member* is itself exported by its module."""
    owner = member.parent
    return owner is not None and "public home" in owner.labels


def _is_called_by_python(name: str, member: object) -> bool:
    """Whether it is a method that the language calls, and users rely on."""
    return (
        isinstance(member, griffe.Function)
        and name.startswith("__")
        and name not in {"__init__", "__post_init__", "__repr__"}
    )


def snapshot(source: Path, package: str) -> str:
    """Return the whole public API of *package* under *source*."""
    loader = griffe.GriffeLoader(search_paths=[source], allow_inspection=False)
    root = loader.load(package)
    if not isinstance(root, griffe.Module):
        message = f"{package} is not a package"
        raise TypeError(message)
    loader.resolve_aliases(implicit=False, external=False)
    exported = {
        f"{module.path}.{name}": _resolved(module.members.get(str(name)))
        for module in public_modules(root)
        for name in sorted(str(name) for name in module.exports or ())
    }
    homes: dict[str, str] = {}
    for path, thing in exported.items():
        if thing is not None and homes.setdefault(thing.path, path) == path:
            thing.labels.add("public home")
    lines: list[str] = []
    for path, thing in exported.items():
        if thing is None:
            lines.append(f"{path}  # not to be found in the sources")
        elif homes[thing.path] != path:
            lines.append(f"{path} = {homes[thing.path]}")
        else:
            lines += describe(path, thing)
    return HEADER + "\n".join(sorted(lines, key=_order)) + "\n"


def _resolved(member: griffe.Object | griffe.Alias | None) -> griffe.Object | None:
    """Return what a name stands for, or None where nothing is behind it."""
    if not isinstance(member, griffe.Alias):
        return member
    try:
        target = member.final_target
    except griffe.AliasResolutionError:
        return None
    return target


def _order(line: str) -> str:
    """Sort by name, whatever kind of name it is."""
    for word in ("async def ", "class ", "def "):
        line = line.removeprefix(word)
    return line


def main() -> int:
    """Compare or write; see the module's docstring."""
    parser = argparse.ArgumentParser(description="the public API as text")
    parser.add_argument("--write", action="store_true", help="write the file anew")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--package", default="syncpatterns")
    arguments = parser.parse_args()

    file = arguments.root / "docs" / "reference" / "api.txt"
    now = snapshot(arguments.root / "src", arguments.package)
    if arguments.write:
        file.write_text(now, encoding="utf-8")
        return 0
    written = file.read_text(encoding="utf-8") if file.exists() else ""
    diff = list(
        difflib.unified_diff(
            written.splitlines(), now.splitlines(), "written", "sources", lineterm=""
        )
    )
    for line in diff:
        print(line)
    if diff:
        print("the public API has changed: run `make api` and look at the diff")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
