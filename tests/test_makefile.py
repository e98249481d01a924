"""``make view`` where there is no screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerv360.scene import write_scene
from nerv360.video import open_clip
from tests.support.scenes import tiny_scene

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "make", "uname", "id", "true")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder in which everything is set up, and the program is this one."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "setup.py"):
        shutil.copy2(ROOT / name, tmp_path)
    program = tmp_path / ".venv" / "bin" / "nerv360"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nerv360.viewer "$@"\n')
    program.chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    write_scene(tmp_path / "pier.safetensors", tiny_scene())
    return tmp_path


def make_view(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "settings"), **changes}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MAKEFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    return subprocess.run(
        ["make", "view", "SCENE=pier.safetensors", "SHOWN_S=1.5"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="there is no virtual screen here")
def test_it_is_shown_on_a_virtual_screen_and_filmed(checkout: Path) -> None:
    done = make_view(checkout)
    assert done.returncode == 0, done.stderr
    for name in ("view.png", "view.mp4"):
        assert str(checkout / name) in done.stdout
    with Image.open(checkout / "view.png") as picture:
        assert picture.size == (1280, 720)
        assert np.ptp(np.array(picture)) > 100, "there is something on it"
    info = open_clip(checkout / "view.mp4").info
    assert (info.width, info.height) == (1280, 720)
    assert 1 < info.frames / info.fps < 3


def test_who_may_not_install_is_told_what_to_do(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    (tools / "id").unlink()
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    done = make_view(checkout, PATH=str(tools))
    assert done.returncode == 2
    sentence, *rest = done.stderr.splitlines()
    for said in ("There is no screen", "xvfb", "render -o view.png"):
        assert said in sentence
    assert all(line.startswith("make: ***") for line in rest)
