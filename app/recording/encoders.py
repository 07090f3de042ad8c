"""The choice of the encoder: x264, or hardware where it is asked for or x264 cannot keep up."""

import logging
from dataclasses import replace

from app.config import Record
from app.hardware import check_encoder, first_working
from app.recording.codings import HARDWARE, Coding, hardware_coding
from app.recording.h264 import EncoderError, Form, even, x264_coding
from app.recording.preset import LOAD, choose_preset

log = logging.getLogger(__name__)


def choose_coding(form: Form, part: Record, *, load: float = LOAD, most_bits: int | None = None) -> Coding:
    """The encoder that the configuration asks for.

    `auto` is x264; only where no preset is named and even the fastest would take more than that share of a
    frame's time, it is the first hardware encoder that works, with x264 to fall back on.
    most_bits: at most so many bits per second, held over one second.
    Raises EncoderError for one that is asked for and does not work.
    """
    size_wh = even(form.size_wh)
    if part.encoder not in ("auto", "software"):
        finding = check_encoder(part.encoder)
        if not finding.works:
            raise EncoderError(f"the encoder {part.encoder} cannot be used: {finding.reason}")
        return hardware_coding(part.encoder, size_wh, form.fps, part.crf, most_bits)
    if part.preset != "auto":
        return x264_coding(part.preset, part.crf, most_bits)
    preset, keeps_up = choose_preset(size_wh, form.fps, part.crf, load)
    software = x264_coding(preset, part.crf, most_bits)
    if keeps_up or part.encoder == "software":
        return software
    codec = first_working(HARDWARE, check_encoder)
    if codec is None:
        return software
    log.info("encoder %s: x264 is too slow for %dx%d here", codec, *size_wh)
    return replace(hardware_coding(codec, size_wh, form.fps, part.crf, most_bits), fallback=software)
