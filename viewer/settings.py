"""Settings remembered from one start to the next."""

from __future__ import annotations

import json
import logging
import stat
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from nerv360.files import atomic_write

log = logging.getLogger(__name__)

_MAX_BYTES = 2**20


@dataclass(frozen=True)
class Settings:
    """Choices that survive a restart.

    Attributes:
        inertia: the view glides on after a drag.
        overlay: the overlay is shown.
        loop: the clip starts again after its last frame.
        speed: of playback.
        width, height: of the window, in screen coordinates, at 96 dpi.
        volume: of the sound, 0 to 1.
        muted: there is no sound.
        colours: name of the overlay's palette.
        recent: files that were opened, the latest first.
        greeted: the first sentence on how to use the window has been shown.
    """

    inertia: bool = True
    overlay: bool = True
    loop: bool = True
    speed: float = 1.0
    width: int = 1280
    height: int = 720
    volume: float = 1.0
    muted: bool = False
    colours: str = "blue"
    recent: tuple[str, ...] = ()
    greeted: bool = False


RECENT = 10
"""Files that are remembered."""

_LIMITS: dict[str, tuple[float, float]] = {
    "speed": (0.05, 16.0),
    "volume": (0.0, 1.0),
    "width": (480, 16384),
    "height": (270, 16384),
}


def settings_path() -> Path | None:
    """Return the file of this user's settings, or None without a home folder (logged)."""
    try:
        return platformdirs.user_config_path("nerv360") / "settings.json"
    except (OSError, RuntimeError) as error:
        log.warning("no settings are kept: %s", error)
        return None


def load_settings(path: Path | None) -> Settings:
    """Read the settings in ``path``; if they cannot be used, log a line and return the defaults."""
    if path is None:
        return Settings()
    try:
        stored = json.loads(_text(path))
        if not isinstance(stored, dict):
            raise ValueError("it does not hold an object")
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s is ignored, and the defaults are used: %s", path, error)
        return Settings()
    known, refused = _checked(stored)
    if refused:
        log.warning("%s: %s; the defaults are used for these", path, "; ".join(refused))
    return known


def _text(path: Path) -> str:
    """Read a file that is regular and small: a pipe would wait for whoever writes to it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else, or no text.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if status.st_size > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES >> 10} KiB")
    return path.read_text(encoding="utf-8")


def save_settings(path: Path | None, settings: Settings) -> None:
    """Replace ``path`` completely; an error of the disk is only logged."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    except OSError as error:
        log.warning("the settings were not saved: %s", error)


def _checked(stored: dict[str, Any]) -> tuple[Settings, list[str]]:
    known: dict[str, Any] = {}
    refused: list[str] = []
    for name, default in vars(Settings()).items():
        if name not in stored:
            continue
        value: Any = stored[name]
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            value = tuple(value[:RECENT])
        low, high = _LIMITS.get(name, (None, None))
        whole_is_enough = isinstance(default, float) and type(value) is int
        if type(value) is not type(default) and not whole_is_enough:
            refused.append(f"{name} is {stored[name]!r:.80}")
        elif low is not None and not low <= value <= high:
            refused.append(f"{name} is {value!r:.80}, not {low} to {high}")
        else:
            known[name] = value
    return replace(Settings(), **known), refused
