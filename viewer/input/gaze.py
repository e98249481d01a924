"""Record gaze paths and follow them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs

from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.text import escaped
from nerv360.trajectories import Step, Trajectory, TrajectoryWriter
from nerv360.viewer.failures import describe
from nerv360.viewer.input.camera import Camera
from nerv360.viewer.input.playback import Playback
from nerv360.viewer.paths import free_path


class Recorder:
    """Recorder of one gaze path at a time; each row is written to the file at once.

    Attributes:
        path: the file being written, or None.
        elapsed_s: seconds recorded so far, 0 before the first row.
    """

    def __init__(self) -> None:
        self._writer: TrajectoryWriter | None = None
        self.elapsed_s = 0.0

    @property
    def path(self) -> Path | None:
        return self._writer.path if self._writer else None

    def start(self, path: Path, scene: str) -> None:
        """Begin a new file for looks at ``scene``, starting at time 0.

        Raises:
            InputError: the file exists already, or cannot be created.
        """
        self.stop()
        self.elapsed_s = 0.0
        self._writer = TrajectoryWriter(path, scene)

    def advance(self, seconds: float, frame: int, look: Look) -> None:
        """Record the look and frame ``seconds`` after the last row, if a recording runs.

        Raises:
            InputError: the row cannot be written; the recording has ended with the rows before.
        """
        if self._writer is None:
            return
        if self._writer.samples:
            self.elapsed_s += seconds
        try:
            self._writer.append(self.elapsed_s, frame, look)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> Path | None:
        """End the recording and return its file, or None if none was running."""
        writer, self._writer = self._writer, None
        if writer is None:
            return None
        writer.close()
        return writer.path


class Replay:
    """Position on a gaze path.

    Look and frame depend only on the path and the time, so every replay shows the same.

    Attributes:
        trajectory: the path.
        seconds: since its beginning.
        duration: of the whole replay, seconds.
    """

    def __init__(self, trajectory: Trajectory, frames: int, fps: float) -> None:
        """Start at the beginning of ``trajectory``, for a clip of ``frames`` at ``fps``.

        Raises:
            InputError: the path shows frames that the clip does not have.
        """
        trajectory.check_frames(frames)
        self.trajectory = trajectory
        self.seconds = 0.0
        self.duration = trajectory.replay_s(frames, fps)
        self._clip = frames, fps

    @property
    def ended(self) -> bool:
        """Whether the whole path has been shown."""
        return self.seconds >= self.duration

    def advance(self, seconds: float) -> None:
        """Advance by ``seconds``, at most to the end."""
        self.seconds = min(self.seconds + seconds, self.duration)

    def restart(self) -> None:
        """Go back to the beginning."""
        self.seconds = 0.0

    def step(self) -> Step:
        """Return the current look and frame."""
        return self.trajectory.step_at(self.seconds, *self._clip)


class Gaze:
    """Recording of gaze paths, and following one until the user takes over.

    Attributes:
        recorder: writes the path being recorded.
        replay: the path being followed, or None.
    """

    def __init__(self, camera: Camera, playback: Playback, notify: Callable[[str], None]) -> None:
        """Record from or lead ``camera`` and ``playback`` on demand; report by ``notify``."""
        self.recorder = Recorder()
        self.replay: Replay | None = None
        self._camera = camera
        self._playback = playback
        self._notify = notify
        self._placed: object = None

    def state(self) -> object:
        """Return a value that changes whenever the panel must be drawn again."""
        recorder, replay = self.recorder, self.replay
        recorded = recorder.elapsed_s if recorder.path else None
        return recorded, (replay.trajectory.name, replay.seconds) if replay else None

    def toggle_recording(self, scene: str) -> None:
        """Start recording looks at ``scene`` to a new file in the user's documents, or stop."""
        if self.recorder.path is not None:
            self.stop_recording()
            return
        try:
            path = free_path(platformdirs.user_documents_path(), "nerv360-path", ".csv")
            path.parent.mkdir(parents=True, exist_ok=True)
            self.recorder.start(path, escaped(scene))
        except (OSError, RuntimeError) as error:
            self._notify(f"The gaze path cannot be recorded: {describe(error)}")
        except InputError as error:
            self._notify(str(error))

    def stop_recording(self) -> None:
        """End the recording, if one runs, and report its file."""
        path = self.recorder.stop()
        if path is not None:
            self._notify(f"Saved {path}")

    def follow(self, trajectory: Trajectory) -> None:
        """Lead the look and the clip along ``trajectory``, from its beginning.

        Raises:
            InputError: it shows frames that the clip does not have.
        """
        self.replay = Replay(trajectory, self._playback.frames, self._playback.fps)
        self._playback.playing = True
        self._place(self.replay, 0.0)

    def leave(self) -> None:
        """Stop following a path."""
        self.replay = None

    def advance(self, seconds: float) -> None:
        """Advance the clip by ``seconds``, led by the path if there is one, and record the look."""
        if self.replay is not None and self._shown() != self._placed:
            self.replay = None
            self._notify("The gaze path stops here, because you moved the view or the clip.")
        if self.replay is None:
            self._playback.advance(seconds)
        elif self._playback.playing:
            self._lead(self.replay, seconds)
        try:
            self.recorder.advance(seconds, self._playback.frame, self._camera.look())
        except InputError as error:
            self._notify(str(error))

    def _lead(self, replay: Replay, seconds: float) -> None:
        playback = self._playback
        if replay.ended and playback.loop:
            replay.restart()
        else:
            replay.advance(seconds * playback.speed)
        self._place(replay, seconds)
        if replay.ended and not playback.loop:
            self.replay = None
            playback.playing = False
            self._notify(f"{replay.trajectory.name} has ended.")

    def _place(self, replay: Replay, seconds: float) -> None:
        step = replay.step()
        self._camera.follow(step.look, seconds)
        self._playback.seek(step.frame)
        self._placed = self._shown()

    def _shown(self) -> tuple[Look, int]:
        return self._camera.look(), self._playback.frame
