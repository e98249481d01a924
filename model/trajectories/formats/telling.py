"""Recognises the format of a text, and how certain that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nerv360.errors import InputError
from nerv360.text import listed
from nerv360.trajectories.formats import (
    avtrack360,
    jin2022,
    jvet,
    layouts,
    named,
    quaternions,
    salient360,
    wu2017,
)
from nerv360.trajectories.formats.layouts import RowLayout
from nerv360.trajectories.formats.names import ANGLES, TIMES
from nerv360.trajectories.formats.sheet import Sheet
from nerv360.trajectories.formats.table import DoubtfulFormatError, refuse_part, shown
from nerv360.trajectories.plausibility import objections
from nerv360.trajectories.recording import COLUMNS
from nerv360.trajectories.trajectory import Floats, Trajectory

OWN = "nerv360"
_ADVICE = "name the format or the columns (such as time_s,yaw_deg,pitch_deg,roll_deg)"


_JSON: dict[str, tuple[Callable[[str], bool], Callable[[str, str, str], Trajectory], str]] = {
    "avtrack360": (
        avtrack360.recognises,
        avtrack360.read,
        "AVTrack360: JSON of sec, pitch, yaw and roll in degrees",
    ),
    "jvet": (jvet.recognises, jvet.read, f"JVET viewport: {jvet.FIELDS}"),
}
FORMAT_NAMES = tuple(dict.fromkeys((OWN, *_JSON, *(layout.name for layout in layouts.LAYOUTS))))
"""Names of all formats."""


@dataclass(frozen=True)
class Understanding:
    """A path, and what was understood of its file.

    Attributes:
        format: the name of its format.
        content: what the format holds, in words.
        told: how the format was told.
        path: the looks.
        remarks: sentences on what is doubtful or was left out.
    """

    format: str
    content: str
    told: str
    path: Trajectory
    remarks: tuple[str, ...] = ()


def told_by_place(name: str) -> Understanding:
    """Return one of JVET's paths by its name.

    Raises:
        InputError: there is none of that name.
    """
    return Understanding("jvet", _JSON["jvet"][2], "by its name", jvet.named(name))


def told_of_json(text: str, label: str, part: str, wanted: str | None) -> Understanding | None:
    """Return the path in a JSON text, or None if it holds none.

    Raises:
        InputError: it is broken, or not in the format that the user names.
    """
    if wanted is not None and wanted not in _JSON:
        raise InputError(f"{label} is JSON, not {shown(wanted)}")
    for name, (recognises, read, content) in _JSON.items():
        if name == wanted or (wanted is None and recognises(text)):
            return Understanding(
                name, content, "as named" if wanted else "by its keys", read(text, label, part)
            )
    return None


def told_of_rows(sheet: Sheet, part: str, wanted: str | None) -> Understanding:
    """Return the path in rows of numbers.

    Args:
        wanted: the format that the user names, or columns, with or without axes before them.

    Raises:
        DoubtfulFormatError: it can be read in more than one way.
        InputError: it is broken, or not in the format that the user names.
    """
    if wanted == "avtrack360":
        raise InputError(f"{sheet.label} is not avtrack360: JSON is expected")
    if wanted is not None and wanted not in FORMAT_NAMES:
        return told_by_names(sheet, part, wanted)
    if wanted is None or wanted == OWN:
        if sheet.named:
            return told_by_names(sheet, part, wanted)
        if wanted == OWN:
            raise InputError(f"{sheet.label} names no columns, which {OWN} does")
        return told_by_rows(sheet, part)
    roles = {column.role for column in sheet.columns if column}
    if "qw" in roles or (wanted == "salient360" and "longitude" in roles):
        return told_by_names(sheet, part, wanted)
    return named_layout(sheet, wanted, part)


def told_by_names(sheet: Sheet, part: str, wanted: str | None) -> Understanding:
    """Return the path of a sheet that names its columns.

    Args:
        wanted: the format that the user names.

    Raises:
        DoubtfulFormatError: its units or axes are doubtful.
        InputError: it is broken.
    """
    roles = {column.role for column in sheet.columns if column}
    if wanted == "wu2017" or (wanted is None and wu2017.names_it(sheet.header)):
        if "qw" not in roles:
            raise InputError(f"{sheet.label} names no quaternion, as Wu et al. 2017 do")
        refuse_part(sheet.label, part)
        return Understanding(
            "wu2017", _content("wu2017"), _by_names(wanted), wu2017.read_named(sheet)
        )
    if roles >= {"yaw", "pitch"}:
        refuse_part(sheet.label, part)
        if wanted is None and (doubt := named.doubt(sheet)):
            raise DoubtfulFormatError(
                f"{sheet.label}: {doubt}; to take them as they are named, name the format {OWN}"
            )
        path = named.angles(sheet)
        return Understanding(OWN, _columns(sheet), _by_names(wanted), path)
    if "qw" in roles:
        refuse_part(sheet.label, part)
        return _turned(sheet, wanted)
    return _salient(sheet, part, wanted)


def told_by_rows(sheet: Sheet, part: str) -> Understanding:
    """Return the path of rows without names, if only one layout makes it plausible.

    Raises:
        DoubtfulFormatError: several layouts do, or none does.
        InputError: no layout has such rows, or the path of the only one is broken.
    """
    table = sheet.values
    possible = [layout for layout in layouts.LAYOUTS if len(table) and layout.fits(table)]
    for layout in possible:
        if layout.signature(table):
            path = layout.build(table, sheet.label, part)
            return Understanding(layout.name, layout.content, "by its first rows", path)
    if not possible:
        raise _unknown_rows(sheet.label, table)
    tried = [(layout, *_try(layout, sheet, part)) for layout in possible]
    fit = [(layout, path) for layout, path, against in tried if path is not None and not against]
    if len(tried) == 1:
        layout, only, against = tried[0]
        if only is None:
            raise InputError(against)
        return Understanding(layout.name, layout.content, "by its columns", only)
    if len(fit) != 1:
        raise DoubtfulFormatError(_ambiguous(sheet.label, fit, tried))
    layout, path = fit[0]
    if layout.name != "jin2022" or not jin2022.is_its_clock(table[:, 0]):
        sheet.remarks.append(
            f"read as {layout.name} ({layout.content}), the only layout in which this is a head "
            f"that moves as people do"
        )
    return Understanding(layout.name, layout.content, "by what is plausible for a head", path)


def named_layout(sheet: Sheet, name: str, part: str) -> Understanding:
    """Return the path of rows in the layout called ``name``.

    Raises:
        InputError: they are not of that layout, or broken.
    """
    layout = next(layout for layout in layouts.LAYOUTS if layout.name == name)
    table = sheet.values
    if not len(table):
        raise InputError(f"{sheet.label} holds no look: give a path with at least one")
    turned = (
        name == "wu2017" and table.shape[1] >= 6 and quaternions.are_units(table[:, 2:6])
    ) or (name == "ros-wxyz" and layouts.LAYOUTS[2].fits(table))
    if not turned and not layout.fits(table):
        raise InputError(f"{sheet.label} is not {name}: {layout.content} is expected in each row")
    path = layout.build(table, sheet.label, part)
    return Understanding(name, layout.content, "as named", path)


def _unknown_rows(label: str, table: Floats) -> InputError:
    columns = table.shape[1]
    if not len(table):
        return InputError(f"{label} holds no look: give a path with at least one")
    if columns in (5, 6):
        return DoubtfulFormatError(
            f"{label}: rows of {columns} numbers should end in a quaternion, and here is one whose "
            f"length is not 1: name the columns (such as {COLUMNS})"
        )
    return DoubtfulFormatError(
        f"{label}: rows of {columns} numbers are no known format: name the columns (such as "
        f"time_s,yaw_deg,pitch_deg)"
    )


def _try(layout: RowLayout, sheet: Sheet, part: str) -> tuple[Trajectory | None, str]:
    """Return the path in a layout, if there is one, and what speaks against it."""
    try:
        path = layout.build(sheet.values, sheet.label, part)
    except InputError as error:
        return None, str(error)
    return path, next(iter(objections(path)), "")


def _ambiguous(
    label: str,
    fit: list[tuple[RowLayout, Trajectory]],
    tried: list[tuple[RowLayout, Trajectory | None, str]],
) -> str:
    if fit:
        names = [layout.name for layout, _ in fit]
        return f"{label} can be {listed(names, 'or')}, and its numbers do not tell which: {_ADVICE}"
    reasons = [
        f"{layout.name} {against if path is not None else 'is broken'}"
        for layout, path, against in tried
    ]
    return f"{label} is no plausible gaze path ({', '.join(reasons)}): {_ADVICE}"


def _turned(sheet: Sheet, wanted: str | None) -> Understanding:
    """Return the path of named quaternions, in the axes that are wanted or else plausible."""
    axes, _, columns = (wanted or "").rpartition(":")
    if wanted in FORMAT_NAMES:
        axes = str(wanted).partition("-")[0]
        if axes not in quaternions.AXES:
            raise InputError(f"{sheet.label} holds quaternions, not {wanted}")
    tried = [axes] if axes else list(quaternions.AXES)
    paths = [(each, named.quaternion(sheet, each)) for each in tried]
    if not axes:
        paths = [(each, path) for each, path in paths if not objections(path)] or paths
    if len(paths) > 1:
        order = _order(sheet)
        forms = [f"{each}:{columns}" if wanted else f"{each}-{order}" for each, _ in paths]
        raise DoubtfulFormatError(
            f"{sheet.label} holds quaternions whose axes can be {listed(forms, 'or')}: name the "
            f"format"
        )
    each, path = paths[0]
    by = _by_names(wanted) if axes else "by the names of its columns and a level head"
    return Understanding(f"{each}-{_order(sheet)}", f"quaternions in {each}'s axes", by, path)


def _order(sheet: Sheet) -> str:
    roles = [column.role for column in sheet.columns if column]
    return "wxyz" if roles.index("qw") < roles.index("qx") else "xyzw"


def _salient(sheet: Sheet, part: str, wanted: str | None) -> Understanding:
    found = [sheet.of(role) for role in ("index", "longitude", "latitude", "time")]
    if None in found:
        raise InputError(
            f"{sheet.label} names longitude and latitude, but not Idx and start timestamp, as "
            f"Salient360! does: call them yaw_deg and pitch_deg if they are degrees"
        )
    table = np.stack([values for _, values in filter(None, found)], axis=1)
    path = salient360.read(table, sheet.label, part)
    return Understanding("salient360", _content("salient360"), _by_names(wanted), path)


def _columns(sheet: Sheet) -> str:
    """Return the columns that are read, in words."""
    words = []
    for column in filter(None, sheet.columns):
        default = "s" if column.role in TIMES else "deg" if column.role in ANGLES else ""
        unit = f" ({column.unit or default})" if column.unit or default else ""
        words.append(f"{'-' if column.sign < 0 else ''}{column.role}{unit}")
    return f"columns {', '.join(words)}"


def _by_names(wanted: str | None) -> str:
    return "by the names of its columns" if wanted is None else "as named"


def _content(name: str) -> str:
    return next(layout.content for layout in layouts.LAYOUTS if layout.name == name)
