"""A film of the window survives whatever ends the program, and plays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nerv360.scene import write_scene
from nerv360.video import open_clip
from tests.support.scenes import over_still_scene

FPS = 20
ENOUGH_BYTES = 30_000
PATIENCE_S = 60


@pytest.fixture
def screen(display: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield an X server that a test may kill; its display's number is its ``number``."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-noreset"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[writing], stdout=quiet, stderr=quiet) as server:
        os.close(writing)
        with os.fdopen(reading) as answer:
            os.environ["TEST_DISPLAY"] = f":{answer.readline().strip()}"
        yield server
        server.kill()


def recording(folder: Path) -> subprocess.Popen[str]:
    """Start to film a scene whose look wanders, and wait until seconds of it are on the disk."""
    scene = folder.parent / "scene.safetensors"
    write_scene(scene, over_still_scene())
    command = [sys.executable, "-m", "nerv360.viewer", "view", str(scene)]
    command += ["--size", "480x270", "--wander"]
    environment = {
        **os.environ,
        "DISPLAY": os.environ["TEST_DISPLAY"],
        "XDG_CONFIG_HOME": str(folder.parent / "config"),
    }
    program = subprocess.Popen(
        [*command, "--film", str(folder / "film.mp4")],
        env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while sum(path.stat().st_size for path in folder.iterdir()) < ENOUGH_BYTES:
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline, "no film has been begun"
        time.sleep(0.05)
    return program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return tmp_path / "films"


def assert_plays(film: Path) -> None:
    source = open_clip(film)
    assert source.info.frames >= FPS
    assert sum(1 for _ in source) == source.info.frames


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's")
def test_a_terminal_that_closes_closes_the_window(
    screen: subprocess.Popen[bytes], folder: Path
) -> None:
    program = recording(folder)
    program.send_signal(signal.SIGHUP)
    _, said = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 0, said
    assert "pictures shown" in said
    assert "Traceback" not in said
    assert [path.name for path in folder.iterdir()] == ["film.mp4"]
    assert_plays(folder / "film.mp4")
    assert (folder.parent / "config" / "nerv360" / "settings.json").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's")
def test_a_display_that_is_lost_keeps_the_film(
    screen: subprocess.Popen[bytes], folder: Path
) -> None:
    program = recording(folder)
    screen.kill()
    _, said = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 1, said
    assert said.splitlines()[-1] == "nerv360: the display is lost; what was recorded is kept"
    assert "Traceback" not in said
    assert [path.name for path in folder.iterdir()] == ["film.mp4"]
    assert_plays(folder / "film.mp4")
    assert (folder.parent / "config" / "nerv360" / "settings.json").is_file()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's")
def test_a_killed_program_leaves_what_plays(screen: subprocess.Popen[bytes], folder: Path) -> None:
    program = recording(folder)
    program.kill()
    program.communicate(timeout=PATIENCE_S)
    assert [path.name for path in folder.iterdir()] == ["film.part.mp4"]
    assert_plays(folder / "film.part.mp4")
