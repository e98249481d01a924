"""Photos and folders are read as people mean them, whatever program wrote them."""

from __future__ import annotations

import io
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video.photos import find_pictures, is_picture, natural_key, read_header, read_picture
from nerv360.video.placement import Bounds, Placement
from tests.support.clips import ramp

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"
UPRIGHT_TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
CROP = {
    "ProjectionType": "equirectangular",
    "CroppedAreaLeftPixels": 24,
    "CroppedAreaTopPixels": 12,
    "CroppedAreaImageWidthPixels": 96,
    "CroppedAreaImageHeightPixels": 48,
    "FullPanoWidthPixels": 192,
    "FullPanoHeightPixels": 96,
}


def picture(index: int = 0) -> Image.Image:
    return Image.fromarray(ramp(index).numpy())


def folder(path: Path, names: list[str]) -> Path:
    """Return a folder of pictures with these names, told apart by their index in the list."""
    path.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        picture(index).save(path / name)
    return path


def xmp(values: dict[str, object], as_elements: bool = False) -> bytes:
    body = (
        "".join(f"<GPano:{key}>{value}</GPano:{key}>" for key, value in values.items())
        if as_elements
        else " ".join(f'GPano:{key}="{value}"' for key, value in values.items())
    )
    inner = f">{body}</rdf:Description>" if as_elements else f" {body}/>"
    return f"<x:xmpmeta><rdf:RDF><rdf:Description{inner}</rdf:RDF></x:xmpmeta>".encode()


def names(path: Path) -> list[str]:
    return [file.name for file in find_pictures(path).files]


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    order = [f"{number}.png" for number in range(12)]
    found = find_pictures(folder(tmp_path, order))
    assert [file.name for file in found.files] == order
    assert found.size == (48, 96)
    assert found.notes == ()


@pytest.mark.parametrize(
    "ordered",
    [
        ["a1.png", "A2.png", "a10.png"],
        ["2024-5-9.png", "2024-5-10.png", "2024-10-1.png"],
        ["shot (1).jpg", "shot (2).jpg", "shot (10).jpg"],
        ["1.png", "01b.png", "2.png"],
        ["x01.png", "x1.png", "x2.png"],
    ],
)
def test_names_with_numbers_inside(ordered: list[str]) -> None:
    shuffled = [*ordered[1:], ordered[0]]
    assert sorted(shuffled, key=natural_key) == ordered


def test_what_is_no_picture_is_skipped_and_said(tmp_path: Path) -> None:
    folder(tmp_path, ["0.png", "1.png"])
    for name in ("._0.png", ".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / name).write_bytes(b"\0\5\26\7 no picture")
    (tmp_path / "sub.png").mkdir()
    found = find_pictures(tmp_path)
    assert [file.name for file in found.files] == ["0.png", "1.png"]
    assert found.notes == (
        "skipped: 2 hidden files and what is no picture (Thumbs.db, notes.txt, sub.png)",
    )


def test_a_pipe_is_no_picture_and_a_link_to_nowhere_is_a_broken_one(tmp_path: Path) -> None:
    folder(tmp_path, ["0.png", "1.png"])
    os.mkfifo(tmp_path / "2.png")
    found = find_pictures(tmp_path)
    assert len(found.files) == 2
    assert found.notes == ("skipped: what is no picture (2.png)",)
    (tmp_path / "3.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(InputError, match=r"3\.png is not a picture that can be read"):
        find_pictures(tmp_path)


def test_names_cannot_command_a_terminal(tmp_path: Path) -> None:
    folder(tmp_path, ["0.png", "1.png"])
    (tmp_path / "\x1b[2Jnotes").write_bytes(b"")
    (note,) = find_pictures(tmp_path).notes
    assert note == "skipped: what is no picture (\\x1b[2Jnotes)"


def test_missing_numbers_are_said(tmp_path: Path) -> None:
    kept = [0, 1, 2, 6, 7, 8, 9, 10, 11]
    found = find_pictures(folder(tmp_path, [f"{number:04}.png" for number in kept]))
    assert found.notes == (
        "3 numbers are missing between 0000.png and 0011.png, the first after 2: the pictures are "
        "taken to follow one another without a pause",
    )


@pytest.mark.parametrize(
    "whole",
    [
        ["0.png", "5.png", "10.png", "15.png"],  # in steps
        ["20240501.png", "20240731.png", "20241224.png"],  # dates
        ["a.png", "b2.png", "c9.png"],
        ["shot1_2.png", "shot2_3.png", "shot3_9.png"],
    ],
)
def test_names_that_miss_none(whole: list[str], tmp_path: Path) -> None:
    assert find_pictures(folder(tmp_path, whole)).notes == ()


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_pictures_come_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    upright, turn = picture(), UPRIGHT_TO_STORED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x112] = orientation
    path = tmp_path / f"photo.{suffix}"
    stored.save(path, exif=exif, lossless=True, quality=100, subsampling=0)
    assert read_header(path).size == (48, 96)
    difference = read_picture(path).int() - torch.from_numpy(np.array(upright)).int()
    assert difference.abs().max() <= (8 if suffix == "jpg" else 0)


def wide_png(path: Path, values: np.ndarray, colour_type: int) -> Path:
    """Return a PNG of 16 bits a channel, which Pillow cannot write in colour."""
    height, width = values.shape[:2]
    rows = values.astype(">u2").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks))
    return path


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)])
def test_16_bits_are_scaled(colour_type: int, channels: int, tmp_path: Path) -> None:
    ramp16 = np.linspace(0, 65535, 32 * 64 * channels).reshape(32, 64, channels).round()
    pixels = read_picture(wide_png(tmp_path / "wide.png", ramp16, colour_type)).numpy()
    expected = np.broadcast_to(ramp16 / 257, (32, 64, 3))
    assert np.abs(pixels - expected).max() <= 1
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_16_bits_of_a_tiff_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(tmp_path / "grey.tif")
    assert read_picture(tmp_path / "grey.tif")[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_over_black(mode: str, tmp_path: Path) -> None:
    image = Image.new(mode, (3, 1), (200,) * (len(mode) - 1) + (255,))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (200,) * (len(mode) - 1) + (alpha,))
    image.save(tmp_path / "alpha.png")
    assert read_picture(tmp_path / "alpha.png")[0, :, 1].tolist() == [0, 100, 200]


def test_a_transparent_colour_of_a_palette_is_black(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 10, 10, 10, 200, 10])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png", transparency=0)
    assert read_picture(tmp_path / "palette.png")[0].tolist() == [[0, 0, 0], [10, 200, 10]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGB"])
def test_every_mode_becomes_colours(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("photo.jpg" if mode in ("CMYK", "YCbCr") else "photo.png")
    grey = Image.new("RGB", (16, 16), (255, 255, 255))
    grey.convert(mode).save(path)
    assert read_picture(path).shape == (16, 16, 3)
    assert (read_picture(path) > 250).all()


def test_values_of_unknown_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 8), np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(InputError, match=r"depth\.tif has values of the kind 'F'"):
        read_picture(tmp_path / "depth.tif")


def test_other_sizes_are_refused_by_name(tmp_path: Path) -> None:
    folder(tmp_path, ["0.png", "1.png"])
    picture().resize((64, 32)).save(tmp_path / "2.png")
    with pytest.raises(InputError, match=r"2\.png is 64x32, but 0\.png is 96x48: all pictures of"):
        find_pictures(tmp_path)


def test_sizes_are_compared_upright(tmp_path: Path) -> None:
    folder(tmp_path, ["0.png"])
    exif = Image.Exif()
    exif[0x112] = 6
    picture(1).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "1.png", exif=exif)
    assert find_pictures(tmp_path).size == (48, 96)


@pytest.mark.parametrize("as_elements", [False, True])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_crop_and_a_pose_are_read(suffix: str, as_elements: bool, tmp_path: Path) -> None:
    pose = {"PoseHeadingDegrees": "90.5", "PosePitchDegrees": "-3", "PoseRollDegrees": "2.5"}
    path = tmp_path / f"photo.{suffix}"
    data = xmp(CROP | pose, as_elements)
    if suffix == "tif":
        picture().save(path, tiffinfo={700: data})
    elif suffix == "png":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", data.decode())
        picture().save(path, pnginfo=info)
    else:
        picture().save(path, xmp=data)
    yaw, pitch, roll = (math.radians(value) for value in (90.5, -3, 2.5))
    expected = Placement(bounds=Bounds(0.125, 0.125, 0.375, 0.375), yaw=yaw, pitch=pitch, roll=roll)
    assert find_pictures(path).placement == expected


def test_a_whole_panorama_is_plain(tmp_path: Path) -> None:
    whole = CROP | {
        "CroppedAreaLeftPixels": 0,
        "CroppedAreaTopPixels": 0,
        "CroppedAreaImageWidthPixels": 192,
        "CroppedAreaImageHeightPixels": 97,  # rounded
    }
    picture().save(tmp_path / "photo.jpg", xmp=xmp(whole))
    assert find_pictures(tmp_path / "photo.jpg").placement == Placement()


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"FullPanoWidthPixels": 0}, "speaks of a crop that has no pixels"),
        ({"CroppedAreaLeftPixels": 150}, "of a crop that is larger than the whole panorama"),
        ({"CroppedAreaLeftPixels": -5}, "of a crop that has no pixels"),
        ({"CroppedAreaTopPixels": "many"}, "says CroppedAreaTopPixels 'many', which is no number"),
        ({"PosePitchDegrees": "nan"}, "says PosePitchDegrees 'nan', which is no number"),
    ],
)
def test_impossible_metadata_is_not_believed(
    values: dict[str, object], note: str, tmp_path: Path
) -> None:
    picture().save(tmp_path / "photo.jpg", xmp=xmp(CROP | values))
    found = find_pictures(tmp_path / "photo.jpg")
    assert found.placement == Placement()
    assert note in found.notes[0]


def test_other_projections_are_refused_by_name(tmp_path: Path) -> None:
    picture().save(tmp_path / "photo.jpg", xmp=xmp(CROP | {"ProjectionType": "cylindrical"}))
    with pytest.raises(
        InputError, match=r"photo\.jpg: .* its projection is 'cylindrical'; give an"
    ):
        find_pictures(tmp_path / "photo.jpg")


@pytest.mark.parametrize(
    ("inside", "note"),
    [
        ('GImage:Mime="image/jpeg"', "it holds a second eye's picture inside (GImage), which is"),
        ('GAudio:Mime="audio/mp4a-latm"', "it holds sound inside (GAudio), which is not read"),
        (
            'GPano:InitialViewHeadingDegrees="90" GPano:InitialViewPitchDegrees="-5"',
            "its wish for a first view, heading 90°, pitch -5°, is not followed",
        ),
    ],
)
def test_what_is_not_read_is_said(inside: str, note: str, tmp_path: Path) -> None:
    picture().save(tmp_path / "photo.jpg", xmp=xmp(CROP).replace(b"/>", inside.encode() + b"/>"))
    found = find_pictures(tmp_path / "photo.jpg")
    assert [each[: len(note)] for each in found.notes] == [note]
    assert found.placement != Placement()
    picture().save(tmp_path / "level.jpg", xmp=xmp({"InitialViewHeadingDegrees": "0.0"}))
    assert find_pictures(tmp_path / "level.jpg").notes == ()


def test_a_colour_profile_that_is_not_applied_is_said(tmp_path: Path) -> None:
    for kind, notes in (("sRGB", 0), ("LAB", 1)):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()  # type: ignore[arg-type]
        picture().save(tmp_path / "photo.jpg", icc_profile=profile)
        assert len(find_pictures(tmp_path / "photo.jpg").notes) == notes
    picture().save(tmp_path / "photo.jpg", icc_profile=b"no profile")
    assert find_pictures(tmp_path / "photo.jpg").notes == (
        "its colour profile (unreadable) is not applied: its values are taken to be sRGB",
    )


def test_pictures_of_other_poses_are_said(tmp_path: Path) -> None:
    for index in range(3):
        picture(index).save(tmp_path / f"{index}.jpg", xmp=xmp({"PoseHeadingDegrees": 10 * index}))
    found = find_pictures(tmp_path)
    assert found.placement == Placement()
    assert found.notes[0].startswith("2 of its 3 pictures say that they lie on the sphere in anoth")


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_the_first_of_several_pictures_is_taken_and_said(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"several.{suffix}"
    picture(0).save(path, save_all=True, append_images=[picture(1), picture(2)], lossless=True)
    assert find_pictures(path).notes == ("it holds 3 pictures, and only the first is taken",)
    assert torch.equal(read_picture(path), ramp(0))


def bomb(size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    picture().save(data, "PNG")
    raw = bytearray(data.getvalue())
    raw[16:24] = struct.pack(">II", *size)
    raw[29:33] = struct.pack(">I", zlib.crc32(raw[12:29]))
    return bytes(raw)


def test_a_decompression_bomb_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(bomb((60000, 30000)))
    assert is_picture(tmp_path / "0.png")
    with pytest.raises(InputError, match=r"0\.png claims to have more than 178 million pixels"):
        find_pictures(tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_panorama_of_128_million_pixels_is_none(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(bomb((16384, 8192)))
    assert read_header(tmp_path / "0.png").size == (8192, 16384)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif", "bmp", "ppm"])
def test_a_picture_that_is_cut_is_one_sentence(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (64, 128, 3), np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"cut\.\w+ is (damaged|not a picture)"):
        find_pictures(path), read_picture(path)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"GIF89a no", "is not a picture that can be read")]
)
def test_what_only_has_a_pictures_name_is_refused(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    folder(tmp_path, ["0.png"])
    (tmp_path / "1.png").write_bytes(content)
    assert is_picture(tmp_path / "0.png")
    assert not is_picture(tmp_path / "1.png")
    with pytest.raises(InputError, match=rf"1\.png {reason}: give PNG, JPEG"):
        find_pictures(tmp_path)


def test_a_cameras_raw_picture_is_refused(tmp_path: Path) -> None:
    picture().save(tmp_path / "photo.dng", "TIFF", tiffinfo={50706: b"\1\4\0\0"})
    assert is_picture(tmp_path / "photo.dng")  # so that nothing else opens it
    with pytest.raises(InputError, match=r"photo\.dng is a camera's raw picture \(DNG\), of which"):
        find_pictures(tmp_path / "photo.dng")


def test_pictures_that_differ_in_their_suffix_only_are_said(tmp_path: Path) -> None:
    found = find_pictures(folder(tmp_path, ["0.jpg", "0.png", "1.png"]))
    assert found.notes == ("2 pictures differ in their suffix only (0.jpg, 0.png): all are taken",)


def test_a_damaged_first_picture_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture().resize((960, 480)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"photo\.jpg is damaged and cannot be read to its end"):
        find_pictures(path)


def test_folders_without_pictures_say_what_they_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no picture: give a folder of PNG"):
        find_pictures(tmp_path)
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="holds no picture, but left, right: give a folder of PNG"):
        find_pictures(tmp_path)


def test_a_picture_is_told_by_its_content(tmp_path: Path) -> None:
    picture(3).save(tmp_path / "photo", "PNG")
    assert is_picture(tmp_path / "photo")
    assert torch.equal(read_picture(tmp_path / "photo"), ramp(3))


def field_card() -> Tensor:
    return read_picture(FIELD / "f_unpadded" / "0.png")


@pytest.mark.skipif(not FIELD.is_dir(), reason="../shared/data is not there")
@pytest.mark.parametrize(
    ("name", "count", "noted"),
    [
        ("f_unpadded", 12, ""),
        ("f_exif180", 4, ""),
        ("f_exif90", 4, ""),
        ("f_grey16", 4, ""),
        ("f_alpha", 4, ""),
        ("f_mac", 4, "skipped: 2 hidden files"),
        ("f_gaps", 9, "3 numbers are missing between 0000.png and 0011.png"),
        ("pano_exif180.jpg", 1, ""),
    ],
)
def test_handed_folders(name: str, count: int, noted: str) -> None:
    found = find_pictures(FIELD / name)
    assert len(found.files) == count
    assert found.size == (128, 256)
    assert " ".join(found.notes).startswith(noted)
    assert bool(found.notes) == bool(noted)
    first = read_picture(found.files[0]).float()
    if "exif" in name:  # the sky of the card is light, and above
        assert first[:20].mean() > first[-20:].mean() + 40
    assert 5 < first.mean() < 250
