"""Numbers about a run, from time stamps and counters."""

import math
import os
import platform
import sys
import threading
import time
from collections import defaultdict, deque
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = ("numpy", "opencv-python-headless", "av", "onnxruntime", "numba")

_LEAST, _MOST, _STEP = 1e-3, 1e7, 1.01
_BINS = math.ceil(math.log(_MOST / _LEAST) / math.log(_STEP)) + 1
_RECENT = 60
_MEMORY_EVERY_S = 10.0
_MEMORY_SAMPLES = 120


class Histogram:
    """How often which value occurred: bins 1 % wide, so that a run of days needs no more memory."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self.most = 0.0
        self.recent: deque[float] = deque(maxlen=_RECENT)

    def add(self, value: float) -> None:
        """Count one."""
        place = math.log(max(value, _LEAST) / _LEAST) / math.log(_STEP)
        self._counts[min(round(place), _BINS - 1)] += 1
        self.most = max(self.most, value)
        self.recent.append(value)

    def percentiles(self, *ranks: int) -> dict[str, float]:
        """{"p50": …}, nearest rank, right to half a per cent; zeros when there are none."""
        total = np.cumsum(self._counts)
        count = int(total[-1])
        if not count:
            return {f"p{rank}": 0.0 for rank in ranks}
        places = {f"p{rank}": np.searchsorted(total, math.ceil(rank / 100 * count)) for rank in ranks}
        return {name: round(min(self.most, _LEAST * _STEP ** float(at)), 2) for name, at in places.items()}

    def median_of_recent(self) -> float:
        """The median of the last values; 0 when there are none."""
        values = sorted(self.recent)
        return values[len(values) // 2] if values else 0.0


class Stats:
    """Collects times while the program runs; every method may be called from any thread.

    began_ns: `time.perf_counter_ns()` when the program began, from where the first picture is timed.
    """

    def __init__(self, began_ns: int) -> None:
        self._lock = threading.Lock()
        self._began_ns = began_ns
        self._stages: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._latencies = Histogram()
        self._confidences = Histogram()
        self._intervals = Histogram()
        self._last_shown_ns: int | None = None
        self._first_shown_ns: int | None = None
        self._memory: list[tuple[float, float]] = []
        self._memory_every_s = _MEMORY_EVERY_S
        self._backends: list[tuple[float, str]] = []
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
            self._stages[name].add(duration_ns / 1e6)

    def shown(self, captured_ns: int) -> None:
        """Note that a picture has reached the screen, or its end where there is no screen."""
        now_ns = time.perf_counter_ns()
        with self._lock:
            if self._first_shown_ns is None:
                self._first_shown_ns = now_ns
            self._latencies.add((now_ns - captured_ns) / 1e6)
            if self._last_shown_ns is not None:
                self._intervals.add((now_ns - self._last_shown_ns) / 1e6)
            self._last_shown_ns = now_ns

    def confidence(self, value: float) -> None:
        """Note the confidence of one matte, in [0, 1]."""
        with self._lock:
            self._confidences.add(value)

    def ran_on(self, backend: str) -> None:
        """Note which engine runs the network, with each picture: it is kept when it changes."""
        with self._lock:
            if not self._backends or self._backends[-1][1] != backend:
                seconds = (time.perf_counter_ns() - self._started_ns) / 1e9
                self._backends.append((round(seconds, 3), backend))

    def resumed(self) -> None:
        """Note the end of a pause: it is no interval between two pictures."""
        with self._lock:
            self._last_shown_ns = None

    def tick(self) -> None:
        """To be called several times a second: notes the memory held, more and more rarely."""
        seconds = (time.perf_counter_ns() - self._started_ns) / 1e9
        with self._lock:
            if self._memory and seconds < self._memory[-1][0] + self._memory_every_s:
                return
            if (megabytes := rss_mb()) is not None:
                self._memory.append((round(seconds, 1), megabytes))
            if len(self._memory) > _MEMORY_SAMPLES:
                del self._memory[1::2]
                self._memory_every_s *= 2

    def recent(self) -> tuple[float, float, dict[str, float]]:
        """(frames per second, median latency in ms, median ms per stage) over the last pictures.

        While no picture comes, as from a source that is lost, the frames per second fall.
        """
        now_ns = time.perf_counter_ns()
        with self._lock:
            intervals = list(self._intervals.recent)
            if intervals and self._last_shown_ns is not None:
                waiting_ms = (now_ns - self._last_shown_ns) / 1e6
                intervals += [waiting_ms] if waiting_ms > max(intervals) else []
            fps = 1e3 * len(intervals) / sum(intervals) if sum(intervals) else 0.0
            stages = {name: times.median_of_recent() for name, times in self._stages.items()}
            return fps, self._latencies.median_of_recent(), stages

    def summary(
        self,
        *,
        drops: dict[str, int],
        last_drops_ns: dict[str, int | None],
        source: dict[str, int],
        backend: str,
    ) -> dict[str, Any]:
        """All numbers of the run so far, ready for JSON; times in ms, memory in MB (10^6 bytes).

        `last_drop_s` is when frames were dropped last, in seconds since the start; None = never. `backends`
        says which engine ran the network from when on, likewise.
        """
        with self._lock:
            seconds = (time.perf_counter_ns() - self._started_ns) / 1e9
            cpu_s = time.process_time() - self._cpu_started_s
            first_ns = self._first_shown_ns
            return {
                "frames_in": self.frames_in,
                "frames_out": self.frames_out,
                "seconds": round(seconds, 3),
                "fps": round(self.frames_out / seconds, 2),
                "first_picture_s": None if first_ns is None else round((first_ns - self._began_ns) / 1e9, 3),
                "drops": drops,
                "last_drop_s": {
                    place: None if at is None else round((at - self._started_ns) / 1e9, 3)
                    for place, at in last_drops_ns.items()
                },
                **source,
                "latency_ms": self._latencies.percentiles(50, 95, 99),
                "stages": {name: times.percentiles(50, 95, 99) for name, times in self._stages.items()},
                "confidence": self._confidences.percentiles(5, 50),
                "frame_interval_ms": {
                    **self._intervals.percentiles(50, 99),
                    "max": round(self._intervals.most, 2),
                },
                "cpu_s_per_frame": round(cpu_s / self.frames_out, 5) if self.frames_out else 0.0,
                "peak_rss_mb": peak_rss_mb(),
                "rss_mb": self._memory,
                "backend": backend,
                "backends": self._backends,
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in _PACKAGES},
                },
                "cpu": cpu_name(),
            }


def rss_mb() -> float | None:
    """Memory this process holds now, in MB; None where the system does not tell (other than Linux)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


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
