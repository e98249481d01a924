"""Pictures are placed on the sphere where their files say, without seams."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import av
import numpy as np
import py360convert
import pytest
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.geometry import Look, directions_to_angles, look_from_rotation
from nerv360.video.placement import (
    HALF_SPHERE,
    Bounds,
    Part,
    Placement,
    Placer,
    eye_part,
    two_eac_streams,
)
from nerv360.video.placement.cube_faces import CUBEMAP_FACES, EAC_FACES, Cube
from tests.support.spheres import smooth_sphere

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"
SIZE = (96, 192)


def place(placement: Placement, picture: Tensor, size: tuple[int, int] = SIZE) -> Tensor:
    return Placer(placement, (picture.shape[0], picture.shape[1]), size).place(picture)


def worst(one: Tensor, other: Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


def dot(yaw_deg: float, pitch_deg: float, size: tuple[int, int] = SIZE) -> tuple[int, int]:
    """Row and column of a direction in an ERP frame."""
    height, width = size
    row = (0.5 - pitch_deg / 180) * height
    return int(row), int((yaw_deg / 360 + 0.5) % 1 * width)


def card(size: tuple[int, int] = SIZE) -> Tensor:
    """Return an ERP card: a patch of colour n around each of these directions, black elsewhere."""
    picture = torch.zeros(*size, 3, dtype=torch.uint8)
    for number, (yaw_deg, pitch_deg) in enumerate(DIRECTIONS, 1):
        row, column = dot(yaw_deg, pitch_deg, size)
        picture[row - 6 : row + 6, column - 6 : column + 6] = colour(number)
    return picture


DIRECTIONS = ((0.0, 0.0), (90.0, 0.0), (-90.0, 0.0), (45.0, 40.0), (-45.0, -40.0), (150.0, 20.0))


def colour(number: int) -> Tensor:
    return torch.tensor([40 * number, 255 - 40 * number, 17 * number], dtype=torch.uint8)


def test_the_whole_sphere_as_it_is_costs_nothing() -> None:
    picture = smooth_sphere(*SIZE)
    placer = Placer(Placement(), SIZE, SIZE)
    assert placer.place(picture).data_ptr() == picture.data_ptr()
    assert placer.covered is None


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_another_size_is_the_same_sphere(factor: int) -> None:
    large, small = smooth_sphere(SIZE[0] * factor, SIZE[1] * factor), smooth_sphere(*SIZE)
    assert worst(place(Placement(), large), small) <= 4
    assert worst(place(Placement(), small, (SIZE[0] * factor, SIZE[1] * factor)), large) <= 4


def test_what_is_reduced_does_not_shimmer() -> None:
    fine = torch.zeros(SIZE[0] * 4, SIZE[1] * 4, 1, dtype=torch.uint8)
    fine[:, ::2] = 200
    # Its mean everywhere, at ±180° and at the poles too.
    assert worst(place(Placement(), fine), torch.full((*SIZE, 1), 100)) <= 2


@pytest.mark.parametrize("projection", ["cubemap", "equi-angular cubemap"])
@pytest.mark.parametrize("size", [(48, 96), (96, 192), (200, 400)])
def test_a_cubemap_of_smooth_content_returns_it(projection: str, size: tuple[int, int]) -> None:
    eac = projection != "cubemap"
    cube = Cube(EAC_FACES if eac else CUBEMAP_FACES, eac, 0)
    placement = Placement("equi-angular cubemap" if eac else "cubemap")
    atlas = as_cube(cube, 64)
    assert worst(place(placement, atlas, size), smooth_sphere(*size)) <= 8


def as_cube(cube: Cube, side: int) -> Tensor:
    """Return the smooth sphere as faces of ``side`` pixels, computed from their directions."""
    position = (torch.arange(side, dtype=torch.float64) + 0.5) / side * 2 - 1
    v, u = torch.meshgrid(-position, position, indexing="ij")
    faces = []
    for face in range(6):
        directions = cube.directions(torch.full(u.shape, face), u, v)
        faces.append(sampled(directions))
    return torch.cat([torch.cat(faces[:3], 1), torch.cat(faces[3:], 1)], 0)


@functools.cache
def fine_sphere() -> Tensor:
    return smooth_sphere(1024, 2048)


def sampled(directions: Tensor) -> Tensor:
    """Return the smooth sphere in these directions, from a fine frame of it."""
    fine = fine_sphere()
    longitude, latitude = directions_to_angles(directions)
    row = ((0.5 - latitude / math.pi) * 1024).long().clamp(0, 1023)
    column = ((longitude / (2 * math.pi) + 0.5) * 2048).long() % 2048
    return fine[row, column]


@pytest.mark.parametrize("padding", [0, 3])
def test_layout_0_is_as_an_independent_program_cuts_faces(padding: int) -> None:
    frame = smooth_sphere(256, 512)
    cut = py360convert.e2c(frame.numpy(), 64, mode="bilinear", cube_format="dict")
    border = ((padding, padding), (padding, padding), (0, 0))
    rows = [
        np.concatenate([np.pad(cut[name], border) for name in names], 1) for names in ("RLU", "DFB")
    ]
    atlas = torch.from_numpy(np.concatenate(rows, 0))
    frame = place(Placement("cubemap", padding=padding), atlas)
    assert worst(frame, smooth_sphere(*SIZE)) <= 5


def test_locating_and_going_there_are_inverse() -> None:
    directions = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0)).double()
    directions /= directions.norm(dim=-1, keepdim=True)
    for cube in (Cube(CUBEMAP_FACES, False, 0), Cube(EAC_FACES, True, 0)):
        there = cube.directions(*cube.locate(directions))
        there /= there.norm(dim=-1, keepdim=True)
        torch.testing.assert_close(there, directions)


def test_edges_of_faces_have_no_seam() -> None:
    # Half of each face's pixels differ from their neighbours by this much, and no more at edges.
    frame = place(Placement("cubemap"), as_cube(Cube(CUBEMAP_FACES, False, 0), 16), (128, 256))
    step = (frame[:, 1:].int() - frame[:, :-1].int()).abs().max()
    smooth = smooth_sphere(128, 256).int()
    assert step <= 2 * (smooth[:, 1:] - smooth[:, :-1]).abs().max()


POSES = [(90.0, 0.0, 0.0), (0.0, 45.0, 0.0), (0.0, 0.0, 180.0), (-130.0, 35.0, 20.0)]


@pytest.mark.parametrize("pose_deg", POSES)
def test_a_pose_puts_the_card_where_it_says(pose_deg: tuple[float, float, float]) -> None:
    yaw, pitch, roll = (math.radians(value) for value in pose_deg)
    frame = place(Placement(yaw=yaw, pitch=pitch, roll=roll), card())
    turned, level = Look(yaw, pitch, roll).rotation(), Look().rotation()
    for number, where in enumerate(DIRECTIONS, 1):
        direction = turned @ level.T @ Look.from_degrees(*where).rotation()[:, 2]
        longitude, latitude = directions_to_angles(torch.from_numpy(direction))
        row, column = dot(math.degrees(longitude), math.degrees(latitude))
        assert torch.equal(frame[min(row, SIZE[0] - 1), column], colour(number)), where


@pytest.mark.parametrize(
    ("pose_deg", "lands"),
    [
        ((90.0, 0.0, 0.0), (90.0, 0.0)),  # to the right
        ((0.0, 45.0, 0.0), (0.0, 45.0)),  # upwards
        ((30.0, -40.0, 70.0), (30.0, -40.0)),
    ],
)
def test_yaw_turns_to_the_right_and_pitch_upwards(
    pose_deg: tuple[float, float, float], lands: tuple[float, float]
) -> None:
    yaw, pitch, roll = (math.radians(value) for value in pose_deg)
    frame = place(Placement(yaw=yaw, pitch=pitch, roll=roll), card())
    assert torch.equal(frame[dot(*lands)], colour(1))


def test_roll_tilts_clockwise() -> None:
    frame = place(Placement(roll=math.radians(90)), card())
    # What was to the right is below: number 2.
    assert torch.equal(frame[-1, 0], colour(2))
    assert torch.equal(frame[0, 0], colour(3))


@pytest.mark.parametrize("pose_deg", POSES)
def test_a_pose_and_its_inverse_are_none(pose_deg: tuple[float, float, float]) -> None:
    size = (192, 384)
    smooth = smooth_sphere(*size)
    pose = Look.from_degrees(*pose_deg)
    level = Look().rotation()
    inverse = look_from_rotation(level @ pose.rotation().T @ level)
    there = place(Placement(yaw=pose.yaw, pitch=pose.pitch, roll=pose.roll), smooth, size)
    placement = Placement(yaw=inverse.yaw, pitch=inverse.pitch, roll=inverse.roll)
    assert worst(place(placement, there, size), smooth) <= 4


def test_bounds_put_a_crop_where_it_was() -> None:
    whole = smooth_sphere(*SIZE)
    bounds = Bounds.from_pixels((192, 96), (30, 12, 100, 60))
    placement = Placement(bounds=bounds)
    crop = whole[12:72, 30:130]
    assert placement.frame_size(60, 100) == SIZE
    placer = Placer(placement, (60, 100), SIZE)
    frame = placer.place(crop)
    assert placer.covered is not None
    assert torch.equal(frame[12:72, 30:130], crop)
    assert placer.covered.sum() == 60 * 100
    assert not frame[~placer.covered].any()


def test_bounds_in_fixed_point_are_fractions() -> None:
    assert Bounds.from_fixed_point(1 << 30, 0, 1 << 30, 0) == HALF_SPHERE


def test_half_a_sphere_is_in_front() -> None:
    frame = place(Placement(bounds=HALF_SPHERE), card()[:, 48:144])
    assert torch.equal(frame[:, 48:144], card()[:, 48:144])
    assert not frame[:, :48].any()
    assert not frame[:, 144:].any()


def test_a_crop_of_all_longitudes_wraps() -> None:
    whole = smooth_sphere(*SIZE)
    placement = Placement(bounds=Bounds(0, 0.25, 0, 0.25), yaw=math.radians(77.3))
    turned = place(Placement(yaw=math.radians(77.3)), whole)
    frame = place(placement, whole[24:72])
    assert worst(frame[24:72], turned[24:72]) <= 2


@pytest.mark.parametrize("eye", ["left", "right"])
@pytest.mark.parametrize(("arrangement", "axis"), [("side by side", 1), ("top and bottom", 0)])
def test_one_eye_is_taken(eye: str, arrangement: str, axis: int) -> None:
    eyes = {"left": smooth_sphere(*SIZE), "right": smooth_sphere(*SIZE, phase=2.0)}
    both = torch.cat([eyes["left"], eyes["right"]], axis)
    placement = Placement(part=eye_part(arrangement, eye))  # type: ignore[arg-type]
    assert placement.frame_size(both.shape[0], both.shape[1]) == SIZE
    assert torch.equal(place(placement, both), eyes[eye])


def test_a_squeezed_eye_is_a_whole_sphere_again() -> None:
    squeezed = place(Placement(), smooth_sphere(*SIZE), (96, 96))
    both = torch.cat([squeezed, squeezed], 1)
    placement = Placement(part=Part(left=0.5, width=0.5))
    assert placement.frame_size(96, 192) == SIZE
    assert worst(place(placement, both), smooth_sphere(*SIZE)) <= 4


@pytest.mark.parametrize(
    ("placement", "picture", "frame"),
    [
        (Placement(), (1024, 2048), (1024, 2048)),
        (Placement(), (322, 640), (322, 640)),
        (Placement(), (256, 256), (256, 512)),
        (Placement("cubemap"), (192, 384), (256, 512)),
        (Placement("cubemap", padding=8), (192 + 32, 384 + 48), (256, 512)),
        (Placement(bounds=HALF_SPHERE), (256, 256), (256, 512)),
    ],
)
def test_the_frame_keeps_the_resolution(
    placement: Placement, picture: tuple[int, int], frame: tuple[int, int]
) -> None:
    assert placement.frame_size(*picture) == frame


@pytest.mark.parametrize("picture_size", [(96, 192), (96, 96), (48, 192), (130, 250), (480, 960)])
@pytest.mark.parametrize(
    "bounds", [Bounds(), HALF_SPHERE, Bounds(0, 0.25, 0, 0.125), Bounds(0.125, 0, 0.25, 0.5)]
)
def test_resizing_is_sampling(bounds: Bounds, picture_size: tuple[int, int]) -> None:
    # A turn by so little is sampled, and moves nothing.
    exact = Placement(bounds=bounds, yaw=math.pi / 2)
    sampled = Placement(bounds=bounds, yaw=math.pi / 2, pitch=1e-7)
    picture = smooth_sphere(*picture_size)
    one, other = place(exact, picture), place(sampled, picture)
    covered = Placer(exact, picture_size, SIZE).covered
    inside = covered if covered is not None else torch.ones(SIZE, dtype=torch.bool)
    # Pixels whose middle is on the very edge may fall on either side.
    both = inside & ~(one == 0).all(-1) & ~(other == 0).all(-1)
    assert both.sum() > 0.9 * inside.sum()
    assert worst(one[both], other[both]) <= 6
    assert not one[~inside].any()


def test_grey_and_alpha_are_placed_too() -> None:
    for channels in (1, 4):
        picture = torch.full((96, 192, channels), 7, dtype=torch.uint8)
        assert torch.equal(place(Placement(pitch=0.3), picture), picture)


@pytest.mark.parametrize(
    "wrong",
    [{"bounds": Bounds(0.5, 0, 0.5, 0)}, {"bounds": Bounds(-0.1, 0, 0, 0)}, {"yaw": math.nan}],
)
def test_impossible_placements_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"leave no picture|must be finite"):
        Placement(**wrong)  # type: ignore[arg-type]


def test_a_picture_that_has_not_six_tiles_is_refused() -> None:
    with pytest.raises(ValueError, match="100x60 is not three by two equal tiles"):
        Placement("cubemap").frame_size(60, 100)


def test_doubled_columns_of_unknown_place_are_refused() -> None:
    assert two_eac_streams(128, 384, "clip.360") == Placement("equi-angular cubemap")
    with pytest.raises(InputError, match=r"clip\.360 holds two equi-angular streams of 4096x1344"):
        two_eac_streams(1344, 4096, "clip.360")


field = pytest.mark.skipif(not FIELD.is_dir(), reason="../shared/data is not there")
COLOURS = {  # of the field files' card, by direction
    (0, 20): (200, 40, 42),
    (90, 20): (37, 168, 60),
    (-90, 20): (220, 202, 41),
    (180, 20): (41, 57, 204),
    (0, 80): (122, 200, 228),
    (0, -80): (92, 58, 40),
}


def first_pictures(name: str) -> list[Tensor]:
    pictures = []
    with av.open(str(FIELD / name)) as container:
        streams = len(container.streams.video)
    for stream in range(streams):
        with av.open(str(FIELD / name)) as container:
            frame = next(container.decode(video=stream))
            pictures.append(torch.from_numpy(frame.to_ndarray(format="rgb24")))
    return pictures


@field
@pytest.mark.parametrize(
    ("name", "placement"),
    [
        ("base.mp4", Placement()),
        ("cbmp_2to1.mp4", Placement("cubemap")),
        ("two_eac_streams.360", Placement("equi-angular cubemap")),
    ],
)
def test_handed_files_show_their_card(name: str, placement: Placement) -> None:
    picture = torch.cat(first_pictures(name), 0)
    size = placement.frame_size(picture.shape[0], picture.shape[1])
    assert size == (256, 512)
    frame = place(placement, picture, size)
    for where, expected in COLOURS.items():
        assert worst(frame[dot(*where, size)], torch.tensor(expected)) <= 12, where
