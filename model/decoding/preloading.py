"""Loads the compilers for GPUs at a suitable time."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from nerv360.files import private_folder
from nerv360.nvidia import driver_refusal, has_cards, nvidia_driver

log = logging.getLogger(__name__)

_INDUCTOR_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
_COMPILERS = ("triton", "torch._dynamo", "torch._inductor.compile_fx")
_DEEP: int | None = getattr(os, "RTLD_DEEPBIND", None)
_MAPS = Path("/proc/self/maps")


def keep_compiled_code_private() -> None:
    """Let torch's compiler keep its files in the user's cache, unless a folder is set already.

    By default it executes files from a folder in ``/tmp`` with a predictable name, which anybody
    can have created. If the user's cache cannot be used, the files are deleted when the process
    ends.
    """
    if os.environ.get(_INDUCTOR_FOLDER):
        return
    try:
        folder = private_folder(platformdirs.user_cache_path("nerv360") / "inductor")
    except (OSError, RuntimeError) as error:
        log.warning("compiled code is not kept: %s", error)
        folder = Path(tempfile.mkdtemp(prefix="nerv360-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[_INDUCTOR_FOLDER] = str(folder)


def load_compilers() -> None:
    """Load torch's compiler and Triton.

    A missing one is reported later, when it is needed.
    """
    keep_compiled_code_private()
    for name in _COMPILERS:
        try:
            with _own_symbols_first():
                importlib.import_module(name)
        except (ImportError, RuntimeError) as error:
            log.info("%s cannot be loaded: %s", name, error)


def window_comes_first() -> bool:
    """Tell whether a window may be opened before torch has chosen a device.

    It may not if compilers must be loaded before OpenGL, or if torch must choose the card that
    draws the window.
    """
    if not may_want_compilers():
        return True
    driver = nvidia_driver()
    return _DEEP is not None and driver is not None and driver.cards == 1


@contextmanager
def _own_symbols_first() -> Iterator[None]:
    """Let libraries loaded in the context find their own symbols before those of other libraries.

    Triton contains its own LLVM. If software OpenGL has loaded an LLVM before, Triton uses
    functions of that one, and the process crashes (seen with Mesa 22.3). Without Mesa's OpenGL
    nothing changes, because libraries that replace the allocator would not be found first either.
    """
    if _DEEP is None or not _mesa_is_loaded():
        yield
        return
    before = sys.getdlopenflags()
    sys.setdlopenflags(before | _DEEP)
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def _mesa_is_loaded() -> bool:
    try:
        maps = _MAPS.read_text(errors="replace")
    except OSError:
        return False
    return any(name in maps for name in ("libLLVM", "libgallium", "_dri.so"))


def may_want_compilers() -> bool:
    """Return True if torch may find a GPU that needs compilers, without loading torch."""
    cuda, hip = _torch_builds()
    return hip or (cuda is not None and has_cards() and driver_refusal(cuda) is None)


def _torch_builds() -> tuple[str | None, bool]:
    """Return the CUDA version torch was built for, if any, and whether it is for ROCm."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None, False
    text = (Path(spec.origin).parent / "version.py").read_text()
    built = {
        name: re.search(rf"^{name}\b[^=\n]*=\s*['\"]([\d.]+)", text, re.MULTILINE)
        for name in ("cuda", "hip")
    }
    return built["cuda"] and built["cuda"][1], built["hip"] is not None
