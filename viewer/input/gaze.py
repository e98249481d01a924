"""The gaze path that is being recorded, and the one that is being followed."""

from __future__ import annotations

from collections.abc import Callable

from model.errors import InputError
from model.trajectories.trajectory import Trajectory
from viewer.failures import describe
from viewer.input.camera import Camera
from viewer.input.playback import Playback
from viewer.input.recorder import Recorder, new_recording_path
from viewer.input.replay import Replay
from viewer.text import printable


class Gaze:
    """Records where the viewer looks, and leads the look along a path until a hand takes over.

    Attributes:
        recorder: writes the path that is being made.
        replay: the path that is followed, or nothing.
    """

    def __init__(self, camera: Camera, notify: Callable[[str], None]) -> None:
        self.recorder = Recorder()
        self.replay: Replay | None = None
        self._camera = camera
        self._notify = notify
        self._placed: object = None

    def toggle_recording(self, scene: str) -> None:
        """Start recording looks at ``scene`` to a new file among the documents, or stop."""
        if self.recorder.path is not None:
            self.stop_recording()
            return
        try:
            path = new_recording_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.recorder.start(path, printable(scene))
        except (OSError, RuntimeError) as error:
            self._notify(f"The gaze path cannot be recorded: {describe(error)}")
        except InputError as error:
            self._notify(str(error))

    def stop_recording(self) -> None:
        """End the recording, if one runs, and say where it is."""
        path = self.recorder.stop()
        if path is not None:
            self._notify(f"Saved {path}")

    def follow(self, trajectory: Trajectory, playback: Playback) -> None:
        """Lead the look and the clip along ``trajectory``, from its beginning.

        Raises:
            InputError: it shows frames that the clip does not have.
        """
        self.replay = Replay(trajectory, playback.frames, playback.fps)
        playback.playing = True
        self._place(playback, 0.0)

    def leave(self) -> None:
        """Follow nothing any more."""
        self.replay = None

    def advance(self, seconds: float, playback: Playback) -> None:
        """Let ``seconds`` pass: the clip moves on, by itself or as the path has it, and the look
        that results is recorded.
        """
        if self.replay is not None and self._taken_over(playback):
            self.replay = None
            self._notify("You have taken over: the path is no longer followed.")
        if self.replay is None:
            playback.advance(seconds)
        elif playback.playing:
            self._lead(self.replay, seconds, playback)
        try:
            self.recorder.advance(seconds, playback.frame, self._camera.look())
        except InputError as error:
            self._notify(str(error))

    def _lead(self, replay: Replay, seconds: float, playback: Playback) -> None:
        if replay.ended and playback.loop:
            replay.restart()
        else:
            replay.advance(seconds * playback.speed)
        self._place(playback, seconds)
        if replay.ended and not playback.loop:
            self.replay = None
            playback.playing = False
            self._notify(f"{replay.trajectory.name} has ended.")

    def _place(self, playback: Playback, seconds: float) -> None:
        assert self.replay is not None
        step = self.replay.step()
        self._camera.follow(step.look, seconds)
        playback.seek(step.frame)
        self._placed = self._camera.look(), playback.frame

    def _taken_over(self, playback: Playback) -> bool:
        return (self._camera.look(), playback.frame) != self._placed
