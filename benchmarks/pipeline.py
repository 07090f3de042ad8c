"""The whole program on a file, beside plain decode and encode of the same file, in turn.

Each run is a process of its own, started as a user would start it, so that memory and CPU time are the
program's own. Without --source the demo scene is rendered to a file first.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from app.capture.demo import SIZE_WH, DemoSource
from app.command import size_wh
from app.config import ROOT, Record
from app.recording.h264 import Form
from app.recording.recorder import Recorder

FRAMES = 300
# Long enough to switch to each sky of the program.
FRAMES_SWITCHED = 900
ROUNDS = 3


def render_demo(path: Path, size_wh: tuple[int, int], frames: int) -> None:
    """Record the demo scene, without any sky replacement, as H.264 of high quality."""
    with DemoSource(size_wh) as source:
        info = source.info
        recorder = Recorder(
            path,
            Form(info.size_wh, info.time_base, info.fps, info.colour),
            part=Record(preset="veryfast", crf=18),
            sound=None,
            force=True,
            from_start=True,
        )
        for frame in islice(source, frames):
            recorder.write(frame.planes, frame.pts)
        recorder.close()


def run_program(
    source: Path, folder: Path, *, size: tuple[int, int] | None, record: bool, live: bool
) -> dict[str, Any]:
    """The statistics of one run of the program."""
    stats = folder / "stats.json"
    command = [sys.executable, str(ROOT / "run_live.py"), str(source), "--headless", "--stats", str(stats)]
    command += ["--size", f"{size[0]}x{size[1]}"] if size else []
    command += ["--live"] if live else []
    command += ["--record", str(folder / "out.mkv"), "--force", "--preset", "ultrafast"] if record else []
    subprocess.run(command, check=True, cwd=ROOT)
    summary: dict[str, Any] = json.loads(stats.read_text())
    return summary


def run_plain(source: Path, folder: Path) -> dict[str, Any]:
    """Frames, seconds and CPU seconds per frame of plain decode and encode."""
    command = [sys.executable, "-m", "benchmarks.passthrough", str(source), str(folder / "plain.mkv")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    numbers: dict[str, Any] = json.loads(done.stdout)
    return numbers


def run_switching(source: Path, every_s: float) -> dict[str, Any]:
    """The statistics of a live, recorded run in which a cold sky is switched to every so many seconds."""
    command = [sys.executable, "-m", "benchmarks.switching", str(source), "--every", str(every_s)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def table(ours: dict[str, Any], plain: dict[str, Any]) -> str:
    """The numbers of the median run, for people."""
    plain_fps, plain_cpu = plain["frames"] / plain["seconds"], plain["cpu_s_per_frame"]
    lines = [
        f"frames {ours['frames_out']} of {ours['frames_in']}, drops {ours['drops']}",
        f"frames per second   {ours['fps']:8.1f}   plain decode + encode {plain_fps:.1f}",
        f"CPU s per frame     {ours['cpu_s_per_frame']:8.4f}   plain decode + encode {plain_cpu:.4f}",
        f"latency ms          {ours['latency_ms']}",
        f"peak memory MB      {ours['peak_rss_mb']:8.0f}",
        f"{'stage, ms':12} {'p50':>7} {'p95':>7} {'p99':>7}",
    ]
    lines += [
        f"{name:12} {t['p50']:7.2f} {t['p95']:7.2f} {t['p99']:7.2f}" for name, t in ours["stages"].items()
    ]
    lines.append(f"{ours['backend']}; {ours['cpu']}; {ours['versions']}")
    return "\n".join(lines)


def intervals(run: dict[str, Any]) -> str:
    """What the switching did to the time from frame to frame, for people."""
    interval = run["frame_interval_ms"]
    return "\n".join(
        [
            f"{len(run['skies'])} switches: {', '.join(run['skies'])}",
            f"frames {run['frames_out']} of {run['frames_in']}, drops {run['drops']}",
            f"frame interval ms   {interval}, longest by median {interval['max'] / interval['p50']:.2f}",
            f"latency ms          {run['latency_ms']}",
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.pipeline", description=__doc__)
    parser.add_argument("--source", type=Path, metavar="FILE", help="video file; default: the demo scene")
    parser.add_argument("--size", type=size_wh, metavar="WxH", help="size everything runs at")
    parser.add_argument("--record", action="store_true", help="record, x264 ultrafast")
    parser.add_argument("--live", action="store_true", help="treat the source as a camera")
    parser.add_argument(
        "--switch-every", type=float, metavar="S", help="switch to a cold sky this often, live and recording"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all runs' numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, size = options.source, options.size
        if source is None:
            source, size = folder / "demo.mkv", None
            render_demo(source, options.size or SIZE_WH, FRAMES_SWITCHED if options.switch_every else FRAMES)
        if options.switch_every:
            print(intervals(run_switching(source, options.switch_every)))
            return
        runs = []
        for _ in range(ROUNDS):
            ours = run_program(source, folder, size=size, record=options.record, live=options.live)
            runs.append({"program": ours, "plain": run_plain(source, folder)})
    middle = median(run["program"]["cpu_s_per_frame"] for run in runs)
    shown = next(run for run in runs if run["program"]["cpu_s_per_frame"] == middle)
    print(table(shown["program"], shown["plain"]))
    if options.json:
        options.json.write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    main()
