"""Search for the coarsest storage of a trained network whose loss of quality is allowed."""

from __future__ import annotations

import bisect
import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nerv360.scene import (
    FINE,
    LEVELS,
    WEIGHT_BITS,
    Attribution,
    Coarseness,
    CodedScene,
    SceneHeader,
    assembled,
    kept_weights,
    rounded_weights,
)
from nerv360.training.dataset import held_out_looks
from nerv360.training.export.embeddings import TrainedEmbeddings
from nerv360.training.export.scene import scene_header, trained_weights
from nerv360.training.quality import Quality, held_out_quality
from nerv360.training.trainer import Trainer

log = logging.getLogger(__name__)

_OF_WEIGHTS = 0.3
"""Share of the allowed loss that the weights may use; the rest is for embeddings."""


@dataclass(frozen=True)
class Export:
    """A scene as it will be stored, and its held-out quality before and after rounding.

    Attributes:
        coarseness: of the stored scene; None if even the finest of the ladder cost too much, or the
            search failed. Then embeddings have 256 levels and weights half precision.
    """

    scene: CodedScene
    before: Quality
    stored: Quality
    coarseness: Coarseness | None

    @property
    def cost(self) -> tuple[float, float | None]:
        """Decibels lost by storing: on average, and where something moves (None without motion)."""
        return _cost(self.before, self.stored)


@torch.no_grad()
def export_plainly(trainer: Trainer, attribution: Attribution, *, last: bool = False) -> Export:
    """Code the scene with 256 levels and 16-bit weights.

    Args:
        last: no step follows; the trainer forgets the pictures that it is not measured with.
    """
    storage = _Storage(trainer, last=last)
    return storage.export(storage.measured(None), None, attribution)


@torch.no_grad()
def export_so_far(trainer: Trainer, attribution: Attribution) -> CodedScene:
    """Code the scene so far like `export_plainly`, but in a fraction of its time.

    Embeddings take about a quarter more bytes, and MS-SSIM is not measured.
    """
    storage = _Storage(trainer)
    return storage.coded(None, storage.quality(None), attribution, quick=True)


@torch.no_grad()
def export_scene(trainer: Trainer, attribution: Attribution, *, last: bool = False) -> Export:
    """Code the best network's decoder and all embeddings as coarsely as ``settings.rate`` allows.

    The quality in the summary is measured on what is stored.

    If the search or the coding fails, for example for lack of memory, the scene is stored with 256
    levels and 16-bit weights, and a warning is logged.

    Args:
        last: as of `export_plainly`.

    Raises:
        Exception: even that failed.
    """
    storage = _Storage(trainer, last=last)
    before = storage.measured(None)
    try:
        chosen = _coarsest(storage, before, trainer.settings.rate)
        return storage.export(before, chosen, attribution)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("storing the scene in few bytes failed (%s): it is stored plainly", reason)
    return storage.export(before, None, attribution)


def _coarsest(storage: _Storage, before: Quality, rate: float) -> Coarseness | None:
    """Return the coarsest storage that costs no more than ``rate`` decibels; None if none does."""

    def is_cheap(coarseness: Coarseness, share: float = 1.0) -> bool:
        costs = _cost(before, storage.quality(coarseness))
        return all(cost <= share * rate for cost in costs if cost is not None)

    # Weights first, by themselves: those of some networks bear 8 bits, those of others do not.
    weights = [replace(FINE, weight_bits=bits) for bits in WEIGHT_BITS[:-1]]
    bits = WEIGHT_BITS[bisect.bisect_left(weights, True, key=lambda it: is_cheap(it, _OF_WEIGHTS))]
    ladder = [Coarseness(levels, bits) for levels in LEVELS]
    return [*ladder, None][bisect.bisect_left(ladder, True, key=is_cheap)]


class _Storage:
    """Ways to store one training.

    It holds the embeddings of all frames in 16 bits, and those of the held-out frames rounded in
    one way.
    """

    def __init__(self, trainer: Trainer, *, last: bool = False) -> None:
        self._trainer = trainer
        self._network = trainer.best_network()
        self._weights = trained_weights(trainer)
        frames = trainer.frames
        looks = held_out_looks(trainer.config, len(frames), trainer.settings.held_out)
        self._pictures = sorted({frames.shown[index] for index in looks[0]})

        def done(picture: int) -> None:
            if last and picture not in self._pictures:
                frames.forget(picture)

        self._embeddings = TrainedEmbeddings.of(self._network, frames, trainer.device, done)
        self._rounded = functools.lru_cache(maxsize=1)(self._embeddings.rounded)
        self.quality = functools.cache(self._quality)

    def export(
        self, before: Quality, coarseness: Coarseness | None, attribution: Attribution
    ) -> Export:
        """Code the scene in this way and measure its quality."""
        quality = self._quality(coarseness, structure=True)
        return Export(self.coded(coarseness, quality, attribution), before, quality, coarseness)

    def coded(
        self,
        coarseness: Coarseness | None,
        quality: Quality,
        attribution: Attribution,
        *,
        quick: bool = False,
    ) -> CodedScene:
        """Code the scene in this way, with its measured quality."""
        self._rounded.cache_clear()
        shown = self._trainer.frames.shown
        embeddings = self._embeddings.coded(coarseness or FINE, shown, quick=quick)
        header = _with_quality(scene_header(self._trainer, attribution), quality)
        still = self._trainer.still
        return assembled(header, self._stored_weights(coarseness), embeddings, still)

    def _quality(self, coarseness: Coarseness | None, structure: bool = False) -> Quality:
        """Return the held-out quality of what is stored; its weights are left in the network."""
        self._network.decoder.load_state_dict(self._stored_weights(coarseness))
        choice = coarseness or FINE
        # The embeddings do not depend on the weights' bits, which the search decides first.
        choice = replace(choice, weight_bits=FINE.weight_bits)
        return self.measured(self._rounded(choice, tuple(self._pictures)), structure=structure)

    def _stored_weights(self, coarseness: Coarseness | None) -> dict[str, Tensor]:
        if coarseness is None:
            return {name: kept_weights(weight) for name, weight in self._weights.items()}
        return {
            name: kept_weights(rounded_weights(weight, coarseness))
            for name, weight in self._weights.items()
        }

    def measured(
        self, embeddings: dict[int, list[Tensor]] | None, *, structure: bool = False
    ) -> Quality:
        """Return the held-out quality of these embeddings; None for the encoder's own."""
        device = self._trainer.device

        def stored(index: int) -> Sequence[Tensor]:
            assert embeddings is not None
            picture = self._trainer.frames.shown[index]
            return [level.to(device) for level in embeddings[picture]]

        return held_out_quality(
            self._network,
            self._trainer.frames,
            self._trainer.times,
            self._trainer.settings.held_out,
            embeddings=None if embeddings is None else stored,
            structure=structure,
        )


def _cost(before: Quality, stored: Quality) -> tuple[float, float | None]:
    moving = None
    if before.moving_db is not None and stored.moving_db is not None:
        moving = before.moving_db - stored.moving_db
    return before.psnr_db - stored.psnr_db, moving


def _with_quality(header: SceneHeader, quality: Quality) -> SceneHeader:
    ((name, training),) = header.trainings.items()
    summary = replace(
        training,
        psnr_db=round(quality.psnr_db, 3),
        moving_db=None if quality.moving_db is None else round(quality.moving_db, 3),
        ms_ssim=None if quality.ms_ssim is None else round(quality.ms_ssim, 5),
    )
    return replace(header, trainings={name: summary})
