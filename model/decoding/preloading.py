"""The compilers for GPUs, loaded when it suits."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import logging
import os
import re
import shutil
import tempfile
from pathlib import Path

import platformdirs

from model.files import private_folder
from model.nvidia import driver_refusal, has_cards

log = logging.getLogger(__name__)

_INDUCTOR_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
_COMPILERS = ("torch._dynamo", "torch._inductor.compile_fx", "triton")


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
    """Load torch's compiler and Triton, before a window is opened in this process.

    Triton brings an LLVM of its own. Loaded into a process in which OpenGL in software has brought
    one already, it ends the process (seen with Mesa 22.3); the other way round both live.
    Those that are missing are found out again, and named, where they are used.
    """
    keep_compiled_code_private()
    for name in _COMPILERS:
        try:
            importlib.import_module(name)
        except (ImportError, RuntimeError) as error:
            log.info("%s cannot be loaded: %s", name, error)


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
