"""Files whose texts would be obeyed by a terminal or a page, or fill it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.broken_scenes import Mutation, Parts, at, config, tensor

DATA = Path(__file__).parents[3] / "shared" / "data"
"""Material that is handed out beside the checkout; tests of it skip if it is absent."""

ORDERS = "\x1b]0;owned\x07\x1b[2J\x9b1m\u202egnp.exe\u200b\x00\r\nnerv360: all is well\u2028\ufeff"
"""Text of control characters, C0 and C1, bidirectional controls, line ends and no width."""
MARKUP = '</title><script>alert(1)</script>"><img src=x onerror=alert(2)> $credit ${title} [/red]'
ENDLESS = ORDERS + "\x1b[31mx\u202e" * 20_000


def is_tame(text: str) -> bool:
    """Tell whether a terminal shows ``text`` and obeys nothing of it but line ends."""
    return all(line.replace("\xa0", " ").isprintable() for line in text.split("\n"))


def with_texts(text: str) -> Mutation:
    """Put ``text`` wherever a scene that is read may have any."""

    def mutate(parts: Parts) -> None:
        scene = parts.scene["scene"]
        for field in ("title", "licence", "credit", "source"):
            scene["material"][field] = text
        for decoder in scene["decoders"].values():
            decoder["training"]["settings"] |= {text: text, "list": [text]}

    return mutate


def _renamed_tensor(parts: Parts) -> None:
    parts.header[ENDLESS] = parts.header.pop("nerv360.embeddings")


def _renamed_decoder(parts: Parts) -> None:
    decoders = parts.scene["scene"]["decoders"]
    decoders[ENDLESS] = decoders.pop("nerv360")


def _more_of(*keys: str) -> Mutation:
    """Return a field of such a name and value in the map at ``keys`` of the header."""
    return at(*keys, ENDLESS, value=ENDLESS)


REFUSED_SCENES: dict[str, Mutation] = {
    "version": at("version", value=ENDLESS),
    "field": _more_of(),
    "field of the scene": _more_of("scene"),
    "field of the material": _more_of("scene", "material"),
    "number": at("scene", "frames", value=ENDLESS),
    "list": at("scene", "fps", value=[ENDLESS, {ENDLESS: ENDLESS}]),
    "title": at("scene", "material", "title", value=ENDLESS),
    "decoder": _renamed_decoder,
    "configuration": config(**{ENDLESS: ENDLESS}),
    "architecture": config(architecture=ENDLESS),
    "choice": config(erp_padding=ENDLESS),
    "type of a number": config(channels=ENDLESS),
    "strides": config(strides=[ENDLESS]),
    "fingerprint": at("scene", "fingerprint", value={ENDLESS: ENDLESS}),
    "tensor": _renamed_tensor,
    "type": tensor("nerv360.embeddings", dtype=ENDLESS),
    "shape": tensor("nerv360.embeddings", shape=[ENDLESS]),
    "offsets": tensor("nerv360.embeddings", data_offsets=[ENDLESS]),
    "nesting": at("scene", "decoders", "nerv360", "training", "settings", value=[[[]]]),
}


def _avtrack(name: str) -> str:
    sample = {"sec": 0, "pitch": 0, "yaw": 0, "roll": 0}
    return json.dumps(
        {"data": [{"filename": name, "pitch_yaw_roll_data_hmd": [sample]} for _ in range(2)]},
        ensure_ascii=False,
    )


def _jvet(name: str) -> str:
    return json.dumps({"dynamic": {name: [["x"] * 8]}}, ensure_ascii=False)


REFUSED_PATHS: dict[str, Callable[[], str]] = {
    "columns.csv": lambda: f"# nerv360 trajectory {ENDLESS}\n",
    "text.csv": lambda: ENDLESS,
    "avtrack.json": lambda: _avtrack(ENDLESS),
    "jvet.json": lambda: _jvet(ENDLESS),
    "rows.txt": lambda: f"0 1 2 3 4 5\n{ENDLESS}",
}
"""Gaze paths that are none, by their names."""
