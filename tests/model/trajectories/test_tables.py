"""Tables with named columns, as spreadsheets, scripts and headsets export them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from nerv360.errors import InputError
from nerv360.trajectories import DoubtfulFormatError, Trajectory, read_trajectory, understand
from tests.support.gaze_files import own, quaternion, turn

TURN = turn().tolist()
Read: TypeAlias = Callable[..., Trajectory]
HEADER = "time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def write(content: str, encoding: str = "utf-8", wanted: str | None = None) -> Trajectory:
        file = tmp_path / "gaze.csv"
        file.write_bytes(content.encode(encoding))
        return read_trajectory(str(file), wanted)

    return write


def comma(value: float) -> str:
    return f"{value:.4f}".replace(".", ",")


def lines(form: str, feed: str = "\n") -> str:
    """Return the turn, a line each: t, y, p, r with decimal commas, and k, its number."""
    return "".join(
        form.format(
            t=t, y=y, p=p, r=r, T=comma(t), Y=comma(y), P=comma(p), R=comma(r), k=k, ms=1000 * t
        )
        + feed
        for k, (t, y, p, r) in enumerate(TURN)
    )


TABLES = {
    "semicolons": ("time_s;yaw_deg;pitch_deg\n" + lines("{t};{y};{p}"), "utf-8"),
    "decimal commas": ("Time (s);Yaw (°);Pitch (°)\r\n" + lines("{T};{Y};{P}", "\r\n"), "cp1252"),
    "sep": ("\ufeffsep=;\r\nTime;Yaw;Pitch\r\n" + lines("{T};{Y};{P}", "\r\n"), "utf-8"),
    "tabs in UTF-16": ("Time\tYaw\tPitch\r\n" + lines("{T}\t{Y}\t{P}", "\r\n"), "utf-16"),
    "quoted commas": ('"time","yaw","pitch"\n' + lines('"{T}","{Y}","{P}"'), "utf-8"),
    "quoted": ('"time","yaw","pitch"\n' + lines('"{t}","{y}","{p}"'), "utf-8"),
    "another order": ("roll,pitch,note,yaw,time\n" + lines("{r},{p},hello,{y},{t}"), "utf-8"),
    "pandas": (",time_s,yaw_deg,pitch_deg\n" + lines("{k},{t},{y},{p}"), "utf-8"),
    "R": ('"time" "yaw" "pitch"\n' + lines('"{k}" {t} {y} {p}'), "utf-8"),
    "numpy": (
        "# time_s yaw_deg pitch_deg\n" + lines("{t:.18e} {y:.18e} {p}"),
        "utf-8",
    ),
    "units": (
        "TIMESTAMP (MS), HEAD YAW [deg], Head Pitch\n" + lines("{ms}, {y}, {p}"),
        "utf-8",
    ),
    "recording": (
        "Recording timestamp [ms]\tHead yaw\tPitch\n" + lines("{ms}\t{y}\t{p}"),
        "utf-8",
    ),
    "degree signs": ("time,yaw,pitch\n" + lines("{t},{y}°,{p}°"), "utf-8"),
    "trailing": ("time;yaw;pitch;\n" + lines("{t};{y};{p};"), "utf-8"),
    "comments": (
        "% me\n\n// yes\ntime,yaw,pitch\n# no\n" + lines("{t},{y},{p}\n# x"),
        "utf-8",
    ),
    "empty rows": ("time,yaw,pitch\n,,\n" + lines("{t},{y},{p}") + ",,\n,,\n", "utf-8"),
    "old Mac": (("time,yaw,pitch\n" + lines("{t},{y},{p}")).replace("\n", "\r"), "utf-8"),
    "clock": ("time,yaw,pitch\n" + lines("00:00:{t:06.3f},{y},{p}"), "utf-8"),
    "title": ("My recording\n\ntime,yaw,pitch\n" + lines("{t},{y},{p}"), "utf-8"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_spreadsheets_table_is_read(read: Read, name: str) -> None:
    path = read(*TABLES[name])
    np.testing.assert_allclose(path.time_s, turn()[:, 0], atol=1e-4)
    np.testing.assert_allclose(path.yaw_deg, turn()[:, 1], atol=1e-4)
    assert not path.pitch_deg.any()
    assert path.remark is None


@pytest.mark.parametrize("axes", ["ros", "unity", "openxr"])
@pytest.mark.parametrize("order", ["wxyz", "xyzw"])
def test_named_quaternions_are_read_in_their_order(read: Read, axes: str, order: str) -> None:
    rows = [f"time,pos.x,pos.y,pos.z,{','.join(f'rotation.{letter}' for letter in order)}"]
    for t, *look in TURN:
        turned = dict(zip("wxyz", quaternion(look, axes), strict=True))
        rows.append(f"{t},0.1,1.6,0.2,{','.join(str(turned[letter]) for letter in order)}")
    content = "\n".join(rows)
    assert read(content, wanted=f"{axes}-{order}").yaw_deg[-1] == pytest.approx(60)
    if axes == "ros":
        assert read(content).yaw_deg[-1] == pytest.approx(60)
    else:
        with pytest.raises(DoubtfulFormatError, match=f"can be unity-{order} or openxr-{order}"):
            read(content)


def test_yaw_takes_the_short_way(read: Read) -> None:
    path = read("time,yaw,pitch\n0,179,0\n0.1,-179,0\n0.2,-177,0\n0.3,178,0\n")
    assert path.yaw_deg.tolist() == [179, 181, 183, 178]
    assert np.degrees(path.look_at(0.05).yaw) == pytest.approx(180)
    path = read("time,yaw,pitch,roll\n0,359,350,359\n0.1,1,10,1\n")
    assert path.yaw_deg.tolist() == [359, 361]
    assert path.pitch_deg.tolist() == [-10, 10]
    assert np.ptp(path.roll_deg) == 2


def test_the_long_way_can_be_written(read: Read) -> None:
    assert read("time,yaw,pitch\n0,0,0\n10,360,0\n").yaw_deg.tolist() == [0, 360]
    assert read("time,yaw,pitch\n0,-200,0\n10,200,0\n").yaw_deg.tolist() == [-200, 200]
    path = read("time,yaw,pitch\n0,0,0\n10,270,0\n")
    assert path.yaw_deg.tolist() == [0, -90]
    assert "yaw takes the short way" in str(path.remark)


@pytest.mark.parametrize("missing", ["nan", "NaN", "", "NA", "n/a", "#N/A", "null", "-"])
def test_rows_that_lack_a_number_are_left_out_and_named(read: Read, missing: str) -> None:
    path = read(f"time,yaw,pitch\n0,1,2\n1,{missing},2\n2,3,2\n")
    assert path.yaw_deg.tolist() == [1, 3]
    assert str(path.remark).endswith("gaze.csv: line 3 lacks a number and is left out")
    path = read(f"time,yaw,pitch\n0,1,2\n1,{missing},2\n2,3,{missing}\n3,3,2\n")
    assert "line 3 and 1 more lack numbers and are left out" in str(path.remark)
    with pytest.raises(InputError, match="holds no look"):
        read(f"time,yaw,pitch\n0,{missing},2\n")


def test_milliseconds_are_doubted_unless_one_insists(read: Read) -> None:
    for content in (
        f"{HEADER}\n" + lines("{ms},{k},{y},{p},{r},78.1"),
        "time,yaw,pitch\n" + lines("{ms},{y},{p}"),
    ):
        with pytest.raises(DoubtfulFormatError, match=r"look like milliseconds: .* time_ms"):
            read(content)
        assert read(content, wanted="nerv360").time_s[-1] == pytest.approx(1900)
        names = content.split("\n", 1)[0].replace("time_s", "time").replace("time", "time_ms")
        assert read(content, wanted=names).time_s[-1] == pytest.approx(1.9)
    by_hand = "time_s,yaw_deg,pitch_deg\n0,0,0\n20,90,0\n60,45,10\n"
    assert read(by_hand).duration_s == 60


def test_radians_are_doubted_unless_one_insists(read: Read) -> None:
    in_radians = turn()
    in_radians[:, 1:] = np.radians(in_radians[:, 1:])
    with_fov = own(in_radians).replace("78.1", "1.3631")
    without = "time,yaw,pitch\n" + "".join(f"{t},{y},{p}\n" for t, y, p, _ in in_radians.tolist())
    for content in (with_fov, without):
        with pytest.raises(DoubtfulFormatError, match=r"look like radians: .* yaw_rad"):
            read(content)
        assert read(content, wanted="nerv360").yaw_deg[-1] == pytest.approx(np.radians(60))
    assert read(without, wanted="time_s,yaw_rad,pitch_rad").yaw_deg[-1] == pytest.approx(60)
    assert read(without.replace("yaw,pitch", "yaw_rad,pitch_rad")).yaw_deg[-1] == pytest.approx(60)
    assert read(own(turn(yaw_deg=2.0))).yaw_deg[-1] == pytest.approx(2)  # its field of view is one
    still = "time,yaw,pitch\n" + lines("{t},0,0")
    assert not read(still).yaw_deg.any()


def test_a_recording_is_never_doubted(read: Read) -> None:
    content = "# nerv360 trajectory 1\n# version: 0.1.0\n" + HEADER + "\n"
    content += "".join(f"{100 * k},{k},0.5,0,0,78.1\n" for k in range(20))
    assert read(content).duration_s == 1900


def test_columns_can_be_named_from_outside(read: Read) -> None:
    rows = lines("{ms},x,{y},10")
    path = read(rows, wanted="time_ms,-,yaw_deg,-pitch_deg")
    assert path.pitch_deg.tolist() == [-10] * 20
    assert path.time_s[-1] == pytest.approx(1.9)
    path = read("t;phi;theta;z\n" + rows.replace(",", ";"), wanted="time_ms,-,yaw_deg,pitch_deg")
    assert path.yaw_deg[-1] == pytest.approx(60)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("yaw,pitch\n1,2\n", "names no time: name a column time_s or frame"),
        ("time,yaw,pitch,yaw\n0,1,2,3\n", "two columns for yaw"),
        (
            "time,theta,phi\n0,1,2\n",
            r"'time,theta,phi', names no yaw and no pitch: name",
        ),
        ("time,yaw,pitch\n0,left,2\n", "line 2: 'left' is not a number"),
        ("time,yaw,pitch\n0,1,2\ntime,yaw,pitch\n", "line 3: 'time' is not a number"),
        ("time,yaw,pitch\n0,1,3,5,2,5\n", "not 6; if the commas are decimal, .* semicolons"),
        ("time,yaw,pitch\n0,1\n", "line 2: three numbers are expected here"),
        ("time,yaw,pitch\n0,1_0,2\n", "'1_0' is not a number"),
        ("time,yaw,pitch\n0,inf,2\n", "'inf' is not a number"),
        ("time,yaw,pitch\n0,1,95\n", "a pitch that is not within ±90°"),
        ("time,longitude,latitude\n0,1,2\n", "call them yaw_deg and pitch_deg if they are degrees"),
        ("0 1 2\n3 4 5\n", "rows of 3 numbers are no known format: name the columns"),
        ("time,qx,qy,qz,qw\n0,0,0,0,2\n", "length is not 1"),
        (",".join(["time", "yaw", "pitch", *"a" * 300]) + "\n", "303 columns, too many"),
        (" ".join("1" * 40) + "\n", "40 columns, too many"),
    ],
)
def test_a_table_that_is_no_path_is_refused_in_one_sentence(
    read: Read, content: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read(content)


def test_what_the_columns_were_taken_for_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gaze.csv"
    file.write_text("Time [ms];HeadYaw;HeadPitch (rad)\n0;1;0,1\n")
    told = understand(str(file))
    assert told.content == "columns time (ms), yaw (deg), pitch (rad)"


def test_axes_stand_before_the_columns_of_a_quaternion(read: Read) -> None:
    rows = []
    for t, *look in TURN:
        w, x, y, z = quaternion(look, "unity")
        rows.append(f"{t},0.1,1.6,0.2,{x},{y},{z},{w}")
    content, columns = "\n".join(rows), "time_s,-,-,-,qx,qy,qz,qw"
    assert read(content, wanted=f"unity:{columns}").yaw_deg[-1] == pytest.approx(60)
    with pytest.raises(DoubtfulFormatError, match=f"unity:{columns} or openxr:{columns}: name"):
        read(content, wanted=columns)
    with pytest.raises(InputError, match="'blender' are no axes of quaternions: give ros, unity"):
        read(content, wanted=f"blender:{columns}")
    with pytest.raises(DoubtfulFormatError, match="rows of 8 numbers are no known format"):
        read(content)


def test_unitys_euler_angles_can_be_named(read: Read) -> None:
    rows = "Time,eulerAngles.x,eulerAngles.y,eulerAngles.z\n" + "".join(
        f"{t},{350 + k % 3},{(300 + y) % 360},{357 + k % 5 if k % 5 < 3 else k % 5 - 3}\n"
        for k, (t, y, _, _) in enumerate(TURN)
    )
    path = read(rows, wanted="time_s,-pitch_deg,yaw_deg,-roll_deg")
    assert path.pitch_deg[:3].tolist() == [10, 9, 8]
    assert path.yaw_deg[-1] - path.yaw_deg[0] == pytest.approx(60)
    assert np.abs(np.diff(path.roll_deg)).max() < 5
    with pytest.raises(DoubtfulFormatError, match="names no yaw and no pitch: name the columns"):
        read(rows)


def test_prose_names_no_columns(read: Read) -> None:
    path = read("My yaw and pitch\ntime yaw pitch\n0 1 2\n1 2 3\n")
    assert path.yaw_deg.tolist() == [1, 2]
