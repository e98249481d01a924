"""All of a view is decoded, also if one picture cannot show it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

from nerv360.decoding import Engine, open_engine
from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.networks import composite
from nerv360.reprojection import project
from nerv360.scene import read_scene, write_scene
from nerv360.viewer.sharing import export_web
from tests.support.browser import Browser, served
from tests.support.page import asked, plain_scene, psnr

pytestmark = pytest.mark.slow

FRAME = 2


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    file = tmp_path_factory.mktemp("plain") / "pier.safetensors"
    write_scene(file, plain_scene())
    export_web(file, file.parent / "page")
    return file, file.parent / "page"


def layered(engine: Engine, look: Look, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the view from pictures of the looks that the page chooses, the view's own on top."""
    rows, columns = engine.size
    decodes = {"aspect": columns / rows, "hfov": engine.hfov_range}
    (looks,) = asked(("covering", asdict(look), width / height, decodes))
    assert len(looks) > 1
    directions = viewport_directions(look, height, width)
    shown = torch.tensor([0.055, 0.06, 0.07])[:, None, None].expand(3, height, width)
    still = None
    if engine.still is not None:
        sphere = engine.still.permute(2, 0, 1)[None].float() / 255
        shown = still = sample_erp(sphere, directions)[0]
    covered = torch.zeros(height, width, dtype=torch.bool)
    for each in looks:
        picture = engine.decode(Look(**each), FRAME)
        place, inside = project(directions, picture.look, rows, columns)
        planes = picture.pixels.permute(2, 0, 1)[None].float() / 255
        sampled = F.grid_sample(planes, place[None], padding_mode="border", align_corners=False)[0]
        whole = sampled[:3] if still is None else composite(sampled[:3], sampled[3:], still)
        depth = ((1 - place.abs().amax(-1)) / 0.04).clamp(0, 1)
        reach = torch.where(inside, depth * depth * (3 - 2 * depth), 0)
        shown = shown + reach * (whole - shown)
        covered |= inside
    assert bool(covered.all())
    return (255 * shown).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("over_still", [True, False], ids=["over the still panorama", "alone"])
@pytest.mark.parametrize(
    ("width", "height", "hfov"), [(150, 324, 78), (400, 240, 110)], ids=["upright", "wide"]
)
def test_no_part_of_a_view_stays_undecoded(
    over_still: bool, width: int, height: int, hfov: float, scene: Path, exported: Path,
    plain: tuple[Path, Path], page: Browser,
) -> None:  # fmt: skip
    file, folder = (scene, exported) if over_still else plain
    look = Look.from_degrees(150, 20, 0, hfov)
    with served(folder) as url:
        page.open(f"{url}#yaw=150&pitch=20&hfov={hfov}&frame={FRAME}", width, height)
        page.wait(lambda: page.shown("whole") == "true")
        page.key("h")
        page.wait(lambda: page.run("return getComputedStyle(loading).display") == "none")
        page.settle()
        picture = page.picture()
    engine = open_engine(read_scene(file), "nerv360", "cpu", kind="eager")
    wanted = layered(engine, look, width, height)
    assert psnr(picture, wanted) > 38
