"""Numbers about a run, from time stamps and counters."""

import platform
import sys
import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = ("numpy", "opencv-python-headless", "av", "onnxruntime", "numba")


def percentiles(values: Sequence[float], *ranks: int) -> dict[str, float]:
    """{"p50": …} of the values, nearest rank, rounded to 0.01; zeros when there are none."""
    if not len(values):
        return {f"p{rank}": 0.0 for rank in ranks}
    found = np.percentile(np.asarray(values), ranks, method="inverted_cdf")
    return {f"p{rank}": round(float(value), 2) for rank, value in zip(ranks, found, strict=True)}


class Stats:
    """Collects times while the program runs; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: defaultdict[str, array[float]] = defaultdict(lambda: array("f"))
        self._latencies_ms = array("f")
        self._intervals_ms = array("f")
        self._last_shown_ns: int | None = None
        self.frames_in = 0
        self.frames_out = 0
        self.start()

    def start(self) -> None:
        """Count seconds and CPU time from now on."""
        self._started_ns = time.perf_counter_ns()
        self._cpu_started_s = time.process_time()

    def stage(self, name: str, duration_ns: int) -> None:
        """Note one call of a stage."""
        with self._lock:
            self._stages[name].append(duration_ns / 1e6)

    def shown(self, captured_ns: int) -> None:
        """Note that a picture has reached the screen, or its end where there is no screen."""
        now_ns = time.perf_counter_ns()
        with self._lock:
            self._latencies_ms.append((now_ns - captured_ns) / 1e6)
            if self._last_shown_ns is not None:
                self._intervals_ms.append((now_ns - self._last_shown_ns) / 1e6)
            self._last_shown_ns = now_ns

    def resumed(self) -> None:
        """Note the end of a pause: it is no interval between two pictures."""
        with self._lock:
            self._last_shown_ns = None

    def recent(self, count: int = 60) -> tuple[float, float, dict[str, float]]:
        """(frames per second, median latency in ms, median ms per stage) over the last pictures."""
        with self._lock:
            intervals, latencies = self._intervals_ms[-count:], self._latencies_ms[-count:]
            stages = {name: values[-count:] for name, values in self._stages.items()}
        mean_ms = sum(intervals) / len(intervals) if intervals else 0.0
        medians = {name: percentiles(values, 50)["p50"] for name, values in stages.items()}
        return (1e3 / mean_ms if mean_ms else 0.0), percentiles(latencies, 50)["p50"], medians

    def summary(
        self, *, drops: dict[str, int], repaired_pts: int, broken: int, backend: str
    ) -> dict[str, Any]:
        """All numbers of the run so far, ready for JSON; times in ms, memory in MB (10^6 bytes)."""
        with self._lock:
            seconds = (time.perf_counter_ns() - self._started_ns) / 1e9
            cpu_s = time.process_time() - self._cpu_started_s
            return {
                "frames_in": self.frames_in,
                "frames_out": self.frames_out,
                "seconds": round(seconds, 3),
                "fps": round(self.frames_out / seconds, 2),
                "drops": drops,
                "repaired_pts": repaired_pts,
                "broken": broken,
                "latency_ms": percentiles(self._latencies_ms, 50, 95, 99),
                "stages": {name: percentiles(values, 50, 95, 99) for name, values in self._stages.items()},
                "frame_interval_ms": {
                    **percentiles(self._intervals_ms, 50, 99),
                    "max": round(max(self._intervals_ms, default=0.0), 2),
                },
                "cpu_s_per_frame": round(cpu_s / self.frames_out, 5) if self.frames_out else 0.0,
                "peak_rss_mb": peak_rss_mb(),
                "backend": backend,
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in _PACKAGES},
                },
                "cpu": cpu_name(),
            }


def peak_rss_mb() -> float | None:
    """Most memory this process has held, in MB; None where the system does not tell (Windows)."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
