"""The course of a training in chapters: each is a training of its own, then all are joined.

A finished chapter is a small scene file in a folder beside the target; one that is not has a
checkpoint there. So a training goes on after a kill, and several processes can share the work
without talking to each other: a chapter belongs to the process that holds the lock on its file.
"""

from __future__ import annotations

import gc
import json
import math
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nerv360.clip_pictures import ClipPictures
from nerv360.disk_space import ReservedSpace
from nerv360.errors import InputError
from nerv360.files import partial_path
from nerv360.locks import LockedError, locked
from nerv360.memory import release_freed_memory
from nerv360.metrics import spread_frames
from nerv360.progress import stage
from nerv360.scene import (
    CodedScene,
    Fingerprint,
    FingerprintMaker,
    SceneHeader,
    StillPanorama,
    chapter_lengths,
    joined,
    likeness,
    merged,
    read_coded_scene,
    read_header,
    read_scene,
    sampled_frames,
    with_sound,
    write_coded,
)
from nerv360.training.by_clock import ByClock
from nerv360.training.chapters.cutting import LONGER, cut_into_chapters, find_cuts
from nerv360.training.chapters.plan import ChapterPlan
from nerv360.training.choice import suited_to_clip
from nerv360.training.course import FITTED, Training, TrainingError, about
from nerv360.training.dataset import StillShares, read_clip, still_shares
from nerv360.training.export import check_same_clip
from nerv360.training.processes import Processes
from nerv360.video import Clip

LEAST_S = 1.0
"""Seconds below which chapters are not made shorter to fit into memory."""
_BESIDE = 2
"""Frames of the chapters before and after that a chapter learns, too, but does not store."""
_SURVEYED_CHAPTERS, _SURVEYED_FRAMES = 3, 24
_POLL_S = 2.0
_FREE = ("checkpoint_s", "epochs", "steps", "rate")
"""Settings that may change when a training goes on."""
_SPARE = 2.0
"""Factor for chapters that take more space than the one that is measured."""


@dataclass
class ChapterCourse:
    """A training of a clip in chapters: `prepare`, then `run`, then `assemble`.

    Attributes:
        whole: the training of the whole clip, as the options say; never prepared.
        seconds: of a chapter.
        plan: set by `prepare`.
    """

    whole: Training
    seconds: float
    plan: ChapterPlan = field(init=False)

    @staticmethod
    def suits(whole: Training, seconds: float) -> bool:
        """Return whether a clip has more than one chapter of ``seconds``.

        That is also so if only chapters fit into memory, or if the scene to be added to has
        chapters. Several processes must agree, so memory counts only for one.
        """
        if whole.existing is not None:
            return len(whole.existing.header.chapters) > 1
        longest = seconds * whole.clip.info.fps * (1 + LONGER)
        if whole.clip.info.frames > longest:
            return True
        shortest = math.ceil(LEAST_S * whole.clip.info.fps)
        several = whole.clip.pictures > shortest and whole.group.count == 1
        return several and not whole.fits(whole.clip.pictures) and whole.fits(shortest)

    @property
    def folder(self) -> Path:
        """Folder of the chapters."""
        return self.whole.target.with_name(self.whole.target.name + ".chapters")

    @property
    def lengths(self) -> list[int]:
        """Number of frames of each chapter."""
        return chapter_lengths(self.plan.chapters, self.plan.frames)

    def file(self, number: int) -> Path:
        """Return the scene file of a chapter."""
        return self.folder / f"{number:04d}.safetensors"

    def finished(self) -> list[int]:
        """Return the numbers of the chapters that are trained."""
        return [number for number in range(len(self.plan.chapters)) if self._is_finished(number)]

    def quality_db(self, number: int) -> float | None:
        """Return the held-out PSNR of a finished chapter; None if it was not measured."""
        return (
            read_header(self.file(number)).header.trainings[self.plan.config.architecture].psnr_db
        )

    def prepare(self) -> None:
        """Decide on the chapters and their network, or read what an earlier process decided.

        Raises:
            InputError: the training cannot begin, or not go on.
        """
        group = self.whole.group
        if group.is_first:
            longest = self._fitting_s() * self.whole.clip.info.fps
            with about("target"):
                self._check_folder()
                with locked(self._plan_file, wait=True):
                    self._decide(max(longest, 2.0))
        group.any(False, self.whole.device)  # the others wait here
        if not group.is_first:
            self.plan = ChapterPlan.read(self._plan_file)
        self._check_finished()
        group.any(False, self.whole.device)  # none is done before all have read the plan

    def run(self, train: Callable[[int, Training], bool], stop: Callable[[], bool]) -> bool:
        """Train all chapters that no other process trains; return whether all are finished.

        Waits for chapters that other processes train, and takes over those that they leave.

        Args:
            train: trains and stores a chapter that is prepared, by its number; returns False if it
                was stopped.
            stop: asked between chapters.

        Raises:
            InputError: a chapter cannot be trained.
        """
        with ExitStack() as stack:
            reserved = False
            while not stop() and self._is_incomplete():
                taken = False
                for number in range(len(self.plan.chapters)):
                    waits = self.plan.chained and number and not self._is_finished(number - 1)
                    if waits or self._is_finished(number):
                        continue
                    release_freed_memory()  # of what came before
                    with self._claimed(number) as training:
                        if training is None:
                            continue
                        taken = True
                        release_freed_memory()  # of reading the pictures
                        if stop() or not train(number, training):
                            return False
                    if not reserved:
                        self._reserve(number, stack)
                        reserved = True
                    self._network(number - 1).unlink(missing_ok=True)  # nobody needs it now
                    del training
                    gc.collect()  # what it holds is freed before the next chapter is read
                if not taken:
                    time.sleep(_POLL_S)
        return not self._is_incomplete()

    def assemble(self) -> SceneHeader | None:
        """Join the chapters to the scene; return its header, or None if another process did it.

        Takes twice the memory of all chapters as they are coded.

        Raises:
            InputError: the scene cannot be written; the chapters stay.
        """
        with about("broken off"), locked(self.whole.target, wait=True):
            if not self._plan_file.exists():
                return None
            with stage("joining the chapters"):
                parts = [read_coded_scene(self.file(n)) for n in range(len(self.plan.chapters))]
                sounding = with_sound(joined(parts, self.plan.fingerprint), self.whole.sound())
                existing = self.whole.existing
                scene = sounding if existing is None else merged(existing, sounding)
                write_coded(self.whole.target, scene)
            # Other processes see all of the folder or nothing.
            gone = partial_path(self.folder)
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            return scene.header

    def store_so_far(self) -> int:
        """Write a scene of the chapters so far, up to a gap; return their number.

        Nothing is written without any, or if decoders are added to a scene.

        Raises:
            InputError: it cannot be written.
        """
        parts: list[CodedScene] = []
        while self.file(len(parts)).exists():
            parts.append(read_coded_scene(self.file(len(parts))))
        if not parts or self.whole.existing is not None:
            return 0
        with about("broken off"):
            write_coded(self.whole.target, with_sound(joined(parts, None), self.whole.sound()))
        return len(parts)

    @property
    def _plan_file(self) -> Path:
        return self.folder / "plan.json"

    def _network(self, number: int) -> Path:
        """Return the file of a chapter's network, which the next one begins with."""
        return self.folder / f"{number:04d}.network"

    def _is_incomplete(self) -> bool:
        """Return whether a chapter is not finished, unless another process has joined them."""
        return len(self.finished()) < len(self.plan.chapters) and self._plan_file.exists()

    def _is_finished(self, number: int) -> bool:
        file = self.file(number)
        return file.exists() and not file.with_name(file.name + ".checkpoint").exists()

    def _check_folder(self) -> None:
        """Make the folder, or check that it is one of a training that may go on or be replaced."""
        self.folder.mkdir(exist_ok=True)
        names = [path.name for path in self.folder.iterdir() if not path.name.startswith(".")]
        if names and not self._plan_file.exists():
            raise InputError(f"{self.folder}, where the chapters are to be, has other files")
        if names and not (self.whole.resume or self.whole.overwrite):
            raise TrainingError(f"{self.folder} is what a stopped training left", "left")

    def _decide(self, longest: float) -> None:
        """Read the plan, or make one with chapters of ``longest`` frames at most."""
        if self._plan_file.exists() and not self.whole.resume:
            for file in self.folder.glob("[0-9]*.network"):
                file.unlink()
            for file in self.folder.glob("[0-9]*.safetensors*"):
                with locked(file.with_name(file.name.removesuffix(".checkpoint"))):
                    file.unlink(missing_ok=True)
            self._plan_file.unlink()
        fingerprint = _fingerprint(self.whole.clip)
        if self._plan_file.exists():
            self.plan = ChapterPlan.read(self._plan_file)
            self._check_same(fingerprint)
            return
        existing = self.whole.existing
        if existing is not None:
            with about("existing"):
                check_same_clip(existing.header, self.whole.clip.info, fingerprint)
        cuts = find_cuts(self.whole.clip)
        if existing is not None:
            chapters = existing.header.chapters
        else:
            chapters = cut_into_chapters(self.whole.clip.info.frames, longest, cuts)
        self.plan = self._suited(chapters, cuts, fingerprint)
        self.plan.write(self._plan_file)

    def _suited(
        self, chapters: tuple[int, ...], cuts: list[int], fingerprint: Fingerprint
    ) -> ChapterPlan:
        """Return a plan with the network that suits a sample of the chapters."""
        whole, frames, why = self.whole, self.whole.clip.info.frames, None
        config, settings = whole.config, whole.settings
        if whole.suits:
            shares = []
            lengths = chapter_lengths(chapters, frames)
            for number in spread_frames(_SURVEYED_CHAPTERS, len(chapters)):
                first, count = chapters[number], lengths[number]
                step = max(1, count // _SURVEYED_FRAMES)
                sample = whole.clip.taken(slice(first, first + count, step))
                survey = read_clip(sample, (config.frame_height, config.frame_width))
                shares.append(still_shares(survey))
            survey.still_shares = StillShares(
                statistics.fmean(share.sphere for share in shares),
                statistics.fmean(share.horizon for share in shares),
            )
            with about("settings"):
                config, settings, why = suited_to_clip(config, settings, survey, whole.changes)
        frame_s = None
        if whole.clock is not None:
            share = min(whole.group.count, len(chapters))
            frame_s = whole.clock.left_s * share / frames
        return ChapterPlan(
            self._asked(), chapters, frames, config, settings.looks_at_motion, why, fingerprint,
            frame_s, whole.group.count == 1, tuple(cuts),
        )  # fmt: skip

    def _asked(self) -> dict[str, Any]:
        """Return the options that a training that goes on must have again."""
        settings = self.whole.settings.to_dict()
        for name in _FREE:
            del settings[name]
        asked = {
            "network": self.whole.config.to_dict(),
            "training": settings,
            "changes": dict(self.whole.changes),
            "suits": self.whole.suits,
            "frames": self.whole.clip.info.frames,
            "chapter_seconds": self.seconds,
        }
        values: dict[str, Any] = json.loads(json.dumps(asked))
        return values

    def _check_same(self, fingerprint: Fingerprint) -> None:
        with about("checkpoint"):
            asked = self._asked()
            for name, value in self.plan.asked.items():
                if asked.get(name) != value:
                    raise InputError(
                        f"{self.folder} was made with another {name}: give the options of the "
                        f"first run, or train from the beginning"
                    )
            if not likeness(self.plan.fingerprint, fingerprint.samples).same:
                raise InputError(f"{self.folder} was made of other pictures than the clip has")

    def _check_finished(self) -> None:
        """Raise InputError if a finished chapter is damaged or of another training."""
        for number in self.finished():
            header = read_header(self.file(number)).header
            configs = {self.plan.config.architecture: self.plan.config}
            if header.configs != configs or header.frames != self.lengths[number]:
                raise InputError(
                    f"{self.file(number)} is not a chapter of this training: delete it to train "
                    f"the chapter again"
                )

    def _fitting_s(self) -> float:
        """Return the seconds of a chapter that fits into memory, at most those that are wanted.

        Raises:
            InputError: even the shortest chapter does not fit.
        """
        seconds, fps = self.seconds, self.whole.clip.info.fps
        while seconds > LEAST_S and not self.whole.fits(math.ceil(seconds * fps * (1 + LONGER))):
            seconds = max(seconds / 2, LEAST_S)
        self.whole.check_memory(math.ceil(seconds * fps))
        return seconds

    @contextmanager
    def _claimed(self, number: int) -> Iterator[Training | None]:
        """Prepare a chapter; yield None if another process trains it or has finished it."""
        training, ready = self._training(number), False
        with ExitStack() as stack:
            try:
                stack.enter_context(training.prepared())
                ready = self._plan_file.exists() and not self._is_finished(number)
            except InputError as error:
                # Held by another process, left by one after its checkpoint was looked for, or
                # finished in the meantime, and perhaps all joined.
                left = getattr(error, "subject", "") == "left"
                expected = left or isinstance(error.__cause__, LockedError)
                expected = expected or self._is_finished(number)
                if not expected and self._plan_file.exists():
                    raise
            if ready and self.plan.why is not None:
                still_shares(training.trainer.frames)  # for the chapter's header
            yield training if ready else None
        if not self._plan_file.exists():
            with suppress(OSError):
                self.folder.rmdir()  # a lock makes it again after all are joined

    def _training(self, number: int) -> Training:
        whole, plan = self.whole, self.plan
        first, count = plan.chapters[number], self.lengths[number]
        settings = replace(
            whole.settings,
            seed=whole.settings.seed + number,
            looks_at_motion=plan.looks_at_motion,
            steps=whole.settings.steps
            and max(1, round(whole.settings.steps * count / plan.frames)),
        )
        file, before = self.file(number), self._network(number - 1)
        return Training(
            whole.clip.taken(slice(first, first + count)),
            file,
            plan.config,
            settings,
            whole.attribution,
            whole.device,
            changes={name: value for name, value in whole.changes.items() if name in FITTED},
            group=Processes(),
            still=self._still(number),
            resume=file.with_name(file.name + ".checkpoint").exists(),
            clock=None
            if plan.frame_s is None
            else ByClock(plan.frame_s * count / 60, time.monotonic()),
            stores_on_the_way=False,
            begins_with=before if self.plan.chained and before.exists() else None,
            kept_as=self._network(number) if self.plan.chained else None,
            beside=self._beside(first, first + count),
        )

    def _beside(self, first: int, end: int) -> tuple[Clip, tuple[int, int]]:
        """Return the clip of a chapter and of frames beside it, and their number on each side.

        Without them the first and the last pictures of a chapter are learned less well than others.
        """
        cuts = self.plan.cuts
        before = max(0, first - _BESIDE, *(cut for cut in cuts if cut <= first))
        after = min(self.plan.frames, end + _BESIDE, *(cut for cut in cuts if cut >= end))
        return self.whole.clip.taken(slice(before, after)), (first - before, after - end)

    def _still(self, number: int) -> StillPanorama | None:
        """Return a chapter's still panorama in the scene that the decoder is added to."""
        if self.whole.existing is None:
            return None
        return read_scene(self.whole.target, chapter=number).still

    def _reserve(self, number: int, stack: ExitStack) -> None:
        """Reserve disk space for the whole scene, by the size of a finished chapter."""
        share = self.plan.frames / self.lengths[number]
        needed = round(_SPARE * share * self.file(number).stat().st_size)
        with about("target"):
            stack.enter_context(ReservedSpace(self.whole.target, needed, 0))


def _fingerprint(clip: Clip) -> Fingerprint:
    """Return the fingerprint of a clip; only its samples are read."""
    pictures, frames = ClipPictures(clip), clip.info.frames
    maker = FingerprintMaker(frames)
    for frame in sampled_frames(frames):
        maker.see(frame, pictures[frame])
    return maker.fingerprint
