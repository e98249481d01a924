"""The rendered harbour town: the same every time, without seams, moving where it should."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nerv360.geometry import Look, sample_erp, viewport_directions
from nerv360.lab.synthetic.drawing.glyphs import text_distance, text_width
from nerv360.lab.synthetic.drawing.light import SUN_PITCH, SUN_YAW
from nerv360.lab.synthetic.drawing.noise import fbm, hash01, value_noise
from nerv360.lab.synthetic.drawing.soft_solids import Rough
from nerv360.lab.synthetic.drawing.solids import (
    FAR,
    Convex,
    Ellipsoid,
    Frustum,
    Solid,
    box,
    gable,
    pyramid,
)
from nerv360.lab.synthetic.drawing.stage import EYE, bounds_of, erp_rays, turned
from nerv360.lab.synthetic.movers.harbour import movers
from nerv360.lab.synthetic.renderer import HarbourTown
from nerv360.lab.synthetic.town import town

WIDTH, HEIGHT = 128, 64


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def scene(one_thread: None) -> HarbourTown:
    return HarbourTown(WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def pictures(scene: HarbourTown) -> list[Tensor]:
    return [scene.frame(phase) for phase in (0.0, 0.25, 0.5)]


@pytest.fixture(scope="module")
def large(one_thread: None) -> Tensor:
    return HarbourTown(512, 256).frame(0.0).permute(2, 0, 1)[None].float()


@pytest.mark.slow
def test_pictures_are_deterministic_in_any_bands_and_threads(pictures: list[Tensor]) -> None:
    torch.set_num_threads(2)
    again = HarbourTown(WIDTH, HEIGHT, band_rays=5 * WIDTH * 9)
    second = [again.frame(phase) for phase in (0.0, 0.25)]
    torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(second, pictures, strict=False))


@pytest.mark.slow
def test_the_loop_closes(scene: HarbourTown, pictures: list[Tensor]) -> None:
    assert torch.equal(scene.frame(1.0), pictures[0])
    before = (scene.frame(0.99).int() - pictures[0].int()).abs().float().mean()
    after = (scene.frame(0.01).int() - pictures[0].int()).abs().float().mean()
    assert before < 2 * after + 0.05


@pytest.mark.slow
def test_motion_is_there_and_most_of_the_town_is_still(pictures: list[Tensor]) -> None:
    change = (pictures[2].int() - pictures[0].int()).abs().amax(-1)
    assert (change > 8).float().mean() > 0.01
    ground_and_houses = change[HEIGHT // 2 :]
    assert (ground_and_houses <= 2).float().mean() > 0.6


@pytest.mark.slow
def test_neither_seam_nor_pole_stands_out(pictures: list[Tensor]) -> None:
    picture = pictures[1].float()
    steps = (picture - picture.roll(1, 1)).abs().mean((0, 2))
    assert steps[0] < 1.5 * steps.quantile(0.9)
    # Around the poles neighbouring columns show almost the same place.
    assert (picture[0] - picture[0].roll(1, 0)).abs().max() < 12
    assert (picture[-1] - picture[-1].roll(1, 0)).abs().max() < 12


def test_no_stone_or_wall_is_cut_at_the_border_of_the_picture() -> None:
    turned_looks = [_share_of_cuts(yaw) for yaw in (-90.0, 0.0, 90.0)]
    assert _share_of_cuts(180.0) <= max(turned_looks) < 0.05


def _share_of_cuts(yaw_deg: float) -> float:
    """Return how often the town's colours jump between two rays side by side, for all pitches."""
    pitch = torch.linspace(-1.5, 0.5, 800, dtype=torch.float64)
    sides = [_seen(math.radians(yaw_deg) + aside, pitch) for aside in (-2e-6, 2e-6)]
    (left, owner), (right, other) = sides
    jump = (left - right).abs().amax(0) > 0.03
    return (jump & (owner == other)).float().mean().item()


def _seen(azimuth: float, pitch: Tensor) -> tuple[Tensor, Tensor]:
    """Return colours without light, 3×N, and the solid that is seen."""
    level = pitch.cos()
    d = torch.stack([level * math.sin(azimuth), pitch.sin(), level * math.cos(azimuth)]).float()
    eye = torch.tensor(EYE)[:, None]
    nearest, owner = torch.full_like(d[0], 300.0), torch.full(pitch.shape, -1)
    colours = torch.zeros_like(d)
    for index, placed in enumerate(town()):
        o, ray = placed.to_local(eye, d)
        t = placed.solid.hit(o, ray)
        hit = (t < nearest).nonzero()[:, 0]
        if hit.numel():
            p = o + ray[:, hit] * t[hit]
            n, _ = placed.normals(p)
            nearest[hit], owner[hit] = t[hit], index
            colours[:, hit] = placed.paint(p, n, t[hit] * 1e-4).albedo
    return colours, owner


@pytest.mark.slow
def test_sky_is_above_and_sun_where_the_light_comes_from(pictures: list[Tensor]) -> None:
    picture = pictures[0].float()
    top = picture[: HEIGHT // 8].mean((0, 1))
    assert top[2] > top[0] + 30
    row = round((0.5 - SUN_PITCH / math.pi) * HEIGHT)
    column = round((0.5 + SUN_YAW / (2 * math.pi)) * WIDTH)
    here = picture[row - 1 : row + 1, column - 1 : column + 1].mean()
    assert here > picture[row].mean() + 25


@pytest.mark.slow
@pytest.mark.parametrize(
    ("letter", "centre", "right", "size"),
    [
        ("N", (0.0, 4.5, 9.36), (1.0, 0.0), 2.0),
        ("E", (13.91, 5.05, 0.0), (0.0, -1.0), 2.1),
        ("S", (0.9, 5.2, -12.98), (-1.0, 0.0), 2.1),
        ("W", (-17.35, 5.35, 0.0), (0.0, 1.0), 2.1),
    ],
)
def test_letters_stand_at_the_compass_points(
    large: Tensor,
    letter: str,
    centre: tuple[float, float, float],
    right: tuple[float, float],
    size: float,
) -> None:
    v, u = torch.meshgrid(
        torch.linspace(0.5, -0.5, 24), torch.linspace(-0.7, 0.7, 32), indexing="ij"
    )
    east, north = centre[0] + u * right[0], centre[2] + u * right[1]
    up = centre[1] - EYE[1] + 0.14 * size + v
    seen = sample_erp(large, torch.stack([north, up, -east], -1))[0].mean(0)
    ink = (text_distance(u, v, letter, 0.42 * size, 0.2) < 0).float()
    correlation = torch.corrcoef(torch.stack([seen.reshape(-1), ink.reshape(-1)]))[0, 1]
    assert correlation.abs() > 0.6


@pytest.mark.parametrize(
    "solid",
    [
        box(2.0, 3.0, 1.0),
        gable(4.0, 2.0, 3.0),
        pyramid(3.0, 2.0, 3.0),
        Frustum(1.0, 0.4, 2.0),
        Ellipsoid(1.0, 0.7, 2.0),
        Rough(1.5, 1.0, 1.2, 0.15, 1.5, 3),
    ],
)
def test_rays_meet_solids_inside_their_sphere_and_normals_face_them(solid: Solid) -> None:
    generator = torch.Generator().manual_seed(4)
    lift, radius = solid.reach
    aim = torch.randn(3, 4000, generator=generator) * radius * 0.5
    aim[1] += lift
    origin = torch.tensor([[0.6], [2.5], [-9.0]])
    d = aim - origin
    d = d / d.norm(dim=0)
    t = solid.hit(origin, d)
    hit = t < FAR
    assert hit.float().mean() > 0.2
    points = (origin + d * t)[:, hit]
    centre = torch.tensor([[0.0], [lift], [0.0]])
    assert ((points - centre).norm(dim=0) < radius * 1.01).all()
    n = solid.normal(points)
    assert torch.allclose(n.norm(dim=0), torch.ones(n.shape[1]), atol=1e-4)
    assert ((n * d[:, hit]).sum(0) < 0.05).float().mean() > 0.97


def test_a_box_is_where_it_should_be() -> None:
    solid: Convex = box(2.0, 2.0, 2.0)
    origin = torch.tensor([[0.0], [1.0], [-5.0]])
    straight, beside = torch.tensor([[0.0], [0.0], [1.0]]), torch.tensor([[0.5], [0.0], [1.0]])
    assert solid.hit(origin, straight).item() == pytest.approx(4.0)
    assert solid.hit(origin, beside).item() == FAR


def test_movers_stay_inside_their_spheres() -> None:
    for mover in movers():
        for phase in (0.0, 0.21, 0.5, 0.83):
            for placed in mover.at(phase):
                centre, _ = placed.sphere
                assert math.dist(centre, mover.centre) < mover.radius


@pytest.mark.parametrize(
    "at", [(0.0, 2.0, 30.0), (3.0, 9.0, -20.0), (-0.5, 40.0, 0.5), (8.0, 0.0, 0.0)]
)
def test_windows_hold_every_ray_that_meets_the_sphere(at: tuple[float, float, float]) -> None:
    radius = 2.5
    bounds = bounds_of(at, radius, 90, 180)
    d = erp_rays(0, 90, 90, 180, torch.device("cpu"))
    centre = torch.tensor(at) - torch.tensor(EYE)
    off = (d.permute(1, 2, 0) - centre / centre.norm()).norm(dim=-1)
    meets = 2 * torch.asin(off / 2) < math.asin(radius / float(centre.norm()))
    inside = torch.zeros(90, 180, dtype=torch.bool)
    for first, last in bounds.columns:
        inside[bounds.top : bounds.bottom, first:last] = True
    assert (inside | ~meets).all()


def test_directions_follow_the_projects_convention() -> None:
    d = erp_rays(0, 64, 64, 128, torch.device("cpu"))
    looks = viewport_directions(Look.from_degrees(90.0, 30.0), 1, 1)[0, 0]
    j, i = round((0.5 - 30 / 180) * 64 - 0.5), round((0.5 + 90 / 360) * 128 - 0.5)
    east, up, north = d[:, j, i]
    found = torch.stack([north, up, -east])
    assert torch.nn.functional.cosine_similarity(found, looks, dim=0) > 0.998


def test_rotations_point_where_they_say() -> None:
    for heading, expected in ((0.0, (0, 0, 1)), (90.0, (1, 0, 0)), (180.0, (0, 0, -1))):
        forward = [row[2] for row in turned(heading)]
        assert forward == pytest.approx(expected, abs=1e-9)


def test_letters_have_ink_where_their_strokes_are() -> None:
    x = torch.tensor([0.0, 0.0, 0.0, 1.2])
    y = torch.tensor([3.0, -3.0, 0.0, 0.0])
    distance = text_distance(x, y, "I", 6.0, 0.2)
    assert (distance[:3] < 0).all()
    assert distance[3] > 0
    assert text_width("EAST", 1.0) == pytest.approx((3 * 5.6 + 4) / 6)


def test_noise_is_even_and_continuous() -> None:
    axis = torch.arange(64.0)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    values = hash01(x, y, 3)
    assert values.mean().item() == pytest.approx(0.5, abs=0.02)
    assert values.std().item() == pytest.approx(12**-0.5, abs=0.02)
    line = torch.linspace(-5.0, 5.0, 20001)
    for noise in (value_noise(line, line * 0.3), fbm(line, line * 0.3, 4)):
        assert (noise[1:] - noise[:-1]).abs().max() < 0.01
        assert noise.min() >= 0
        assert noise.max() <= 1
