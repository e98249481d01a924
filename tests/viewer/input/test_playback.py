from __future__ import annotations

import pytest

from nerv360.viewer.input.playback import SPEEDS, Playback


def test_time_passes_at_the_clips_rate() -> None:
    playback = Playback(100, 25.0)
    playback.advance(1.0)
    assert (playback.frame, playback.seconds, playback.duration) == (25, 1.0, 4.0)


def test_speed_scales_time() -> None:
    playback = Playback(100, 10.0, speed=2.0)
    playback.advance(1.0)
    assert playback.frame == 20


def test_a_pause_stops_time_and_keeps_the_fraction() -> None:
    playback = Playback(10, 10.0)
    playback.advance(0.05)
    playback.toggle()
    playback.advance(3.0)
    assert playback.frame == 0
    playback.toggle()
    playback.advance(0.0501)
    assert playback.frame == 1


def test_a_loop_begins_again_without_losing_time() -> None:
    playback = Playback(10, 10.0, loop=True)
    playback.advance(2.35)
    assert playback.frame == 3
    assert playback.playing


def test_without_loop_it_ends_on_the_last_frame_and_play_starts_over() -> None:
    playback = Playback(10, 10.0, loop=False)
    playback.advance(7.0)
    assert (playback.frame, playback.playing) == (9, False)
    playback.toggle()
    assert (playback.frame, playback.playing) == (0, True)


@pytest.mark.parametrize(("asked", "got"), [(-5, 0), (4, 4), (99, 9)])
def test_seeking_stays_in_the_clip_and_does_not_pause(asked: int, got: int) -> None:
    playback = Playback(10, 10.0)
    playback.seek(asked)
    assert (playback.frame, playback.playing) == (got, True)


def test_a_step_pauses_and_wraps_only_in_a_loop() -> None:
    playback = Playback(10, 10.0, loop=True)
    playback.step(-1)
    assert (playback.frame, playback.playing) == (9, False)
    playback.loop = False
    playback.step(1)
    assert playback.frame == 9


def test_speeds_go_up_and_down_and_end() -> None:
    playback = Playback(10, 10.0)
    for _ in SPEEDS:
        playback.change_speed(1)
    assert playback.speed == max(SPEEDS)
    for _ in SPEEDS:
        playback.change_speed(-1)
    assert playback.speed == min(SPEEDS)


def test_another_clip_begins_at_its_first_frame_and_speed_and_loop_stay() -> None:
    playback = Playback(10, 10.0, speed=2.0, loop=False)
    playback.seek(7)
    playback.playing = False
    playback.open(4, 5.0)
    assert (playback.frame, playback.frames, playback.fps, playback.playing) == (0, 4, 5.0, True)
    assert (playback.speed, playback.loop) == (2.0, False)


def test_a_single_picture_is_a_clip() -> None:
    playback = Playback(1, 30.0)
    playback.advance(10.0)
    playback.step(1)
    assert playback.frame == 0


@pytest.mark.parametrize(("frames", "fps"), [(0, 30.0), (10, 0.0), (10, float("nan"))])
def test_no_clip_is_refused(frames: int, fps: float) -> None:
    with pytest.raises(ValueError, match="a clip has frames"):
        Playback(frames, fps)
