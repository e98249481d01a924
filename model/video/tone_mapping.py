"""HDR pictures, in PQ or HLG, as 8-bit RGB of BT.709.

PyAV's FFmpeg has neither zscale nor libplacebo, so the mapping is ours. It depends on nothing but a
colour, and comes from tables that FFmpeg's filters look up: pictures are alike in any order.

1. The transfer function gives light. PQ (SMPTE ST 2084) gives cd/m². HLG (ARIB STD-B67) gives the
   scene's light, and the system gamma of 1.2 makes it a display's, of 1,000 cd/m².
2. Colours of BT.2020, which both go with, become those of BT.709. What lies outside is clipped in
   the end.
3. The largest of the three components is mapped by BT.2390's curve (EETF) from 0 to ``PEAK`` to
   0 to ``REFERENCE_WHITE``, and the others with it: hues stay, and so does grey.
4. The curve of sRGB makes it a signal. BT.2408's reference white, 203 cd/m², 58 % of PQ and 75 %
   of HLG, becomes 90 % of the signal; what is brighter has the rest.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from av.filter import Graph
from torch import Tensor

from nerv360.errors import InputError
from nerv360.video.pixels import SCALING, reformatted

PEAK = 1000.0
"""Brightest light whose differences are kept, in cd/m²; PQ goes on to 10,000."""

REFERENCE_WHITE = 203.0
"""Light of a white surface by BT.2408, in cd/m²; the most that an SDR screen shows."""

TRANSFERS = {16: "PQ", 18: "HLG"}
"""HDR transfer functions, by FFmpeg's ``color_trc``."""

_WIDE_PRIMARIES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_LIGHT = {8: "light itself", 9: "the logarithm of light", 10: "the logarithm of light"}
"""Transfer functions that are none for a screen, by FFmpeg's ``color_trc``."""

_STEPS, _NODES, _ROOT = 4096, 33, 3
_TO_BT709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ]
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])

_Array = npt.NDArray[np.float64]


def hdr_transfer(frame: av.VideoFrame) -> str | None:
    """Return the name of a picture's HDR transfer function; None if it is not HDR."""
    return TRANSFERS.get(int(frame.color_trc))


class LightError(InputError):
    """Pictures of light itself, which no screen can show as they are."""


def colour_notes(frame: av.VideoFrame) -> list[str]:
    """Return a note on colours of an SDR picture that are wider than BT.709's, or none."""
    primaries = _WIDE_PRIMARIES.get(int(frame.color_primaries))
    if primaries is None or hdr_transfer(frame) is not None:
        return []
    return [f"its colours are those of {primaries}, and are taken to be BT.709's"]


def check_transfer(frame: av.VideoFrame, path: Path) -> None:
    """Check that a picture's values are a signal for a screen, not light itself.

    Raises:
        LightError: they are light, or its logarithm.
    """
    kind = _LIGHT.get(int(frame.color_trc))
    if kind is None and frame.format.name.endswith(("f32le", "f32be", "f16le", "f16be")):
        kind = "light itself, in floating point"
    if kind is not None:
        raise LightError(
            f"{path} stores {kind}, and not how bright it is on a screen: give pictures that are "
            f"tone-mapped, in 8 or 16 bits a channel"
        )


class ToneMapper:
    """Tone mapping of one clip's pictures; used from a single thread."""

    def __init__(self, transfer: str) -> None:
        """Compute the tables for ``PQ`` or ``HLG``."""
        self._tables = _tables(transfer)
        self._graph: Graph | None = None
        self._size = 0, 0

    def to_rgb(self, frame: av.VideoFrame) -> Tensor:
        """Return a decoded HDR picture as height×width×3 uint8, as it is coded, not turned."""
        wide = reformatted(frame, format="gbrp16le", interpolation=SCALING)
        if self._graph is None or self._size != (wide.width, wide.height):
            self._size = wide.width, wide.height
            self._graph = _graph(wide, self._tables)
        self._graph.push(wide)
        mapped = self._graph.pull()
        assert isinstance(mapped, av.VideoFrame)
        planes = [
            np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)[
                : frame.height, : frame.width
            ]
            for plane in mapped.planes
        ]
        green, blue, red = planes
        rgb = np.empty((frame.height, frame.width, 3), np.uint8)
        for channel, plane in enumerate((red, green, blue)):
            # 65535 is 255, or 257 times a byte; half of that rounds.
            rgb[..., channel] = ((plane.astype(np.uint32) + 128) * 65281) >> 24
        return torch.from_numpy(rgb)


def tone_mapped(signal: _Array, transfer: str) -> _Array:
    """Map colours …×3 of a PQ or HLG signal in BT.2020, 0 to 1, to an sRGB signal.

    It is below 0 for colours outside BT.709 and not clipped, which makes tables more exact.
    """
    light = np.minimum(_pq_light(signal) if transfer == "PQ" else _hlg_light(signal), PEAK)
    light = light @ _TO_BT709.T
    brightest = light.max(-1, keepdims=True)
    gain = _display_light(brightest) / np.maximum(brightest, 1e-9)
    return _srgb_signal(light * gain / REFERENCE_WHITE)


def _srgb_signal(light: _Array) -> _Array:
    """Return the signal of light, 1 for white (IEC 61966-2-1); straight below 0."""
    bent = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, bent)


def _pq_light(signal: _Array) -> _Array:
    """Return the light in cd/m² of a PQ signal (ST 2084's EOTF)."""
    power = signal ** (1 / 78.84375)
    ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return 10000 * ratio ** (1 / 0.1593017578125)


def _pq_signal(light: _Array) -> _Array:
    """Return the PQ signal of light in cd/m²."""
    power = (light / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _hlg_light(signal: _Array) -> _Array:
    """Return light in cd/m² of HLG on a display of `PEAK` (BT.2100: inverse OETF, OOTF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = (scene @ _LUMINANCE)[..., None]
    return PEAK * np.maximum(luminance, 1e-12) ** 0.2 * scene


def _display_light(light: _Array) -> _Array:
    """Map any light to at most `REFERENCE_WHITE`, by BT.2390's curve with black 0."""
    top = _pq_signal(np.array(PEAK))
    most = _pq_signal(np.array(REFERENCE_WHITE)) / top
    knee = 1.5 * most - 0.5
    value = np.minimum(_pq_signal(light) / top, 1.0)
    t = np.maximum(value - knee, 0) / (1 - knee)
    bent = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    return _pq_light(np.where(value < knee, value, bent) * top)


def _tables(transfer: str) -> tuple[str, str]:
    """Return the mapping as two .cube files, one for each component, then one of colours.

    PQ's signal first becomes a root of light, so that few nodes of colours are exact enough.
    """
    # swscale's white is 255·256 of 65535.
    signal = np.minimum(np.linspace(0, 65535 / 65280, _STEPS), 1)
    axis = np.linspace(0, 1, _NODES)
    if transfer == "PQ":
        signal = (_pq_light(signal) / PEAK).clip(0, 1) ** (1 / _ROOT)
        axis = _pq_signal(PEAK * axis**_ROOT)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # red changes fastest
    colours = tone_mapped(np.stack([red, green, blue], -1).reshape(-1, 3), transfer)
    return (
        f"LUT_1D_SIZE {_STEPS}\n" + "".join(f"{v:.6f} {v:.6f} {v:.6f}\n" for v in signal.tolist()),
        f"LUT_3D_SIZE {_NODES}\n"
        + "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in colours.tolist()),
    )


def _graph(picture: av.VideoFrame, tables: tuple[str, str]) -> Graph:
    """Return a filter graph that looks pictures like this one up in the tables."""
    graph = Graph()
    with tempfile.TemporaryDirectory() as folder:  # the filters read it now only
        filters = [
            graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=picture.format,
                time_base=picture.time_base or Fraction(1),
            )
        ]
        for name, table in zip(("lut1d", "lut3d"), tables, strict=True):
            path = Path(folder) / f"{name}.cube"
            path.write_text(table)
            filters.append(graph.add(name, file=str(path)))
        filters.append(graph.add("buffersink"))
        graph.link_nodes(*filters).configure()
    return graph
