"""The page's modules do as the window's: looks, hands, playback, what a scene file unpacks to."""

from __future__ import annotations

import base64
import io
import itertools
import math
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from nerv360.config import DEMO
from nerv360.decoding import hfov_range
from nerv360.geometry import Look
from nerv360.geometry.look import level_of_detail
from nerv360.scene import Decoder, coded_motion, coded_weights
from nerv360.scene.coding import Coarseness, deflated, rounded_weights
from nerv360.shaders import Crops, shader_plan
from nerv360.sound import SoundReader, SoundTrack, clip_sound, ear_gains, encoded, find_track
from nerv360.trajectories import TrajectoryWriter, read_trajectory, recording_head
from nerv360.video import open_clip
from nerv360.viewer.decode.look_prediction import Request, predicted_look
from nerv360.viewer.input import Action, Camera, Playback
from nerv360.viewer.panels.viewport_border import outline
from nerv360.viewer.sharing.decoder_file import decoder_file
from tests.support.page import asked
from tests.support.scenes import CONFIGS, TINY, decoder_over_still, lively_decoder
from tests.support.sounds import sounding_clip, tone

RATE = 48_000

DRIVES = {
    "left": Action.TURN_LEFT,
    "right": Action.TURN_RIGHT,
    "up": Action.TURN_UP,
    "down": Action.TURN_DOWN,
    "lean left": Action.ROLL_LEFT,
    "lean right": Action.ROLL_RIGHT,
}


def looks(count: int) -> list[Look]:
    draw = random.Random(3)
    drawn = [
        Look(
            draw.uniform(-math.pi, math.pi),
            draw.uniform(-math.pi / 2, math.pi / 2),
            draw.uniform(-math.pi, math.pi),
            math.radians(draw.uniform(30, 110)),
        )
        for _ in range(count)
    ]
    return [Look(), Look(pitch=math.pi / 2), Look(yaw=-math.pi, roll=1.0), *drawn]


def test_looks_turn_as_the_windows_do() -> None:
    given = looks(20)
    answers = asked(*(("rotation", asdict(look)) for look in given))
    for look, answer in zip(given, answers, strict=True):
        np.testing.assert_allclose(np.reshape(answer, (3, 3)).T, look.rotation(), atol=1e-12)
    backs = asked(*(("there_and_back", asdict(look)) for look in given))
    for look, back in zip(given, backs, strict=True):
        np.testing.assert_allclose(Look(**back).rotation(), look.rotation(), atol=1e-7)
    turns = asked(*(("between", asdict(a), asdict(b)) for a, b in itertools.pairwise(given)))
    for (one, other), turn in zip(itertools.pairwise(given), turns, strict=True):
        expected = other.rotation().T @ one.rotation()
        np.testing.assert_allclose(np.reshape(turn, (3, 3)).T, expected, atol=1e-12)


def test_a_recording_is_a_file_that_evaluate_follows(tmp_path: Path) -> None:
    given = [Look.from_degrees(yaw, 10, 5, 70) for yaw in (170, 179, -172, -160)]
    rows = [[1000.5 + 20 * k, k // 2, asdict(look)] for k, look in enumerate(given)]
    (text,) = asked(("recording", recording_head("Pier  at noon"), rows))
    file = tmp_path / "nerv360-path.csv"
    file.write_text(text)
    path = read_trajectory(str(file))
    assert path.source.endswith("(recorded with Pier at noon)")
    np.testing.assert_allclose(path.time_s, [0, 0.02, 0.04, 0.06])
    np.testing.assert_allclose(path.yaw_deg, [170, 179, 188, 200], atol=1e-5)
    assert path.frame is not None
    assert path.frame.tolist() == [0, 0, 1, 1]
    with TrajectoryWriter(tmp_path / "own.csv", "Pier  at noon") as own:
        for k, look in enumerate(given):
            own.append(k * 0.02, k // 2, look)
    windows = read_trajectory(str(tmp_path / "own.csv"))
    for name in ("yaw_deg", "pitch_deg", "roll_deg", "hfov_deg"):
        np.testing.assert_allclose(getattr(path, name), getattr(windows, name), atol=1e-5)
    assert text.splitlines()[:4] == (tmp_path / "own.csv").read_text().splitlines()[:4]


def test_ears_hear_what_they_hear_in_the_window() -> None:
    given = looks(20)
    answers = asked(*(("ear_gains", asdict(look)) for look in given))
    for look, answer in zip(given, answers, strict=True):
        np.testing.assert_allclose(np.transpose(answer), ear_gains(look), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 4])
def test_sound_is_cut_into_files_that_any_decoder_reads(channels: int, tmp_path: Path) -> None:
    hum = np.stack([tone(3.0, 200 * (k + 1)) for k in range(channels)])
    kinds: dict[int, dict[str, Any]] = {
        2: {"layout": "stereo"},
        4: {"layout": "4.0", "codec": "libopus", "options": {"mapping_family": "2"}},
    }
    clip = sounding_clip(tmp_path / "hum.mkv", hum, **kinds[channels])
    track = clip_sound(open_clip(clip))
    assert track is not None
    file = tmp_path / "sound.ogg"
    file.write_bytes(encoded(track, 3.0))
    whole = SoundReader(track_of(file.read_bytes()))
    pieces = [(0, RATE), (RATE // 2 + 7, RATE), (2 * RATE, 2 * RATE)]
    (answer,) = asked(("sound", str(file), pieces))
    assert answer["channels"] == channels
    assert 3 * RATE <= answer["length"] < 3.05 * RATE
    for (start, count), (text, skip) in zip(pieces, answer["files"], strict=True):
        with av.open(io.BytesIO(base64.b64decode(text)), "r") as container:
            decoded = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], 1)
        found = decoded.reshape(channels, -1)[:, skip : skip + count].T
        assert len(found) >= min(count, RATE)
        found = found[:RATE]  # after the end of the clip the decoder goes on for a moment
        np.testing.assert_allclose(found, whole.read(start, len(found)), atol=0.01)
    whole.close()


def track_of(sound: bytes) -> SoundTrack:
    track = find_track(sound, "sound")
    assert track is not None
    return track


def test_levels_of_detail_outlines_and_predictions_are_the_windows() -> None:
    class Decodes:
        full_frame = False
        size = (432, 768)
        hfov_range = (math.radians(60), math.radians(90))

    given = looks(12)
    decoder = {"aspect": 768 / 432, "hfov": Decodes.hfov_range}
    levels = [(2048, 1e-4), (2048, 0.01), (4096, 0.3), (8, 0.01)]
    answers = asked(
        *(("level_of_detail", *each) for each in levels),
        *(("outline", asdict(look), 1.6) for look in given),
        *(("predicted", asdict(look), 1.6, 0.02 * k, decoder) for k, look in enumerate(given)),
    )
    count, total = len(levels), len(given)
    assert answers[:count] == pytest.approx([level_of_detail(*each) for each in levels])
    for look, lines in zip(given, answers[count : count + total], strict=True):
        expected = outline(look, 1.6)
        assert [len(line) for line in lines] == [len(line) for line in expected]
        for line, wanted in zip(lines, expected, strict=True):
            np.testing.assert_allclose(line, wanted, atol=1e-9)
    for k, (look, answer) in enumerate(zip(given, answers[count + total :], strict=True)):
        request = Request(look, 1.6, 0, speed=0.2 * k)
        wanted_look: Any = predicted_look(request, Decodes(), latency=0.1)  # type: ignore[arg-type]
        assert answer == pytest.approx(asdict(wanted_look))


def test_looks_see_the_crops_of_the_windows() -> None:
    config = DEMO.replace(project_after=2)
    crops = Crops.of(config)
    width, height = config.viewport_width, config.viewport_height
    draw, low, high = random.Random(5), *hfov_range(config)
    given = [replace(look, roll=0.0, hfov=draw.uniform(low, high)) for look in looks(150)]
    given += [replace(look, yaw=look.yaw + 0.01) for look in given]
    seen = [crops.seen(look) for look in given]
    answers = asked(*(("crop", crops.to_json(), asdict(look), width / height) for look in given))
    for crop, answer in zip(seen, answers, strict=True):
        assert answer == {name: getattr(crop, name) for name in ("left", "top", "width", "height")}
        assert crop.width <= crops.width
        assert crop.height <= crops.height
    pairs = list(zip(answers, answers[150:] + answers[:150], strict=True))
    held = asked(*(("contains", *pair, crops.to_json()["columns"]) for pair in pairs))
    assert held == [a.contains(b) for a, b in zip(seen, seen[150:] + seen[:150], strict=True)]
    assert {True, False} == set(held)


def hand(seed: int) -> tuple[Look, list[list[Any]]]:
    """Return a first look, and what a hand does then.

    It drags, also over a pole, holds keys and turns the wheel.
    """
    draw = random.Random(seed)
    look = Look(pitch=draw.uniform(-1.5, 1.5), roll=draw.choice([0.0, 0.7]))
    steps: list[list[Any]] = []
    for _ in range(6):
        drive = draw.choice(list(DRIVES))
        steps += [["hold", drive], ["advance", 0.03], ["advance", 0.4], ["let go", drive]]
        x, y = draw.uniform(-1, 1), draw.uniform(-0.6, 0.6)
        steps.append(["press", [x, y]])
        for _ in range(5):
            x, y = x + draw.gauss(0, 0.15), y + draw.gauss(0, 0.15)
            steps += [["move", [x, y]], ["advance", 0.016]]
        steps += [["release"], ["zoom", draw.choice([-2, 1])], ["advance", 0.016], ["advance", 0.1]]
    return look, steps


def do(camera: Camera, name: str, *given: Any) -> dict[str, float]:
    if name == "hold":
        camera.hold(DRIVES[given[0]])
    elif name == "let go":
        camera.let_go(DRIVES[given[0]])
    else:
        getattr(camera, name)(*(tuple(v) if isinstance(v, list) else v for v in given))
    return {**asdict(camera.look()), "speed": camera.speed}


def test_hands_move_the_look_as_in_the_window() -> None:
    hands = [hand(seed) for seed in range(8)]
    posed = (("camera", [["lookAt", asdict(look)], *steps]) for look, steps in hands)
    for (look, steps), answer in zip(hands, asked(*posed), strict=True):
        camera = Camera()
        camera.look_at(look)
        states = [do(camera, *step) for step in steps]
        turned = [
            [state[name] for name in ("yaw", "pitch", "roll", "hfov")] for state in answer[1:]
        ]
        expected = [[state[n] for n in ("yaw", "pitch", "roll", "hfov")] for state in states]
        np.testing.assert_allclose(turned, expected, atol=1e-6)
        speeds = [state["speed"] for state in answer[1:]]
        np.testing.assert_allclose(speeds, [state["speed"] for state in states], atol=1e-3)


def test_a_clip_plays_as_in_the_window() -> None:
    steps: list[list[Any]] = [
        ["advance", 0.26], ["step", -5], ["toggle"], ["changeSpeed", 2], ["advance", 0.7],
        ["loop", False], ["advance", 3], ["toggle"], ["advance", 0.1], ["seek", 99], ["step", 1],
        ["changeSpeed", -9], ["loop", True], ["step", 1],
    ]  # fmt: skip
    names = {"changeSpeed": "change_speed"}
    playback, expected = Playback(10, 12.5), []
    for name, *given in steps:
        if name == "loop":
            playback.loop = given[0]
        else:
            getattr(playback, names.get(name, name))(*given)
        expected.append([playback.frame, playback.seconds, playback.playing, playback.speed])
    (answer,) = asked(("playback", 10, 12.5, steps))
    for state, wanted in zip(answer, expected, strict=True):
        assert state == pytest.approx(wanted)


def test_what_is_coded_unpacks_to_what_python_unpacks_it_to() -> None:
    torch.manual_seed(1)
    maps = (torch.rand(5, 20, 33) ** 6 * 255).to(torch.uint8)
    weight = rounded_weights(torch.randn(40, 30), Coarseness(64, 9))
    coded = coded_weights(weight)
    assert coded is not None
    halves = [0.0, -0.0, 1.0, -3.14159, 65504.0, 65520.0, 1e-8, 6.1e-5, 0.33333, 2049.0, 2051.0]

    def text(tensor: torch.Tensor) -> str:
        return base64.b64encode(tensor.numpy().tobytes()).decode()

    packed = deflated(coded_motion(maps), (5, 1, 20, 33), "series")
    spoilt = packed.clone()
    spoilt[-20] ^= 64
    series, longer, damaged, weights, rounded = asked(
        ("series", text(packed), [5, 1, 20, 33]),
        ("series", text(packed), [6, 1, 20, 33]),
        ("series", text(spoilt), [5, 1, 20, 33]),
        ("weights", text(deflated(coded, (40, 30), "weights")), [40, 30]),
        ("halves", halves),
    )
    assert base64.b64decode(series) == maps.numpy().tobytes()
    assert "that its shape needs" in longer["error"]
    assert damaged["error"] == "a stream of it does not unpack"
    np.testing.assert_array_equal(np.float32(weights), weight.flatten().numpy())
    with np.errstate(over="ignore"):
        expected = np.array(halves, np.float16).astype(float)
    assert [math.inf if value is None else value for value in rounded] == expected.tolist()


@pytest.mark.parametrize(
    "decoder",
    [
        decoder_over_still(TINY.replace(look_encoding="periodic"), frames=3),
        lively_decoder(TINY, frames=3),
        lively_decoder(CONFIGS["hnerv"], frames=3),
    ],
    ids=["periodic", "positional", "hnerv"],
)
def test_a_decoders_file_holds_its_plan(decoder: Decoder, tmp_path: Path) -> None:
    file, look, frame = tmp_path / "decoder.safetensors", Look(0.4, -0.3), 2
    file.write_bytes(decoder_file(decoder))
    (answer,) = asked(("decoder", str(file), 3, frame, asdict(look)))
    plan = shader_plan(decoder)
    np.testing.assert_array_equal(np.float32(answer["weights"]), plan.weights.ravel())
    if plan.conditions is None:
        assert answer["conditions"] is None
    else:
        wanted = plan.conditions.of(frame, (look.yaw, look.pitch, look.roll, look.hfov))
        np.testing.assert_allclose(answer["conditions"], wanted.ravel(), atol=1e-5)
    levels = {
        "embedding": decoder.embeddings,
        "finer0": decoder.finer[0] if decoder.finer else None,
    }
    for name, values in answer["embeddings"]:
        original = levels[name]
        assert original is not None
        spread = float(original.max() - original.min())
        np.testing.assert_allclose(values, original[frame].flatten().numpy(), atol=spread / 400)
