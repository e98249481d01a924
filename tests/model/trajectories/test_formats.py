"""Every format read back, told apart or refused: never another path than the one that was meant."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.trajectories import (
    FORMAT_NAMES,
    DoubtfulFormatError,
    Trajectory,
    UnknownFormatError,
    read_trajectory,
    understand,
)
from tests.support import gaze_files
from tests.support.gaze_files import WRITERS, lively, turn

DATA = Path(__file__).parents[4] / "shared" / "data"
FIELD = DATA / "field" / "gaze"
field_data = pytest.mark.skipif(
    not FIELD.is_dir(), reason="the files of other programs are not beside the repository"
)

angle = st.floats(-80, 80)
paths = st.lists(
    st.tuples(st.floats(-600, 600), angle, st.floats(-170, 170)), min_size=1, max_size=12
).map(lambda looks: np.array([[k / 5, *look] for k, look in enumerate(looks)]))


def written(folder: Path, content: str | bytes, name: str = "gaze.csv") -> str:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


def is_shown(sentence: str) -> bool:
    """Check that a terminal shows the sentence, and obeys none of it."""
    return all(each.isprintable() or unicodedata.category(each) == "Zs" for each in sentence)


def rotations(looks: np.ndarray) -> np.ndarray:
    return np.stack([Look.from_degrees(*look).rotation() for look in looks.tolist()])


def read_looks(path: Trajectory) -> np.ndarray:
    return np.stack([path.yaw_deg, path.pitch_deg, path.roll_deg], axis=1)


def is_turn(path: Trajectory) -> bool:
    """Check that the path is the field's turn: yaw from 0 to 60°, level, in 1.9 s."""
    times = [float(path.time_s[0]), float(path.time_s[-1])]
    looks = read_looks(path)
    return (
        np.allclose(times, [0, 1.9], atol=1e-6)
        and np.allclose(looks[[0, -1], 0], [0, 60], atol=0.01)
        and np.allclose(looks[:, 1:], 0, atol=0.01)
    )


@pytest.mark.parametrize("name", WRITERS)
@given(truth=paths)
@settings(max_examples=20, deadline=None)
def test_random_paths_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, truth: np.ndarray
) -> None:
    if name == "salient360":
        truth[:, 3] = 0
    file = written(tmp_path_factory.mktemp("gaze"), WRITERS[name](truth))
    read = read_trajectory(file, name)
    times = np.arange(len(truth)) if read.by_picture else truth[:, 0]
    np.testing.assert_allclose(read.time_s, times, atol=1e-9)
    np.testing.assert_allclose(rotations(read_looks(read)), rotations(truth[:, 1:]), atol=1e-6)


def test_every_format_has_a_writer() -> None:
    assert set(FORMAT_NAMES) - set(WRITERS) == {"jvet"}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", WRITERS)
def test_a_lively_head_is_never_misread(tmp_path: Path, name: str, seed: int) -> None:
    truth = lively(seed)
    if name == "salient360":
        truth[:, 3] = 0
    file = written(tmp_path, WRITERS[name](truth))
    try:
        read = read_trajectory(file)
    except DoubtfulFormatError as error:
        assert name in str(error)
        return
    np.testing.assert_allclose(rotations(read_looks(read)), rotations(truth[:, 1:]), atol=1e-6)


@field_data
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("four_time_yaw_pitch_roll.csv", "time-yaw-pitch-roll"),
        ("four_radians.csv", "time-yaw-pitch-roll-radians"),
        ("salient360_head.txt", "salient360"),
        ("salient360_noheader.csv", "salient360"),
        ("quat_w_last.txt", "ros-xyzw"),
        ("own_ms.csv", "time_ms,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"),
        ("own_radians.csv", "time_s,frame,yaw_rad,pitch_rad,roll_rad,hfov_rad"),
        ("own_decimal_comma.csv", "nerv360"),
        ("own_nan.csv", "nerv360"),
        ("own_quoted.csv", "nerv360"),
        ("own_reordered.csv", "nerv360"),
        ("own_semicolon.csv", "nerv360"),
        ("own_tabs.csv", "nerv360"),
    ],
)
def test_files_of_the_field_are_read_rightly_or_refused(file: str, name: str) -> None:
    assert is_turn(read_trajectory(str(FIELD / file), name))
    try:
        read = read_trajectory(str(FIELD / file))
    except DoubtfulFormatError as error:
        assert "name the format" in str(error)
    else:
        assert is_turn(read)


@field_data
def test_yaw_of_the_fields_table_takes_the_short_way() -> None:
    path = read_trajectory(str(FIELD / "own_wrap.csv"))
    np.testing.assert_allclose(path.yaw_deg, 170 + 60 * np.arange(20) / 19, atol=1e-3)


def test_still_heads_in_degrees_and_radians_cannot_be_told_apart(tmp_path: Path) -> None:
    file = written(tmp_path, gaze_files.radians(turn()))
    with pytest.raises(DoubtfulFormatError, match=r"-roll-radians.* name the format "):
        read_trajectory(file)
    assert is_turn(read_trajectory(file, "time-yaw-pitch-roll-radians"))


def test_mirrored_axes_cannot_be_told_apart(tmp_path: Path) -> None:
    file = written(tmp_path, gaze_files.quaternions(lively(), "unity", "xyzw"))
    with pytest.raises(DoubtfulFormatError, match="unity-xyzw or openxr-xyzw"):
        read_trajectory(file)


def test_what_was_told_is_said(tmp_path: Path) -> None:
    told = understand(written(tmp_path, gaze_files.angles(turn())))
    assert (told.format, told.told) == ("time-yaw-pitch-roll", "by what is plausible for a head")
    assert told.path.remark is not None
    assert "read as time-yaw-pitch-roll" in told.path.remark
    certain = understand(written(tmp_path, gaze_files.salient360(turn())))
    assert (certain.format, certain.remarks) == ("salient360", ())


def test_an_observer_of_several_is_named(tmp_path: Path) -> None:
    first, second = turn(), turn(yaw_deg=-30)
    content = gaze_files.salient360(first) + gaze_files.salient360(second, header=False)
    file = written(tmp_path, content, "1_Porto.txt")
    with pytest.raises(InputError, match=r"several paths: name one as .*#NAME, of 0, 1"):
        read_trajectory(file)
    assert is_turn(read_trajectory(f"{file}#0"))
    assert read_trajectory(f"{file}#1").yaw_deg[-1] == pytest.approx(-30)
    headless = written(tmp_path, gaze_files.salient360(first, header=False) * 2)
    assert is_turn(read_trajectory(f"{headless}#1", "salient360"))


def test_pictures_are_those_of_the_clip_at_any_rate(tmp_path: Path) -> None:
    path = read_trajectory(written(tmp_path, gaze_files.pictures(turn())), "frame-yaw-pitch-roll")
    for fps in (24, 60):
        yaw = np.degrees([look.yaw for look in path.at_frames(20, fps)])
        np.testing.assert_allclose(yaw, 60 * np.arange(20) / 19)
    assert np.degrees(path.step_at(10 / 30, 20, 30).look.yaw) == pytest.approx(60 * 10 / 19)
    named = read_trajectory(
        written(tmp_path, "frame,yaw,pitch\n" + "".join(f"{k},{2 * k},0\n" for k in range(9)))
    )
    assert np.degrees(named.at_frames(9, 50)[8].yaw) == pytest.approx(16)


CORRUPT = [gaze_files.own, gaze_files.salient360, gaze_files.corbillon, gaze_files.avtrack]


@pytest.mark.parametrize("writer", [*WRITERS.values()])
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_broken_files_end_in_a_sentence_or_in_a_sane_path(
    tmp_path_factory: pytest.TempPathFactory,
    writer: object,
    data: st.DataObject,
) -> None:
    assert callable(writer)
    content = bytearray(writer(lively(count=12)).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    if data.draw(st.booleans()):
        lines = bytes(content).split(b"\n")
        content = bytearray(b"\n".join(data.draw(st.permutations(lines))))
    file = written(tmp_path_factory.mktemp("gaze"), bytes(content))
    for name in (None, data.draw(st.sampled_from(FORMAT_NAMES))):
        try:
            path = read_trajectory(file, name)
        except InputError as error:
            sentence = str(error).replace(file, "")
            assert is_shown(sentence), repr(sentence)
            assert len(sentence) < 700, sentence
        else:
            assert np.isfinite(rotations(read_looks(path))).all()


LONG = "\x1b]0;owned\x07" + "x" * 5000


@pytest.mark.parametrize(
    "content",
    [
        LONG + "\n",
        f"time,{LONG},b\n0,1,2\n",
        f"# nerv360 trajectory {LONG}\ntime_s,yaw_deg,pitch_deg\n0,1,2\n",
        f"# between: {LONG}\ntime_s,yaw_deg,pitch_deg\n0,1,2\n",
        f"time_s,yaw_deg,pitch_deg\n0,{LONG},2\n",
        '{"data":[{"filename":"%s","pitch_yaw_roll_data_hmd":[{}]}]}' % ("\\u001b" * 900),
        '{"dynamic":{"%s":[[1]]}}' % ("\\u001b[2J" * 900),
        '{"dynamic":{"%s":[[1]], "b": [[2]]}}' % ("\\u001b[2J" * 900),
    ],
)
def test_what_a_file_says_is_quoted_short_and_without_control_characters(
    content: str, tmp_path: Path
) -> None:
    file = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_trajectory(file)
    sentence = str(caught.value).replace(file, "")
    assert is_shown(sentence)
    assert len(sentence) < 500
    assert sentence.count("x") < 90


@pytest.mark.parametrize("value", ["1" + "0" * 400, "-1" + "0" * 400, "1" + "0" * 5000])
@pytest.mark.parametrize("key", ["sec", "yaw", "pitch", "roll", "POC", "fps"])
def test_whole_numbers_beyond_a_float_are_one_sentence(
    key: str, value: str, tmp_path: Path
) -> None:
    sample = {"sec": "0", "yaw": "0", "pitch": "0", "roll": "0", key: value}
    cells = ",".join(f'"{name}":{number}' for name, number in sample.items())
    content = f'{{"data":[{{"filename":"a","pitch_yaw_roll_data_hmd":[{{{cells}}}]}}]}}'
    if key == "POC":
        content = f'{{"dynamic":{{"A":[[78,49,0,0,0,{value},1,1]]}}}}'
    if key == "fps":
        content = f'{{"dynamic":{{"A":[[78,49,0,0,0,9,1,1]]}},"fps_frames":{{"A":[{value},9]}}}}'
    with pytest.raises(InputError):
        read_trajectory(written(tmp_path, content))


def test_a_format_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    file = written(tmp_path, gaze_files.angles(turn()))
    with pytest.raises(InputError, match="not a format of gaze paths: give one of nerv360"):
        read_trajectory(file, "excel")
    with pytest.raises(InputError, match="'colour' is not a column of a gaze path"):
        read_trajectory(file, "time_s,colour,yaw_deg,pitch_deg")
    with pytest.raises(InputError, match="names no direction: give yaw and pitch"):
        read_trajectory(file, "time_s,roll_deg")
    with pytest.raises(InputError, match="has 4 columns, not 5"):
        read_trajectory(file, "time_s,yaw_deg,pitch_deg,-,hfov_deg")
    for name in ("avtrack360", "corbillon2017", "salient360", "wu2017", "unity-wxyz", "jvet"):
        with pytest.raises(InputError, match=name):
            read_trajectory(file, name)
    with pytest.raises(UnknownFormatError):
        read_trajectory(written(tmp_path, "no numbers at all\n"), "jin2022")


REAL = DATA / "gaze"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real traces are not beside the repository")
@pytest.mark.parametrize(
    "trace",
    [
        "avtrack360/user17.json#13.mp4",
        "corbillon_mmsys17/paris_2917.txt",
        "netllm_jin2022/video5_user7.csv",
        "netllm_jin2022/video9_user7.csv",
    ],
)
def test_real_heads_are_never_misread(trace: str, tmp_path: Path) -> None:
    whole = read_trajectory(str(REAL / trace))
    looks = np.column_stack([whole.time_s, read_looks(whole)])
    for start in (0.0, 12.0, 24.0):
        truth = looks[(looks[:, 0] >= start) & (looks[:, 0] < start + 6)].copy()
        truth[:, 0] -= truth[0, 0]
        for name, write in WRITERS.items():
            meant = truth * [1, 1, 1, name != "salient360"]
            try:
                read = read_trajectory(written(tmp_path, write(meant)))
            except DoubtfulFormatError as error:
                assert name.replace("ros-wxyz", "corbillon2017") in str(error)
                continue
            np.testing.assert_allclose(
                rotations(read_looks(read)), rotations(meant[:, 1:]), atol=1e-6
            )


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nerv360.trajectories.formats.sheet.MAX_TURNS", 50)
    monkeypatch.setattr("nerv360.trajectories.reading.MAX_BYTES", 200)
    with pytest.raises(InputError, match="holds more than 50 looks: give a shorter path"):
        read_trajectory(written(tmp_path, gaze_files.angles(turn(count=60))))
    with pytest.raises(InputError, match="holds more than 50 looks"):
        read_trajectory(written(tmp_path, gaze_files.wu(turn(count=60))))
    assert len(read_trajectory(written(tmp_path, gaze_files.own(turn(count=60))))) == 60
    with pytest.raises(InputError, match="is larger than 0 MiB: give a shorter path"):
        read_trajectory(written(tmp_path, gaze_files.avtrack(turn())))


def test_seconds_and_pictures_cannot_be_told_apart(tmp_path: Path) -> None:
    rows = "".join(f"{k},{5 * k},0,0\n" for k in range(9))
    with pytest.raises(DoubtfulFormatError, match=r"time-yaw-pitch-roll.* or frame-yaw-pitch-roll"):
        read_trajectory(written(tmp_path, rows))
