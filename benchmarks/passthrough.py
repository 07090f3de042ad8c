"""Plain decode and encode of a file: `python -m benchmarks.passthrough IN OUT` prints JSON."""

import json
import sys
import time
from fractions import Fraction

import av
from av.video.stream import VideoStream


def passthrough(source: str, target: str) -> dict[str, float]:
    """{"frames", "seconds", "cpu_s_per_frame"} of decoding a file and encoding it with x264 ultrafast."""
    started, cpu_started = time.perf_counter(), time.process_time()
    frames = 0
    with av.open(source) as reader, av.open(target, "w") as writer:
        decoded = reader.streams.video[0]
        encoded = writer.add_stream("libx264", rate=decoded.average_rate or Fraction(30))
        assert isinstance(encoded, VideoStream)
        encoded.width, encoded.height, encoded.pix_fmt = decoded.width & ~1, decoded.height & ~1, "yuv420p"
        encoded.thread_count = 1
        encoded.options = {"preset": "ultrafast", "crf": "20", "tune": "zerolatency"}
        for frame in reader.decode(decoded):
            frame.pict_type = 0  # the encoder decides
            writer.mux(encoded.encode(frame.reformat(encoded.width, encoded.height, "yuv420p")))
            frames += 1
        writer.mux(encoded.encode(None))
    return {
        "frames": frames,
        "seconds": time.perf_counter() - started,
        "cpu_s_per_frame": (time.process_time() - cpu_started) / frames,
    }


if __name__ == "__main__":
    print(json.dumps(passthrough(*sys.argv[1:3])))
