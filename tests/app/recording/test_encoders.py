"""Which encoder is taken: the one that is asked for, or hardware where x264 is too slow."""

import logging
from fractions import Fraction
from typing import Any

import pytest

import app.recording.encoders
from app.config import Record
from app.frame import Colour
from app.hardware import Finding
from app.recording.encoders import choose_coding
from app.recording.h264 import EncoderError, Form
from app.recording.preset import Chosen

FORM = Form((1281, 721), Fraction(1, 30), Fraction(30), Colour())


class Machine:
    """What the trials say, and what was tried."""

    def __init__(self) -> None:
        self.working: set[str] = set()
        self.x264 = Chosen("veryfast", keeps_up=True)
        self.tried: list[str] = []

    def check(self, codec: str) -> Finding:
        self.tried.append(codec)
        return Finding(codec, "" if codec in self.working else "Cannot load libcuda.so.1")

    def choose_preset(self, *_: object) -> Chosen:
        self.tried.append("x264")
        return self.x264


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(app.recording.encoders, "check_encoder", machine.check)
    monkeypatch.setattr(app.recording.encoders, "choose_preset", machine.choose_preset)
    return machine


def choose(**part: Any) -> Any:
    return choose_coding(FORM, Record(**part))


def test_auto_stays_with_x264_where_that_keeps_up(machine: Machine) -> None:
    machine.working = {"h264_nvenc"}
    coding = choose()
    assert (coding.codec, coding.options["preset"], coding.fallback) == ("libx264", "veryfast", None)
    assert machine.tried == ["x264"]


def test_auto_takes_the_first_hardware_that_works_where_x264_is_too_slow(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    machine.x264 = Chosen("ultrafast", keeps_up=False)
    machine.working = {"h264_v4l2m2m", "h264_qsv"}
    coding = choose(crf=23)
    assert (coding.codec, coding.options["global_quality"], coding.pix_fmt) == ("h264_qsv", "23", "nv12")
    assert coding.fallback.codec == "libx264" and coding.fallback.options["preset"] == "ultrafast"
    assert caplog.messages == ["encoder h264_qsv: x264 is too slow for 1280x720 here"]


def test_auto_stays_with_x264_where_there_is_nothing_else(machine: Machine) -> None:
    machine.x264 = Chosen("ultrafast", keeps_up=False)
    assert choose().codec == "libx264"


@pytest.mark.parametrize("part", [{"preset": "slow"}, {"encoder": "software"}])
def test_who_asks_for_x264_gets_it(machine: Machine, part: dict[str, Any]) -> None:
    machine.x264 = Chosen("ultrafast", keeps_up=False)
    machine.working = {"h264_nvenc"}
    coding = choose(**part)
    assert coding.codec == "libx264" and coding.fallback is None
    assert machine.tried in ([], ["x264"])


def test_an_encoder_that_is_asked_for_is_that_one_or_an_error(machine: Machine) -> None:
    with pytest.raises(EncoderError) as refused:
        choose(encoder="h264_nvenc")
    assert str(refused.value) == "the encoder h264_nvenc cannot be used: Cannot load libcuda.so.1"
    machine.working = {"h264_nvenc"}
    coding = choose(encoder="h264_nvenc")
    assert coding.codec == "h264_nvenc" and coding.fallback is None


def test_a_limit_holds_for_all(machine: Machine) -> None:
    machine.x264 = Chosen("ultrafast", keeps_up=False)
    machine.working = {"h264_nvenc"}
    coding = choose_coding(FORM, Record(), most_bits=1_000_000)
    assert coding.fallback is not None
    assert coding.options["maxrate"] == coding.fallback.options["maxrate"] == "1000000"
