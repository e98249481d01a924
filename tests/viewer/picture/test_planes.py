"""Pictures converted by the shader against FFmpeg's conversion on the CPU."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from OpenGL import GL

from nerv360.decoding import ClipEngine, PlanesPicture
from nerv360.geometry import Look
from nerv360.video import Planes, open_clip
from nerv360.viewer.picture.renderer import Renderer, read_framebuffer
from nerv360.viewer.picture.window import Window

FIELD = Path(__file__).parents[4] / "shared" / "data" / "field"
WIDTH, HEIGHT = 320, 180
LOOKS = [(0, 0, 0, 70), (180, 20, 0, 75), (30, 88, 0, 80), (-100, -90, 45, 80), (77, 33, 180, 30)]

KINDS = [
    ("libx264", "yuv420p", {}),
    ("libx264", "yuv422p", {}),
    ("libx264", "yuv444p", {}),
    ("libx264", "yuvj420p", {"colorspace": 1}),
    ("libx264", "yuv420p10le", {"colorspace": 9}),
    ("libx264", "yuv444p10le", {"colorspace": 5, "color_range": 2}),
    ("libvpx-vp9", "yuv420p", {"colorspace": 1}),
    ("mpeg4", "yuv420p", {}),
    ("ffv1", "yuv420p", {}),
    ("mjpeg", "yuvj422p", {}),
]


def sphere(height: int, width: int) -> np.ndarray:
    """Return smooth colours without a seam, height×width×3 uint8."""
    rows, columns = np.mgrid[0:height, 0:width]
    around, down = 2 * np.pi * columns / width, np.pi * rows / height
    waves = (
        np.sin(3 * around) * np.sin(down),
        np.cos(5 * around) * np.sin(down) * np.cos(4 * down),
        np.sin(2 * around + 1) * np.sin(down),
    )
    return np.stack([127 + 90 * wave for wave in waves], -1).astype(np.uint8)


def write(path: Path, codec: str, layout: str, tags: dict[str, int], width: int = 640) -> None:
    """Write three pictures of `sphere` with these tags."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, 25, options={"strict": "-2"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, width // 2, layout
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(sphere(width // 2, width), "rgb24")
            file.mux(stream.encode(frame.reformat(format=layout)))
        file.mux(stream.encode())


def drawn(renderer: Renderer, look: Look) -> np.ndarray:
    renderer.draw(look, WIDTH, HEIGHT)
    return read_framebuffer(WIDTH, HEIGHT).astype(int)


@pytest.mark.parametrize(("codec", "layout", "tags"), KINDS)
def test_the_shader_converts_as_ffmpeg_does(
    window: Window, tmp_path: Path, codec: str, layout: str, tags: dict[str, int]
) -> None:
    path = tmp_path / "clip.mkv"
    write(path, codec, layout, tags)
    clip = open_clip(path)
    stored, converted = Renderer(), Renderer()
    picture = ClipEngine(clip, planes=True).decode(Look(), 1)
    assert isinstance(picture, PlanesPicture)
    stored.show(picture)
    converted.show(ClipEngine(clip).decode(Look(), 1))
    for degrees in LOOKS:
        look = Look.from_degrees(*degrees)
        error = abs(drawn(stored, look) - drawn(converted, look)).max(-1)
        # FFmpeg rounds each pixel before OpenGL interpolates, and does not continue chroma around.
        assert (error > 2).mean() < 0.005
        assert error.max() <= 6


@pytest.fixture
def picture(tmp_path: Path) -> PlanesPicture:
    """Return a picture in planes."""
    write(tmp_path / "clip.mkv", "libx264", "yuv420p", {})
    shown = ClipEngine(open_clip(tmp_path / "clip.mkv"), planes=True).decode(Look(), 0)
    assert isinstance(shown, PlanesPicture)
    return shown


def test_a_picture_too_large_for_a_texture_is_shown_coarser(
    window: Window, picture: PlanesPicture
) -> None:
    whole, coarse = Renderer(), Renderer()
    coarse.limit = 320
    for renderer in (whole, coarse):
        renderer.show(picture)
    assert coarse.notice is not None
    error = abs(drawn(whole, Look()) - drawn(coarse, Look()))
    assert 0 < error.mean() < 6


def test_the_map_of_the_sphere_shows_its_colours(window: Window, picture: PlanesPicture) -> None:
    renderer = Renderer()
    renderer.show(picture)
    (overview,) = renderer.spheres
    overview.bind(0)
    height, width = overview.size
    data = GL.glGetTexImage(GL.GL_TEXTURE_2D, 0, GL.GL_RGB, GL.GL_UNSIGNED_BYTE)
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3).astype(int)
    assert width <= 512
    assert abs(pixels - sphere(320, 640)[::2, ::2]).mean() < 6


def test_hdr_is_converted_before(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", "libx264", "yuv420p10le", {"color_trc": 16})
    shown = ClipEngine(open_clip(tmp_path / "clip.mkv"), planes=True).decode(Look(), 0)
    assert not isinstance(shown, PlanesPicture)
    assert shown.pixels.shape == (320, 640, 4)


def test_an_unknown_matrix_has_no_planes() -> None:
    frame = av.VideoFrame.from_ndarray(sphere(32, 64), "rgb24").reformat(format="yuv420p")
    frame.colorspace = 8
    assert Planes.of(frame, "h264") is None


@pytest.mark.skipif(not FIELD.exists(), reason="needs files as people have them")
def test_a_clip_that_is_placed_is_converted_before() -> None:
    shown = ClipEngine(open_clip(FIELD / "pose_yaw90.mp4"), planes=True).decode(Look(), 0)
    assert not isinstance(shown, PlanesPicture)
