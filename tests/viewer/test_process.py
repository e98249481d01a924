"""The installed program as a process of its own, in a real window, under a restless hand."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import pytest

from nerv360.decoding import may_want_compilers
from tests.support.soak import KEYS, grown_bytes, soak

_SECONDS = float(os.environ.get("NERV360_SOAK_SECONDS", "20"))
_SEED = int(os.environ.get("NERV360_SOAK_SEED", "0"))
_MIB = 2**20
_GROWTH = 64 * _MIB
_LONG_S = 120.0


@pytest.mark.timeout(_SECONDS + 300)
@pytest.mark.usefixtures("display")
def test_the_program_bears_every_key_and_whatever_a_hand_does(tmp_path: Path) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    story = soak(_SECONDS, _SEED, tmp_path)
    told = "\n".join([*story.events[-20:], story.log[-3000:]])
    assert story.exit_code == 0, told
    assert "Traceback" not in story.log, told
    assert "pictures shown" in story.log, told
    assert story.events[-1] == "key ESCAPE", told
    assert {f"key {key}" for key in KEYS} <= set(story.events)
    assert list((tmp_path / "pictures").rglob("*.png")), "F12 has reached the window"
    assert story.dropped, "a drop has reached the window"
    if not may_want_compilers():
        assert not [name for name in story.libraries if "triton" in name], "no compiler is wanted"
    if _SECONDS >= _LONG_S:
        grown = grown_bytes(story.resident)
        print(f"{len(story.events)} events, grown by {grown / _MIB:.0f} MiB")
        assert grown < _GROWTH, f"{grown / _MIB:.0f} MiB more: {story.resident[::50]}"


def test_memory_that_comes_and_goes_has_not_grown_and_memory_that_leaks_has() -> None:
    waves = [(float(t), round(500 * _MIB + 300 * _MIB * math.sin(t))) for t in range(400)]
    assert abs(grown_bytes(waves)) < _GROWTH
    leak = [(t, size + round(t * 0.5 * _MIB)) for t, size in waves]
    assert grown_bytes(leak) > _GROWTH
