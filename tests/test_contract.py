"""The structure that the code leans on: which way imports go, and by which door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.contract import (
    circles,
    imports_of_the_lab,
    imports_past_doors,
    long_functions,
    upward_imports,
)

ROOT = Path(__file__).parents[1]


def test_model_never_imports_viewer() -> None:
    assert upward_imports(ROOT) == []


def test_the_library_lists_one_name_of_the_viewer() -> None:
    lines = (ROOT / "model" / "__init__.pyi").read_text().splitlines()
    listed = [line for line in lines if line.startswith("from .viewer")]
    assert listed == ["from .viewer.sharing import show as show"]


def test_rooms_are_entered_by_their_doors() -> None:
    assert imports_past_doors(ROOT) == []


def test_only_commands_import_the_lab() -> None:
    assert imports_of_the_lab(ROOT) == []


def test_no_circles() -> None:
    assert circles(ROOT) == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert list(long_functions(ROOT)) == []


def test_the_library_needs_no_window_system_and_is_there_at_once() -> None:
    program = (
        "import sys, nerv360;"
        "print({'torch', 'glfw', 'OpenGL', 'nerv360.viewer'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


def test_only_serving_loads_a_server() -> None:
    program = (
        "import sys, nerv360.viewer.app, nerv360.viewer.cli, nerv360.viewer.sharing;"
        "nerv360.viewer.sharing.export_web;"
        "print({'aiohttp'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


@pytest.mark.parametrize(
    ("file", "line", "finds", "expected"),
    [
        (
            "model/geometry.py",
            "from nerv360.viewer.app import App",
            upward_imports,
            "nerv360.geometry imports nerv360.viewer.app",
        ),
        (
            "viewer/app.py",
            "from nerv360.scene.reader import read",
            imports_past_doors,
            "nerv360.viewer.app imports nerv360.scene.reader",
        ),
        (
            "model/scene/reader.py",
            "from nerv360.decoding.eager import Eager",
            imports_past_doors,
            "nerv360.scene.reader imports nerv360.decoding.eager",
        ),
        (
            "model/scene/reader.py",
            "if TYPE_CHECKING:\n    from nerv360.decoding import Eager",
            circles,
            "nerv360: decoding → scene → decoding",
        ),
        (
            "model/scene/reader.py",
            "def later():\n    import nerv360.scene.writer",
            circles,
            "nerv360.scene: reader → writer → reader",
        ),
        (
            "model/scene/reader.py",
            "from nerv360.lab.tables import print_table",
            imports_of_the_lab,
            "nerv360.scene.reader imports nerv360.lab.tables",
        ),
        (
            "viewer/app.py",
            "from nerv360.lab.tables import print_table",
            imports_of_the_lab,
            "nerv360.viewer.app imports nerv360.lab.tables",
        ),
        (
            "viewer/commands/bench.py",
            "from nerv360.lab.tables.print import print_table",
            imports_past_doors,
            "nerv360.viewer.commands.bench imports nerv360.lab.tables.print",
        ),
    ],
)
def test_one_import_is_enough_to_break_it(
    tmp_path: Path, file: str, line: str, finds: Callable[[Path], list[str]], expected: str
) -> None:
    house = {
        "model/__init__.py": "",
        "model/geometry.py": "",
        "model/scene/__init__.py": "from nerv360.scene.reader import read",
        "model/scene/reader.py": "from nerv360.geometry import Look",
        "model/scene/writer.py": "from nerv360.scene.reader import read",
        "model/decoding/__init__.py": "from nerv360.decoding.eager import Eager",
        "model/decoding/eager.py": "from nerv360.scene import read",
        "viewer/__init__.py": "",
        "viewer/app.py": "from nerv360.decoding import Eager\nfrom nerv360.scene import read",
        "model/lab/__init__.py": "",
        "model/lab/tables/__init__.py": "from nerv360.lab.tables.print import print_table",
        "model/lab/tables/print.py": "from nerv360.scene import read",
        "viewer/commands/__init__.py": "",
        "viewer/commands/bench.py": "from nerv360.lab.tables import print_table",
    }
    for name, text in house.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    checks = (upward_imports, imports_past_doors, imports_of_the_lab, circles)
    assert [check(tmp_path) for check in checks] == [[], [], [], []]
    with (tmp_path / file).open("a") as opened:
        opened.write(line + "\n")
    assert expected in finds(tmp_path)


def test_one_long_function_is_found(tmp_path: Path) -> None:
    kernel = "@triton.jit\ndef kernel():\n" + "    pass\n" * 60
    long = "def long():\n" + "    pass\n" * 60
    short = "def short():\n" + "    pass\n" * 59
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.py").write_text(kernel + long + short)
    assert list(long_functions(tmp_path)) == [("model/a.py", "long")]
