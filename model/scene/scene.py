"""A scene in memory: a clip represented by decoders."""

from __future__ import annotations

import base64
import html
import io
import itertools
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from nerv360.config import ModelConfig
from nerv360.errors import InputError
from nerv360.scene.coding import Levels
from nerv360.scene.fingerprint import Fingerprint
from nerv360.scene.header import Attribution, SceneHeader, TrainingSummary
from nerv360.scene.still import StillPanorama
from nerv360.sound import check_opus

THUMBNAIL_WIDTH = 480


@dataclass(repr=False)
class Decoder:
    """One trained decoder and its embeddings.

    Attributes:
        config: of its network.
        weights: its state dict, without encoder and embeddings; float32.
        embeddings: frames×d×h×w, float32.
        training: its training.
        finer: its finer embeddings, frames×c×h×w each, coarser ones first.
        still: the still panorama behind its pictures, the same for all decoders of a scene; None
            without one.
        levels: for each of ``embeddings`` and ``finer`` None, or its levels; then the tensor is
            frames×0. Only `read_scene` with ``as_levels`` makes them. Empty is None for all.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    embeddings: Tensor
    training: TrainingSummary
    finer: tuple[Tensor, ...] = ()
    still: StillPanorama | None = None
    levels: tuple[Levels | None, ...] = ()

    @property
    def frames(self) -> int:
        """Number of pictures of the clip."""
        return self.embeddings.shape[0]

    @property
    def embedding_bytes(self) -> int:
        """Bytes that its embeddings take in memory."""
        dense = sum(each.nbytes for each in (self.embeddings, *self.finer))
        return dense + sum(each.nbytes for each in self.levels if each is not None)

    def maps(self, frames: slice) -> tuple[Tensor, ...]:
        """Return the embeddings of ``frames``, n×c×h×w float32 each, the coarsest first."""
        pairs = itertools.zip_longest((self.embeddings, *self.finer), self.levels)
        return tuple((every if levels is None else levels)[frames] for every, levels in pairs)

    def __repr__(self) -> str:
        numbers = sum(weight.numel() for weight in self.weights.values())
        return (
            f"<Decoder {self.config.architecture}: {numbers / 1e6:.2f} M parameters, "
            f"{self.frames} frames>"
        )


@dataclass(repr=False)
class Scene:
    """A clip represented by decoders; picture i of ``frames`` has the time i / frames.

    Attributes:
        width, height: pixels of the source clip.
        fps: its pictures per second.
        decoders: at least one, by the name of its architecture.
        fingerprint: of the learned pictures; None if unknown.
        sound: Opus in Ogg; None without sound.
    """

    attribution: Attribution
    width: int
    height: int
    fps: float
    frames: int
    decoders: dict[str, Decoder]
    fingerprint: Fingerprint | None = None
    sound: bytes | None = None

    @property
    def still(self) -> StillPanorama | None:
        """The still panorama of its decoders; None if no decoder has one."""
        stills = (decoder.still for decoder in self.decoders.values())
        return next((still for still in stills if still is not None), None)

    def __repr__(self) -> str:
        return (
            f"<Scene {self.attribution.title!r}: {self.width}x{self.height}, {self.frames} frames "
            f"at {self.fps:g} a second, {', '.join(self.decoders)}>"
        )

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: one line, below the still panorama if there is one."""
        line = f"<p>{html.escape(repr(self))}</p>"
        return line if self.still is None else f"{_thumbnail(self.still)}{line}"

    def decoder(self, name: str) -> Decoder:
        """Return the decoder called ``name``.

        Raises:
            InputError: the scene has no such decoder.
        """
        if name not in self.decoders:
            raise InputError(f"the scene has no decoder {name}, only {', '.join(self.decoders)}")
        return self.decoders[name]

    @property
    def header(self) -> SceneHeader:
        """Everything except the tensors."""
        return SceneHeader(
            attribution=self.attribution,
            width=self.width,
            height=self.height,
            fps=self.fps,
            frames=self.frames,
            configs={name: decoder.config for name, decoder in self.decoders.items()},
            trainings={name: decoder.training for name, decoder in self.decoders.items()},
            fingerprint=self.fingerprint,
            sound_channels=None if self.sound is None else check_opus(self.sound),
        )


def _thumbnail(still: StillPanorama) -> str:
    picture = Image.fromarray(still.pixels.numpy())
    picture.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
    file = io.BytesIO()
    picture.save(file, "JPEG")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="still panorama" src="data:image/jpeg;base64,{data}">'
