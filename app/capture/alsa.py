"""What FFmpeg does not say or set of ALSA, asked of the libasound that it is linked with (Linux only)."""

import ctypes
import os
import sysconfig
from functools import cache
from pathlib import Path

import av._core

_CAPTURE, _NONBLOCK = 1, 1
_MESSAGE = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_SAY_NOTHING = _MESSAGE(lambda *_: None)


@cache
def prepare() -> None:
    """Let ALSA find the system's configuration and plugins, and keep it from writing on stderr.

    The libasound of PyAV's wheels looks for both in folders of the machine on which it was built: without
    this not even "default" is known. What the user has set in the environment stays.
    """
    folders = {
        "ALSA_CONFIG_DIR": [Path("/usr/share/alsa")],
        "ALSA_PLUGIN_DIR": [
            Path("/usr/lib", sysconfig.get_config_var("MULTIARCH") or "", "alsa-lib"),
            Path("/usr/lib64/alsa-lib"),
            Path("/usr/lib/alsa-lib"),
        ],
    }
    for variable, places in folders.items():
        if found := [place for place in places if place.is_dir()]:
            os.environ.setdefault(variable, str(found[0]))
    library = _library()
    if library is not None:
        library.snd_lib_error_set_handler(_SAY_NOTHING)


def open_error(device: str) -> int:
    """The errno with which the device cannot be opened for recording; 0 = it can, or that is not known."""
    library = _library()
    if library is None:
        return 0
    handle = ctypes.c_void_p()
    result = int(library.snd_pcm_open(ctypes.byref(handle), device.encode(), _CAPTURE, _NONBLOCK))
    if result >= 0:
        library.snd_pcm_close(handle)
    return max(-result, 0)


def recording_devices() -> list[str]:
    """Each of the sound cards' inputs: "plughw:1,0 (USB Microphone)"."""
    try:
        lines = Path("/proc/asound/pcm").read_text().splitlines()
    except OSError:
        return []
    inputs = (line.split(": ") for line in lines if "capture" in line)
    return [f"plughw:{int(place[:2])},{int(place[3:5])} ({name.strip()})" for place, name, *_ in inputs]


@cache
def _library() -> ctypes.CDLL | None:
    """A handle that finds libasound's functions among what PyAV is linked with; None if it is without."""
    library = ctypes.CDLL(av._core.__file__)
    return library if hasattr(library, "snd_lib_error_set_handler") else None
