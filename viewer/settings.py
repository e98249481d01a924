"""What is remembered from one start to the next."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import platformdirs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Choices that survive a restart.

    Attributes:
        inertia: the view glides on after the hand has let go.
        overlay: the overlay is shown.
        loop: the clip begins again after its last frame.
        speed: of playback.
        width, height: of the window, in screen coordinates.
    """

    inertia: bool = True
    overlay: bool = True
    loop: bool = True
    speed: float = 1.0
    width: int = 1280
    height: int = 720


_LIMITS: dict[str, tuple[float, float]] = {
    "speed": (0.05, 16.0),
    "width": (160, 16384),
    "height": (90, 16384),
}


def settings_path() -> Path:
    """Where the settings of this user are kept."""
    return platformdirs.user_config_path("nerv360") / "settings.json"


def load_settings(path: Path) -> Settings:
    """The settings in ``path``; defaults, with a line in the log, where they cannot be used."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return _checked(stored)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        log.warning("%s is not used, the defaults are: %s", path, error)
        return Settings()


def save_settings(path: Path, settings: Settings) -> None:
    """Replace ``path`` as a whole; a disk that refuses is a line in the log, not an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False
        ) as file:
            json.dump(asdict(settings), file, indent=2)
        os.replace(file.name, path)
    except OSError as error:
        log.warning("the settings were not saved: %s", error)


def _checked(stored: Any) -> Settings:
    if not isinstance(stored, dict):
        raise ValueError("it does not hold an object")
    known: dict[str, Any] = {}
    for field in fields(Settings):
        if field.name not in stored:
            continue
        value: Any = stored[field.name]
        kinds = {"bool": (bool,), "int": (int,), "float": (int, float)}[str(field.type)]
        if not isinstance(value, kinds) or (bool not in kinds and isinstance(value, bool)):
            raise ValueError(f"{field.name} is {value!r}")
        if field.name in _LIMITS:
            low, high = _LIMITS[field.name]
            if not low <= cast(float, value) <= high:
                raise ValueError(f"{field.name} is {value!r}, not {low} to {high}")
        known[field.name] = value
    return replace(Settings(), **known)
