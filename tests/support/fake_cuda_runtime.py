"""`cuda.bindings.runtime` without CUDA: textures are registered, mapped and written as by CUDA."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from OpenGL import GL
from torch import Tensor

from nerv360.viewer.picture.gl import Texture
from nerv360.viewer.picture.upload import PixelBufferUpload
from nerv360.viewer.shading.picture import TextureCopy
from tests.support.fake_cuda import FakeCuda


class Code(IntEnum):
    """Some of CUDA's error codes."""

    SUCCESS = 0
    INVALID_VALUE = 1
    INSUFFICIENT_DRIVER = 35
    ALREADY_MAPPED = 208
    NOT_MAPPED = 211
    INVALID_CONTEXT = 219
    OPERATING_SYSTEM = 304
    INVALID_HANDLE = 400
    UNKNOWN = 999


class FakeRuntime:
    """Answers as `cuda.bindings.runtime` does, and keeps the calls.

    Copies go through the streams of a `FakeCuda`, and reach the texture when it is unmapped there.

    Attributes:
        calls: names of the functions called.
        fails: name of the function that fails, and how.
        failures: how often it still does.
        handle: what the first registration returns.
        devices: the GPUs that draw the window.
        error: what the next call that launches something would find.
    """

    cudaGLDeviceList = SimpleNamespace(cudaGLDeviceListAll=1)  # noqa: N815
    cudaGraphicsRegisterFlags = SimpleNamespace(  # noqa: N815
        cudaGraphicsRegisterFlagsWriteDiscard=2
    )
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDeviceToDevice=3)  # noqa: N815

    def __init__(
        self,
        cuda: FakeCuda,
        fails: str = "",
        code: Code = Code.UNKNOWN,
        handle: int = 77,
        devices: Sequence[int] = (0,),
        failures: int = 1_000_000,
    ) -> None:
        self.cuda = cuda
        self.calls: list[str] = []
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.fails, self.code, self.failures = fails, code, failures
        self.handle = handle
        self.devices = devices
        self.error = Code.SUCCESS
        self._registered: dict[int, int] = {}
        self._sizes: dict[int, tuple[int, int]] = {}
        self._arrays: dict[int, Tensor] = {}

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cuda"):
            raise AttributeError(name)

        def call(*arguments: Any) -> tuple[Any, ...]:
            short = name.removeprefix("cuda").removeprefix("Graphics")
            self.calls.append(short)
            self.arguments[short] = arguments
            if short == self.fails and self.failures:
                self.failures -= 1
                self.error = self.code
                values: dict[str, tuple[Any, ...]] = {
                    "GLGetDevices": (0, []),
                    "GLRegisterImage": (0,),
                }
                return (self.code, *values.get(short, (None,)))
            code, *results = getattr(self, f"_{short}")(*arguments)
            if short != "GetLastError" and code:
                self.error = code
            return (code, *results)

        return call

    def forbid_others(self, patch: pytest.MonkeyPatch) -> None:
        """Let nobody but CUDA write into a texture that is registered, until ``patch`` is undone.

        A real driver may take such a write, lose it or end the process.
        """

        def guarded(write: Callable[..., None]) -> Callable[..., None]:
            def guard(*arguments: Any) -> None:
                assert not self._textures_of(arguments), "CUDA has registered this texture"
                write(*arguments)

            return guard

        for owner, name in (
            (Texture, "allocate"),
            (PixelBufferUpload, "upload"),
            (TextureCopy, "copy"),
        ):
            patch.setattr(owner, name, guarded(getattr(owner, name)))

    def _textures_of(self, arguments: tuple[Any, ...]) -> list[int]:
        textures = [each.id for each in arguments if isinstance(each, Texture)]
        return [texture for texture in textures if texture in self._registered.values()]

    def _GetLastError(self) -> tuple[Code]:  # noqa: N802
        self.error = Code.SUCCESS
        return (Code.SUCCESS,)

    def _GLGetDevices(self, most: int, which: int) -> tuple[Any, ...]:  # noqa: N802
        padding = [0] * (most - len(self.devices))
        return Code.SUCCESS, len(self.devices), [*self.devices, *padding]

    def _SetDevice(self, device: int) -> tuple[Code]:  # noqa: N802
        return (Code.SUCCESS,)

    def _GLRegisterImage(self, texture: int, target: int, flags: int) -> tuple[Any, ...]:  # noqa: N802
        size = _size(texture)
        if texture in self._registered.values() or 0 in size:
            return Code.INVALID_VALUE, 0
        if not self.handle:
            return Code.SUCCESS, 0
        resource = self.handle + len(self._sizes)
        self._registered[resource], self._sizes[resource] = texture, size
        return Code.SUCCESS, resource

    def _UnregisterResource(self, resource: int) -> tuple[Code]:  # noqa: N802
        if resource in self._arrays:
            return (Code.ALREADY_MAPPED,)
        known = self._registered.pop(resource, None) is not None
        return (Code.SUCCESS if known else Code.INVALID_HANDLE,)

    def _MapResources(self, count: int, resource: int, stream: int) -> tuple[Code]:  # noqa: N802
        if resource not in self._registered:
            return (Code.INVALID_HANDLE,)
        if resource in self._arrays:
            return (Code.ALREADY_MAPPED,)
        size = self._sizes[resource]
        assert size == _size(self._registered[resource]), "a registered texture changed its size"
        self._arrays[resource] = torch.full((*size, 4), 0xDD, dtype=torch.uint8)
        return (Code.SUCCESS,)

    def _SubResourceGetMappedArray(  # noqa: N802
        self, resource: int, index: int, level: int
    ) -> tuple[Any, ...]:
        mapped = resource in self._arrays
        return (Code.SUCCESS, 1000 + resource) if mapped else (Code.NOT_MAPPED, None)

    def _Memcpy2DToArrayAsync(  # noqa: N802
        self, array: int, x: int, y: int, address: int,
        pitch: int, width: int, height: int, kind: int, stream: int,
    ) -> tuple[Code]:  # fmt: skip
        assert self.error == Code.SUCCESS, "an error of another call is found here"
        target = self._arrays[array - 1000]
        assert (height, width, pitch) == (target.shape[0], target.shape[1] * 4, width)
        self.cuda.read_at(address, self.cuda.stream_of(stream), target.copy_)
        return (Code.SUCCESS,)

    def _UnmapResources(self, count: int, resource: int, stream: int) -> tuple[Code]:  # noqa: N802
        if resource not in self._arrays:
            return (Code.NOT_MAPPED,)
        texture, content = self._registered[resource], self._arrays.pop(resource)

        def show() -> None:
            GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
            GL.glTexSubImage2D(
                GL.GL_TEXTURE_2D, 0, 0, 0, content.shape[1], content.shape[0],
                GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, content.numpy(),
            )  # fmt: skip

        self.cuda.stream_of(stream).add(show)
        return (Code.SUCCESS,)


def _size(texture: int) -> tuple[int, int]:
    GL.glBindTexture(GL.GL_TEXTURE_2D, texture)
    height, width = (
        int(GL.glGetTexLevelParameteriv(GL.GL_TEXTURE_2D, 0, side))
        for side in (GL.GL_TEXTURE_HEIGHT, GL.GL_TEXTURE_WIDTH)
    )
    return height, width
