"""Progress of a running training, for a person."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from viewer.commands.terminal import progress_bar

if TYPE_CHECKING:
    from model.training import StepReport

SMOOTHING = 0.05


class TrainingProgress:
    """A progress line on the terminal; where there is none, a line an evaluation."""

    def __init__(self, visible: bool) -> None:
        self._console = Console()
        self._visible = visible
        self._loss: float | None = None
        self._printed: float | None = None
        self._pictures = 0
        self._progress = progress_bar(
            self._console,
            TextColumn("{task.fields[details]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            visible=visible,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def report(self, step: StepReport) -> None:
        """Show the state after one step."""
        if self._loss is None:
            self._loss = step.loss
        self._loss += SMOOTHING * (step.loss - self._loss)
        if self._task is None:
            self._task = self._progress.add_task(
                "training", total=step.steps, completed=step.step - 1, details=""
            )
            self._pictures = step.pictures
        task = self._progress.tasks[self._task]
        rate = (step.pictures - self._pictures) / task.elapsed if task.elapsed else 0.0
        quality = "" if step.psnr_db is None else f", PSNR {step.psnr_db:.2f} dB"
        quality += "" if step.moving_db is None else f" ({step.moving_db:.2f} where it moves)"
        details = f"epoch {step.epoch}, loss {self._loss:.3f}{quality}, {rate:.1f} pictures/s"
        self._progress.update(self._task, completed=step.step, details=details)
        plain = self._visible and not self._console.is_terminal
        if plain and step.psnr_db is not None and step.psnr_db != self._printed:
            self._printed = step.psnr_db
            print(f"step {step.step} of {step.steps}, {details}", flush=True)
