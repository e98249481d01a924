"""The page's modules, run by Node, and what it takes to do so."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nerv360.scene import Attribution, Scene
from tests.support.scenes import TINY, lively_decoder

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "web"
_OLDEST = (20, 19)

# Few stages: the processor compiles each of their shaders.
SMALL = TINY.replace(
    frame_height=64, frame_width=128, encoder_strides=(4,), strides=(2, 2), kernels=(3, 1),
    blocks=(1, 0), viewport_height=96, viewport_width=160,
)  # fmt: skip
FRAMES = 3
LENGTHS = (3, 2, 4, 2, 3)
"""Frames of the chapters of a longer scene."""


def plain_scene() -> Scene:
    """Return a scene of one small decoder, without a still panorama."""
    attribution = Attribution("Pier", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(attribution, 128, 64, 10, FRAMES, {"nerv360": lively_decoder(SMALL, FRAMES)})


def psnr(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Return how alike two pictures are, in dB."""
    error = np.square(one.astype(float) - other.astype(float)).mean()
    return 10 * math.log10(255**2 / error)


def node() -> str:
    """Return the program; skip the test if there is none that is new enough."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node here (nodejs.org) to run the page's modules with")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.findall(r"\d+", said)[:2]))
    if version < _OLDEST:
        pytest.skip(f"Node {said.strip()} is older than {_OLDEST[0]}.{_OLDEST[1]}")
    return found


def asked(*questions: Iterable[object]) -> list[Any]:
    """Answers of ``tests/web/desktop.js``: a result each, or a dictionary with its error."""
    lines = "".join(json.dumps(list(question)) + "\n" for question in questions)
    command = [node(), str(SUITE / "desktop.js")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [answer.get("result", answer) for answer in answers]
