"""The compilers for GPUs, loaded when it suits."""

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

from model.files import private_folder
from model.nvidia import driver_refusal, has_cards, nvidia_driver

log = logging.getLogger(__name__)

_INDUCTOR_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
_COMPILERS = ("triton", "torch._dynamo", "torch._inductor.compile_fx")
_DEEP: int | None = getattr(os, "RTLD_DEEPBIND", None)
_MAPS = Path("/proc/self/maps")


def keep_compiled_code_private() -> None:
    """Have torch's compiler keep its files in the user's cache, unless a folder is chosen already.

    By itself it executes what it finds in a folder of a predictable name in ``/tmp``, which anybody
    can have made. If the user's cache cannot be used, the files go when the process ends.
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

    Those that are missing are found out again, and named, where they are used.
    """
    keep_compiled_code_private()
    for name in _COMPILERS:
        try:
            with _own_symbols_first():
                importlib.import_module(name)
        except (ImportError, RuntimeError) as error:
            log.info("%s cannot be loaded: %s", name, error)


def window_comes_first() -> bool:
    """Return whether a window may be opened before torch says what decodes.

    It may not if compilers must be loaded before OpenGL is, or if torch must choose the card that
    draws the window.
    """
    if not may_want_compilers():
        return True
    driver = nvidia_driver()
    return _DEEP is not None and driver is not None and driver.cards == 1


@contextmanager
def _own_symbols_first() -> Iterator[None]:
    """Let libraries that are loaded meanwhile find their own symbols before those of others.

    Triton brings an LLVM of its own. Loaded after OpenGL in software has brought one, it takes
    functions of that one, which ends the process (seen with Mesa 22.3). Without OpenGL by Mesa
    nothing is changed: libraries that replace the allocator would not be found first either.
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
    """Return whether torch may find a GPU that compilers are for.

    Torch itself, which would know, is not loaded for this.
    """
    cuda, hip = _torch_builds()
    return hip or (cuda is not None and has_cards() and driver_refusal(cuda) is None)


def _torch_builds() -> tuple[str | None, bool]:
    """Return the version of CUDA that torch was built for, if any, and whether it is for ROCm."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None, False
    text = (Path(spec.origin).parent / "version.py").read_text()
    built = {
        name: re.search(rf"^{name}\b[^=\n]*=\s*['\"]([\d.]+)", text, re.MULTILINE)
        for name in ("cuda", "hip")
    }
    return built["cuda"] and built["cuda"][1], built["hip"] is not None
