"""Which encoders and decoders of this machine's hardware work: found out by letting each code a few pictures.

That a build of FFmpeg has one says nothing of the device, the driver or their versions, and a driver may
crash or never come back: each is tried in a process of its own, with a time limit, and at most once.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple, get_args

import av

from app.capture.device import devices_of_build
from app.config import ROOT, Decoder
from app.hardware_check import RATE
from app.recording.codings import HARDWARE, Coding, hardware_coding

CHECK_S = 15.0
COMMAND = (sys.executable, "-m", "app.hardware_check")
_KILLED_S = 1.0
_CRF = 20
_SOFTWARE = Coding(
    "libx264", {"preset": "ultrafast", "tune": "zerolatency", "crf": str(_CRF), "threads": "1"}
)


class _Trial(NamedTuple):
    """How many pictures of which size are coded."""

    size_wh: tuple[int, int]
    pictures: int


_CHECK = _Trial((640, 360), 12)
_LIST = _Trial((1280, 720), 30)  # for the table, where the times are to mean something


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a trial: `reason` why it does not work, empty where it does; `ms` per picture."""

    name: str
    reason: str
    ms: float = 0.0

    @property
    def works(self) -> bool:
        """Whether it does."""
        return not self.reason


@cache
def check_encoder(codec: str) -> Finding:
    """Whether an encoder works, FFmpeg's name, such as one of `codings.HARDWARE`; 15 s at most."""
    return _tried(_encoder_order(codec, _CHECK))


@cache
def check_decoder(device: str) -> Finding:
    """Whether H.264 can be decoded on a device, FFmpeg's name of its kind; 15 s at most."""
    return _tried(_decoder_order(device, _CHECK))


def first_working(names: Iterable[str], check: Callable[[str], Finding]) -> str | None:
    """The first of the names that works, all tried at the same time; None if none does."""
    return next((finding.name for finding in _at_once(names, check) if finding.works), None)


def hardware_decoders() -> list[str]:
    """The devices of this build on which files and addresses can be decoded, if they are there."""
    return [device for device in devices_of_build() if device in get_args(Decoder)]


def hardware_lines() -> Iterator[str]:
    """The table of all encoders and decoders that can be asked for, with the reason for each that does not
    work; each line as soon as it is known."""
    # One after the other: they would slow each other down.
    width, height = _LIST.size_wh
    yield f"decoders (--decoder), H.264 to pictures in memory, {width}x{height}"
    for device in ["software", *hardware_decoders()]:
        yield _line(_tried(_decoder_order(device, _LIST)))
    yield f"encoders (--encoder), pictures in memory to H.264, {width}x{height}"
    for codec in [_SOFTWARE.codec, *HARDWARE]:
        yield _line(_tried(_encoder_order(codec, _LIST)))


def _line(finding: Finding) -> str:
    name = "software (x264)" if finding.name == "libx264" else finding.name
    return f"  {name:18} " + (f"{finding.ms:6.1f} ms" if finding.works else f"no: {finding.reason}")


def _at_once(names: Iterable[str], check: Callable[[str], Finding]) -> list[Finding]:
    with ThreadPoolExecutor(thread_name_prefix="hardware check") as pool:
        return list(pool.map(check, names))


def _encoder_order(codec: str, how: _Trial) -> dict[str, Any]:
    software = codec == _SOFTWARE.codec
    coding = _SOFTWARE if software else hardware_coding(codec, how.size_wh, Fraction(RATE), _CRF)
    asked = {"codec": codec, "options": coding.options, "pix_fmt": coding.pix_fmt}
    return {"kind": "encoder", "name": codec} | asked | how._asdict()


def _decoder_order(device: str, how: _Trial) -> dict[str, Any]:
    return {"kind": "decoder", "name": device} | how._asdict()


def _tried(order: dict[str, Any]) -> Finding:
    name = order["name"]
    if name not in _known(order["kind"]):
        return Finding(name, "not in this build of FFmpeg")
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    try:
        said, _ = process.communicate(json.dumps(order).encode(), CHECK_S)
    except subprocess.TimeoutExpired:
        return Finding(name, f"no answer for {CHECK_S:g} s")
    finally:
        _end(process)
    if process.returncode:
        return Finding(name, f"the driver crashes (exit status {process.returncode})")
    try:
        found = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError):  # nothing, or what the driver has printed
        return Finding(name, "the driver ends the program")
    return Finding(name, found.get("reason", ""), found.get("ms", 0.0))


def _known(kind: str) -> Container[str]:
    return av.codec.codecs_available if kind == "encoder" else ["software", *devices_of_build()]


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it, if it has not ended; one that hangs in a driver cannot be, and is left behind."""
    if process.poll() is None:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_KILLED_S)
