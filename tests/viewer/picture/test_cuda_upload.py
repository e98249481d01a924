"""Pictures of a GPU on their way to the screen, against a stand-in for CUDA.

They go by interop, by pixel buffers, and from one to the other.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from OpenGL import GL
from torch import Tensor

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.picture import cuda_upload
from nerv360.viewer.picture.cuda_runtime import (
    CopyStream,
    InteropError,
    device_of_window,
    window_devices,
)
from nerv360.viewer.picture.cuda_upload import CudaCopy
from nerv360.viewer.picture.gl import Texture
from nerv360.viewer.picture.renderer import Renderer, read_framebuffer
from nerv360.viewer.picture.upload import InteropUpload, PixelBufferUpload, Upload, upload_by
from nerv360.viewer.picture.window import Window
from nerv360.viewer.shading.picture import TexturePicture
from tests.support.fake_cuda import FakeCuda
from tests.support.fake_cuda_runtime import Code, FakeRuntime
from tests.support.fake_engine import rgba, sphere_viewport


def content_of(texture: Texture) -> Tensor:
    """Content of a texture, height×width×4."""
    GL.glBindTexture(GL.GL_TEXTURE_2D, texture.id)
    data = GL.glGetTexImage(GL.GL_TEXTURE_2D, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(*texture.size, 4)


PICTURE = [
    "MapResources",
    "SubResourceGetMappedArray",
    "Memcpy2DToArrayAsync",
    "UnmapResources",
]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    """Put a GPU in place of torch's."""
    return FakeCuda(monkeypatch)


def opened(runtime: FakeRuntime) -> CudaCopy:
    copy = CudaCopy(runtime, CopyStream(torch.device("cuda", 0)))
    runtime.calls.clear()
    return copy


def interop(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> InteropUpload:
    """Return the program's own upload, on ``runtime``."""
    monkeypatch.setattr(cuda_upload, "cuda_runtime", lambda: runtime)
    return InteropUpload()


def picture(number: int, height: int = 20, width: int = 30) -> Tensor:
    """Another content for each number."""
    generator = torch.Generator().manual_seed(number)
    return torch.randint(256, (height, width, 4), dtype=torch.uint8, generator=generator)


def shows(cuda: FakeCuda, upload: Upload, texture: Texture, number: int = 0) -> bool:
    """Check that a picture reaches the texture although its memory is used again.

    It is decoded while the next one is on its way.
    """
    pixels, content = cuda.pixels(20, 30), picture(number)
    ready = cuda.decode(pixels, content)
    cuda.decode_for_ever()
    upload.upload(texture, pixels, ready)
    cuda.decode(pixels, picture(number + 1))
    return torch.equal(content_of(texture), content)


@pytest.fixture
def texture(window: Window) -> Texture:
    """Return a texture of the window's context."""
    return Texture()


def test_a_texture_is_registered_once_and_mapped_for_each_picture(
    texture: Texture, cuda: FakeCuda
) -> None:
    runtime = FakeRuntime(cuda)
    copy = opened(runtime)
    shown = cuda.pixels(20, 30)
    for number in range(2):
        copy.copy(texture, shown, cuda.decode(shown, picture(number)))
        assert torch.equal(content_of(texture), picture(number))
    assert runtime.calls == ["GLRegisterImage", *PICTURE, *PICTURE]
    *memcpy, stream = runtime.arguments["Memcpy2DToArrayAsync"]
    assert memcpy == [1077, 0, 0, shown.data_ptr(), 120, 120, 20, 3]
    assert cuda.stream_of(stream).priority == -1
    assert cuda.stream_of(stream).calls == ["wait", "synchronise"] * 2
    assert runtime.arguments["MapResources"] == (1, 77, stream)
    copy.close()
    assert runtime.calls[-1] == "UnregisterResource"


def test_a_texture_is_unregistered_before_it_changes_its_size(
    texture: Texture, cuda: FakeCuda
) -> None:
    runtime = FakeRuntime(cuda)
    copy = opened(runtime)
    for height, width in ((20, 30), (40, 60)):
        shown = cuda.pixels(height, width)
        cuda.decode(shown, picture(0, height, width))
        runtime.calls.clear()
        copy.copy(texture, shown, None)
    assert runtime.calls[:2] == ["UnregisterResource", "GLRegisterImage"]
    assert texture.size == (40, 60)
    assert torch.equal(content_of(texture), picture(0, 40, 60))


@pytest.mark.parametrize("fails", PICTURE[1:3])
def test_a_failing_copy_unmaps_and_clears_cudas_error(
    texture: Texture, cuda: FakeCuda, fails: str
) -> None:
    runtime = FakeRuntime(cuda, fails)
    with pytest.raises(InteropError, match=r"CUDA reports UNKNOWN \(error 999\)"):
        opened(runtime).copy(texture, cuda.pixels(20, 30), None)
    assert runtime.calls[-2:] == ["GetLastError", "UnmapResources"]


def test_textures_are_registered_with_the_gpu_of_the_pictures(
    texture: Texture, cuda: FakeCuda
) -> None:
    runtime = FakeRuntime(cuda, devices=[0, 2])
    copy = CudaCopy(runtime, CopyStream(torch.device("cuda", 2)))
    shown = cuda.pixels(20, 30)
    copy.copy(texture, shown, cuda.decode(shown, picture(0)))
    assert runtime.arguments["SetDevice"] == (2,)
    assert runtime.calls.index("SetDevice") < runtime.calls.index("GLRegisterImage")


def test_a_driver_that_is_too_old_is_named_with_a_way_out(cuda: FakeCuda) -> None:
    with pytest.raises(InteropError, match=r"driver is older .*'cuda-bindings<13'.* \(error 35\)"):
        window_devices(FakeRuntime(cuda, "GLGetDevices", Code.INSUFFICIENT_DRIVER))


def test_a_failing_map_is_not_unmapped(texture: Texture, cuda: FakeCuda) -> None:
    runtime = FakeRuntime(cuda, "MapResources")
    with pytest.raises(InteropError):
        opened(runtime).copy(texture, cuda.pixels(20, 30), None)
    assert "UnmapResources" not in runtime.calls


def test_a_success_without_a_handle_is_refused(texture: Texture, cuda: FakeCuda) -> None:
    runtime = FakeRuntime(cuda, handle=0)
    with pytest.raises(InteropError, match="this version of cuda-bindings"):
        opened(runtime).copy(texture, cuda.pixels(20, 30), None)
    assert "MapResources" not in runtime.calls


def test_a_window_on_another_gpu_is_refused_with_a_way_out(cuda: FakeCuda) -> None:
    with pytest.raises(InteropError, match="__NV_PRIME_RENDER_OFFLOAD=1"):
        CudaCopy(FakeRuntime(cuda), CopyStream(torch.device("cuda", 3)))
    assert window_devices(FakeRuntime(cuda)) == [0]
    with pytest.raises(InteropError, match="software"):
        window_devices(FakeRuntime(cuda, "GLGetDevices", Code.OPERATING_SYSTEM))


def test_pixel_buffers_do_not_wait_for_the_next_picture(texture: Texture, cuda: FakeCuda) -> None:
    upload = PixelBufferUpload()
    assert shows(cuda, upload, texture)
    assert cuda.decoder.calls == []


def test_interop_does_not_wait_for_the_next_picture(
    texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = interop(FakeRuntime(cuda), monkeypatch)
    assert shows(cuda, upload, texture)
    assert upload.name == "CUDA to texture"
    assert cuda.decoder.calls == []


def test_a_picture_without_an_event_is_read_after_all_that_came_before(
    texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    for upload in (PixelBufferUpload(), interop(FakeRuntime(cuda), monkeypatch)):
        pixels = cuda.pixels(20, 30)
        cuda.decode(pixels, picture(3))
        upload.upload(texture, pixels)
        assert torch.equal(content_of(texture), picture(3))


STEPS = ["GLGetDevices", "SetDevice", "GLRegisterImage", *PICTURE]


@pytest.mark.parametrize("fails", STEPS)
def test_a_failure_that_passes_costs_one_picture_its_short_way(
    texture: Texture, cuda: FakeCuda, fails: str,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    runtime = FakeRuntime(cuda, fails, failures=1)
    upload = interop(runtime, monkeypatch)
    ways = []
    for number in range(4):
        cuda.decoder = cuda.current = type(cuda.decoder)()  # the one before never ends
        assert shows(cuda, upload, texture, number)
        ways.append(upload.name)
    # A texture that could not be unmapped stays CUDA's, and cannot be registered again.
    lasting = fails == "UnmapResources"
    rest = "pixel buffer" if lasting else "CUDA to texture"
    assert ways == ["pixel buffer", rest, rest, rest]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_failures_that_come_and_go_end_nothing(
    texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = FakeRuntime(cuda, "MapResources", failures=0)
    upload = interop(runtime, monkeypatch)
    ways = []
    for number in range(9):
        runtime.failures = 0 if number % 3 == 2 else 1
        cuda.decoder = cuda.current = type(cuda.decoder)()
        assert shows(cuda, upload, texture, number)
        ways.append(upload.name)
    assert ways == ["pixel buffer", "pixel buffer", "CUDA to texture"] * 3


@pytest.mark.parametrize("fails", STEPS)
def test_after_several_refusals_every_picture_takes_the_pixel_buffer(
    window: Window, cuda: FakeCuda, caplog: pytest.LogCaptureFixture, fails: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    runtime = FakeRuntime(cuda, fails, Code.INVALID_CONTEXT)
    renderer = Renderer(interop(runtime, monkeypatch))
    look, inner = Look.from_degrees(10, 5, 0, 80), Look.from_degrees(12, 5, 0, 70)
    shown = cuda.pixels(180, 320)
    asked = []
    for _ in range(5):
        ready: Any = cuda.decode(shown, rgba(sphere_viewport(look, 180, 320)))
        renderer.show(Picture(shown, look, 0, False, 0.0, ready))
        asked.append(len(runtime.calls))
    assert asked[2] == asked[3] == asked[4], "given up after the third in a row"
    assert asked[1] < asked[2]
    assert len(caplog.records) == 1
    assert "the window's OpenGL is not this GPU's" in caplog.text
    assert renderer.upload.name == "pixel buffer"
    renderer.draw(inner, 320, 180)
    drawn = torch.as_tensor(read_framebuffer(320, 180).copy()).float()
    assert (drawn - sphere_viewport(inner, 180, 320)).abs().mean() < 2
    renderer.close()


def test_pictures_of_the_cpu_go_through_the_buffer_and_cost_interop_nothing(
    texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = FakeRuntime(cuda)
    upload = interop(runtime, monkeypatch)
    for _ in range(5):
        upload.upload(texture, picture(1))
    assert runtime.calls == []
    assert upload.name == "pixel buffer"
    assert shows(cuda, upload, texture)
    assert upload.name == "CUDA to texture"
    upload.close()


@pytest.mark.parametrize("size", [(20, 30), (40, 60)])
def test_cuda_gives_a_texture_back_before_others_write_into_it(
    size: tuple[int, int], texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For instance whole frames on CUDA, and then the clip, in one texture."""
    runtime = FakeRuntime(cuda)
    runtime.forbid_others(monkeypatch)
    upload = interop(runtime, monkeypatch)
    assert shows(cuda, upload, texture)
    content = picture(7, *size)
    upload.upload(texture, content)
    assert torch.equal(content_of(texture), content)
    cuda.decoder = cuda.current = type(cuda.decoder)()
    assert shows(cuda, upload, texture, 3)
    assert upload.name == "CUDA to texture"
    upload.close()


def test_cuda_gives_a_texture_back_before_a_picture_is_drawn_into_it(
    window: Window, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = FakeRuntime(cuda)
    runtime.forbid_others(monkeypatch)
    renderer = Renderer(interop(runtime, monkeypatch))
    pixels = cuda.pixels(20, 30)
    ready = cuda.decode(pixels, picture(0))
    renderer.show(Picture(pixels, Look(), 0, False, 0.0, ready))
    drawn: Any = Texture()
    drawn.allocate(20, 30)
    drawn.released = None
    none = torch.zeros(0, dtype=torch.uint8)
    renderer.show(TexturePicture(none, Look(), 0, False, 0.0, texture=drawn, extent=(20, 30)))
    assert "UnregisterResource" in runtime.calls
    renderer.close()


@pytest.mark.parametrize("failing", ["glMapBufferRange", "glUnmapBuffer"])
def test_without_memory_for_a_pixel_buffer_the_picture_is_shown_all_the_same(
    failing: str, texture: Texture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(GL, failing)

    def fails(*arguments: Any) -> None:
        real(*arguments)  # OpenGL's state stays as strict as it is
        if failing == "glMapBufferRange":
            GL.glUnmapBuffer(arguments[0])

    monkeypatch.setattr(GL, failing, fails)
    upload = PixelBufferUpload()
    upload.upload(texture, picture(5))
    assert torch.equal(content_of(texture), picture(5))
    assert GL.glGetIntegerv(GL.GL_PIXEL_UNPACK_BUFFER_BINDING) == 0
    upload.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_before_the_device_is_known_the_first_picture_decides_the_way(
    allowed: bool, texture: Texture, cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = FakeRuntime(cuda)
    runtime.forbid_others(monkeypatch)
    monkeypatch.setattr(cuda_upload, "cuda_runtime", lambda: runtime)
    upload = upload_by(allowed)()
    for number in range(2):
        upload.upload(texture, picture(number))
        assert upload.name == "pixel buffer"
        assert torch.equal(content_of(texture), picture(number))
        cuda.decoder = cuda.current = type(cuda.decoder)()
        assert shows(cuda, upload, texture, 3 + number)
        assert upload.name == ("CUDA to texture" if allowed else "pixel buffer")
    upload.release(texture)
    assert ("UnregisterResource" in runtime.calls) is allowed
    upload.close()


def test_the_windows_gpu_is_asked_for_only_where_cuda_has_no_number(window: Window) -> None:
    for name in ("cpu", "cuda:1"):
        assert device_of_window(torch.device(name)) == torch.device(name)


@pytest.mark.cuda
def test_a_picture_on_a_real_gpu_reaches_the_screen(window: Window) -> None:
    upload = InteropUpload()
    renderer = Renderer(upload)
    look, inner = Look.from_degrees(10, 5, 0, 80), Look.from_degrees(12, 5, 0, 70)
    on_gpu = rgba(sphere_viewport(look, 180, 320)).cuda()
    renderer.show(Picture(on_gpu, look, 0, False, 0.0))
    renderer.draw(inner, 320, 180)
    shown = torch.as_tensor(read_framebuffer(320, 180).copy()).float()
    assert (shown - sphere_viewport(inner, 180, 320)).abs().mean() < 2
    assert upload.name in ("CUDA to texture", "pixel buffer")
    renderer.close()
