"""NeRV360: its projection, its seam and its condition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nerv360.config import DEMO, ModelConfig
from nerv360.errors import InputError
from nerv360.geometry import Look, camera_rays, sample_erp, viewport_grid
from nerv360.networks import FrameCrop, FrameViews, project
from nerv360.networks.hnerv import HNeRV
from nerv360.networks.nerv360 import NeRV360

TINY = ModelConfig(
    frame_height=96,
    frame_width=192,
    encoder_strides=(2, 2),
    encoder_channels=8,
    embedding_channels=2,
    strides=(2, 2),
    kernels=(1, 3),
    blocks=(1, 1),
    channels=16,
    look_encoding="periodic",
    viewport_height=72,
    viewport_width=128,
)


def looks(*rows: tuple[float, float]) -> torch.Tensor:
    hfov = math.radians(78.1)
    return torch.tensor([(yaw, pitch, 0.0, hfov) for yaw, pitch in rows], dtype=torch.float64)


def test_projection_agrees_with_sampling_the_features() -> None:
    torch.manual_seed(1)
    decoder = NeRV360(TINY)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(1, dtype=torch.float64)
    look = Look(3.0, -0.7)
    with torch.no_grad():
        features = decoder.expand(embedding, time)
        projected = project(features, looks((3.0, -0.7)), (18, 32))
    rays = camera_rays(18, 32, math.tan(look.hfov / 2))
    directions = rays @ torch.as_tensor(look.rotation()).float().T
    expected = sample_erp(features[..., 1:-1, 1:-1], directions)
    torch.testing.assert_close(projected, expected, atol=1e-4, rtol=1e-4)


def test_autocast_leaves_the_projection_alone() -> None:
    features = torch.randn(1, 2, *TINY.embedding_size)
    where = looks((3.0, -0.7), (0.1, 1.2))
    grid = viewport_grid(where, (18, 32), TINY.embedding_size)
    projected = project(features, where, (18, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(viewport_grid(where, (18, 32), TINY.embedding_size), grid)
        assert torch.equal(project(features, where, (18, 32)), projected)


def test_a_turned_scene_decodes_to_the_turned_picture() -> None:
    """Nothing but the condition knows where longitude 180° is."""
    torch.manual_seed(2)
    decoder = NeRV360(TINY.replace(condition_on_look=False))
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(1, dtype=torch.float64)
    half = embedding.shape[-1] // 2
    with torch.no_grad():
        across_seam = decoder(embedding, time, looks((math.pi, 0.3)))
        in_front = decoder(embedding.roll(half, -1), time, looks((0.0, 0.3)))
    torch.testing.assert_close(across_seam, in_front, atol=1e-4, rtol=1e-4)


def test_the_same_look_named_twice_decodes_alike_across_the_seam() -> None:
    torch.manual_seed(3)
    decoder = NeRV360(TINY)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        left, right = (
            decoder(embedding, time[:1], looks((-math.pi, 0.1))),
            decoder(embedding, time[:1], looks((math.pi, 0.1))),
        )
        near = decoder(embedding, time[:1], looks((math.pi - 1e-6, 0.1)))
        beyond = decoder(embedding, time[:1], looks((math.pi + 1e-6, 0.1)))
    torch.testing.assert_close(left, right, atol=1e-4, rtol=0)
    assert (near - beyond).abs().max() < 1e-3


def test_several_looks_share_one_expansion() -> None:
    torch.manual_seed(4)
    decoder = NeRV360(TINY)
    embedding = torch.randn(1, 2, *TINY.embedding_size)
    time = torch.full((1,), 0.25, dtype=torch.float64)
    both = looks((0.5, 0.2), (-2.0, -0.9))
    with torch.no_grad():
        together = decoder.decode(decoder.expand(embedding, time), time, both)
        apart = torch.cat([decoder(embedding, time, both[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("change", ["yaw", "pitch", "time"])
def test_the_condition_matters(change: str) -> None:
    decoder = NeRV360(TINY)
    time = torch.zeros(1, dtype=torch.float64)
    base = decoder.condition(time, looks((0.1, 0.1)))
    other = decoder.condition(
        time + (0.5 if change == "time" else 0.0),
        looks((0.6 if change == "yaw" else 0.1, 0.6 if change == "pitch" else 0.1)),
    )
    assert (base - other).abs().max() > 1e-3
    without = NeRV360(TINY.replace(condition_on_look=False))
    same = without.condition(time, looks((0.1, 0.1))) - without.condition(time, looks((0.6, 0.6)))
    assert torch.equal(same, torch.zeros_like(same))


# Its embedding is large enough for a look's crop to be a part of it.
LATE = TINY.replace(
    frame_height=192, frame_width=384, channels=8, level_channels=(1,), condition_on_look=False
)
PLACES = [(0.0, 0.0), (math.pi, 0.3), (-3.0, -0.4), (1.0, 0.9), (-2.0, -1.2), (0.5, math.pi / 2)]


def code(config: ModelConfig) -> tuple[torch.Tensor, list[torch.Tensor]]:
    embedding, *finer = (torch.randn(1, *shape) for shape in config.embedding_shapes)
    return embedding, finer


@pytest.mark.parametrize("project_after", [1, 2])
@pytest.mark.parametrize("place", PLACES)
def test_a_crop_decodes_to_the_same_picture_as_the_whole_frame(
    project_after: int, place: tuple[float, float]
) -> None:
    torch.manual_seed(5)
    decoder = NeRV360(LATE.replace(project_after=project_after))
    (embedding, finer), time = code(LATE), torch.full((1,), 0.25, dtype=torch.float64)
    look = looks(place)
    with torch.no_grad():
        features = decoder.expand(embedding, time, finer)
        whole = decoder.decode(features, time, look, finer)
        part = decoder(embedding, time, look, finer)
    torch.testing.assert_close(part, whole, atol=1e-4, rtol=0)
    crop = decoder.crop_of(looks((0.0, 0.0)))
    assert crop is not None
    assert crop.height * crop.width < crop.rows * crop.columns / 2


def test_pixels_that_a_look_cannot_see_are_not_computed() -> None:
    config = DEMO.replace(project_after=3, level_channels=(1, 1))
    with torch.device("meta"):
        decoder, (embedding, finer) = NeRV360(config), code(config)
        time = torch.zeros(1, dtype=torch.float64)
    for place, most in (((0.0, 0.0), 0.8), ((3.0, 0.6), 0.85), ((0.0, math.pi / 2), 0.93)):
        crop = decoder.crop_of(looks(place))
        assert crop is not None
        part, levels = crop.cut(embedding), [crop.cut(level) for level in finer]
        counts = []
        for within in (crop, None):
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                features = decoder.expand(part, time, levels, within)
            counts.append(counter.get_total_flops())
            assert features.shape[-2:] == (8 * crop.height + 2, 8 * crop.width + 2)
        assert counts[0] < most * counts[1]


@pytest.mark.parametrize(
    "crop",
    [
        FrameCrop(4, 28, 8, 12, 16, 32),
        FrameCrop(0, 0, 9, 32, 16, 32),
        FrameCrop(9, 0, 7, 32, 16, 32),
    ],
)
def test_the_inside_of_a_crop_reaches_to_a_pole_and_round_the_sphere(crop: FrameCrop) -> None:
    frame, inner = torch.rand(1, 1, 32, 64), crop.inner(2)
    part = crop.part(inner, crop.cut(frame))
    assert part.equal(inner.cut(frame))
    assert (inner.width == 32) == (crop.width == 32)
    assert (inner.top == 0, inner.bottom == 16) == (crop.top == 0, crop.bottom == 16)
    assert crop.around(inner, part).shape == crop.cut(frame).shape
    assert crop.part(inner, crop.around(inner, part)).equal(part)
    assert float(crop.around(inner, part).sum()) == pytest.approx(float(part.sum()))


@pytest.mark.parametrize("project_after", [1, 2])
def test_stages_on_the_sphere_do_not_know_where_its_seam_is(project_after: int) -> None:
    torch.manual_seed(6)
    decoder = NeRV360(LATE.replace(project_after=project_after))
    (embedding, finer), time = code(LATE), torch.zeros(1, dtype=torch.float64)
    turned = [level.roll(level.shape[-1] // 2, -1) for level in (embedding, *finer)]
    with torch.no_grad():
        for pitch in (0.3, -1.3):
            across_seam = decoder(embedding, time, looks((math.pi, pitch)), finer)
            in_front = decoder(turned[0], time, looks((0.0, pitch)), turned[1:])
            torch.testing.assert_close(across_seam, in_front, atol=1e-4, rtol=1e-4)


def test_features_are_kept_for_looks_in_the_same_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(7)
    decoder = NeRV360(LATE.replace(project_after=1))
    (embedding, finer), time = code(LATE), torch.zeros(1, dtype=torch.float64)
    expanded: list[torch.Size] = []
    original = decoder.expand

    def counted(part: torch.Tensor, *others: object) -> torch.Tensor:
        expanded.append(part.shape)
        return original(part, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(decoder, "expand", counted)
    views = FrameViews(decoder, embedding, time, finer)
    with torch.no_grad():
        for yaw in (0.0, 0.001, 2.0, 2.001):
            look = looks((yaw, 0.0))
            torch.testing.assert_close(views(look), views(look), atol=0, rtol=0)
    assert len(expanded) == 2


def test_late_projection_needs_features_that_wrap() -> None:
    with pytest.raises(InputError, match="project_after must be between 0 and 2"):
        LATE.replace(project_after=3)
    for change in ({"erp_padding": "zeros"}, {"expand_before_projection": False}):
        config = LATE.replace(project_after=1, **change)
        with pytest.raises(InputError, match="with project_after above 0, erp_padding must be"):
            NeRV360.check(config)
    with pytest.raises(InputError, match=r"project_after must be 0 .* or 2 .* for hnerv, not 1"):
        HNeRV.check(LATE.replace(architecture="hnerv", project_after=1))
