"""Files of a folder of pictures: selection, order, and notes on odd ones."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nerv360.errors import InputError
from nerv360.text import escaped, file_name

_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (
    *(".png", ".apng", *_JPEG_SUFFIXES, *_TIFF_SUFFIXES),
    *(".webp", ".avif", ".bmp", ".ppm", ".pgm"),
)
"""Suffixes of the files of a folder that are taken as pictures."""


def natural_key(name: str) -> list[str | int]:
    """Return a key that sorts names with numbers as people do: 2 before 10."""
    parts: list[str | int] = [*re.split("([0-9]+)", name.casefold())]
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return [*parts, name]


def list_folder(folder: Path) -> tuple[tuple[Path, ...], list[str]]:
    """Return the pictures of a folder in order, and notes on what was skipped."""
    try:
        # A link that leads nowhere counts as a picture, and is refused by its name; a folder or a
        # pipe, which might be read for ever, does not.
        entries = [(entry, entry.is_file() or not entry.exists()) for entry in folder.iterdir()]
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise InputError(f"{folder} cannot be listed ({reason}): give a folder") from error
    seen = [(entry, is_file) for entry, is_file in entries if not entry.name.startswith(".")]
    hidden = len(entries) - len(seen)
    files = [entry for entry, is_file in seen if is_file and entry.suffix.lower() in SUFFIXES]
    others = sorted({entry.name for entry, _ in seen} - {file.name for file in files})
    if not files:
        held = f", but {_few(others)}" if others else ""
        raise InputError(
            f"{folder} holds no picture{held}: give a folder of PNG, JPEG, TIFF, WebP, AVIF, BMP "
            f"or PPM pictures"
        )
    skipped = []
    if hidden:
        skipped.append(f"{hidden} hidden file{'s' * (hidden > 1)}")
    if others:
        skipped.append(f"what is no picture ({_few(others)})")
    notes = [f"skipped: {' and '.join(skipped)}"] if skipped else []
    return tuple(sorted(files, key=lambda file: natural_key(file.name))), notes


def missing_numbers(files: Sequence[Path]) -> list[str]:
    """Return a note on the numbers that are missing in names of one pattern, or none.

    Names that count in steps miss none; names with more gaps than pictures do not count pictures.
    """
    matches = (re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9]*)", file.name) for file in files)
    known = [match for match in matches if match is not None]
    patterns = {(match[1].casefold(), match[3].casefold()) for match in known}
    if not 3 <= len(files) == len(known) or len(patterns) > 1:
        return []
    numbers = sorted({int(match[2]) for match in known})
    step = math.gcd(*(after - before for before, after in itertools.pairwise(numbers))) or 1
    missing = (numbers[-1] - numbers[0]) // step + 1 - len(numbers)
    if not 0 < missing <= len(numbers):
        return []
    before = next(n for n, after in itertools.pairwise(numbers) if after - n > step)
    one = missing == 1
    return [
        f"{missing} number{'s' * (not one)} {'is' if one else 'are'} missing between "
        f"{file_name(files[0])} and {file_name(files[-1])}, the first after {before}: the pictures "
        f"are taken to follow one another without a pause"
    ]


def same_names(files: Sequence[Path]) -> list[str]:
    """Return a note on pictures that differ in their suffix only, or none."""
    stems = Counter(file.stem for file in files)
    twice = [file.name for file in files if stems[file.stem] > 1]
    if not twice:
        return []
    return [f"{len(twice)} pictures differ in their suffix only ({_few(twice)}): all are taken"]


def _few(names: Sequence[str]) -> str:
    """Return up to three names, and how many more there are."""
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    return ", ".join([*(escaped(name, 60) for name in names[:3]), *more])
