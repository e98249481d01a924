"""The house's contract: imports as edges between rooms, and what breaks its rules."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FOLDERS = {"nerv360": "model", "nerv360.viewer": "viewer"}
"""Folders of the packages by the names under which they are imported."""

LONGEST = 60
"""Lines of a function, at most."""

VIEWER, LAB, COMMANDS = "nerv360.viewer", "nerv360.lab", "nerv360.viewer.commands"


def modules(root: Path) -> dict[str, Path]:
    """Files of both packages by their dotted names; a package's is its ``__init__.py``."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join([package, *inner])] = path
    return found


def long_functions(root: Path) -> Iterator[tuple[str, str]]:
    """File and name of functions of more than `LONGEST` lines.

    Kernels of Triton do not count: they are compiled as a whole, from one function.
    """
    for path in modules(root).values():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or 0) - node.lineno + 1
            kernel = any(ast.unparse(each).startswith("triton.jit") for each in node.decorator_list)
            if lines > LONGEST and not kernel:
                yield path.relative_to(root).as_posix(), node.name


def imports(root: Path) -> Iterator[tuple[str, str]]:
    """Pairs of importer and imported module, imports within functions and for types included.

    A package's ``__init__.py`` is named ``package.__init__`` as importer: its own modules are
    beside it.
    """
    known = modules(root)
    for name, path in known.items():
        importer = f"{name}.__init__" if path.name == "__init__.py" else name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = importer.split(".")[: -node.level]
                    base = ".".join([*above, base] if base else above)
                inner = [f"{base}.{alias.name}" for alias in node.names]
                targets = [each if each in known else base for each in inner]
            else:
                continue
            for target in dict.fromkeys(targets):
                if _is_within(target, "nerv360"):
                    yield importer, target


def upward_imports(root: Path) -> list[str]:
    """Return imports of the viewer in the model."""
    return [
        f"{importer} imports {target}"
        for importer, target in imports(root)
        if _is_within(target, VIEWER) and not _is_within(importer, VIEWER)
    ]


def imports_of_the_lab(root: Path) -> list[str]:
    """Return imports of the lab from outside it, except in the viewer's commands."""
    return [
        f"{importer} imports {target}"
        for importer, target in imports(root)
        if _is_within(target, LAB)
        and not (_is_within(importer, LAB) or _is_within(importer, COMMANDS))
    ]


def imports_past_doors(root: Path) -> list[str]:
    """Return imports of what lies within a room that the importer is not in."""
    past = []
    for importer, target in imports(root):
        shared = _shared(importer, target)
        if shared == ["nerv360"] and _is_within(target, LAB):
            shared = LAB.split(".")  # each room of the lab has a door of its own
        if len(target.split(".")) > len(shared) + 1:
            past.append(f"{importer} imports {target}")
    return past


def circles(root: Path) -> list[str]:
    """Circles among the neighbours within each package, a room being one neighbour."""
    graphs: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for importer, target in imports(root):
        shared = _shared(importer, target)
        a, b = importer.split("."), target.split(".")
        if len(b) == len(shared):  # the package's own door
            continue
        start, end = a[len(shared)], b[len(shared)]
        if start not in ("__init__", end):
            graphs[".".join(shared)][start].add(end)
    return [
        f"{package}: {' → '.join([*circle, circle[0]])}"
        for package, graph in sorted(graphs.items())
        if (circle := _circle(graph))
    ]


def _is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _shared(importer: str, target: str) -> list[str]:
    """Return the package that both are in."""
    a, b = importer.split(".")[:-1], target.split(".")
    shared = []
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        shared.append(one)
    return shared


def _circle(graph: dict[str, set[str]]) -> list[str] | None:
    done: set[str] = set()

    def search(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return None
        for following in sorted(graph.get(node, ())):
            if found := search(following, [*path, node]):
                return found
        done.add(node)
        return None

    for node in sorted(graph):
        if found := search(node, []):
            return found
    return None
