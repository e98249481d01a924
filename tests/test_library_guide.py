"""The guide to the library: its blocks run, in order, on a scene and a clip made here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from PIL import Image

import nerv360
from nerv360.scene import write_scene
from nerv360.trajectories import TrajectoryWriter
from tests.support.scenes import tiny_scene

GUIDE = Path(__file__).parents[1] / "docs" / "library.md"
FRAMES = 3


def blocks() -> list[str]:
    text = GUIDE.read_text().replace("minutes=10", "minutes=0.1")
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


@pytest.mark.slow
def test_every_block_runs_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    scene = tiny_scene("nerv360", "hnerv", frames=FRAMES)
    write_scene(Path("clip.safetensors"), scene)
    with nerv360.VideoWriter("clip.mp4", 96, 48, scene.fps) as video:
        for _ in range(FRAMES):
            video.write(torch.full((48, 96, 3), 128, dtype=torch.uint8))
    with TrajectoryWriter(Path("gaze.csv"), "clip") as writer:
        for frame in range(FRAMES):
            writer.append(frame / scene.fps, frame, nerv360.Look(0.1 * frame, 0.2))
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks()):
        exec(compile(block, f"{GUIDE.name}, block {number}", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [repr(scene), "['nerv360', 'hnerv']"]
    assert printed[-1].endswith(f"dB over {FRAMES} views")
    with Image.open("view.png") as picture:
        assert picture.size == (384, 216)
    with av.open("turn.mp4") as film:
        assert sum(1 for _ in film.decode(video=0)) == FRAMES
    assert names["frame"].shape == (48, 96, 3)


def test_the_guide_names_only_what_the_library_has() -> None:
    text = GUIDE.read_text()
    named = set(re.findall(r"nerv360\.(\w+)", text))
    assert len(named) > 10
    assert [name for name in named if not hasattr(nerv360, name)] == []
