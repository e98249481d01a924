"""A scene as a folder of static files for any web server."""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import posixpath
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from nerv360.errors import InputError
from nerv360.files import atomic_write, partial_path
from nerv360.progress import track
from nerv360.text import escaped, file_name
from nerv360.viewer.paths import data_file

if TYPE_CHECKING:
    from nerv360.scene import Attribution, StillPanorama
    from nerv360.viewer.decode import OpenScene

DESCRIPTION = "scene.json"
SOUND = "sound.ogg"
_VERSION = 2
_SHADERS = (
    "camera_rays.vert",
    "equirectangular.glsl",
    "composite.glsl",
    "timewarp.frag",
    "panorama.frag",
)
_COVERING = "whole.vert"
_PAGE = "index.html"
_SCRIPT = "page.js"
_STILL = "still.avif"
_IMPORT = re.compile(r'^(?:import|export) [^;]*?from "(\.[^"]+)";', re.MULTILINE)


def check_folder(folder: Path) -> None:
    """Raise InputError if an export to ``folder`` would overwrite other files.

    The folder may be missing, be empty, or hold an unchanged export.

    Raises:
        InputError: it holds other or changed files, or cannot be written.
    """
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: the folder {folder.parent} does not exist")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is not a folder: name a new one, or an earlier export")
    try:
        foreign = _foreign(folder) if folder.is_dir() else None
        beside = partial_path(folder)
        beside.mkdir()
        beside.rmdir()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    if foreign is not None:
        raise InputError(
            f"{folder} holds the file {foreign}, which is not from an export or has changed "
            "since: name a new or empty folder"
        )


def export_web(
    scene_file: Path, folder: Path, live: dict[str, Any] | None = None, *, served: bool = False
) -> int:
    """Write the scene in ``scene_file`` as a page to ``folder``, completely or not at all.

    Args:
        scene_file: the scene. One of its chapters is in memory at a time.
        folder: for the page's files.
        live: how its server decodes for the page (`nerv360.viewer.sharing.live_description`).
        served: leave out the files that its server makes when they are asked for (`SceneFiles`).

    Returns:
        Bytes of all its files.

    Raises:
        InputError: the scene cannot be read or shown on a page, or the folder cannot be written
            without overwriting other files.
    """
    from nerv360.decoding import hfov_range
    from nerv360.scene import read_sound
    from nerv360.viewer.sharing.scene_files import SceneFiles

    check_folder(folder)
    scene = SceneFiles(scene_file)
    header, files = scene.header, _page_files()
    title = escaped(header.attribution.title) or file_name(scene_file.with_suffix(""))
    description = _description(title, header.width, header.height, header.fps, header.frames)
    description |= _terms(header.attribution)
    if (sound := read_sound(scene_file)) is not None:
        files[SOUND] = sound
        description["sound"] = {"file": SOUND, "bytes": len(sound)}
    description["chapters"] = scene.chapters
    for name in scene.chapters[0]["decoders"]:
        config = header.configs[name]
        entry = {"name": name, "covers": config.still_panorama, "hfov": hfov_range(config)}
        description["decoders"].append(entry)
    names = track(() if served else scene.names, f"making a page of {scene_file.name}")
    return _write(files, description, folder, live, ((name, scene.make(name)) for name in names))


def export_clip(
    clip: OpenScene,
    folder: Path,
    live: dict[str, Any],
    sounds: bool = False,
    still: StillPanorama | None = None,
    attribution: Attribution | None = None,
) -> None:
    """Write a page to ``folder`` for a clip or scene that only its server decodes.

    Args:
        clip: the clip.
        folder: for the page's files.
        live: as in `export_web`.
        sounds: its server sends its sound, too.
        still: the still panorama under its pictures.
        attribution: names licence and credit.

    Raises:
        InputError: the folder cannot be written without overwriting other files.
    """
    check_folder(folder)
    title = escaped(clip.title)
    height, width = clip.size
    description = _description(title, width, height, clip.fps, clip.frames)
    if attribution is not None:
        description |= _terms(attribution)
    if sounds:  # encoded while it is sent, so that its size is not known
        description["sound"] = {"file": SOUND, "bytes": 0}
    for name in clip.decoders:
        hfov = live["decoders"][name]["hfov"]
        description["decoders"].append({"name": name, "covers": False, "hfov": hfov})
    files = _page_files()
    if still is not None:
        files[_STILL] = still.packed.numpy().tobytes()
        entry = {"file": _STILL, "bytes": len(files[_STILL])}
        description["chapters"][0]["still"] = entry
    _write(files, description, folder, live)


def _write(
    files: dict[str, bytes],
    description: dict[str, Any],
    folder: Path,
    live: dict[str, Any] | None,
    made: Iterable[tuple[str, bytes]] = (),
) -> int:
    """Write a page, and return its bytes.

    Args:
        made: names and contents of the chapters' files, one at a time; their sizes are entered into
            the description.
    """
    hashes, sizes = {}, {}
    files[_PAGE] = _with_words(files, description)
    try:
        with atomic_write(folder) as partial:
            for name, content in itertools.chain(files.items(), made):
                file = partial / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                hashes[name], sizes[name] = hashlib.sha256(content).hexdigest(), len(content)
            for chapter in description["chapters"]:
                for entry in (chapter["still"], chapter["motion"], *chapter["decoders"].values()):
                    if entry is not None:
                        entry["bytes"] = sizes.get(entry["file"], 0)
            told = _json(description | {"live": live, "files": hashes})
            (partial / DESCRIPTION).write_bytes(told)
            check_folder(folder)
            if folder.exists():
                _empty(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error
    return sum(sizes.values()) + len(told)


def _empty(folder: Path) -> None:
    """Remove an export, so that another folder can take its place."""
    aside = partial_path(folder)
    folder.rename(aside)
    shutil.rmtree(aside)


def _foreign(folder: Path) -> str | None:
    """Return a name in ``folder`` that is not part of an unchanged export, or None."""
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    hashes: dict[str, str] = {}
    try:
        known = json.loads((folder / DESCRIPTION).read_bytes())["files"]
        hashes = {str(name): str(value) for name, value in known.items()}
        found.discard(DESCRIPTION)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass
    for name in sorted(found):
        path = folder / name
        if path.is_symlink() or not path.is_file() or name not in hashes:
            return name
        if hashlib.sha256(path.read_bytes()).hexdigest() != hashes[name]:
            return name
    return None


def _terms(attribution: Attribution) -> dict[str, str]:
    return {
        "licence": escaped(_known(attribution.licence)),
        "credit": escaped(_known(attribution.credit)),
    }


def _description(title: str, width: int, height: int, fps: float, frames: int) -> dict[str, Any]:
    """Return a page's description without decoders, of one chapter without files."""
    from nerv360.shaders import piece
    from nerv360.trajectories import recording_head

    shaders = {name: _text(f"shaders/{name}") for name in _SHADERS}
    return {
        "version": _VERSION,
        "title": title,
        "licence": "",
        "credit": "",
        "width": width,
        "height": height,
        "fps": fps,
        "frames": frames,
        "shaders": {**shaders, _COVERING: piece(_COVERING)},
        "sound": None,
        "recording": recording_head(title),
        "decoders": [],
        "chapters": [{"first": 0, "still": None, "motion": None, "decoders": {}}],
    }


def _with_words(files: dict[str, bytes], description: dict[str, Any]) -> bytes:
    """Return the page's HTML with title and credit."""
    credit = " · ".join(filter(None, (description["credit"], description["licence"])))
    words = {"title": description["title"], "credit": credit}
    page = Template(files[_PAGE].decode()).substitute(
        {name: html.escape(word) for name, word in words.items()}, modules=_preloads(files)
    )
    return page.encode()


def _preloads(files: dict[str, bytes]) -> str:
    """Return links to all modules that the page imports, so that they are fetched at once."""
    known = [_SCRIPT]
    for name in known:
        for found in _IMPORT.findall(files[name].decode()):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), found))
            if imported not in known:
                known.append(imported)
    links = (f'<link rel="modulepreload" href="{name}">' for name in known[1:])
    return "".join(f"\n    {link}" for link in links)


def _page_files() -> dict[str, bytes]:
    """Return the files of the page itself, the same for every scene."""
    web = data_file("web")
    return {
        path.relative_to(web).as_posix(): path.read_bytes()
        for path in sorted(web.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _text(name: str) -> str:
    return data_file(name).read_text(encoding="utf-8")


def _json(value: object) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=1).encode()


def _known(text: str) -> str:
    from nerv360.scene import UNKNOWN

    return "" if text in UNKNOWN else text
