"""Small clips of every kind that people bring, with what must be seen of each.

All show one card: red rises from left to right, green from top to bottom, and blue tells the
picture and the eye.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image
from torch import Tensor

from tests.support.clips import box, encode, projection, stereo, with_metadata

HEIGHT, WIDTH = 48, 96
SHARP = "crf=4:keyint=4:min-keyint=4:bframes=2:scenecut=0"
LEFT, RIGHT = 20, 120
"""Blue of the first picture of each eye; each picture has 8 more than the one before."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Expected:
    """The properties that a clip must have.

    Attributes:
        size: width and height.
        frames: at the constant rate.
        pictures: different ones.
        points: colour of the first picture at places (x, y), from 0 to 1.
        covered: share of the frame that has a picture.
        eye: whose pictures are taken, if there are two.
        note: part of a note; empty if there need not be one.
    """

    size: tuple[int, int] = (WIDTH, HEIGHT)
    frames: int = 6
    pictures: int = 6
    points: dict[tuple[float, float], Colour] = field(default_factory=dict)
    covered: float = 1.0
    eye: str | None = None
    note: str = ""


def colour(x: float, y: float, blue: float = LEFT) -> Colour:
    """Colour of the card at a place."""
    return 40 + 175 * x, 40 + 175 * y, blue


PLACES = ((0.3, 0.3), (0.7, 0.3), (0.5, 0.6), (0.35, 0.75))
UPRIGHT = {place: colour(*place) for place in PLACES}


def card(
    blue: int, height: int = HEIGHT, width: int = WIDTH, crop: Sequence[float] = (0, 0, 1, 1)
) -> Tensor:
    """Part of the card between left, top, right and bottom."""
    left, top, right, bottom = crop
    y, x = np.mgrid[:height, :width]
    u, v = left + (right - left) * (x + 0.5) / width, top + (bottom - top) * (y + 0.5) / height
    channels = [40 + 175 * u, 40 + 175 * v, np.full_like(u, blue)]
    return torch.from_numpy(np.stack(channels, -1).round().astype(np.uint8))


def cards(
    count: int = 6, blue: int = LEFT, height: int = HEIGHT, width: int = WIDTH
) -> list[Tensor]:
    return [card(blue + 8 * index, height, width) for index in range(count)]


def write(path: Path, pictures: Sequence[Tensor] | None = None, *boxes: bytes) -> Path:
    encode(path, pictures or cards(), parameters=SHARP)
    return with_metadata(path, *boxes) if boxes else path


def both_eyes(dimension: int, full: bool = False) -> list[Tensor]:
    """Pictures of both eyes, the left one first, in a frame that is 2:1, or twice as large."""
    sides = [HEIGHT, WIDTH]
    if not full:
        sides[dimension] //= 2
    pairs = zip(cards(6, LEFT, *sides), cards(6, RIGHT, *sides), strict=True)
    return [torch.cat(pair, dimension) for pair in pairs]


def with_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Give the only track of an MP4 a display matrix."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    values = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30]
    data[start : start + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in values)
    path.write_bytes(data)
    return path


def pose(yaw: int, pitch: int, roll: int) -> bytes:
    """Boxes of an equirectangular clip with a pose in degrees."""
    angles = struct.pack(">3i", *(angle << 16 for angle in (yaw, pitch, roll)))
    shape = box("equi", bytes(4), bytes(16))
    return box("sv3d", box("svhd", bytes(5)), box("proj", box("prhd", bytes(4), angles), shape))


def faces(colours: Sequence[Colour], side: int = 24) -> Tensor:
    """Six faces of plain colours, three above three."""
    tiles = torch.tensor(colours, dtype=torch.uint8).reshape(2, 1, 3, 1, 3)
    return tiles.expand(2, side, 3, side, 3).reshape(2 * side, 3 * side, 3).contiguous()


RIGHT_FACE, LEFT_FACE, UP_FACE = (200, 40, 40), (40, 200, 40), (40, 40, 200)
DOWN_FACE, FRONT_FACE, BACK_FACE = (180, 180, 40), (40, 180, 180), (180, 40, 180)
ON_FACES: dict[tuple[float, float], Colour] = {
    (0.5, 0.5): FRONT_FACE, (0.75, 0.5): RIGHT_FACE, (0.25, 0.5): LEFT_FACE,
    (0.02, 0.5): BACK_FACE, (0.5, 0.06): UP_FACE, (0.5, 0.94): DOWN_FACE,
}  # fmt: skip


def two_streams(path: Path, streams: Sequence[Sequence[Tensor]], default: int = 0) -> Path:
    """Return an MP4 with several video streams, of which one is the default."""
    with av.open(str(path), "w", format="mp4") as container:
        added = []
        for index, pictures in enumerate(streams):
            stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.disposition = Disposition.default if index == default else Disposition(0)
            added.append(stream)
        for stream, pictures in zip(added, streams, strict=True):
            for index, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
            container.mux(stream.encode(None))
    return path


def with_options(path: Path, pictures: Sequence[Tensor], shape: Fraction | None = None,
                 stereo_mode: str | None = None, parameters: str = SHARP) -> Path:  # fmt: skip
    """Return a clip with a pixel shape, Matroska's stereo mode, or parameters of x264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": parameters})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        if stereo_mode is not None:
            stream.metadata["stereo_mode"] = stereo_mode
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


def hdr(path: Path) -> Path:
    """Return a clip of 10 bits in PQ, a grey of 58 % of the signal: reference white."""
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=none", "crf": "4"}
        stream = container.add_stream("libx265", rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, 16
        context.color_range = ColorRange.MPEG
        for index in range(6):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
            for plane, level in zip(frame.planes, (64 + round(0.58 * 876), 512, 512), strict=True):
                plane.update(np.full(plane.buffer_size // 2, level, np.uint16).tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def raw(path: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    """Raw pictures of 10 bits."""
    content = b""
    for picture in cards(6, LEFT, height, width):
        frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
        wide = frame.reformat(format="yuv420p10le", dst_colorspace=Colorspace.ITU601)
        content += wide.to_ndarray().tobytes()
    path.write_bytes(content)
    return path


def folder(path: Path) -> Path:
    """Pictures whose numbers have no leading zeros, with a Mac's hidden file."""
    path.mkdir()
    for index in range(12):
        Image.fromarray(card(LEFT + 8 * index).numpy()).save(path / f"{index}.png")
    (path / "._0.png").write_bytes(b"\x00\x05\x16\x07" + bytes(60))
    return path


def cut(path: Path, first: float, last: float) -> Path:
    """Return the part of a file's bytes between two shares."""
    data = path.read_bytes()
    path.write_bytes(data[round(len(data) * first) : round(len(data) * last)])
    return path


def copied(path: Path, name: str) -> Path:
    """Return the file under another name."""
    path.rename(path.with_name(name))
    return path.with_name(name)


def headed(path: Path) -> Path:
    """Return a transport stream that begins with pictures that refer to what was cut off."""
    encode(
        path, cards(12), parameters="crf=4:keyint=6:min-keyint=6:open-gop=1:bframes=2:scenecut=0"
    )
    data = path.read_bytes()
    with av.open(str(path)) as container:
        keys = [p.pos for p in container.demux(video=0) if p.is_keyframe and p.pos is not None]
    path.write_bytes(data[: 3 * 188] + data[keys[1] // 188 * 188 :])
    return path


def with_mesh(path: Path) -> Path:
    """Write a Matroska file that declares a mesh, in the room that its writer leaves free."""
    data = write(path).read_bytes()
    tracks = data.rindex(b"\x16\x54\xae\x6b")
    start = data.index(b"\xb0\x81\x60\xba\x81\x30", tracks)  # 96 by 48, after the size
    spare = data.index(b"\x55\xee\x81\x00\xec\x01", start)
    end = spare + 13 + int.from_bytes(data[spare + 6 : spare + 13], "big")
    body = data[start : start + 6] + b"\x76\x70\x84\x76\x71\x81\x03"
    filler = end - start - len(body) - 2
    content = body + bytes([0xEC, 0x80 | filler]) + bytes(filler)
    path.write_bytes(data[: start - 1] + bytes([0x80 | end - start]) + content + data[end:])
    return path


def joined(path: Path) -> Path:
    """Two transport streams, one after the other, with the same times."""
    return write_bytes(path, 2 * encode(path, cards(), parameters=SHARP).read_bytes())


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def transparent(path: Path) -> Path:
    """Return a clip whose left half is transparent, over colours that must not be seen."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgra"
        for index, picture in enumerate(cards()):
            alpha = torch.full_like(picture[..., :1], 255)
            alpha[:, : WIDTH // 2] = 0
            pixels = torch.cat([picture.flip(-1), alpha], -1).contiguous().numpy()
            frame = av.VideoFrame.from_ndarray(pixels, format="bgra")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


CROP = tuple(1 << 29 for _ in range(4))  # an eighth each
CROPPED = [card(LEFT + 8 * k, 36, 72, (0.125, 0.125, 0.875, 0.875)) for k in range(6)]
V1_XML = (
    '<rdf:SphericalVideo xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
    "<GSpherical:Spherical>true</GSpherical:Spherical>"
    "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    "<GSpherical:CroppedAreaImageWidthPixels>72</GSpherical:CroppedAreaImageWidthPixels>"
    "<GSpherical:CroppedAreaImageHeightPixels>36</GSpherical:CroppedAreaImageHeightPixels>"
    "<GSpherical:FullPanoWidthPixels>96</GSpherical:FullPanoWidthPixels>"
    "<GSpherical:FullPanoHeightPixels>48</GSpherical:FullPanoHeightPixels>"
    "<GSpherical:CroppedAreaLeftPixels>12</GSpherical:CroppedAreaLeftPixels>"
    "<GSpherical:CroppedAreaTopPixels>6</GSpherical:CroppedAreaTopPixels></rdf:SphericalVideo>"
)
V1_ID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
LEFT_SEEN = Expected(points=UPRIGHT, eye="left", note="two eyes")
PART = {(0.3, 0.3): colour(0.3, 0.3), (0.7, 0.6): colour(0.7, 0.6), (0.02, 0.5): (0, 0, 0)}


def with_v1(path: Path) -> Path:
    """Put version 1's XML into the only track."""
    data, added = bytearray(path.read_bytes()), box("uuid", V1_ID, V1_XML.encode())
    start, end, parents = 0, len(data), []
    for name in (b"moov", b"trak"):
        while bytes(data[start + 4 : start + 8]) != name:
            start += int.from_bytes(data[start : start + 4], "big")
        parents.append(start)
        end, start = start + int.from_bytes(data[start : start + 4], "big"), start + 8
    for parent in parents:
        size = int.from_bytes(data[parent : parent + 4], "big") + len(added)
        data[parent : parent + 4] = size.to_bytes(4, "big")
    path.write_bytes(data[:end] + added + data[end:])
    return path


ACCEPTED: dict[str, tuple[Callable[[Path], Path], Expected]] = {
    "plain.mp4": (write, Expected(points=UPRIGHT)),
    "plain.mkv": (write, Expected(points=UPRIGHT)),
    "plain.ts": (write, Expected(points=UPRIGHT)),
    "half above.mp4": (lambda p: write(p, both_eyes(0), stereo(1)), LEFT_SEEN),
    "half beside.mp4": (lambda p: write(p, both_eyes(1), stereo(2)), LEFT_SEEN),
    "full above.mp4": (
        lambda p: write(p, both_eyes(0, full=True), stereo(1), projection("equi")), LEFT_SEEN,
    ),
    "stereo mode.mkv": (
        lambda p: with_options(p, both_eyes(0), stereo_mode="top_bottom"), LEFT_SEEN,
    ),
    "right first.mkv": (
        lambda p: with_options(p, [torch.cat(x.chunk(2)[::-1]) for x in both_eyes(0)],
                               stereo_mode="bottom_top"), LEFT_SEEN,
    ),
    "frame packing.mp4": (
        lambda p: with_options(p, both_eyes(0), parameters=f"{SHARP}:frame-packing=4"), LEFT_SEEN,
    ),
    "cubemap.mp4": (
        lambda p: write(
            p, [faces([RIGHT_FACE, LEFT_FACE, UP_FACE, DOWN_FACE, FRONT_FACE, BACK_FACE])] * 6,
            projection("cbmp"),
        ),
        Expected(points=ON_FACES, note="cubemap"),
    ),
    "two streams.360": (
        lambda p: two_streams(
            p,
            [[faces([LEFT_FACE, FRONT_FACE, RIGHT_FACE, DOWN_FACE, BACK_FACE, UP_FACE])[:24]] * 6,
             [faces([LEFT_FACE, FRONT_FACE, RIGHT_FACE, DOWN_FACE, BACK_FACE, UP_FACE])[24:]] * 6],
        ),
        Expected(points=ON_FACES, note="equi-angular"),
    ),
    "bounds.mp4": (
        lambda p: write(p, CROPPED, projection("equi", CROP)),
        Expected(points=PART, covered=0.5625, note="covers 270°×135°"),
    ),
    "version 1.mp4": (
        lambda p: with_v1(write(p, CROPPED)),
        Expected(points=PART, covered=0.5625, note="covers 270°×135°"),
    ),
    "half sphere.mp4": (
        lambda p: write(
            p, [card(LEFT + 8 * k, 48, 48, (0.25, 0, 0.75, 1)) for k in range(6)],
            projection("equi", (0, 0, 1 << 30, 1 << 30)),
        ),
        Expected(points=PART, covered=0.5, note="covers 180°×180°"),
    ),
    "yaw.mp4": (
        lambda p: write(p, None, pose(90, 0, 0)),
        Expected(points={(x, y): colour(x - 0.25, y) for x, y in PLACES}, note="yaw 90°"),
    ),
    "upside down.mp4": (
        lambda p: write(p, None, pose(0, 0, 180)),
        Expected(points={(x, y): colour(1 - x, 1 - y) for x, y in PLACES}, note="roll 180°"),
    ),
    "flipped.mp4": (
        lambda p: with_matrix(write(p), 1, 0, 0, -1),
        Expected(points={(x, y): colour(x, 1 - y) for x, y in PLACES}, note="upside down"),
    ),
    "mirrored.mp4": (
        lambda p: with_matrix(write(p), -1, 0, 0, 1),
        Expected(points={(x, y): colour(1 - x, y) for x, y in PLACES}, note="mirrored"),
    ),
    "turned.mp4": (
        lambda p: with_matrix(
            write(p, [torch.rot90(x).contiguous() for x in cards()]), 0, 1, -1, 0
        ),
        Expected(points=UPRIGHT, note="clockwise"),
    ),
    "preview first.mp4": (
        lambda p: two_streams(p, [cards(6, RIGHT, 16, 32), cards()]),
        Expected(points=UPRIGHT, note="2 video streams"),
    ),
    "default second.mp4": (
        lambda p: two_streams(p, [cards(6, RIGHT, 64, 128), cards()], default=1),
        Expected(points=UPRIGHT, note="2 video streams"),
    ),
    "2024-05-01T12:30:00.mp4": (
        lambda p: copied(write(p.with_name("clip.mp4")), p.name), Expected(points=UPRIGHT),
    ),
    "clip.LRV": (
        lambda p: copied(write(p.with_name("clip.mp4")), p.name), Expected(points=UPRIGHT),
    ),
    "clip": (
        lambda p: copied(write(p.with_name("clip.mp4")), p.name), Expected(points=UPRIGHT),
    ),
    "tail.mp4": (
        lambda p: cut_tail(p), Expected(frames=4, pictures=4, points=UPRIGHT, note="cut off"),
    ),
    "head.ts": (headed, Expected(frames=6, pictures=6, note="first")),
    "pause.mp4": (
        lambda p: encode(p, cards(), parameters=SHARP, times_ms=[0, 40, 80, 6080, 6120, 6160]),
        Expected(frames=155, pictures=6, points=UPRIGHT, note="149 of them repeats"),
    ),
    "wide pixels.mp4": (
        lambda p: with_options(p, cards(6, LEFT, 48, 48), shape=Fraction(2)),
        Expected(points=UPRIGHT, note="48x48"),
    ),
    "16 to 9.mp4": (
        lambda p: with_options(p, cards(6, LEFT, 54, 96), shape=Fraction(9, 8)),
        Expected(size=(108, 54), points=UPRIGHT, note="96x54"),
    ),
    "hdr.mp4": (hdr, Expected(points={(0.5, 0.5): (229, 229, 229)}, note="HDR (PQ)")),
    "Card_96x48_25fps_10bit_420.yuv": (raw, Expected(points=UPRIGHT)),
    "pictures": (folder, Expected(frames=12, pictures=12, points=UPRIGHT, note="hidden")),
    "joined.ts": (
        joined, Expected(frames=12, pictures=12, points=UPRIGHT, note="times jump back"),
    ),
    "transparent.mkv": (
        transparent, Expected(points={(0.25, 0.5): (0, 0, 0), (0.75, 0.5): colour(0.75, 0.5)}),
    ),
    "photo.jpg": (
        lambda p: photo(p), Expected(frames=1, pictures=1, points=UPRIGHT),
    ),
}  # fmt: skip
"""By name: what writes a clip, and what must be seen of it."""


def cut_tail(path: Path) -> Path:
    """Return an MP4 whose index comes first, cut in the middle of its fifth picture."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"x264-params": "crf=4:bframes=0"}
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, picture in enumerate(cards()):
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert packets[4].pos is not None
    path.write_bytes(path.read_bytes()[: packets[4].pos + 3])
    return path


def photo(path: Path) -> Path:
    """Return a photo that lies on its head, as its EXIF says."""
    exif = Image.Exif()
    exif[0x112] = 3
    Image.fromarray(card(LEFT).numpy()[::-1, ::-1].copy()).save(path, exif=exif, quality=98)
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "mesh.mp4": (lambda p: write(p, None, projection("mshp")), "projection is mesh (mshp)"),
    "unknown.mp4": (lambda p: write(p, None, projection("abcd")), "unknown here (abcd)"),
    "mesh.mkv": (with_mesh, "projection is mesh (mshp)"),
    "anaglyph.mkv": (
        lambda p: with_options(p, cards(), stereo_mode="anaglyph_cyan_red"), "called anaglyph",
    ),
    "custom.mp4": (lambda p: write(p, None, stereo(3)), "two eyes in a way called custom"),
    "lines.mp4": (
        lambda p: with_options(p, cards(), parameters=f"{SHARP}:frame-packing=2"), "line by line",
    ),
    "fisheye.insv": (
        lambda p: two_streams(p, [cards(6, LEFT, 48, 48), cards(6, RIGHT, 48, 48)]),
        "fisheye pictures",
    ),
    "overlapping.360": (
        lambda p: two_streams(p, [cards(6, LEFT, 32, 98), cards(6, RIGHT, 32, 98)]),
        "columns are stored twice",
    ),
    "narrow.mp4": (
        lambda p: write(p, None, projection("equi", (0, 0, (1 << 32) - 1, 0))),
        "covers almost nothing",
    ),
}  # fmt: skip
"""By name: what writes a clip, and part of the sentence that refuses it."""
