"""The library's public names and the examples that use them."""

from __future__ import annotations

import ast
import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import nerv360
from nerv360.geometry import Look
from nerv360.scene import read_scene, write_scene
from nerv360.trajectories import TrajectoryWriter
from nerv360.video.writing import VideoWriter
from tests.support.scenes import tiny_scene

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
FRAMES = 3
LAZY_DOORS = [
    "nerv360",
    "nerv360.decoding",
    "nerv360.training",
    "nerv360.lab.evaluation",
    "nerv360.lab.benchmarks",
]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "pier.safetensors"
    write_scene(path, tiny_scene("nerv360", "hnerv", frames=FRAMES))
    return path


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: Path) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.mark.slow
def test_a_view_is_saved(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "save_view.py", scene, tmp_path / "view.png")
    engine = nerv360.open_engine(read_scene(scene), "nerv360")
    expected = nerv360.render_view(engine, Look.from_degrees(30, -10), 0, 540, 960)
    with Image.open(tmp_path / "view.png") as picture:
        assert np.array_equal(np.array(picture), expected.cpu().numpy())


@pytest.mark.slow
def test_a_path_is_evaluated(
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with VideoWriter(tmp_path / "pier.mp4", 96, 48, 29.97) as video:
        for _ in range(FRAMES):
            video.write(torch.full((48, 96, 3), 128, dtype=torch.uint8))
    with TrajectoryWriter(tmp_path / "gaze.csv", "pier") as writer:
        for frame in range(FRAMES):
            writer.append(frame / 29.97, frame, Look(0.1 * frame, 0.2))
    run(monkeypatch, "evaluate_path.py", scene, tmp_path / "pier.mp4", tmp_path / "gaze.csv")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["nerv360", "hnerv"]
    assert all(line.endswith(f"dB over {FRAMES} pictures") for line in lines)


def test_an_engine_is_added(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(nerv360.ENGINES, "mirror", nerv360.ENGINES["eager"])  # taken out afterwards
    run(monkeypatch, "add_engine.py", scene)
    assert capsys.readouterr().out.startswith("mirror torch.Size([24, 48, 4])")
    mirrored = nerv360.open_engine(read_scene(scene), "nerv360", kind="mirror").decode(Look(), 1)
    plain = nerv360.open_engine(read_scene(scene), "nerv360", kind="eager").decode(Look(), 1)
    assert torch.equal(mirrored.pixels, plain.pixels.flip(1))


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_need_no_more_than_the_library(example: Path) -> None:
    text = example.read_text()
    assert len(text.splitlines()) <= 20
    imported = {
        a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import) for a in n.names
    }
    assert imported <= {"nerv360", "sys"}


@pytest.mark.slow
def test_every_public_name_is_there_and_none_is_loaded_before_it_is_used() -> None:
    program = (
        "import sys, nerv360; assert not {'torch', 'numpy'} & set(sys.modules);"
        "from nerv360 import *; print(*(name for name in nerv360.__all__ if name not in globals()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
    with pytest.raises(AttributeError, match="vae"):
        getattr(nerv360, "vae")  # noqa: B009
    assert "read_scene" in dir(nerv360)


@pytest.mark.parametrize("door", LAZY_DOORS)
def test_every_name_of_a_door_that_loads_what_is_asked_for_is_there(door: str) -> None:
    module = importlib.import_module(door)
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.slow
def test_a_users_modules_do_not_stand_in_for_ours(tmp_path: Path, scene: Path) -> None:
    for name in ("model.py", "viewer.py", "scene.py", "geometry.py"):
        (tmp_path / name).write_text("raise RuntimeError('a module of the user')\n")
    program = (
        "import nerv360, nerv360.viewer.app;"
        f"scene = nerv360.read_scene({str(scene)!r});"
        "engine = nerv360.open_engine(scene);"
        "print(tuple(nerv360.render_view(engine, nerv360.Look(), 0, 24, 48).shape))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("(24, 48, 3)\n", "")
