"""Ways to start a run: a scene or clip that is read, or a scene file's still panorama first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nerv360.decoding import load_compilers, needs_compiler, window_comes_first
from nerv360.errors import InputError
from nerv360.scene import read_glimpse
from nerv360.viewer.decode import Extension, OpenScene, prepare_glimpse
from nerv360.viewer.loading import is_scene

if TYPE_CHECKING:
    import torch

    from nerv360.viewer.picture import Upload


def remark_on(
    device_name: str, prepare: Callable[[torch.device], OpenScene]
) -> Callable[[torch.device], OpenScene]:
    """Return ``prepare``, with a remark in its scene if ``auto`` leaves a card unused."""
    from nerv360.devices import unused_card

    reason = unused_card() if device_name == "auto" else None

    def remarking(device: torch.device) -> OpenScene:
        scene = prepare(device)
        remarks = " ".join(remark for remark in (reason, scene.remark) if remark)
        return replace(scene, remark=remarks or None)

    return prepare if reason is None else remarking


class WholeStart:
    """A `nerv360.viewer.run.Start` with a scene or clip that is already read."""

    rest = None

    def __init__(
        self,
        decoder: str,
        prepare: Callable[[torch.device], OpenScene],
        device: torch.device,
        engine: str,
        interop: bool = True,
        decodes: bool = True,
    ) -> None:
        """Begin with the scene or clip.

        Args:
            decoder: name of the one to begin with.
            prepare: makes the scene for a device; called again if the window settles another.
            device, engine: how to decode; an engine as `open_engine` knows it.
            interop: pictures on a GPU reach the screen without leaving it.
            decodes: it has decoders; a clip has none and needs no compiler.
        """
        self.decoder, self.device = decoder, device
        self.scene = prepare(device)
        self._prepare, self._engine, self._interop = prepare, engine, interop
        self._decodes = decodes

    def prepare(self) -> None:
        """See `nerv360.viewer.run.Start`."""
        if self._decodes and needs_compiler(self._engine, self.device):
            load_compilers()

    def open(self) -> OpenScene:
        """See `nerv360.viewer.run.Start`."""
        from nerv360.viewer.picture import device_of_window

        self.device = device_of_window(self.device)
        self.scene = self._prepare(self.device)
        return self.scene

    @property
    def upload(self) -> Callable[[], Upload]:
        """See `nerv360.viewer.run.Start`."""
        from nerv360.viewer.picture import choose_upload

        return functools.partial(choose_upload, self.device, self._interop)


@dataclass(frozen=True)
class GlimpseStart:
    """A `nerv360.viewer.run.Start` that shows a scene file's still panorama while torch loads.

    The rest of the scene is read once torch is there.
    """

    decoder: str
    scene: OpenScene
    path: Path
    device_name: str
    interop: bool = True

    def prepare(self) -> None:
        """Do nothing: no compiler is needed."""

    def open(self) -> OpenScene:
        """See `nerv360.viewer.run.Start`."""
        return self.scene

    @functools.cached_property
    def device(self) -> torch.device:
        """See `nerv360.viewer.run.Start`; loads torch."""
        from nerv360.devices import choose_device

        return choose_device(self.device_name)

    @property
    def rest(self) -> tuple[Path, Callable[[], Extension]]:
        """See `nerv360.viewer.run.Start`."""
        return self.path, self._complete

    @property
    def upload(self) -> Callable[[], Upload]:
        """See `nerv360.viewer.run.Start`."""
        from nerv360.viewer.picture import LateUpload

        return functools.partial(LateUpload, self._upload_from_cuda)

    def _upload_from_cuda(self) -> Upload:
        from nerv360.viewer.picture import choose_upload  # takes torch, as pictures do

        return choose_upload(self.device, self.interop)

    def _complete(self) -> Extension:
        from nerv360.devices import unused_card
        from nerv360.viewer.decode import complete_scene

        read = complete_scene(self.scene, self.path, self.device)
        reason = unused_card() if self.device_name == "auto" else None
        return (
            read
            if reason is None
            else replace(read, extended=replace(read.extended, remark=reason))
        )


def first_sight(
    path: Path, decoder: str | None, device: str, interop: bool = True
) -> GlimpseStart | None:
    """Return a start with what the scene file at ``path`` can show before torch is loaded.

    None if that is nothing, or something must come before the window: a GPU's compilers, or an
    error in the file or the choices, which only reading the whole file finds.

    Args:
        decoder: to begin with; None means the scene's first.
        device: its name.
        interop: see `WholeStart`.
    """
    if not is_scene(path) or device not in ("auto", "cpu"):
        return None
    try:
        glimpse = read_glimpse(path)
    except InputError:
        return None
    if glimpse is None or (device == "auto" and not window_comes_first()):
        return None
    scene = prepare_glimpse(glimpse, path)
    name = decoder or scene.decoders[0]
    if not glimpse.covering.get(name, False):
        return None
    return GlimpseStart(name, scene, path, device, interop)
