"""Each format's conventions, exact numbers of our own, and one sentence for everything else."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.trajectories import TrajectoryWriter
from nerv360.trajectories.formats import cells
from nerv360.trajectories.formats.jvet import NAMES
from nerv360.trajectories.reading import MAX_OWN_BYTES, read_trajectory
from nerv360.trajectories.trajectory import MAX_SAMPLES, Interpolation

DATA = Path(__file__).parents[4] / "shared" / "data"
real_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real head-movement traces are not beside the repository"
)

finite = st.floats(-1e6, 1e6)
samples = st.tuples(
    st.floats(0, 1e6), finite, st.floats(-90, 90), finite, st.floats(0.001, 179.999)
)


@given(
    rows=st.lists(samples, min_size=1, max_size=20),
    interpolation=st.sampled_from(Interpolation),
    scaled=st.booleans(),
    with_frames=st.booleans(),
)
def test_our_own_csv_is_read_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, ...]],
    interpolation: Interpolation,
    scaled: bool,
    with_frames: bool,
) -> None:
    rows.sort()
    frames = [3 * k for k in range(len(rows))] if with_frames else None
    lines = [
        f"# between: {interpolation.value}",
        *(["# scaled: yes"] if scaled else []),
        HEADER.strip(),
    ]
    for k, (time_s, *angles) in enumerate(rows):
        lines.append(",".join(map(str, [time_s, "" if frames is None else frames[k], *angles])))
    file = tmp_path_factory.mktemp("csv") / "path.csv"
    file.write_text("\n".join(lines) + "\n")
    read = read_trajectory(str(file), "nerv360")  # no doubt about seconds and degrees
    exact = np.array(rows).T
    np.testing.assert_array_equal([read.time_s, read.pitch_deg, read.hfov_deg], exact[[0, 2, 4]])
    for found, turned in ((read.yaw_deg, exact[1]), (read.roll_deg, exact[3])):
        counts_turns = turned.min() < -180 or turned.max() > 360
        assert np.array_equal(found, turned) or not counts_turns
        np.testing.assert_allclose(np.cos(np.radians(found - turned)), 1, atol=1e-9)
    assert (None if read.frame is None else read.frame.tolist()) == frames
    assert (read.interpolation, read.scaled) == (interpolation, scaled)


def test_a_recording_is_safe_and_continuous_while_it_happens(tmp_path: Path) -> None:
    file = tmp_path / "gaze.csv"
    writer = TrajectoryWriter(file, scene="demo.safetensors")
    with pytest.raises(InputError, match="holds no look"):
        read_trajectory(str(file))
    given_looks = []
    for index, yaw in enumerate([170.0, 179.5, -179.5, -170.0, 175.0]):
        look = Look.from_degrees(yaw, index * 2.0, -index * 1.5, 60 + index)
        given_looks.append(look)
        writer.append(index / 60, index + 5, look)
        assert len(read_trajectory(str(file))) == index + 1  # nothing waits in a buffer
    writer.close()
    trajectory = read_trajectory(str(file))
    np.testing.assert_allclose(trajectory.yaw_deg, [170, 179.5, 180.5, 190, 175], rtol=1e-12)
    assert "demo.safetensors" in trajectory.source
    assert trajectory.frame is not None
    assert trajectory.frame.tolist() == [5, 6, 7, 8, 9]
    for look, time in zip(given_looks, trajectory.time_s, strict=True):
        replayed = trajectory.look_at(float(time))
        np.testing.assert_allclose(replayed.rotation(), look.rotation(), atol=1e-12)
        assert replayed.hfov == pytest.approx(look.hfov, rel=1e-14)
    with pytest.raises(InputError, match="already exists"):
        TrajectoryWriter(file, scene="demo")
    with pytest.raises(InputError, match="cannot be made"):
        TrajectoryWriter(tmp_path / "no" / "folder.csv", scene="demo")


def test_a_row_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "gaze.csv"
    with TrajectoryWriter(file, scene="demo") as writer:
        for index in range(3):
            writer.append(float(index), index, Look())
    text = file.read_text()
    assert read_trajectory(str(file)).remark is None
    last = text.rstrip().rindex("\n") + 1
    for end in range(last + 1, len(text)):  # wherever it was cut, also where a row is left
        file.write_text(text[:end])
        read = read_trajectory(str(file))
        assert len(read) == 2, text[last:end]
        assert read.remark == f"{file}: the last row was cut off and is left out"
    file.write_bytes(text.encode() + bytes(100))  # what a journal may leave of a row
    assert len(read_trajectory(str(file))) == 3
    with (
        pytest.raises(ValueError, match="before the last"),
        TrajectoryWriter(tmp_path / "b.csv", "demo") as writer,
    ):
        writer.append(1.0, 0, Look())
        writer.append(0.5, 0, Look())


@pytest.mark.parametrize("head", ["", "# nerv360 trajectory 1\n# scene: by hand\n"])
def test_a_file_from_other_hands_needs_no_last_line_feed(head: str, tmp_path: Path) -> None:
    file = tmp_path / "by-hand.csv"
    file.write_text(head + HEADER + "0,0,1,2,3,70\n1,1,4,5,6,78.1")
    read = read_trajectory(str(file))
    assert read.hfov_deg.tolist() == [70, 78.1]
    assert read.remark is None
    file.write_text(head + HEADER + "0,0,1,2,3,70\n1,1,4,5")
    read = read_trajectory(str(file))
    assert len(read) == 1
    assert read.remark is not None
    file.write_text(head + HEADER + "0,0,1,2,3,70\n\n  \n")
    assert read_trajectory(str(file)).remark is None


BLANK = "\n# between: rotation\n \n"


@pytest.mark.parametrize("frames", [True, False])
@pytest.mark.parametrize("gap", ["", BLANK])
@pytest.mark.parametrize("feed", ["\n", "\r\n"])
def test_long_paths_are_parsed_by_numpy_alone(
    frames: bool, gap: str, feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row by row in Python, a path of a few hours took the window's thread most of its time."""
    by_hand: list[str] = []

    by_cell = cells.number_in

    def counting(cell: str, separator: str | None) -> float | None:
        by_hand.append(cell)
        return by_cell(cell, separator)

    monkeypatch.setattr(cells, "number_in", counting)
    generator = np.random.default_rng(1)
    columns = generator.uniform(-90, 90, (5, 4000))
    columns[0] = np.sort(columns[0]) + 90
    columns[4] += 90
    written = zip(range(4000), *columns.tolist(), strict=True)
    rows = [f"{t!r},{k if frames else ''},{y!r},{p!r},{r!r},{h!r}" for k, t, y, p, r, h in written]
    file = tmp_path / "long.csv"
    rows[2000:2000] = [gap] if gap else []
    file.write_bytes(feed.join([HEADER.strip(), *rows, ""]).encode())
    read = read_trajectory(str(file))
    found = [read.time_s, read.yaw_deg, read.pitch_deg, read.roll_deg, read.hfov_deg]
    np.testing.assert_array_equal(found, columns)
    assert (read.frame is None) == (not frames)
    if read.frame is not None:
        assert read.frame.tolist() == list(range(4000))
    assert (read.interpolation is Interpolation.ROTATION) == bool(gap)
    file.write_text("\n".join(f"{k},{k % 7},{k % 5},{k % 3}" for k in range(20_000)))
    assert len(read_trajectory(str(file), "time-yaw-pitch-roll")) == 20_000
    assert len(by_hand) < 30, "to tell the format, and no more"


def test_a_wrong_row_far_down_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [f"{k},{k},1,2,3,70" for k in range(9000)]
    file = tmp_path / "long.csv"
    for wrong in (
        "8000,8000,1,2,3",
        "8000,8000,1,2,3,70,5",
        "8000,-1,1,2,3,70",
        "8000,1.5,1,2,3,7",
    ):
        rows[8000] = wrong
        file.write_text("# a comment\n\n" + HEADER + "\n".join([*rows, ""]))
        with pytest.raises(InputError, match=r"line 8004: six numbers are expected"):
            read_trajectory(str(file))
    rows[8000] = "8000,,1,2,3,70"
    file.write_text(HEADER + "\n".join([*rows, ""]))
    with pytest.raises(InputError, match="in all or in none"):
        read_trajectory(str(file))
    lines = [f"{k},1,2,3" for k in range(9000)]
    lines[8500] = "8500,1,2"
    file.write_text("\n\n" + "\n".join(lines))
    with pytest.raises(InputError, match="line 8503: 4 finite numbers"):
        read_trajectory(str(file))
    file.write_text(HEADER + "1" * 2**21)
    with pytest.raises(InputError, match="a line of more than 1048576 characters"):
        read_trajectory(str(file))


def test_a_day_of_recording_can_be_read_back(tmp_path: Path) -> None:
    looks = 24 * 3600 * 144
    assert looks <= MAX_SAMPLES
    file = tmp_path / "gaze.csv"
    with TrajectoryWriter(file, scene="demo") as writer:
        before = file.stat().st_size
        writer.append(86399.99305555556, 299, Look.from_degrees(-123.456789, -45.67, -1.2345, 78.1))
    assert looks * (file.stat().st_size - before) <= MAX_OWN_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_jvet_paths_ship_by_name(name: str) -> None:
    trajectory = read_trajectory(f"jvet:{name}")
    looks = trajectory.at_frames(90, 30)
    yaw, pitch = (np.degrees([getattr(look, a) for look in looks]) for a in ("yaw", "pitch"))
    np.testing.assert_allclose([yaw[-1] - yaw[0], pitch[-1] - pitch[0]], [90, 30])
    np.testing.assert_allclose(np.diff(yaw), 90 / 89)


@real_data
def test_the_shipped_jvet_paths_are_those_of_the_figures() -> None:
    file = DATA / "jvet" / "s2_viewports.json"
    for name in NAMES:
        read, shipped = read_trajectory(f"{file}#{name}"), read_trajectory(f"jvet:{name}")
        assert read.at_frames(300, 30) == shipped.at_frames(300, 30)


def test_a_360lib_list_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "viewports.txt"
    file.write_text("78.1 49.1 0 -225 0 299 -135 30\n90 60 100 0 0 299 10 0\n")
    first = read_trajectory(f"{file}#vp0")
    yaw = np.degrees([look.yaw for look in first.at_frames(300, 30)])
    np.testing.assert_allclose(yaw, -225 + 90 * np.arange(300) / 299)
    late = read_trajectory(f"{file}#vp1").at_frames(300, 30)
    yaw = np.degrees([look.yaw for look in late])
    np.testing.assert_allclose(yaw[:101], 0, atol=1e-12)
    np.testing.assert_allclose(yaw[101:], 10 * np.arange(1, 200) / 199)
    assert late[0].hfov == pytest.approx(math.radians(90))


def avtrack(**samples_by_video: list[dict[str, float]]) -> str:
    videos = [
        {"filename": f"{name}.mp4", "hmd": "vive", "pitch_yaw_roll_data_hmd": rows}
        for name, rows in samples_by_video.items()
    ]
    return json.dumps({"data": videos, "label": "17"})


def test_avtrack_looks_up_with_negative_pitch(tmp_path: Path) -> None:
    file = tmp_path / "user.json"
    rows = [
        {"sec": 0.2, "yaw": 170, "pitch": -20, "roll": 4},
        {"sec": 0.4, "yaw": -170, "pitch": 10, "roll": 0},
    ]
    file.write_text(avtrack(a=rows, b=rows[:1]))
    trajectory = read_trajectory(f"{file}#a.mp4")
    assert trajectory.yaw_deg.tolist() == [170, 190]
    assert trajectory.pitch_deg.tolist() == [20, -10]
    assert trajectory.roll_deg.tolist() == [4, 0]
    assert len(read_trajectory(f"{file}#b.mp4")) == 1
    with pytest.raises(InputError, match=r"several paths: name one .* a\.mp4, b\.mp4"):
        read_trajectory(str(file))


def test_corbillon_quaternions_turn_as_documented(tmp_path: Path) -> None:
    file = tmp_path / "user.txt"
    degrees = [(30, 0, 0), (0, -25, 0), (0, 0, 12), (60, -20, 0), (-170, 40, 0)]
    rows = ["0.0 2 0.7071067811865476 0.0 0.0 -0.7071067811865475"]
    for index, angles in enumerate(degrees):
        # Yaw about z to the left, pitch about y downwards, roll about x clockwise.
        x, y, z, w = Rotation.from_euler("ZYX", angles, degrees=True).as_quat()
        rows.append(f"{index + 1} {index} {w} {x} {y} {z}")
    file.write_text("\n".join(rows))
    trajectory = read_trajectory(str(file))
    assert trajectory.time_s.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(trajectory.yaw_deg, [-30, 0, 0, -60, -190], atol=1e-9)
    np.testing.assert_allclose(trajectory.pitch_deg, [0, 25, 0, 20, -40], atol=1e-9)
    np.testing.assert_allclose(trajectory.roll_deg, [0, 0, 12, 0, 0], atol=1e-9)


def test_jin_angles_are_intrinsic_zxy_of_unitys_axes(tmp_path: Path) -> None:
    file = tmp_path / "video5_user1.csv"
    wanted = [(0, 0, 0), (25, 0, 0), (0, 30, 0), (0, 0, 10), (-60, 20, 5)]
    rows = []
    for index, (yaw, up, roll) in enumerate(wanted):
        # Unity: yaw about y to the right, then x downwards, then z counterclockwise.
        head = Rotation.from_euler("YXZ", (yaw + 90, -up, -roll), degrees=True)
        rows.append([240 + index / 5, *head.as_euler("ZXY", degrees=True)])
    file.write_text("\n".join(",".join(map(repr, map(float, row))) for row in rows))
    trajectory = read_trajectory(str(file))
    np.testing.assert_allclose(trajectory.time_s, np.arange(5) / 5, atol=1e-9)
    for column, index in (("yaw_deg", 0), ("pitch_deg", 1), ("roll_deg", 2)):
        np.testing.assert_allclose(
            getattr(trajectory, column), [w[index] for w in wanted], atol=1e-6
        )


@real_data
def test_real_heads_stay_level_and_look_to_the_front() -> None:
    """Evidence for the conventions: heads roll little, pitch more, and mostly look ahead."""
    files = sorted((DATA / "gaze" / "netllm_jin2022").glob("*.csv"))
    paths = [read_trajectory(str(file)) for file in files]
    assert len(paths) == 9
    rolls = [float(np.sqrt((p.roll_deg**2).mean())) for p in paths]
    pitches = [float(p.pitch_deg.std()) for p in paths]
    assert np.median(rolls) < 5 < np.median(pitches)
    assert abs(np.median([np.median(p.yaw_deg) for p in paths])) < 10
    assert all(np.abs(np.diff(p.yaw_deg)).max() < 180 for p in paths)


@real_data
@pytest.mark.parametrize(
    "name",
    ["avtrack360/user17.json#13.mp4", "corbillon_mmsys17/paris_2917.txt"],
)
def test_real_traces_give_looks_for_every_picture(name: str) -> None:
    looks = read_trajectory(str(DATA / "gaze" / name)).at_frames(300, 30)
    yaw, pitch = (np.degrees([getattr(look, a) for look in looks]) for a in ("yaw", "pitch"))
    assert np.abs(np.diff(yaw)).max() < 15  # nobody turns faster than 450° a second
    assert np.abs(pitch).max() < 90


HEADER = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg\n"
HOSTILE = {
    "empty.csv": (b"", "is not a gaze path"),
    "blank.csv": (b"\n \n", "is not a gaze path"),
    "words.txt": (b"once upon a time\n", "is not a gaze path"),
    "binary.bin": (bytes(range(256)), "is not a gaze path: it is not text"),
    "truncated.json": (avtrack(a=[])[:40].encode(), "is not a gaze path"),
    "broken.json": (b'{"data": "pitch_yaw_roll_data_hmd"', "is not an AVTrack360 file"),
    "list.json": (b"[1, 2, 3]", "is not a gaze path"),
    "no-samples.json": (avtrack(a=[]).encode(), "holds no look"),
    "text-sample.json": (
        avtrack(a=[{"sec": 0, "yaw": "left", "pitch": 0, "roll": 0}]).encode(),  # type: ignore[dict-item]
        "finite numbers sec, yaw, pitch and roll",
    ),
    "no-data.json": (b'{"x": {"pitch_yaw_roll_data_hmd": 3}}', "is not an AVTrack360 file"),
    "short.json": (b'{"dynamic": {"A": [[78.1, 49.1, 0]]}}', "eight finite numbers"),
    "wrong.json": (b'{"dynamic": 5}', "is not a list of JVET viewports"),
    "nan.json": (b'{"dynamic": {"A": [[78,49,0,NaN,0,9,0,0]]}}', "eight finite numbers"),
    "backwards.txt": (b"78 49 9 0 0 3 1 1\n", "to a later one"),
    "fov.txt": (b"190 49 0 0 0 3 1 1\n", "field of view not between"),
    "quaternion.txt": (b"0 1 2 0 0 0\n", "length is not 1"),
    "placeholder.txt": (b"0 2 0.7071067811865476 0 0 -0.7071067811865475\n", "holds no look"),
    "ragged.csv": (b"0,1,2,3\n1,2,3\n", "line 2: 4 finite numbers"),
    "infinite.csv": (b"0,1,2,3\n1,2,3,inf\n", "line 2: 4 finite numbers"),
    "version.csv": (b"# nerv360 trajectory 9\n" + HEADER.encode(), "version that is not known"),
    "columns.csv": (b"# nerv360 trajectory 1\na,b\n", "names no columns"),
    "row.csv": ((HEADER + "0,0,1,2,3\n").encode(), "line 2: six numbers"),
    "frame.csv": ((HEADER + "0,first,1,2,3,70\n").encode(), "the second a frame index"),
    "gaps.csv": ((HEADER + "0,1,1,2,3,70\n1,,1,2,3,70\n").encode(), "in all or in none"),
    "huge-frame.csv": ((HEADER + f"0,{10**30},1,2,3,70\n").encode(), "which no clip has"),
    "between.csv": (
        ("# between: magic\n" + HEADER + "0,0,1,2,3,70\n").encode(),
        "angles or rotation",
    ),
    "past.csv": ((HEADER + "1,0,1,2,3,70\n0,0,1,2,3,70\n").encode(), "time that falls"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_path_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    content, sentence = HOSTILE[name]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_trajectory(str(file))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_folders_parts_and_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^\S*nothing\.csv does not exist"):
        read_trajectory(str(tmp_path / "nothing.csv"))
    with pytest.raises(InputError, match="is a folder"):
        read_trajectory(str(tmp_path))
    with pytest.raises(
        InputError, match="not a path of JVET class S2: give one of jvet:balboa-vp0"
    ):
        read_trajectory("jvet:balboa")
    file = tmp_path / "with#hash.csv"
    file.write_text(HEADER + "0,0,1,2,3,70\n")
    assert len(read_trajectory(str(file))) == 1
    with pytest.raises(InputError, match="leave out the '#part'"):
        read_trajectory(f"{file}#part")
