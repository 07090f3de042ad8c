"""A long run as from a camera: RTSP, in the window, recorded; is all as at its beginning?

Needs a display (`xvfb-run -a python -m benchmarks.endurance`) and the RTSP server of the tests. Prints memory
over time, drops, latency, and by how much the recorded sound lies off the picture, from part to part.
With --outages the server is killed for ten seconds that often, and the recording's clock is compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.command import size_wh
from app.config import ROOT
from benchmarks.marked_clip import find_marks, offsets_ms, repeat_clip, write_marked_clip
from tests.servers.rtsp import RtspServer

CLIP_S = 60
PART_S = 60
PARTS = 7
OUTAGE_S = 10


def run(server: RtspServer, recording: Path, seconds: int, outages: int) -> dict[str, Any]:
    """The statistics of one run of the program in its window."""
    stats = recording.with_suffix(".json")
    command = [
        sys.executable,
        str(ROOT / "run_live.py"),
        server.play,
        "--look",
        "natural",
        "--sky",
        "clear_day",
    ]
    command += ["--record", str(recording), "--preset", "ultrafast", "--force"]
    command += ["--duration", str(seconds), "--stats", str(stats)]
    outage = threading.Thread(target=cut, args=(server, seconds, outages))
    outage.start()
    settings = {"XDG_CONFIG_HOME": str(recording.parent)}  # what the user chose last is left alone
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | settings)
    outage.join()
    summary: dict[str, Any] = json.loads(stats.read_text())
    return summary


def cut(server: RtspServer, seconds: int, outages: int) -> None:
    """Kill the server at even distances and start it again ten seconds later."""
    for _ in range(outages):
        time.sleep((seconds - outages * OUTAGE_S) / (outages + 1))
        server.kill()
        time.sleep(OUTAGE_S)
        server.start()


def gaps(recording: Path) -> tuple[float, list[tuple[float, float]]]:
    """(length of a recording's picture in seconds, (time, length) of all gaps over half a second in it)."""
    with av.open(str(recording)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        times = np.asarray(stamps, np.float64) * float(stream.time_base)
    steps = np.diff(times)
    return float(times[-1] - times[0]), [(times[at], steps[at]) for at in np.flatnonzero(steps > 0.5)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.endurance", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="length of the run")
    parser.add_argument("--size", type=size_wh, default=(1280, 720), metavar="WxH", help="size of the clip")
    parser.add_argument("--outages", type=int, default=0, metavar="N", help="so often the server is killed")
    parser.add_argument(
        "--clip", type=Path, metavar="FILE", help="a marked clip made before; else it is made"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the recording here")
    options = parser.parse_args()
    seconds = 60 * options.minutes
    with tempfile.TemporaryDirectory() as name:
        clip = options.clip or Path(name) / "clip.mp4"
        if options.clip is None:
            write_marked_clip(clip, options.size, CLIP_S)
        played = Path(name) / "played.mp4"
        repeat_clip(clip, played, seconds + CLIP_S)
        recording = options.keep or Path(name) / "out.mkv"
        with RtspServer(played) as server:
            summary = run(server, recording, seconds, options.outages)
        print(json.dumps(summary, indent=2))
        length_s, holes = gaps(recording)
        print(f"recorded {length_s:.2f} s of {seconds}")
        for at_s, gap_s in holes:
            print(f"gap at {at_s:.2f} s: {gap_s:.2f} s")
        for start_s in np.linspace(5, max(5, seconds - PART_S - 5), min(PARTS, options.minutes)):
            offsets = offsets_ms(find_marks(recording, float(start_s), PART_S))
            if offsets:
                print(
                    f"from {start_s:6.0f} s: sound after picture by {np.mean(offsets):6.1f} ms in the mean, "
                    f"{min(offsets):6.1f} ... {max(offsets):6.1f}, {len(offsets)} marks"
                )


if __name__ == "__main__":
    main()
