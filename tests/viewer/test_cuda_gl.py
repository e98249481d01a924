"""CUDA-GL interop against a stand-in for CUDA's runtime: order of calls, errors, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from model.decoding.protocol import Picture
from model.geometry import Look
from tests.viewer.fake_engine import rgba, sphere_viewport
from viewer.cuda_gl import (
    CudaCopy,
    InteropError,
    InteropUpload,
    choose_upload,
    device_of_window,
    open_cuda_copy,
    window_devices,
)
from viewer.display import Display, read_framebuffer
from viewer.gl import Texture
from viewer.upload import PixelBufferUpload
from viewer.window import Window


class Code(IntEnum):
    """Some of CUDA's error codes."""

    SUCCESS = 0
    INSUFFICIENT_DRIVER = 35
    INVALID_CONTEXT = 219
    OPERATING_SYSTEM = 304
    UNKNOWN = 999


class FakeRuntime:
    """Answers as `cuda.bindings.runtime` does, and keeps the calls.

    Attributes:
        calls: names of the functions called.
        fails: name of the function that fails, and how.
        handle: what a registration returns.
        devices: the GPUs that draw the window.
    """

    cudaGLDeviceList = SimpleNamespace(cudaGLDeviceListAll=1)  # noqa: N815
    cudaGraphicsRegisterFlags = SimpleNamespace(  # noqa: N815
        cudaGraphicsRegisterFlagsWriteDiscard=2
    )
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToDevice=3)  # noqa: N815

    def __init__(
        self,
        fails: str = "",
        code: Code = Code.UNKNOWN,
        handle: int = 77,
        devices: Sequence[int] = (0,),
    ) -> None:
        self.calls: list[str] = []
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.fails = fails
        self.code = code
        self.handle = handle
        self.devices = devices

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cuda"):
            raise AttributeError(name)

        def call(*arguments: Any) -> tuple[Any, ...]:
            short = name.removeprefix("cuda").removeprefix("Graphics")
            self.calls.append(short)
            self.arguments[short] = arguments
            if short == self.fails:
                values = {"GLGetDevices": (0, []), "GLRegisterImage": (0,)}
                return (self.code, *values.get(short, (None,)))
            results = {
                "GLGetDevices": (len(self.devices), [*self.devices, 0, 0]),
                "GLRegisterImage": (self.handle,),
                "SubResourceGetMappedArray": (555,),
            }
            return (Code.SUCCESS, *results.get(short, ()))

        return call


PICTURE = [
    "wait",
    "MapResources",
    "SubResourceGetMappedArray",
    "Memcpy2DToArrayAsync",
    "UnmapResources",
]


def opened(runtime: FakeRuntime) -> CudaCopy:
    calls = runtime.calls
    copy = CudaCopy(
        runtime, 9, lambda: calls.append("synchronise"), 0, lambda ready: calls.append("wait")
    )
    runtime.calls.clear()
    return copy


def pixels(height: int = 20, width: int = 30) -> torch.Tensor:
    return torch.zeros(height, width, 4, dtype=torch.uint8)


@pytest.fixture
def texture(window: Window) -> Texture:
    """A texture of the window's context."""
    return Texture()


def test_a_texture_is_registered_once_and_mapped_for_each_picture(texture: Texture) -> None:
    runtime = FakeRuntime()
    copy = opened(runtime)
    shown = pixels()
    for _ in range(2):
        copy.copy(texture, shown, None)
    assert runtime.calls == ["GLRegisterImage", *PICTURE, "synchronise", *PICTURE, "synchronise"]
    assert runtime.arguments["Memcpy2DToArrayAsync"] == (
        555, 0, 0, shown.data_ptr(), 120, 120, 20, 3, 9,
    )  # fmt: skip
    assert runtime.arguments["MapResources"] == (1, 77, 9)
    copy.close()
    assert runtime.calls[-1] == "UnregisterResource"


def test_a_texture_is_unregistered_before_it_changes_its_size(texture: Texture) -> None:
    runtime = FakeRuntime()
    copy = opened(runtime)
    copy.copy(texture, pixels(), None)
    runtime.calls.clear()
    copy.copy(texture, pixels(40, 60), None)
    assert runtime.calls[:2] == ["UnregisterResource", "GLRegisterImage"]
    assert texture.size == (40, 60)


@pytest.mark.parametrize("fails", PICTURE[2:4])
def test_a_failing_copy_unmaps_and_clears_cudas_error(texture: Texture, fails: str) -> None:
    runtime = FakeRuntime(fails)
    with pytest.raises(InteropError, match=r"CUDA reports UNKNOWN \(error 999\)"):
        opened(runtime).copy(texture, pixels(), None)
    assert runtime.calls[-2:] == ["GetLastError", "UnmapResources"]


def test_textures_are_registered_with_the_gpu_of_the_pictures(texture: Texture) -> None:
    runtime = FakeRuntime(devices=[0, 2])
    copy = CudaCopy(runtime, 9, lambda: None, 2, lambda ready: None)
    copy.copy(texture, pixels(), None)
    assert runtime.arguments["SetDevice"] == (2,)
    assert runtime.calls.index("SetDevice") < runtime.calls.index("GLRegisterImage")


def test_a_driver_that_is_too_old_is_named_with_a_way_out() -> None:
    with pytest.raises(InteropError, match=r"driver is older .*'cuda-bindings<13'.* \(error 35\)"):
        window_devices(FakeRuntime("GLGetDevices", Code.INSUFFICIENT_DRIVER))


def test_a_failing_map_is_not_unmapped(texture: Texture) -> None:
    runtime = FakeRuntime("MapResources")
    with pytest.raises(InteropError):
        opened(runtime).copy(texture, pixels(), None)
    assert "UnmapResources" not in runtime.calls


def test_a_success_without_a_handle_is_refused(texture: Texture) -> None:
    runtime = FakeRuntime(handle=0)
    with pytest.raises(InteropError, match="this version of cuda-bindings"):
        opened(runtime).copy(texture, pixels(), None)
    assert "MapResources" not in runtime.calls


def test_a_window_on_another_gpu_is_refused_with_a_way_out() -> None:
    with pytest.raises(InteropError, match="__NV_PRIME_RENDER_OFFLOAD=1"):
        CudaCopy(FakeRuntime(), 9, lambda: None, 3, lambda ready: None)
    assert window_devices(FakeRuntime()) == [0]
    with pytest.raises(InteropError, match="software"):
        window_devices(FakeRuntime("GLGetDevices", Code.OPERATING_SYSTEM))


@pytest.mark.parametrize("fails", ["GLRegisterImage", "MapResources", "UnmapResources"])
def test_after_a_refusal_every_picture_takes_the_pixel_buffer(
    window: Window, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    runtime = FakeRuntime(fails, Code.INVALID_CONTEXT)
    copy = opened(runtime)
    copy.accepts = lambda pixels: True  # type: ignore[method-assign]
    display = Display(InteropUpload(lambda pixels: copy))
    look, inner = Look.from_degrees(10, 5, 0, 80), Look.from_degrees(12, 5, 0, 70)
    for _ in range(3):
        display.show(Picture(rgba(sphere_viewport(look, 180, 320)), look, 0, False, 0.0))
    assert runtime.calls.count(fails) == 1
    assert len(caplog.records) == 1
    assert "the window's OpenGL is not this GPU's" in caplog.text
    assert display.upload.name == "pixel buffer"
    display.draw(inner, 320, 180)
    shown = torch.as_tensor(read_framebuffer(320, 180).copy()).float()
    assert (shown - sphere_viewport(inner, 180, 320)).abs().mean() < 2
    display.close()


def test_pictures_of_the_cpu_go_through_the_buffer_and_cost_interop_nothing(
    window: Window,
) -> None:
    runtime = FakeRuntime()
    upload = InteropUpload(lambda pixels: opened(runtime))
    upload.upload(Texture(), pixels())
    assert runtime.calls == []
    assert upload.name == "pixel buffer"
    upload.close()


def test_no_interop_and_no_gpu_mean_pixel_buffers(window: Window) -> None:
    assert isinstance(choose_upload(torch.device("cpu"), interop=True), PixelBufferUpload)
    assert isinstance(choose_upload(torch.device("cuda"), interop=False), PixelBufferUpload)
    assert isinstance(choose_upload(torch.device("cuda"), interop=True), InteropUpload)
    for name in ("cpu", "cuda:1"):
        assert device_of_window(torch.device(name)) == torch.device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_picture_on_a_real_gpu_reaches_the_screen(window: Window) -> None:
    upload = InteropUpload(open_cuda_copy)
    display = Display(upload)
    look, inner = Look.from_degrees(10, 5, 0, 80), Look.from_degrees(12, 5, 0, 70)
    on_gpu = rgba(sphere_viewport(look, 180, 320)).cuda()
    display.show(Picture(on_gpu, look, 0, False, 0.0))
    display.draw(inner, 320, 180)
    shown = torch.as_tensor(read_framebuffer(320, 180).copy()).float()
    assert (shown - sphere_viewport(inner, 180, 320)).abs().mean() < 2
    assert upload.name in ("CUDA to texture", "pixel buffer")
    display.close()
