import pickle
import time
from typing import Any

import pytest

from app.stats import Histogram, Stats, cpu_name, peak_rss_mb, rss_mb

SUMMARY: dict[str, Any] = {"drops": {}, "last_drops_ns": {}, "source": {}, "backend": "fake"}


def test_percentiles_are_right_to_half_a_per_cent() -> None:
    times = Histogram()
    for value in range(1, 101):
        times.add(float(value))
    found = times.percentiles(50, 95, 99)
    assert found == pytest.approx({"p50": 50.0, "p95": 95.0, "p99": 99.0}, rel=0.006)
    assert times.most == 100.0
    assert Histogram().percentiles(50) == {"p50": 0.0}


def test_times_out_of_all_bounds_are_counted() -> None:
    times = Histogram()
    for value in (0.0, -1.0, 1e12):
        times.add(value)
    assert times.percentiles(50, 99)["p50"] == 0.0
    assert times.most == 1e12


def test_a_long_run_needs_no_more_memory() -> None:
    times = Histogram()
    for _ in range(3):
        before = len(pickle.dumps(times))
        for value in range(5000):
            times.add(value / 7)
    assert len(pickle.dumps(times)) == before


def test_summary_from_simulated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[0] / 2e9)
    stats = Stats(now[0] - 2_000_000_000)
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
    summary = stats.summary(
        drops={"capture": 1, "viewer": 0},
        last_drops_ns={"capture": 1_250_000_000, "viewer": None},
        source={"repaired_pts": 2, "broken": 3},
        backend="fake",
    )
    assert summary["fps"] == 25.0
    assert summary["seconds"] == 0.4
    assert summary["cpu_s_per_frame"] == 0.02
    about_40 = pytest.approx(40, rel=0.006)
    assert summary["latency_ms"] == {"p50": about_40, "p95": about_40, "p99": about_40}
    assert summary["frame_interval_ms"] == {"p50": about_40, "p99": about_40, "max": 40.0}
    assert summary["first_picture_s"] == 2.04
    assert summary["last_drop_s"] == {"capture": 0.25, "viewer": None}
    assert (summary["frames_in"], summary["repaired_pts"], summary["broken"]) == (10, 2, 3)
    assert set(summary["versions"]) >= {"python", "numpy", "av", "onnxruntime"}


def test_a_pause_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    stats = Stats(0)
    for number in range(6):
        if number == 3:
            now[0] += 60_000_000_000
            stats.resumed()
        now[0] += 40_000_000
        stats.shown(now[0])
    summary = stats.summary(**SUMMARY)
    assert summary["frame_interval_ms"]["max"] == 40.0
    assert stats.recent()[0] == pytest.approx(25)


def test_the_rate_falls_while_no_picture_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    stats = Stats(0)
    for _ in range(61):
        now[0] += 40_000_000
        stats.shown(now[0])
    now[0] += 30_000_000
    assert stats.recent()[0] == pytest.approx(25)
    now[0] += 57_570_000_000
    assert stats.recent()[0] == pytest.approx(61 / 60)


def test_a_run_without_frames_has_a_summary() -> None:
    summary = Stats(0).summary(**SUMMARY)
    assert summary["frames_out"] == 0
    assert summary["cpu_s_per_frame"] == 0.0


def test_an_engine_is_noted_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    stats = Stats(0)
    for engine in ("cpu", "cpu", "gpu", "gpu", "cpu", "cpu"):
        now[0] += 500_000_000
        stats.ran_on(engine)
    assert stats.summary(**SUMMARY)["backends"] == [(0.5, "cpu"), (1.5, "gpu"), (2.5, "cpu")]


def test_the_machine_is_named() -> None:
    assert cpu_name()
    peak = peak_rss_mb()
    assert peak is None or peak > 10
    held = rss_mb()
    assert held is None or peak is None or 10 < held < 1.1 * peak


def test_the_memory_held_is_noted_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr("app.stats.rss_mb", lambda: now[0] / 1e9)
    stats = Stats(0)
    for _ in range(10 * 3600):
        now[0] += 1_000_000_000
        stats.tick()
    noted = stats.summary(**SUMMARY)["rss_mb"]
    assert 60 < len(noted) <= 121
    assert noted[0][0] == 1
    assert noted[-1][0] > 9.8 * 3600
    assert all(at == held for at, held in noted)


def test_what_came_before_the_start_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[0] / 1e9)
    stats = Stats(0)
    now[0] += 9_000_000_000
    stats.start()
    now[0] += 500_000_000
    stats.frames_out = 5
    summary = stats.summary(**SUMMARY)
    assert (summary["seconds"], summary["fps"], summary["cpu_s_per_frame"]) == (0.5, 10.0, 0.1)
