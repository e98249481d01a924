"""Surroundings of every test: few threads, and a screen where there is none."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

# Threads that spin while they wait made a suite beside other load thirty times slower; OpenMP reads
# this when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The viewer leaves out the question for an error after each call of OpenGL; tests ask it.
os.environ.setdefault("PYOPENGL_ERROR_CHECKING", "1")

# Of an error that was not foreseen, a test shows more than one sentence.
os.environ.setdefault("NERV360_TRACEBACK", "1")

import pytest
import torch
from hypothesis import settings

from nerv360.decoding.preloading import load_compilers
from nerv360.viewer import progress

# Beside one another, processes of tests that had a thread for every core would wait for each other.
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)

# Where there is no GPU, Triton's kernels run in its interpreter; it asks once, when they are
# imported.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# Two cores shared with others make single examples slow, and a suite that differs from run to run
# proves nothing.
settings.register_profile("nerv360", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("nerv360")

# Whether a command lasts long enough to speak of its progress depends on the machine.
progress.FIRST_LINE_S = math.inf

_LACKING = "there is neither a display nor Xvfb (Debian and Ubuntu: apt-get install xvfb)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "display" in getattr(item, "fixturenames", ()):
            item.add_marker("window")
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


def pytest_configure() -> None:
    # In the background of a script Ctrl-C is ignored, under nohup SIGHUP; tests send them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Windows of tests belong on the X display below, also where a Wayland compositor runs.
    os.environ.pop("WAYLAND_DISPLAY", None)


@pytest.fixture(scope="session")
def _screen() -> Iterator[str | None]:
    """Yield the name of an X display: the user's own, or an Xvfb that ends with the session."""
    # Tests of compilers, of commands and of windows share this process; a program does not.
    load_compilers()
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    if shutil.which("Xvfb") is None:
        yield None
        return
    reading, writing = os.pipe()
    with subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            "1920x1200x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            raise RuntimeError("Xvfb ended without opening a screen")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", f":{number}")
            patch.setenv("LIBGL_ALWAYS_SOFTWARE", "1")
            yield f":{number}"
        server.terminate()


@pytest.fixture
def display(_screen: str | None) -> str:
    """Return the X display to open a window on; skip the test if there can be none."""
    if _screen is None:
        pytest.skip(_LACKING)
    return _screen
