"""The options of hardware encoders: that the encoders know them, and what becomes of quality and limit."""

from fractions import Fraction

import av
import pytest
from av.codec.context import CodecContext

from app.recording.codings import HARDWARE, Coding, hardware_coding

THERE = [codec for codec in HARDWARE if codec in av.codec.codecs_available]


def coding(codec: str, crf: int = 20, most_bits: int | None = None) -> Coding:
    return hardware_coding(codec, (1280, 720), Fraction(30), crf, most_bits)


@pytest.mark.parametrize("most_bits", [None, 2_800_000])
@pytest.mark.parametrize("codec", THERE)
def test_the_encoders_of_this_build_know_all_options(codec: str, most_bits: int | None) -> None:
    """FFmpeg ignores an option that it does not know without a word."""
    supported = CodecContext.create(codec, "w").supported_options
    known = {option.name: option for option in (*supported.generic, *supported.private)}
    for name, value in coding(codec, most_bits=most_bits).options.items():
        option = known[name]
        choices = [choice.name for choice in option.choices]
        if not value.isdecimal():
            assert value in choices
        else:
            assert option.min <= float(value) <= option.max


@pytest.mark.parametrize("codec", THERE)
def test_the_encoders_of_this_build_take_the_layout(codec: str) -> None:
    layouts = [layout.name for layout in av.Codec(codec, "w").video_formats or []]
    assert not layouts or coding(codec).pix_fmt in layouts


QUALITY = {"h264_nvenc": "cq", "h264_qsv": "global_quality", "h264_amf": "qp_i"}


@pytest.mark.parametrize("codec", HARDWARE)
def test_a_smaller_crf_is_better_or_more_bits(codec: str) -> None:
    if codec in QUALITY:
        qualities = [int(coding(codec, crf).options[QUALITY[codec]]) for crf in (0, 18, 20, 51)]
        assert qualities[1:] == [18, 20, 51] and qualities[0] <= 1
        assert "b" not in coding(codec).options
    else:
        bits = [int(coding(codec, crf).options["b"]) for crf in (20, 26, 14)]
        assert bits == [6_912_000, 3_456_000, 13_824_000]


@pytest.mark.parametrize("codec", HARDWARE)
def test_a_limit_is_a_limit(codec: str) -> None:
    options = coding(codec, 1, 2_800_000).options
    assert options["maxrate"] == options["bufsize"] == "2800000"
    # An aim as high as the limit is a constant rate to Intel's encoder.
    assert int(options.get("b", "0")) < 2_800_000
    assert "maxrate" not in coding(codec).options


@pytest.mark.parametrize("codec", HARDWARE)
def test_pictures_stay_in_order_and_key_frames_within_2_s(codec: str) -> None:
    options = coding(codec).options
    assert (options["bf"], options["g"]) == ("0", "60")
    assert hardware_coding(codec, (64, 64), Fraction(1, 4), 20).options["g"] == "1"
