"""The structure that the code leans on: which way imports go, and by which door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.contract import circles, imports_past_doors, upward_imports

ROOT = Path(__file__).parents[1]


def test_model_never_imports_viewer() -> None:
    assert upward_imports(ROOT) == []


def test_rooms_are_entered_by_their_doors() -> None:
    assert imports_past_doors(ROOT) == []


def test_no_circles() -> None:
    assert circles(ROOT) == []


def test_the_library_needs_no_window_system_and_is_there_at_once() -> None:
    program = "import sys, model; print({'torch', 'glfw', 'OpenGL', 'viewer'} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert finished.stdout == "set()\n"


@pytest.mark.parametrize(
    ("file", "line", "finds", "expected"),
    [
        (
            "model/geometry.py",
            "from viewer.app import App",
            upward_imports,
            "model.geometry imports viewer.app",
        ),
        (
            "viewer/app.py",
            "from model.scene.reader import read",
            imports_past_doors,
            "viewer.app imports model.scene.reader",
        ),
        (
            "model/scene/reader.py",
            "from model.decoding.eager import Eager",
            imports_past_doors,
            "model.scene.reader imports model.decoding.eager",
        ),
        (
            "model/scene/reader.py",
            "if TYPE_CHECKING:\n    from model.decoding import Eager",
            circles,
            "model: decoding → scene → decoding",
        ),
        (
            "model/scene/reader.py",
            "def later():\n    import model.scene.writer",
            circles,
            "model.scene: reader → writer → reader",
        ),
    ],
)
def test_one_import_is_enough_to_break_it(
    tmp_path: Path, file: str, line: str, finds: Callable[[Path], list[str]], expected: str
) -> None:
    house = {
        "model/__init__.py": "",
        "model/geometry.py": "",
        "model/scene/__init__.py": "from model.scene.reader import read",
        "model/scene/reader.py": "from model.geometry import Look",
        "model/scene/writer.py": "from model.scene.reader import read",
        "model/decoding/__init__.py": "from model.decoding.eager import Eager",
        "model/decoding/eager.py": "from model.scene import read",
        "viewer/__init__.py": "",
        "viewer/app.py": "from model.decoding import Eager\nfrom model.scene import read",
    }
    for name, text in house.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    checks = (upward_imports, imports_past_doors, circles)
    assert [check(tmp_path) for check in checks] == [[], [], []]
    with (tmp_path / file).open("a") as opened:
        opened.write(line + "\n")
    assert expected in finds(tmp_path)
