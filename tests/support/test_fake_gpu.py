"""The stand-in for a GPU allows no more than a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.fake_gpu import BROKEN, ELSEWHERE, FORBIDDEN, ILLEGAL_ACCESS, Address, FakeGpu


def doubling(source: Tensor) -> Callable[[], Tensor]:
    return lambda: (source + source).view(-1)


def test_a_graph_computes_when_it_is_replayed_and_not_before() -> None:
    source, written = torch.ones(3), torch.zeros(2)

    def run() -> Tensor:
        written.add_(1)
        return doubling(source)()

    output, replay = FakeGpu().capture(run)
    assert output.isnan().all()
    assert written.tolist() == [1, 1], "by the run before the capture"
    source.fill_(4)
    replay()
    assert output.tolist() == [8, 8, 8]
    assert written.tolist() == [2, 2]


def test_a_graph_keeps_nothing_alive() -> None:
    source = torch.ones(3)
    view = source[:2]
    output, replay = FakeGpu().capture(doubling(source))
    del source
    replay()
    assert output.tolist() == [2, 2, 2]
    del view
    with pytest.raises(RuntimeError, match=ILLEGAL_ACCESS):
        replay()


def test_a_later_capture_takes_the_memory_that_nobody_holds() -> None:
    gpu, source = FakeGpu(), torch.ones(3)
    held, first = gpu.capture(doubling(source))
    lost, second = gpu.capture(doubling(source))
    address = lost[:0]
    output, third = gpu.capture(doubling(source))
    first(), second(), third()
    assert (held + lost + output).tolist() == [6, 6, 6]
    second()
    assert output.isnan().all(), "what comes later may lie in what the second used meanwhile"
    third()
    assert (held + lost + output).tolist() == [6, 6, 6]
    del address


def test_temporaries_are_spoilt_by_other_graphs() -> None:
    gpu, source = FakeGpu(), torch.ones(3)
    addresses: list[Address] = []

    def run() -> Tensor:
        between = source * 2
        addresses.append(Address.of(between))
        return between + 1

    output, replay = gpu.capture(run)
    other, replay_other = gpu.capture(doubling(source))
    replay()
    assert addresses[-1].tensor().tolist() == [2, 2, 2]
    replay_other()
    assert addresses[-1].tensor().isnan().all()
    assert (output + other).tolist() == [5, 5, 5]


def test_values_cannot_be_read_while_capturing() -> None:
    source = torch.ones(3)

    def run() -> Tensor:
        return source * (2.0 if source.sum().item() > 1 else 3.0)

    with pytest.raises(RuntimeError, match=FORBIDDEN):
        FakeGpu().capture(run)


def test_the_whole_gpu_cannot_be_waited_for_while_another_thread_captures() -> None:
    first, second, errors = FakeGpu(), FakeGpu(), []
    source = torch.ones(3)

    def other() -> None:
        with pytest.raises(RuntimeError) as caught:
            second.capture(doubling(source))
        errors.append(str(caught.value))

    def meanwhile() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    first.during = meanwhile
    with pytest.raises(RuntimeError, match=BROKEN):
        first.capture(doubling(source))
    assert errors == [FORBIDDEN]
    first.during = lambda: None
    first.capture(doubling(source))


def test_other_threads_wait_for_their_own_work_while_one_captures() -> None:
    gpu = FakeGpu()
    event = gpu.event()
    gpu.record(event)

    def meanwhile() -> None:
        thread = threading.Thread(target=event.synchronize)
        thread.start()
        thread.join()

    gpu.during = meanwhile
    gpu.capture(doubling(torch.ones(3)))
    gpu.during = event.synchronize
    with pytest.raises(RuntimeError, match="waiting for an event"):
        gpu.capture(doubling(torch.ones(3)))


def test_events_pass_when_they_were_recorded() -> None:
    gpu = FakeGpu()
    event = gpu.event()
    with pytest.raises(AssertionError, match="never recorded"):
        event.query()
    gpu.record(event)
    assert event.query()
    gpu.busy = True
    assert not event.query()
    with pytest.raises(AssertionError, match="wait for ever"):
        event.synchronize()


def pinned(gpu: FakeGpu, values: list[float]) -> Tensor:
    return gpu.pinned((len(values),), torch.float32).copy_(torch.tensor(values))


def test_a_copy_from_pinned_memory_runs_late_and_before_the_next_replay() -> None:
    gpu, source = FakeGpu(), torch.zeros(3)
    host = pinned(gpu, [1, 2, 3])
    output, replay = gpu.capture(doubling(source))
    gpu.upload(host, source)
    assert source.tolist() == [0, 0, 0], "it is only enqueued"
    host[0] = 7
    replay()
    assert output.tolist() == [14, 4, 6], "who rewrites what is being copied spoils it"


def test_pinned_memory_is_not_rewritten_before_the_host_knows_that_its_copy_has_run() -> None:
    gpu, target = FakeGpu(), torch.zeros(2)
    host, event = pinned(gpu, [1, 2]), gpu.event()
    gpu.upload(host, target)
    gpu.record(event)
    event.synchronize()
    host.fill_(3)
    gpu.upload(host, target)
    gpu.record(event)
    host.fill_(4)
    with pytest.raises(AssertionError, match="rewritten"):
        gpu.upload(host, target)
    with pytest.raises(AssertionError, match="rewritten"):
        gpu.record(gpu.event())


def test_a_graph_copies_what_pinned_memory_holds_when_it_is_replayed() -> None:
    gpu, source = FakeGpu(), torch.zeros(2)
    host = pinned(gpu, [1, 2])

    def run() -> Tensor:
        gpu.upload(host, source)
        return source + 1

    output, replay = gpu.capture(run)
    host.fill_(5)
    replay()
    assert output.tolist() == [6, 6]


def test_what_concerns_the_host_alone_is_done_while_capturing_and_not_recorded() -> None:
    gpu, source = FakeGpu(), torch.zeros(2)
    host, counter = pinned(gpu, [1, 2]), gpu.pinned((1,), torch.float32).zero_()

    def run() -> Tensor:
        counter.add_(1)
        gpu.upload(host[:1], source[:1])
        return source + 1

    output, replay = gpu.capture(run)
    replay()
    assert output.tolist() == [2, 1]
    assert counter.tolist() == [2], "by the run before the capture and by the capture"


def test_a_graph_reads_no_other_memory_of_the_host() -> None:
    gpu, device, pageable = FakeGpu(), torch.zeros(2), torch.ones(2)
    gpu.pageable(pageable)
    host = pinned(gpu, [1, 2])
    for run, refusal in (
        (lambda: device + host, ELSEWHERE),
        (lambda: device + pageable, ELSEWHERE),
        (lambda: pageable.index_select(0, device.long()), ELSEWHERE),
        (lambda: device.copy_(pageable, non_blocking=True), FORBIDDEN),
        (lambda: device.copy_(host), FORBIDDEN),
        (lambda: pageable.copy_(device, non_blocking=True), FORBIDDEN),
    ):
        with pytest.raises(RuntimeError, match=refusal):
            gpu.capture(run)
    with pytest.raises(AssertionError, match="not pinned"):
        gpu.upload(pageable, device)
    with pytest.raises(AssertionError, match="contiguous"):
        gpu.upload(pinned(gpu, [1, 2, 3, 4])[::2], device)
    with pytest.raises(AssertionError, match="no memory of the GPU"):
        gpu.upload(host, pageable)
