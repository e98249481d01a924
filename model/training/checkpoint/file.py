"""Checkpoint files, which are refused if a single bit has changed.

A magic, a version and a digest precede the data of torch, which is read without executing code.
Files survive a kill: each is written beside the previous one and then replaces it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from nerv360.errors import InputError
from nerv360.files import atomic_write

_MAGIC = b"nerv360 checkpoint "
_VERSION = 2
_HEAD = _MAGIC + f"{_VERSION:04d}\n".encode()
_DIGEST_BYTES = hashlib.sha256().digest_size
_BEGIN_ANEW = "train from the beginning"


def checkpoint_path(scene: Path) -> Path:
    """Return the checkpoint file of the training that writes ``scene``."""
    return scene.with_name(scene.name + ".checkpoint")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values so that a reader sees the old state or the new, never half.

    Raises:
        InputError: it cannot be written.
    """
    content = io.BytesIO()
    torch.save(state, content)
    payload = content.getbuffer()
    try:
        with atomic_write(path) as partial, partial.open("wb") as file:
            file.write(_HEAD + hashlib.sha256(payload).digest())
            file.write(payload)
    except OSError as error:
        raise InputError(
            f"the checkpoint {path} cannot be written: {error.strerror or error}"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read the state written by `save_checkpoint`, on the CPU, bit for bit the same.

    Raises:
        InputError: there is none, or the file is damaged, or it is no checkpoint.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}: {_BEGIN_ANEW}")
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    start = len(_HEAD) + _DIGEST_BYTES
    head, digest = bytes(content[: len(_HEAD)]), bytes(content[len(_HEAD) : start])
    if not head.startswith(_MAGIC):
        raise InputError(f"{path} is not a checkpoint of this program, or damaged: {_BEGIN_ANEW}")
    if head != _HEAD:
        raise InputError(f"{path} is of another version of the program, or damaged: {_BEGIN_ANEW}")
    if hashlib.sha256(content[start:]).digest() != digest:
        raise InputError(f"{path} is damaged: {_BEGIN_ANEW}")
    try:
        state = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    except Exception as error:  # its digest is right, so somebody made it on purpose
        raise InputError(f"{path} holds no training state: {_BEGIN_ANEW}") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} holds no training state: {_BEGIN_ANEW}")
    return state


def check_replaceable(path: Path) -> None:
    """Check that a training may write its checkpoint to ``path``.

    Raises:
        InputError: something is there that is no checkpoint.
    """
    if path.is_dir():
        raise InputError(f"{path}, where the checkpoint is to be, is a folder: move it away")
    if path.exists() and not _is_checkpoint(path):
        raise InputError(
            f"{path}, where the checkpoint is to be, is another file, not a checkpoint of this "
            f"version: move it away"
        )


def discard_checkpoint(path: Path) -> None:
    """Delete the checkpoint at ``path`` if it is one."""
    if _is_checkpoint(path):
        path.unlink(missing_ok=True)


def _is_checkpoint(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
