import time

import pytest

from app.stats import Stats, cpu_name, peak_rss_mb, percentiles


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(v) for v in range(1, 101)]
    assert percentiles(values, 50, 95, 99) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([], 50) == {"p50": 0.0}
    assert percentiles([7.0], 50, 99) == {"p50": 7.0, "p99": 7.0}


def test_summary_from_simulated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[0] / 2e9)
    stats = Stats()
    for _ in range(10):
        captured = now[0]
        now[0] += 40_000_000
        stats.frames_in += 1
        stats.frames_out += 1
        stats.stage("matting", 12_000_000)
        stats.shown(captured)
    fps, latency_ms, stages = stats.recent()
    assert fps == pytest.approx(25)
    assert latency_ms == pytest.approx(40)
    assert stages == {"matting": 12.0}
    summary = stats.summary(drops={"capture": 1}, repaired_pts=2, broken=3, backend="fake")
    assert summary["fps"] == 25.0
    assert summary["seconds"] == 0.4
    assert summary["cpu_s_per_frame"] == 0.02
    assert summary["latency_ms"] == {"p50": 40.0, "p95": 40.0, "p99": 40.0}
    assert summary["frame_interval_ms"] == {"p50": 40.0, "p99": 40.0, "max": 40.0}
    assert (summary["frames_in"], summary["repaired_pts"], summary["broken"]) == (10, 2, 3)
    assert set(summary["versions"]) >= {"python", "numpy", "av", "onnxruntime"}


def test_a_pause_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    stats = Stats()
    for number in range(6):
        if number == 3:
            now[0] += 60_000_000_000
            stats.resumed()
        now[0] += 40_000_000
        stats.shown(now[0])
    summary = stats.summary(drops={}, repaired_pts=0, broken=0, backend="fake")
    assert summary["frame_interval_ms"]["max"] == 40.0
    assert stats.recent()[0] == pytest.approx(25)


def test_a_run_without_frames_has_a_summary() -> None:
    summary = Stats().summary(drops={}, repaired_pts=0, broken=0, backend="fake")
    assert summary["frames_out"] == 0
    assert summary["cpu_s_per_frame"] == 0.0


def test_the_machine_is_named() -> None:
    assert cpu_name()
    peak = peak_rss_mb()
    assert peak is None or peak > 10


def test_what_came_before_the_start_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[0] / 1e9)
    stats = Stats()
    now[0] += 9_000_000_000
    stats.start()
    now[0] += 500_000_000
    stats.frames_out = 5
    summary = stats.summary(drops={}, repaired_pts=0, broken=0, backend="fake")
    assert (summary["seconds"], summary["fps"], summary["cpu_s_per_frame"]) == (0.5, 10.0, 0.1)
