import asyncio
import subprocess
import sys
import time

import pytest
from prometheus_client import CollectorRegistry

from mcs_controller.observe import process
from mcs_controller.observe.health import Health
from mcs_controller.observe.metrics import ProcessMetrics, ReadinessCollector
from mcs_controller.observe.process import LoopMonitor


def lag_seconds(registry: CollectorRegistry) -> float:
    value = registry.get_sample_value("mcs_event_loop_lag_seconds_sum")
    assert value is not None
    return value


def test_a_process_tells_its_version_memory_and_collections() -> None:
    registry = CollectorRegistry()
    ProcessMetrics(registry, version="1.2.3")
    assert registry.get_sample_value("mcs_build_info", {"version": "1.2.3"}) == 1
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 1_000_000
    assert registry.get_sample_value("python_gc_collections_total", {"generation": "2"}) is not None


def test_readiness_is_told_as_it_is_when_asked() -> None:
    problem: list[str | None] = ["not read completely yet"]
    registry, health = CollectorRegistry(), Health()
    health.add("zone", lambda: problem[0])
    health.add("shutdown", lambda: None)
    registry.register(ReadinessCollector(health))
    assert registry.get_sample_value("mcs_ready") == 0
    problem[0] = None
    assert registry.get_sample_value("mcs_ready") == 1


def usage(registry: CollectorRegistry) -> dict[str, float]:
    return {
        metric.name: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if metric.name.startswith("process_")
    }


BUSY = """
import time
while time.process_time() < 0.3: pass
print(flush=True)
input()
"""


def test_workers_count_as_parts_of_the_process_and_what_they_used_stays_counted_when_they_end() -> None:
    registry, alone = CollectorRegistry(), CollectorRegistry()
    workers: list[int] = []
    ProcessMetrics(registry, version="1", workers=lambda: workers)
    ProcessMetrics(alone, version="1")
    before = usage(registry)
    worker = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    workers.append(worker.pid)
    both, own = usage(registry), usage(alone)

    assert both["process_cpu_seconds"] - own["process_cpu_seconds"] >= 0.25
    for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds"):
        assert both[name] > own[name]
    for name in ("process_max_fds", "process_start_time_seconds"):
        assert both[name] == before[name]

    worker.kill()
    workers.clear()
    assert usage(registry)["process_cpu_seconds"] >= both["process_cpu_seconds"]
    worker.communicate()
    fresh = CollectorRegistry()
    ProcessMetrics(fresh, version="1")
    assert usage(fresh)["process_cpu_seconds"] - time.process_time() >= 0.25
    after = usage(registry)
    assert after["process_cpu_seconds"] >= both["process_cpu_seconds"]
    assert after["process_resident_memory_bytes"] < both["process_resident_memory_bytes"]


async def test_a_blocked_event_loop_shows_as_lag() -> None:
    registry = CollectorRegistry()
    monitor = LoopMonitor(ProcessMetrics(registry, version="1").loop_lag)
    round_ = asyncio.create_task(monitor.measure())
    await asyncio.sleep(0)
    time.sleep(process.INTERVAL_SECONDS + 0.1)  # noqa: ASYNC251
    await round_
    assert lag_seconds(registry) >= 0.1


@pytest.mark.looptime
async def test_a_loop_that_comes_round_is_well_and_one_that_does_not_is_a_problem() -> None:
    monitor = LoopMonitor(ProcessMetrics(CollectorRegistry(), version="1").loop_lag)
    assert monitor.problem() is None
    running = asyncio.create_task(monitor.run())
    await asyncio.sleep(100)
    assert monitor.problem() is None
    running.cancel()
    await asyncio.wait([running])

    stopped = LoopMonitor(ProcessMetrics(CollectorRegistry(), version="1").loop_lag)
    await stopped.measure()
    await asyncio.sleep(process.STUCK_SECONDS + 1)
    problem = stopped.problem()
    assert problem is not None
    assert "has been blocked for 6" in problem
