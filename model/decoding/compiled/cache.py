"""Compiled code and measurements, kept between runs for each decoder, machine and version."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import platformdirs
import torch

from model.files import atomic_write, private_folder
from model.scene import Decoder

log = logging.getLogger(__name__)

_MAGIC = b"nerv360 compile cache 1\n"
_KEPT = 32
_SOURCES = sorted(
    file
    for folder in ("networks", "decoding")
    for file in (Path(__file__).resolve().parents[2] / folder).rglob("*.py")
)


class CacheFile:
    """Some bytes in the user's cache.

    They are stored behind their digest, so that a file cut short or overwritten counts as none.
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        """The file for ``key``, in the user's cache unless a ``folder`` is given."""
        self.folder = folder or platformdirs.user_cache_path("nerv360") / "compiled"
        self.file = self.folder / f"{key}.bin"

    def read(self) -> bytes | None:
        """Its bytes; None where it is missing or damaged."""
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
        """Put ``payload`` in its place; where that fails, a line in the log says why."""
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
    """Inductor's and Triton's caches for one decoder, which torch writes and reads as one sequence
    of bytes. What torch no longer accepts, it compiles anew.
    """

    def load(self) -> bool:
        """Put its bytes into the compiler's caches; False where they are none that torch takes."""
        payload = self.read()
        return payload is not None and torch.compiler.load_cache_artifacts(payload) is not None

    def save(self) -> None:
        """Write all that was compiled in this process, in place of what the file held."""
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
    """Name for all that compiled code depends on: the decoder's shape, the sources, the compiler,
    the machine, and the pictures' size. Weights and embeddings are inputs of the code and no part
    of it.

    Args:
        purpose: of the file, an engine's name for instance.
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
        decoder.embeddings.shape[0],
        list(size),
        str(dtype),
        purpose,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
