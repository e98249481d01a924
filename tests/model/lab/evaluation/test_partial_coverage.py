"""An evaluation judges only what the clip shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nerv360.clip_pictures import ClipPictures
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.lab.evaluation.measure import measure_path, measure_sphere
from nerv360.lab.evaluation.methods import VideoMethod
from nerv360.metrics import MS_SSIM_MIN_SIDE
from nerv360.trajectories import Step
from nerv360.video import open_clip
from tests.support.clips import encode, projection, ramp, with_metadata

QUARTER = 2**30
SIZE = (MS_SSIM_MIN_SIDE, MS_SSIM_MIN_SIDE)


class Spoilt(VideoMethod):
    """The clip itself, but noise beyond what it shows."""

    def _spoilt(self, picture: Tensor, known: Tensor | None) -> Tensor:
        assert known is not None
        noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0))
        whole = picture.float() / 255 if picture.dtype is torch.uint8 else picture
        return torch.where(known[..., None], whole, noise)

    def view(self, look: Look, frame: int) -> Tensor:
        return self._spoilt(super().view(look, frame), ORIGINAL[0].seen(look, SIZE))

    def sphere(self, frame: int) -> Tensor:
        return self._spoilt(super().sphere(frame), ORIGINAL[0].coverage)


ORIGINAL: list[ClipPictures] = []


def test_what_a_clip_does_not_show_is_not_judged(tmp_path: Path) -> None:
    path = encode(tmp_path / "c.mp4", [ramp(k) for k in range(3)])
    with_metadata(path, projection("equi", (0, 0, QUARTER, QUARTER)))
    original = ClipPictures(open_clip(path))
    assert original.coverage is not None
    assert not bool(original.coverage.all())
    ORIGINAL[:] = [original]
    still, method = original.still(3), Spoilt("spoilt", 0, "", original.clip, SIZE)
    looks = [Look.from_degrees(yaw, 0.0) for yaw in (-45.0, 0.0, 60.0, 179.0)]
    steps = [Step(0, look) for look in looks]
    seen = [original.seen(look, SIZE) for look in looks]
    some = [index for index, known in enumerate(seen) if known is not None and bool(known.any())]
    assert 0 < len(some) < len(looks)
    result = measure_path(method, "p", steps, original, still, SIZE, lambda: None)
    assert [row.step for row in result.rows] == some
    assert all(row.psnr_db > 50 for row in result.rows)
    assert all(row.ms_ssim is not None and row.ms_ssim > 0.999 for row in result.rows)
    sphere = measure_sphere(method, original, still, [1], [0], looks[0].hfov, lambda: None)
    assert sphere.ws_psnr_db[0] > 50
    assert max(max(row) for row in sphere.error) < 1e-4
    nowhere = [step for index, step in enumerate(steps) if index not in some]
    with pytest.raises(InputError, match=r"c\.mp4 shows nothing of what the path p looks at"):
        measure_path(method, "p", nowhere, original, still, SIZE, lambda: None)
