"""Compiled code and measurements, kept between runs for each decoder, machine and version."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import platformdirs
import torch

from nerv360.files import atomic_write, private_folder
from nerv360.scene import Decoder

log = logging.getLogger(__name__)

_MAGIC = b"nerv360 compile cache 1\n"
_KEPT = 32
_SOURCES = sorted(
    file
    for folder in ("networks", "decoding")
    for file in (Path(__file__).resolve().parents[2] / folder).rglob("*.py")
)


class CacheFile:
    """A file in the user's cache.

    Its digest is stored with it, so that a truncated or overwritten file counts as missing.
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        """Name the file for ``key``, in the user's cache or in ``folder``."""
        self.folder = folder or platformdirs.user_cache_path("nerv360") / "compiled"
        self.file = self.folder / f"{key}.bin"

    def read(self) -> bytes | None:
        """Return its bytes; None if it is missing or damaged."""
        try:
            content = self.file.read_bytes()
            private_folder(self.folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("what was compiled or measured before is not used: %s", error)
            return None
        head, payload = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
        if head != _MAGIC + hashlib.sha256(payload).digest():
            log.info("%s is damaged and counts as missing", self.file)
            return None
        return payload

    def write(self, payload: bytes) -> None:
        """Store ``payload``; log the reason if that fails."""
        try:
            private_folder(self.folder)
            with atomic_write(self.file) as partial:
                partial.write_bytes(_MAGIC + hashlib.sha256(payload).digest() + payload)
            self._forget_the_oldest()
        except OSError as error:
            log.info("what was compiled or measured is not kept for the next start: %s", error)

    def discard(self) -> None:
        """Delete the file."""
        self.file.unlink(missing_ok=True)

    def _forget_the_oldest(self) -> None:
        files = sorted(self.folder.glob("*.bin"), key=lambda file: file.stat().st_mtime)
        for file in files[:-_KEPT]:
            file.unlink(missing_ok=True)


class CompileCache(CacheFile):
    """Inductor's and Triton's caches for one decoder, as torch reads and writes them.

    Torch recompiles entries that it no longer accepts.
    """

    def load(self) -> bool:
        """Load its bytes into the compiler's caches; return False if torch does not accept them."""
        payload = self.read()
        return payload is not None and torch.compiler.load_cache_artifacts(payload) is not None

    def save(self) -> None:
        """Write everything compiled in this process, replacing the file."""
        made = torch.compiler.save_cache_artifacts()
        if made is not None:
            self.write(made[0])


def cache_key(
    decoder: Decoder,
    device: torch.device,
    size: tuple[int, int],
    dtype: torch.dtype,
    purpose: str = "compiled",
) -> str:
    """Return a name for everything that compiled code depends on.

    This is the decoder's shape, the sources, the compiler, the machine, and the pictures' size.
    Weights and embeddings are inputs of the code and not part of it; nor is the number of frames.

    Args:
        purpose: of the file, for example an engine's name.
    """
    machine: list[object] = [str(device.type)]
    if device.type == "cuda":
        machine += [
            torch.cuda.get_device_name(device),
            torch.cuda.get_device_capability(device),
            torch.version.cuda or torch.version.hip,
            torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            torch._C._cuda_getDriverVersion(),  # type: ignore[attr-defined]
        ]
    sources = hashlib.sha256(b"\0".join(path.read_bytes() for path in _SOURCES)).hexdigest()
    parts = [
        torch.__version__,
        machine,
        sources,
        decoder.config.to_dict(),
        list(size),
        str(dtype),
        purpose,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
