"""Docstrings and comments follow the style of ``docs/contributing.md`` in every room that is done.

A room is done if ``pyproject.toml`` does not ignore ruff's D205 for it.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).parents[1]
OPENINGS = re.compile(
    r"(That|Those) of |None (yet|where)|(What|Which|Where|Whose) |As `"
    r"|Nothing (where|if|yet)"
)
NOT_IMPERATIVE = re.compile(r"(The|A|An|All|Any|True|False|None|How|Whether|Number|Nothing)\b")
PHRASES = re.compile(r"\b(that of|of which|of whose)\b")
COMMENT = re.compile(r"(?:^|  )# ?(.*)$")
SCRIPT_COMMENT = re.compile(
    r"/\*\*?\s+(?:\* )?((?:.|\n)*?)\s*\*/|((?:^ *// .*\n?)+)|// (.*)", re.MULTILINE
)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _unfinished_rooms() -> list[str]:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    ignores = ruff["lint"]["per-file-ignores"]
    return [pattern for pattern, rules in ignores.items() if "D205" in rules]


def _is_property(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any("property" in ast.unparse(decorator) for decorator in decorators)


def _docstrings(source: str) -> Iterator[tuple[str, bool]]:
    """Yield each docstring, and whether it belongs to a function.

    Strings that document a constant or an attribute are included.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, DOCUMENTED):
            continue
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for index, statement in enumerate(node.body):
            match statement:
                case ast.Expr(ast.Constant(str(text))):
                    yield text, function and index == 0 and not _is_property(node)


def _comments(source: str) -> Iterator[str]:
    """Yield each block of comment lines as one text."""
    block: list[str] = []
    for line in [*source.splitlines(), ""]:
        found = COMMENT.search(line)
        alone = line.lstrip().startswith("#")
        if block and not alone:
            yield " ".join(block)
            block = []
        if found:
            block.append(found[1])
            if not alone:
                yield block.pop()


def _faults(source: str) -> list[str]:
    faults = []
    for text, of_function in _docstrings(source):
        first, *rest = text.strip().split("\n")
        if OPENINGS.match(first) or (of_function and NOT_IMPERATIVE.match(first)):
            faults.append(f"opening: {first}")
        if rest and rest[0].strip():
            faults.append(f"no blank line after the first: {first}")
        faults += [f"phrase: {found[0]}: {first}" for found in PHRASES.finditer(text)]
    for text in _comments(source):
        if OPENINGS.match(text) or PHRASES.search(text):
            faults.append(f"comment: {text}")
    return faults


def _script_faults(source: str) -> list[str]:
    """Return the faults in the comments of JavaScript or GLSL."""
    comments = ("".join(filter(None, found.groups())) for found in SCRIPT_COMMENT.finditer(source))
    texts = (re.sub(r"\s*\n\s*(//|\*)\s*", " ", text.strip(" /")) for text in comments)
    return [text for text in texts if OPENINGS.match(text) or PHRASES.search(text)]


def _matches(name: str, pattern: str) -> bool:
    if pattern.endswith("/**"):
        return name.startswith(pattern.removesuffix("**"))
    return PurePath(name).match(pattern)


def test_docstrings_and_comments_follow_the_style() -> None:
    unfinished = _unfinished_rooms()
    faults = []
    for package in ("model", "viewer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not any(_matches(name, pattern) for pattern in unfinished):
                faults += [f"{name}: {fault}" for fault in _faults(path.read_text())]
    assert faults == []


def test_comments_of_page_and_shaders_follow_the_style() -> None:
    paths = [*(ROOT / "viewer" / "web").rglob("*.js"), *(ROOT / "shaders").rglob("*.*")]
    assert len(paths) > 30
    faults = {path.name: _script_faults(path.read_text()) for path in paths}
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    "source",
    [
        "/** What the page shows. */",
        "/**\n * None yet.\n */",
        "x = 1; // Where there is no GPU.",
        "// The texture of a map, and that\n// of its picture.",
    ],
)
def test_each_fault_of_a_script_is_found(source: str) -> None:
    assert len(_script_faults(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """That of the decoder."""',
        'def f():\n    """The alpha source of a decoder."""',
        'class C:\n    """None yet."""',
        'SIZE = 3\n"""What a picture takes."""',
        'def f():\n    """Return the size\n    of a picture.\n    """',
        'def f():\n    """Return a scene of which nothing is read."""',
        "# Where there is no GPU, it stays.\nx = 1",
        "x = 1  # Which is enough.",
    ],
)
def test_each_fault_is_found(source: str) -> None:
    assert len(_faults(source)) == 1


def test_plain_docstrings_and_comments_pass() -> None:
    source = '''
class C:
    """Alpha source of a decoder."""

    @property
    def size(self):
        """The picture's height and width."""

    def load(self):
        """Load the alpha source, or None without a still panorama.

        Returns:
            Height×width.
        """
        # If that fails, the picture is opaque: "What " within a comment is fine.
'''
    assert _faults(source) == []
