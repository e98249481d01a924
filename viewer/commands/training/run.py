"""A run of ``nerv360 train`` after its options are understood; it loses no trained result."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nerv360.disk_space import ReservedSpace
from nerv360.errors import InputError
from nerv360.locks import locked
from nerv360.progress import stage
from nerv360.text import escaped
from nerv360.viewer.commands.options import for_option
from nerv360.viewer.commands.terminal import StopOnInterrupt
from nerv360.viewer.commands.training.report import progress_report
from nerv360.viewer.progress import duration

if TYPE_CHECKING:
    from nerv360.config import ModelConfig
    from nerv360.scene import Attribution, Coarseness, CodedScene, StillPanorama
    from nerv360.training import ByClock, Export, Processes, Trainer, TrainingSettings
    from nerv360.video import Clip

log = logging.getLogger(__name__)

INTERRUPTED = 130
_MORE_THAN_PLANNED = 1.25
"""Share of the time that is left from which on a training is said to need more."""
SAFE = 0.95
"""Share of the free memory that a training may take."""
_GIB = 2**30


@dataclass(frozen=True)
class Run:
    """One training, from its clip to its scene.

    Attributes:
        clip: its pictures.
        target: file of the scene.
        config, settings: as far as the options say; see ``fixed``.
        device: name of the device.
        group: the processes that train together.
        attribution: the clip's title, licence and credit.
        existing: the scene that the decoder is added to; None for a scene of its own.
        still: the still panorama of ``existing``.
        resume, overwrite: as the options say.
        limit: number of frames to use; None for all.
        fixed: names of the settings that the clip may not choose; None if it may choose none.
        clock: when the command is to end; None if a number of steps is given.
        again: the command that continues the training.
        sound_kbps: kilobits a second of two channels of sound; None leaves the sound out.
        sound: as the scene will have it; empty without sound.
    """

    clip: Clip
    target: Path
    config: ModelConfig
    settings: TrainingSettings
    device: str
    group: Processes
    attribution: Attribution
    existing: CodedScene | None
    still: StillPanorama | None
    resume: bool
    overwrite: bool
    limit: int | None
    fixed: Collection[str] | None
    clock: ByClock | None
    again: str
    sound_kbps: int | None
    sound: list[bytes] = field(default_factory=list)

    def __call__(self) -> None:
        """Train, and write the scene.

        Raises:
            InputError: something is refused, or the scene cannot be written; the sentence then
                says where the training is kept.
            typer.Exit: it was stopped.
        """
        with ExitStack() as stack:
            try:
                if self.group.is_first:
                    with for_option(self._option):
                        stack.enter_context(locked(self.target))
                        self._check_checkpoint()
                needed = self._check_memory() if self.group.is_first else 0
                with stage(f"preparing {self.clip.path.name}"):
                    trainer = self._trainer()
                    space = self._rehearsed(trainer, stack)
                stop = stack.enter_context(StopOnInterrupt())
                self._plan(trainer, space, needed)
                if self.group.any(stop(), trainer.device):
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if self.group.is_first:
                    said = "stopped before the first step"
                    if self.resume:
                        said = f"stopped before a further step; {self.checkpoint} is as it was"
                    print(escaped(said), file=sys.stderr, flush=True)
                raise
            try:
                finished = self._steps(trainer, stop)
                if self.group.is_first:
                    self._store(trainer, space, finished)
            except KeyboardInterrupt:
                self._say_where(trainer)
                raise

    def _keep_sound(self) -> None:
        """Encode the clip's sound, if it has one; the scene goes without one that is refused."""
        from nerv360.sound import clip_sound, encoded

        self.sound.clear()
        if self.sound_kbps is None:
            return
        frames = min(self.clip.info.frames, self.limit or self.clip.info.frames)
        try:
            track = clip_sound(self.clip)
            if track is not None:
                with stage(f"coding the sound of {self.clip.path.name}"):
                    seconds = frames / self.clip.info.fps
                    self.sound.append(encoded(track, seconds, self.sound_kbps))
        except InputError as error:
            print(escaped(f"{error}; the scene goes without sound"), file=sys.stderr)

    def _whole(self, trained: CodedScene) -> CodedScene:
        """Return the scene to be written: with sound, and with the decoders it is added to."""
        from nerv360.scene import merged, with_sound

        sounding = with_sound(trained, self.sound[0] if self.sound else None)
        return sounding if self.existing is None else merged(self.existing, sounding)

    @property
    def checkpoint(self) -> Path:
        """File of its checkpoints."""
        from nerv360.training import checkpoint_path

        return checkpoint_path(self.target)

    @property
    def _option(self) -> str:
        return "-o" if self.existing is None else "--into"

    def _check_checkpoint(self) -> None:
        """Raise InputError if the checkpoint file must not be overwritten."""
        from nerv360.training import check_replaceable

        if self.resume:
            return
        check_replaceable(self.checkpoint)
        if self.checkpoint.exists() and not self.overwrite:
            raise InputError(
                f"{self.checkpoint} is what a stopped training left: add --resume to go on with "
                f"it, or --overwrite to begin anew"
            )

    def _check_memory(self) -> int:
        """Return the bytes that the training will take at its peak.

        Raises:
            InputError: there are fewer.
        """
        import torch

        from nerv360.devices import free_bytes
        from nerv360.training import FINER_CHANNELS, training_needs

        device, config = torch.device(self.device), self.config
        if self.fixed is not None:  # assumes the largest that the clip may choose
            config = config.replace(still_panorama="still_panorama" not in self.fixed)
            if "level_channels" not in self.fixed and len(config.strides) > 1:
                config = config.replace(level_channels=FINER_CHANNELS)
        shown = self.clip.shown[: self.limit]
        pictures = len(set(shown.tolist()))
        needs = training_needs(
            config, self.settings, device, pictures=pictures, reading=self.clip.peak_bytes
        )
        where = {"memory": (needs.main, torch.device("cpu"))}
        if needs.device:
            where[f"memory of {device}"] = (needs.device, device)
        for name, (needed, holder) in where.items():
            free = SAFE * free_bytes(holder)
            if needed > free:
                size = f"{config.frame_width}x{config.frame_height}"
                raise InputError(
                    f"{self.clip.path}: training on {pictures} pictures of {size} would take "
                    f"{needed / _GIB:.1f} GiB of {name}, and {free / _GIB:.1f} GiB can be used: "
                    f"give a smaller --size, fewer --frames or a shorter --duration"
                )
        return needs.main

    def _trainer(self) -> Trainer:
        import torch

        from nerv360.training import Trainer, check_same_clip, read_clip, suited_to_clip

        config, settings = self.config, self.settings
        frames = read_clip(self.clip, (config.frame_height, config.frame_width), self.limit)
        if self.existing is not None:
            with for_option("--into"):
                check_same_clip(self.existing.header, frames)
        if self.fixed is not None:
            with for_option("--set"):
                config, settings, why = suited_to_clip(config, settings, frames, self.fixed)
            if self.group.is_first:
                print(escaped(f"{self.clip.path}: {why}"))
        device = torch.device(self.device)
        trainer = Trainer(config, settings, frames, device, self.group, self.still)
        if self.resume:
            with for_option("--resume"):
                trainer.resume(self.checkpoint, keeps_end=self.clock is not None)
            quality = "" if trainer.psnr_db is None else f", {trainer.psnr_db:.2f} dB so far"
            if self.group.is_first:
                found = f"step {trainer.step:,} of {trainer.steps:,}{quality}"
                print(escaped(f"{self.checkpoint}: going on from {found}"))
        return trainer

    def _rehearsed(self, trainer: Trainer, stack: ExitStack) -> ReservedSpace | None:
        """Reserve disk space for the scene and two checkpoints; None if not the first process."""
        from nerv360.training import rehearse

        if not self.group.is_first:
            return None
        self._keep_sound()
        sound_bytes = sum(map(len, self.sound))
        scene_bytes = sound_bytes + rehearse(trainer, self.attribution, self.existing, self.target)
        size = trainer.checkpoint_bytes
        with for_option(self._option):
            # Two scenes: the one on the way stays until the last one replaces it.
            space = ReservedSpace(self.target, scene_bytes, 2 * size + scene_bytes)
            stack.enter_context(space)
        trainer.saving = space.lend
        return space

    def _plan(self, trainer: Trainer, space: ReservedSpace | None, needed: int) -> None:
        """Plan the steps, and say in one line what is about to happen."""
        config, frames = trainer.config, trainer.frames
        lasts = ""
        if self.clock is not None:
            self.clock.plan(trainer)
            lasts = f" in about {duration(self.clock.lasts_s)}"
            if self.clock.lasts_s > _MORE_THAN_PLANNED * self.clock.left_s and not self.resume:
                lasts += " (the least that this clip takes)"
        if space is None:
            return
        self._store_on_the_way(trainer, space)
        size = f"{config.frame_width}x{config.frame_height}"
        bytes_ = f"at most {space.kept / 2**20:.1f} MiB"
        print(
            escaped(
                f"{self.clip.path}: {frames.pictures} pictures of {size}, "
                f"{trainer.steps - trainer.step:,} steps{lasts}, {needed / _GIB:.1f} GiB of "
                f"memory; the scene file will take {bytes_}"
            ),
            flush=True,
        )

    def _store_on_the_way(self, trainer: Trainer, space: ReservedSpace) -> None:
        """Let checkpoints after a third of the steps be followed by the scene so far.

        After the first one, only as often as it takes a small share of the time.
        """
        from nerv360.scene import write_coded
        from nerv360.training import Allowance, export_so_far

        allowance = Allowance()

        def store() -> None:
            if 3 * trainer.step < trainer.steps or not allowance.allows():
                return
            began = time.monotonic()
            try:
                with stage("storing the scene so far"):
                    whole = self._whole(export_so_far(trainer, self.attribution))
                    with space.lend():
                        write_coded(self.target, whole)
            except Exception as error:
                log.warning("the scene so far was not stored: %s", escaped(str(error)))
            took = time.monotonic() - began
            allowance.spend(took)
            if self.clock is not None:
                self.clock.stored(took)

        trainer.after_saving = store

    def _steps(self, trainer: Trainer, stop: StopOnInterrupt) -> bool:
        """Take the steps; return False if they were stopped."""
        with stage("training", trainer.steps, trainer.step) as shown:
            report = progress_report(shown, trainer.step)
            try:
                return trainer.run(self.checkpoint, report, stop)
            except (MemoryError, RuntimeError) as error:
                if not _wants_memory(error):
                    raise
                raise InputError(
                    f"memory ran out at step {trainer.step + 1}{self._kept(trainer)}"
                ) from error

    def _store(self, trainer: Trainer, space: ReservedSpace | None, finished: bool) -> None:
        from nerv360.scene import write_coded
        from nerv360.training import discard_checkpoint, export_plainly, export_scene

        if not finished:
            wait = "" if self.clock is None else f" (about {duration(self.clock.export_s)})"
            again = "Ctrl-C again stops at once, the checkpoint stays"
            print(f"stopping: coding the scene{wait}; {again}", file=sys.stderr, flush=True)
        try:
            with stage("coding the scene"):
                searches = self.clock is None or self.clock.searches
                export = export_scene if searches else export_plainly
                result = export(trainer, self.attribution)
            scene = self._whole(result.scene)
            if space is not None:
                space.release()
            write_coded(self.target, scene)
        except Exception as error:
            sentence = str(error)
            if not isinstance(error, InputError):
                reason = sentence.splitlines()[0] if sentence else type(error).__name__
                sentence = f"{self.target} could not be stored: {reason}"
            raise InputError(sentence + self._kept(trainer)) from error
        print(escaped(f"{self.target}: {_outcome(self.target, result)}"))
        if finished:
            discard_checkpoint(self.checkpoint)
        else:
            kept = f"{self.again} goes on from {self.checkpoint}"
            if not trainer.is_saved:
                kept = f"its last steps are only in the scene: {self.checkpoint} was not written"
            print(escaped(f"stopped early; {kept}"))
            raise typer.Exit(INTERRUPTED)

    def _say_where(self, trainer: Trainer) -> None:
        """Print where the training is kept after a second Ctrl-C."""
        if not self.group.is_first:
            return
        if trainer.is_saved or trainer.save(self.checkpoint):
            said = f"{self.checkpoint} has {trainer.step:,} steps: {self.again} goes on"
        elif self.checkpoint.exists():
            said = f"the earlier {self.checkpoint} stays: {self.again} goes on from it"
        else:
            said = "no checkpoint was written"
        print(escaped(f"stopped; {said}"), file=sys.stderr, flush=True)

    def _kept(self, trainer: Trainer) -> str:
        """Return where the training is kept and how to continue it, as the end of a sentence."""
        steps = f"{trainer.step} steps"
        if trainer.is_saved:
            return (
                f"; {self.checkpoint} has its {steps}: the same command with --resume goes on with "
                f"them"
            )
        for folder in (Path.home(), Path(tempfile.gettempdir())):
            elsewhere = folder / self.checkpoint.name
            if not elsewhere.exists() and trainer.save(elsewhere):
                return (
                    f"; its {steps} are in {elsewhere}: move it to {self.checkpoint.parent}, and "
                    f"the same command with --resume goes on with them"
                )
        if self.checkpoint.exists():
            return (
                f"; the earlier {self.checkpoint} stays: the same command with --resume goes on "
                f"from it"
            )
        return "; its steps could not be saved anywhere"


def _wants_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "memory" in str(error)


def _outcome(target: Path, result: Export) -> str:
    stored, (cost, moving_cost) = result.stored, result.cost
    moving = "" if stored.moving_db is None else f", {stored.moving_db:.2f} dB where it moves"
    structure = "" if stored.ms_ssim is None else f", MS-SSIM {stored.ms_ssim:.4f}"
    there = "" if moving_cost is None else f", {moving_cost:.2f} dB where it moves"
    return (
        f"{target.stat().st_size / 2**20:.2f} MiB, held-out PSNR "
        f"{stored.psnr_db:.2f} dB{moving}{structure}; storing it in "
        f"{_precision(result.coarseness)} cost {cost:.2f} dB{there}"
    )


def _precision(coarseness: Coarseness | None) -> str:
    if coarseness is None:
        return "256 levels and weights of 16 bits"
    return f"{coarseness.levels} levels and weights of {coarseness.weight_bits} bits"
