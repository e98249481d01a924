"""The program as ``pip install`` leaves it, used from a folder that is not the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nerv360.viewer.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of an earlier build is in it and none is left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source, ignored = folder / "source", (".*", "__pycache__", "*.egg-info", "build", "runs")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*ignored, "tests", "docs"))
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program's file in an environment with the wheel and our dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", purelib], capture_output=True, text=True, check=True)
    # Path files of a folder that a path file adds are not read: the checkout stays out.
    dependencies = [path for path in sys.path if Path(path).name.endswith("-packages")]
    (Path(packages.stdout.strip()) / "dependencies.pth").write_text("\n".join(dependencies))
    _pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    return folder / "bin" / "nerv360"


def _pip(*arguments: object) -> None:
    quiet = ["--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", *quiet, *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "PIP_NO_INDEX": "1"})


def _run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["XDG_CONFIG_HOME"] = str(folder / "settings")
    command = [str(program), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.array(picture)


def test_the_wheel_holds_the_program_and_its_data_and_no_more(wheel: Path) -> None:
    expected = {
        f"{packed}/{file.relative_to(ROOT / folder).as_posix()}"
        for packed, folder, pattern in (
            ("nerv360", "model", "**/*.py"),
            ("nerv360", "model", "**/*.pyi"),
            ("nerv360/viewer", "viewer", "**/*.py"),
            ("nerv360/viewer", "viewer", "**/*.pyi"),
            ("nerv360/viewer", "viewer", "web/**/*"),
            ("nerv360/viewer/assets", "assets", "*"),
            ("nerv360/viewer/shaders", "shaders", "*"),
            ("nerv360/shaders/decoder", "shaders/decoder", "*"),
        )
        for file in (ROOT / folder).glob(pattern)
        if file.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_it_renders_the_demo_as_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    options = ["--yaw", "40", "--frame", "7"]
    done = _run(installed, tmp_path, "render", "-o", "view.png", *options)
    progress = re.compile(r"(render,|reading |opening )[^\n]*\n")
    assert (done.returncode, progress.sub("", done.stderr)) == (0, "")
    assert main(["render", "-o", str(tmp_path / "checkout.png"), *options]) == 0
    assert np.array_equal(_pixels(tmp_path / "view.png"), _pixels(tmp_path / "checkout.png"))


@pytest.mark.usefixtures("display")
def test_it_opens_the_demo_in_a_window(installed: Path, tmp_path: Path) -> None:
    options = ["--exit-after", "2", "--size", "480x270", "--screenshot", "window.png"]
    done = _run(installed, tmp_path, "view", *options)
    assert done.returncode == 0, done.stderr
    assert np.ptp(_pixels(tmp_path / "window.png")) > 100, "there is something on it"
