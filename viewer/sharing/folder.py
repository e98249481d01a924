"""A scene as a folder of static files for any web server."""

from __future__ import annotations

import hashlib
import html
import json
import posixpath
import re
import shutil
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from nerv360.errors import InputError
from nerv360.files import atomic_write, partial_path
from nerv360.text import escaped, file_name
from nerv360.viewer.paths import data_file

if TYPE_CHECKING:
    from nerv360.scene import Attribution, StillPanorama
    from nerv360.viewer.decode import OpenScene

DESCRIPTION = "scene.json"
SOUND = "sound.ogg"
_VERSION = 1
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


def _refuse_chapters(scene_file: Path) -> None:
    """Raise InputError if the scene in ``scene_file`` has several chapters.

    Raises:
        InputError: it has, or it cannot be read.
    """
    from nerv360.scene import read_header

    chapters = len(read_header(scene_file).header.chapters)
    if chapters > 1:
        raise InputError(
            f"{scene_file} has {chapters} chapters, and a page decodes a scene of one: use "
            f"`nerv360 serve --decode here`, or write a film by `nerv360 render`"
        )


def export_web(scene_file: Path, folder: Path, live: dict[str, Any] | None = None) -> int:
    """Write the scene in ``scene_file`` as a page to ``folder``, completely or not at all.

    Args:
        scene_file: the scene.
        folder: for the page's files.
        live: how its server decodes for the page (`nerv360.viewer.sharing.live_description`).

    Returns:
        Bytes of all its files.

    Raises:
        InputError: the scene cannot be read or shown on a page, it has several chapters, or the
            folder cannot be written without overwriting other files.
    """
    check_folder(folder)
    _refuse_chapters(scene_file)
    files = _files(scene_file)
    _write(files, folder, live)
    return sum(map(len, files.values()))


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
        entry = {"name": name, "covers": False, "hfov": hfov, "file": "", "bytes": 0}
        description["decoders"].append(entry)
    files = _page_files()
    if still is not None:
        files[_STILL] = still.packed.numpy().tobytes()
        description["still"] = {"file": _STILL, "bytes": len(files[_STILL])}
    _write(_with_words(files, description), folder, live)


def _write(files: dict[str, bytes], folder: Path, live: dict[str, Any] | None) -> None:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    description = json.loads(files[DESCRIPTION]) | {"live": live, "files": hashes}
    del description["files"][DESCRIPTION]
    files[DESCRIPTION] = _json(description)
    try:
        with atomic_write(folder) as partial:
            for name, content in files.items():
                file = partial / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            check_folder(folder)
            if folder.exists():
                _empty(folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


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


def _files(scene_file: Path) -> dict[str, bytes]:
    """Return all files by name."""
    from nerv360.decoding import hfov_range
    from nerv360.scene import coded_motion, deflated, read_coded, read_scene
    from nerv360.viewer.decode import decoder_names
    from nerv360.viewer.sharing.decoder_file import decoder_file

    scene, coded = read_scene(scene_file), read_coded(scene_file)
    files = _page_files()
    title = escaped(scene.attribution.title) or file_name(scene_file.with_suffix(""))
    description = _description(title, scene.width, scene.height, scene.fps, scene.frames)
    description |= _terms(scene.attribution)

    def put(name: str, content: bytes) -> dict[str, Any]:
        files[name] = content
        return {"file": name, "bytes": len(content)}

    if scene.still is not None:
        motion, packed = scene.still.motion, coded.get("still.motion")
        description["still"] = put(_STILL, scene.still.packed.numpy().tobytes())
        shape = (motion.shape[0], 1, *motion.shape[1:])
        series = deflated(packed if packed is not None else coded_motion(motion), shape, "series")
        description["motion"] = put("motion.bin", series.numpy().tobytes()) | {"shape": shape}
    if scene.sound is not None:
        description["sound"] = put(SOUND, scene.sound)
    for name in decoder_names(scene.decoders):
        decoder = scene.decoders[name]
        levels = ["", *(f".{k + 1}" for k in range(len(decoder.finer)))]
        known = [coded.get(f"{name}.embeddings{level}") for level in levels]
        description["decoders"].append(
            {
                "name": name,
                "covers": decoder.still is not None,
                "hfov": hfov_range(decoder.config),
                **put(f"{name}.safetensors", decoder_file(decoder, known)),
            }
        )
    return _with_words(files, description)


def _terms(attribution: Attribution) -> dict[str, str]:
    return {
        "licence": escaped(_known(attribution.licence)),
        "credit": escaped(_known(attribution.credit)),
    }


def _description(title: str, width: int, height: int, fps: float, frames: int) -> dict[str, Any]:
    """Return a page's description without decoders."""
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
        "still": None,
        "motion": None,
        "sound": None,
        "recording": recording_head(title),
        "decoders": [],
    }


def _with_words(files: dict[str, bytes], description: dict[str, Any]) -> dict[str, bytes]:
    """Return ``files`` with the description, and with its title and credit in the page."""
    credit = " · ".join(filter(None, (description["credit"], description["licence"])))
    words = {"title": description["title"], "credit": credit}
    page = Template(files[_PAGE].decode()).substitute(
        {name: html.escape(word) for name, word in words.items()}, modules=_preloads(files)
    )
    return {**files, _PAGE: page.encode(), DESCRIPTION: _json(description)}


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
