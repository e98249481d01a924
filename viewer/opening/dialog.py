"""The desktop's dialog for opening files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from imgui_bundle import portable_file_dialogs as dialogs

_HELPERS = ("zenity", "kdialog", "matedialog", "qarma")
_FILTERS = ["All files", "*", "Scenes", "*.safetensors"]


class OpenDialog:
    """File dialog beside the window; at most one is open at a time."""

    def __init__(self, notify: Callable[[str], None], opened: Callable[[list[Path]], None]) -> None:
        """Create the dialog without opening it.

        Args:
            notify: called with a sentence if there can be no dialog.
            opened: called with the chosen files.
        """
        self._notify, self._opened = notify, opened
        self._dialog: dialogs.open_file | None = None

    def open(self) -> None:
        """Open the dialog, unless it is open."""
        if self._dialog is not None:
            return
        if sys.platform.startswith("linux") and not any(map(shutil.which, _HELPERS)):
            self._notify(
                "There is no program for a file dialog: install zenity or kdialog, or drop a file "
                "on the window."
            )
            return
        self._dialog = dialogs.open_file(
            "Open a scene, a 360° video or a gaze path", "", _FILTERS, dialogs.opt.multiselect
        )

    def poll(self) -> None:
        """Open the files chosen since the last call."""
        if self._dialog is None or not self._dialog.ready(0):
            return
        chosen = [Path(name) for name in self._dialog.result()]
        self._dialog = None
        if chosen:
            self._opened(chosen)

    def close(self) -> None:
        """Close the dialog, if it is open."""
        if self._dialog is not None:
            self._dialog.kill()
            self._dialog = None
