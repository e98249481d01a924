"""The course of a training as a library offers it: no command's options, no loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nerv360.scene import Attribution
from nerv360.training import Training, TrainingError, train_clip, training_preset
from nerv360.video import open_clip
from nerv360.video.writing import FolderWriter

TINY = {
    "channels": "8", "viewport_width": "96", "viewport_height": "64", "held_out": "2",
    "steps": "3", "rate": "100",
}  # fmt: skip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    with FolderWriter(tmp_path / "clip") as writer:
        for _ in range(2):
            writer.write(torch.randint(256, (64, 128, 3), dtype=torch.uint8, generator=generator))
    return tmp_path / "clip"


def test_one_call_trains_and_leaves_no_file(clip: Path) -> None:
    before = sorted(clip.parent.rglob("*"))
    steps: list[int] = []
    scene = train_clip(
        clip, changes=TINY, device="cpu", report=lambda step: steps.append(step.step)
    )
    decoder = scene.decoders["nerv360"]
    assert steps == [1, 2, 3]
    assert decoder.training.steps == 3
    assert decoder.config.viewport_width == 96
    assert scene.attribution.source == "clip"
    assert sorted(clip.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("left", "changes", "subject"),
    [("nerv360 checkpoint ", {}, "left"), ("notes", {}, "target"), ("", {"x": "1"}, "settings")],
)
def test_a_refusal_names_its_subject_and_no_option(
    clip: Path, left: str, changes: dict[str, str], subject: str
) -> None:
    target = clip.parent / "s.safetensors"
    if left:
        target.with_name(f"{target.name}.checkpoint").write_text(left)
    preset, attribution = training_preset("demo", "nerv360"), Attribution("", "", "", "")
    with pytest.raises(TrainingError) as refused:
        training = Training(
            open_clip(clip), target, *preset, attribution, torch.device("cpu"), TINY | changes
        )
        with training.prepared():
            pass
    assert refused.value.subject == subject
    assert "--" not in str(refused.value)
