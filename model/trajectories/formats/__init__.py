"""Formats of gaze files: how each is recognised, and how it is read."""

from nerv360.trajectories.formats.jvet import PREFIX
from nerv360.trajectories.formats.names import Column, named_columns
from nerv360.trajectories.formats.sheet import NoRowsError
from nerv360.trajectories.formats.sheet import read as read_sheet
from nerv360.trajectories.formats.table import BLOCK, DoubtfulFormatError, shown
from nerv360.trajectories.formats.telling import (
    FORMAT_NAMES,
    OWN,
    Told,
    told_by_place,
    told_of_json,
    told_of_rows,
)

__all__ = [
    "BLOCK",
    "FORMAT_NAMES",
    "OWN",
    "PREFIX",
    "Column",
    "DoubtfulFormatError",
    "NoRowsError",
    "Told",
    "named_columns",
    "read_sheet",
    "shown",
    "told_by_place",
    "told_of_json",
    "told_of_rows",
]
