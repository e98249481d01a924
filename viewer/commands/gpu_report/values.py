"""Types of a report's values that are read: plain JSON, so that a resumed report needs no reader.

`final` lets the type checker tell results by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict, final

State = Literal["done", "failed", "refused", "waiting"]


class Facts(TypedDict):
    """Facts of the machine.

    Attributes:
        refusals: why engines cannot decode here, or None, by decoder and engine.
    """

    date: str
    commit: str | None
    machine: str
    device: str
    processor: str
    driver: str | None
    cuda: str | None
    torch: str
    triton: str | None
    python: str
    refusals: dict[str, dict[str, str | None]]


class Plan(TypedDict):
    """Fields of a `ReportSize`."""

    preset: str
    scale: str
    pictures: int
    shown_s: float


class Measured(TypedDict, total=False):
    """Result of a step that is done, or the reason why there is none."""

    result: Any
    reason: str
    seconds: float


class Outcome(Measured):
    """Outcome of a step; ``key`` names the program and machine."""

    title: str
    state: State
    key: str


class Graphics(TypedDict):
    """Fields of `graphics_facts`."""

    renderer: str
    interop: str | None


class Report(Facts):
    """All that a report holds; outcomes are by step."""

    report: str
    plan: Plan
    steps: dict[str, Outcome]
    graphics: NotRequired[Graphics]


class Timing(TypedDict):
    """Milliseconds per picture, of `nerv360.lab.benchmarks.Timing`."""

    median_ms: float
    slowest_percent_ms: float


class Memory(TypedDict, total=False):
    """Torch's peak on a GPU, MiB."""

    allocated: float


@final
class Decoding(TypedDict):
    """Fields of an `EngineResult`."""

    size: Sequence[int]
    looking: Timing | None
    playing: Timing
    memory_mib: Memory


@final
class Part(TypedDict):
    """Fields of a `PartResult`."""

    fps: float
    memory_bytes: int


class Upload(TypedDict):
    """Fields of an `UploadSpeed`."""

    size: Sequence[int]
    path: str
    median_ms: float


@final
class Uploads(TypedDict):
    """Every size and way of upload."""

    uploads: list[Upload]


class ViewLog(TypedDict, total=False):
    """Numbers and words of a log of the viewer's."""

    first_picture_s: float
    faster_engine_s: float
    shown: float
    decoded: float
    decode_ms: float
    engine: str
    upload_ms: float
    upload: str
    no_faster_engine: str


class ViewRun(ViewLog):
    """A run of the viewer until it closed."""

    seconds: float


@final
class WindowRun(ViewRun):
    """A run that left a screenshot, a file of the report's folder."""

    screenshot: str


class Start(ViewLog):
    """A start of the viewer until its fastest engine decoded."""

    fastest_engine_after_s: float


@final
class Starts(TypedDict):
    """Starts with empty caches and with full ones."""

    cold: Start
    warm: Start


@final
class TestCounts(TypedDict):
    """Tests by outcome; ``first`` fails first, ``skips`` are reasons."""

    tests: int
    passed: int
    failing: int
    skipped: int
    skips: list[str]
    first: str | None
    seconds: NotRequired[float]
    soak_s: NotRequired[float]


Result = Decoding | Part | Uploads | WindowRun | Starts | TestCounts
