"""The course of a training, from its clip to its scene file; no finished step is lost."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from nerv360.config import ModelConfig
from nerv360.devices import free_bytes
from nerv360.disk_space import ReservedSpace
from nerv360.errors import InputError, first_line
from nerv360.locks import locked
from nerv360.memory import release_freed_memory
from nerv360.progress import stage
from nerv360.scene import Attribution, CodedScene, StillPanorama, merged, with_sound, write_coded
from nerv360.sound import clip_sound, encoded
from nerv360.training.by_clock import ByClock
from nerv360.training.checkpoint import (
    check_replaceable,
    checkpoint_path,
    discard_checkpoint,
    load_checkpoint,
)
from nerv360.training.choice import sharpened, suited_to_clip
from nerv360.training.clock import Allowance
from nerv360.training.dataset import fit_config, read_clip
from nerv360.training.export import (
    Export,
    check_same_clip,
    export_plainly,
    export_scene,
    export_so_far,
    rehearse,
)
from nerv360.training.memory_estimate import training_needs
from nerv360.training.processes import Processes
from nerv360.training.settings import TrainingSettings, with_changes
from nerv360.training.trainer import StepReport, Trainer
from nerv360.video import Clip

log = logging.getLogger(__name__)

_SAFE = 0.95
"""Share of the free memory that a training may take."""
_GIB = 2**30
FITTED = ("frame_height", "frame_width", "viewport_height", "viewport_width")
"""Settings that follow from the clip's size unless they are changed."""

Subject = Literal["target", "left", "memory", "existing", "settings", "checkpoint", "broken off"]


class TrainingError(InputError):
    """A training is refused or broken off.

    Attributes:
        subject: ``target`` (the scene's file), ``left`` (by a stopped training: a checkpoint),
            ``memory``, ``existing`` (the scene to be added to), ``settings``, ``checkpoint`` (to
            go on with), or ``broken off`` after the first step.
    """

    def __init__(self, sentence: str, subject: Subject) -> None:
        super().__init__(sentence)
        self.subject = subject


@contextmanager
def about(subject: Subject) -> Iterator[None]:
    """Turn an `InputError` inside into a `TrainingError` about ``subject``."""
    try:
        yield
    except TrainingError:
        raise
    except InputError as error:
        raise TrainingError(str(error), subject) from error


@dataclass
class Training:
    """One training: `prepared`, then `plan`, `take_steps`, and `store` in the first process.

    Attributes:
        clip: its pictures.
        target: file of the scene.
        config, settings: of a preset; fitted to the clip, and `changes` applied.
        attribution: the clip's title, licence and credit.
        device: of this process.
        changes: values of settings by name, as `with_changes` takes them.
        suits: the clip chooses a still panorama and finer embeddings, unless `changes` name them.
        group: the processes that train together.
        existing: the scene that the decoder is added to; None for a scene of its own.
        still: the still panorama of ``existing``.
        resume: go on from the checkpoint.
        overwrite: a checkpoint that another training left may be replaced.
        clock: when the training is to end; None if the settings have a number of steps.
        sound_kbps: kilobits a second of two channels of sound; None leaves the sound out.
        stores_on_the_way: the scene so far is written after a third of the steps, too.
        begins_with: a checkpoint that has the weights to begin with; None for random ones.
        kept_as: file that the last checkpoint becomes; None deletes it.
        beside: the clip with some frames more, and how many those are before and after; they are
            learned, too, but not stored. None for no more.
        trainer: set by `prepared`.
        why: what the clip chose, in a sentence; set by `prepared`.
        silent: why the scene has no sound although it should; set by `sound`.
        needed, scene_bytes: bytes of memory, and of the scene file at most; set by `prepared` in
            the first process.
        finished: the last step was taken.
    """

    clip: Clip
    target: Path
    config: ModelConfig
    settings: TrainingSettings
    attribution: Attribution
    device: torch.device
    changes: Mapping[str, str] = field(default_factory=dict)
    suits: bool = False
    group: Processes = field(default_factory=Processes)
    existing: CodedScene | None = None
    still: StillPanorama | None = None
    resume: bool = False
    overwrite: bool = False
    clock: ByClock | None = None
    sound_kbps: int | None = None
    stores_on_the_way: bool = True
    begins_with: Path | None = None
    kept_as: Path | None = None
    beside: tuple[Clip, tuple[int, int]] | None = None
    trainer: Trainer = field(init=False)
    why: str | None = field(init=False, default=None)
    silent: str | None = field(init=False, default=None)
    needed: int = field(init=False, default=0)
    finished: bool = field(init=False, default=False)
    _sound: bytes | None = field(init=False, default=None)
    _space: ReservedSpace = field(init=False)

    def __post_init__(self) -> None:
        """Fit network and settings to the clip.

        Raises:
            InputError: a change is none, or the clip does not suit the network.
        """
        late = {name: value for name, value in self.changes.items() if name in FITTED}
        early = {name: value for name, value in self.changes.items() if name not in FITTED}
        with about("settings"):
            config, self.settings = with_changes(self.config, self.settings, early)
        config = fit_config(config, self.clip.info, str(self.clip.path))
        with about("settings"):
            self.config, self.settings = with_changes(config, self.settings, late)

    @property
    def checkpoint(self) -> Path:
        """File of its checkpoints."""
        return checkpoint_path(self.target)

    @property
    def scene_bytes(self) -> int:
        """Size of the scene file at most."""
        return self._space.kept

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Lock the target, read the clip, and reserve the disk space for scene and checkpoints.

        Raises:
            InputError: the training cannot begin.
        """
        with ExitStack() as stack:
            if self.group.is_first:
                with about("target"):
                    stack.enter_context(locked(self.target))
                    if not self.resume:
                        check_replaceable(self.checkpoint)
                if self.checkpoint.exists() and not (self.resume or self.overwrite):
                    raise TrainingError(
                        f"{self.checkpoint} is what a stopped training left", "left"
                    )
                self.check_memory(self.clip.pictures)
            with stage(f"preparing {self.clip.path.name}"):
                self._make_trainer()
                if self.group.is_first:
                    self._reserve(stack)
            release_freed_memory()  # of preparing
            yield

    def plan(self) -> None:
        """Plan the number of steps if the training ends by the clock."""
        if self.clock is not None:
            self.clock.plan(self.trainer)

    def take_steps(self, report: Callable[[StepReport], None], stop: Callable[[], bool]) -> None:
        """Train to the end, or until ``stop`` says so; the arguments are those of `Trainer.run`.

        Raises:
            InputError: memory ran out, or the training has diverged.
        """
        try:
            self.finished = self.trainer.run(self.checkpoint, report, stop)
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and "memory" not in str(error):
                raise
            sentence = f"memory ran out at step {self.trainer.step + 1}"
            raise TrainingError(sentence, "broken off") from error

    def store(self) -> Export:
        """Write the scene; the checkpoint goes after the last step.

        Raises:
            TrainingError: it cannot be written.
        """
        try:
            with stage("coding the scene"):
                searches = self.clock is None or self.clock.searches
                export = export_scene if searches else export_plainly
                release_freed_memory()  # of the steps
                result = export(self.trainer, self.attribution, last=True)
            scene = self._whole(result.scene)
            self._space.release()
            write_coded(self.target, scene)
        except Exception as error:
            sentence = str(error)
            if not isinstance(error, InputError):
                sentence = f"{self.target} could not be stored: {first_line(error)}"
            raise TrainingError(sentence, "broken off") from error
        if self.finished:
            if self.kept_as is not None and self.trainer.is_saved:
                self.checkpoint.replace(self.kept_as)
            discard_checkpoint(self.checkpoint)
        return result

    def keep(self) -> Path | None:
        """Return a checkpoint of the last step, or None if it cannot be written anywhere.

        If its own folder takes no file, it is written to the home folder or the temporary one.
        """
        own = self.checkpoint
        if self.trainer.is_saved:
            return own
        for folder in (own.parent, Path.home(), Path(tempfile.gettempdir())):
            path = folder / own.name
            if (path == own or not path.exists()) and self.trainer.save(path):
                return path
        return None

    def fits(self, pictures: int) -> bool:
        """Return whether a training on that many pictures fits into the memory that is free."""
        return all(needed <= free for _, needed, free in self._memory(pictures))

    def sound(self) -> bytes | None:
        """Return the clip's sound as a scene has it; None without sound, or if it is refused."""
        if self.sound_kbps is None:
            return None
        try:
            track = clip_sound(self.clip)
            if track is None:
                return None
            with stage(f"coding the sound of {self.clip.path.name}"):
                return encoded(track, self.clip.info.frames / self.clip.info.fps, self.sound_kbps)
        except InputError as error:
            self.silent = str(error)
            return None

    def _memory(self, pictures: int) -> Iterator[tuple[str, int, float]]:
        """Yield name, needed and free bytes of each memory for a training on ``pictures``."""
        config = self.config
        if self.suits:  # assumes the largest that the clip may choose
            config = sharpened(config, self.changes)
            if "still_panorama" not in self.changes:
                config = config.replace(still_panorama=True)
        needs = training_needs(
            config, self.settings, self.device, pictures=pictures, reading=self.clip.peak_bytes
        )
        yield "memory", needs.main, _SAFE * free_bytes(torch.device("cpu"))
        if needs.device:
            yield f"memory of {self.device}", needs.device, _SAFE * free_bytes(self.device)

    def check_memory(self, pictures: int) -> None:
        """Predict the bytes of memory at the peak of a training on ``pictures``.

        Raises:
            TrainingError: there are fewer.
        """
        for name, needed, free in self._memory(pictures):
            self.needed = self.needed or needed  # main memory is the first
            if needed > free:
                size = f"{self.config.frame_width}x{self.config.frame_height}"
                raise TrainingError(
                    f"{self.clip.path}: training on {pictures} pictures of {size} would take "
                    f"{needed / _GIB:.1f} GiB of {name}, and {free / _GIB:.1f} GiB can be used",
                    "memory",
                )

    def _make_trainer(self) -> None:
        config, settings = self.config, self.settings
        clip, more = self.beside or (self.clip, (0, 0))
        frames = read_clip(clip, (config.frame_height, config.frame_width), beside=more)
        if self.existing is not None:
            with about("existing"):
                check_same_clip(self.existing.header, self.clip.info, frames.fingerprint)
        if self.suits:
            with about("settings"):
                config, settings, self.why = suited_to_clip(config, settings, frames, self.changes)
        self.trainer = Trainer(config, settings, frames, self.device, self.group, self.still)
        if self.begins_with is not None:
            self.trainer.network.load_state_dict(load_checkpoint(self.begins_with)["network"])
        if self.resume:
            with about("checkpoint"):
                self.trainer.resume(self.checkpoint, keeps_end=self.clock is not None)

    def _reserve(self, stack: ExitStack) -> None:
        """Reserve disk space for the scene and two checkpoints."""
        self._sound = self.sound()
        needed = rehearse(self.trainer, self.attribution, self.existing, self.target)
        needed += len(self._sound or b"")
        checkpoints = 2 * self.trainer.checkpoint_bytes
        # Two scenes: the one on the way stays until the last one replaces it.
        self._space = ReservedSpace(self.target, needed, checkpoints + needed)
        with about("target"):
            stack.enter_context(self._space)
        self.trainer.saving = self._space.lend
        if self.stores_on_the_way:
            self.trainer.after_saving = partial(self._store_so_far, Allowance())

    def _store_so_far(self, allowance: Allowance) -> None:
        """Store the scene so far after a third of the steps.

        After the first time, only as often as it takes a small share of the time.
        """
        if 3 * self.trainer.step < self.trainer.steps or not allowance.allows():
            return
        began = time.monotonic()
        try:
            with stage("storing the scene so far"):
                whole = self._whole(export_so_far(self.trainer, self.attribution))
                with self._space.lend():
                    write_coded(self.target, whole)
        except Exception as error:
            log.warning("the scene so far was not stored: %s", error)
        took = time.monotonic() - began
        allowance.spend(took)
        if self.clock is not None:
            self.clock.stored(took)

    def _whole(self, trained: CodedScene) -> CodedScene:
        """Return the scene to be written: with sound, and with the decoders it is added to."""
        sounding = with_sound(trained, self._sound)
        return sounding if self.existing is None else merged(self.existing, sounding)
