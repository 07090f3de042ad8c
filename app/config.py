"""What can be set, validated once: the program's configuration and the looks."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import ConfigError
from engines.backends import Backend

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
LOOKS = CONFIGS / "looks"

Preset = Literal["auto", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
Encoder = Literal[
    "auto",
    "software",
    "h264_nvenc",
    "h264_qsv",
    "h264_amf",
    "h264_videotoolbox",
    "h264_mf",
    "h264_v4l2m2m",
]
Decoder = Literal[
    "auto",
    "software",
    "cuda",
    "qsv",
    "amf",
    "videotoolbox",
    "d3d11va",
    "d3d12va",
    "dxva2",
    "vaapi",
    "vulkan",
    "v4l2m2m",
]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Base of every part: unknown keys are refused, values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Light(Part):
    """How the foreground takes on the light of the new sky (SkyAR, arXiv 2010.11800, section 3.3)."""

    recolour: Share = Field(0.5, description="share of the sky's mean colour that the foreground takes on")
    relight: float = Field(0.8, ge=0, le=2, description="gain b on the recoloured foreground; 1 = unchanged")
    match: bool = Field(
        False,
        title="Match the sky",
        description="recolour alone, brightness follows the sky; `relight` is not used",
    )


class Halo(Part):
    """Light of the sky that spills over the foreground, as a screen blend."""

    strength: Share = Field(0.5, description="weight of the spilled light; 0 = off")
    radius: float = Field(0.2, ge=0.01, le=0.5, description="width of the blur as a share of the picture's")


class Weather(Part):
    """Rain, snow and fog in front of everything."""

    rain: Share = Field(0.0, description="density of the rain; 0 = off")
    snow: Share = Field(0.0, description="density of the snow; 0 = off")
    fog: Share = Field(0.0, description="density of the fog at the horizon; 0 = off")
    wind: float = Field(
        0.2, ge=-1, le=1, description="slant of rain and drift of snow; 1 = 45 degrees to the right"
    )


class Matte(Part):
    """The edge between foreground and sky."""

    softness: Share = Field(0.0, description="blur of the matte's edge, in per cent of the picture's width")
    shift: float = Field(0.0, ge=-1, le=1, description="moves the edge: > 0 more sky, < 0 more foreground")


class Look(Part):
    """One way a picture can look; a TOML file in configs/looks."""

    title: str = ""
    sky: str | None = Field(
        None, description="name of the sky that goes with the look, used unless one is named"
    )
    light: Light = Light()
    halo: Halo = Halo()
    weather: Weather = Weather()
    matte: Matte = Matte()


class Capture(Part):
    """How sources are read."""

    decoder: Decoder = Field(
        "auto", description="what decodes files and addresses; auto = a device where software is too slow"
    )


class Matting(Part):
    """The network and the refinement of its alpha."""

    model: str = Field("matte", description="name of a file in models/ or a path")
    backend: Backend = Field("auto", description="what runs the network; auto = the first that works")
    threads: int = Field(1, ge=1, le=64, description="threads of the network on the CPU")
    guide_radius: int = Field(
        2, ge=1, le=32, description="radius of the guided filter, in pixels of the network"
    )
    guide_eps: float = Field(1e-3, gt=0, le=1, description="regulariser of the guided filter, luma in [0, 1]")


class Tracker(Part):
    """How the camera is followed."""

    points: int = Field(160, ge=16, le=2000, description="most points followed")
    width: int = Field(640, ge=64, le=1920, description="width of the picture in which they are followed")
    fov: Annotated[float, Field(ge=15, le=130)] | Literal["auto"] = Field(
        60.0, description="width of the camera's view in degrees; auto = from the file or the motion"
    )
    smoothing: Share = Field(
        0.8, lt=1, description="weight of the last alpha, moved along, where the picture is the same; 0 = off"
    )


class Placement(Part):
    """Where a sky stands in the world; angles in degrees. The first frame looks at heading 0, elevation 0."""

    heading: float = Field(
        0.0, ge=-180, le=180, description="turns the sky around the viewer; > 0 = its middle to the right"
    )
    elevation: float = Field(0.0, ge=-90, le=90, description="raises the sky's middle above the horizon")
    scale: float = Field(
        1.0, ge=0.25, le=4, title="Size", description="enlarges what is in the sky's middle; 1 = its own size"
    )
    tilt: float = Field(
        0.0, ge=-45, le=45, description="turns the sky's horizon about its middle; > 0 = clockwise"
    )


AS_IT_IS = Placement()
"""Straight ahead, level, of its own size."""


class Skies(Part):
    """The sky and the way it is shown."""

    name: str = Field("golden_sunset", description="name of a file in skyboxes/ or a path, or pano:PATH")
    model: Literal["sphere", "plane"] = Field(
        "sphere",
        description="sphere: skies stand in the world; plane: flat pictures shift and roll with the camera",
    )
    placement: Placement | None = Field(
        None,
        description="where every sky stands; what is unset, as it says itself or as the user placed it",
    )
    crop: Annotated[float, Field(ge=0.1, le=1)] | None = Field(
        None, description="central share of the sky picture that the frame sees; unset = the sky's own"
    )
    fade_s: float = Field(1.0, ge=0, le=10, description="seconds of the cross-fade between two skies")


class Record(Part):
    """The recording."""

    encoder: Encoder = Field(
        "auto", description="what encodes recordings and streams; auto = hardware where x264 is too slow"
    )
    preset: Preset = Field("auto", description="x264 preset; auto = chosen by a trial at start")
    crf: int = Field(20, ge=0, le=51, description="constant quality, as x264 counts it; smaller = better")
    buffer_s: float = Field(
        2.0, ge=0.1, le=10, description="seconds of frames held before live frames are dropped"
    )
    buffer_mb: float = Field(250.0, ge=10, le=4000, description="the same limit, in megabytes")


class Config(Part):
    """The program's configuration; a TOML file such as configs/default.toml."""

    look: str = Field("natural", description="name of a file in configs/looks or a path")
    picture_fps: float = Field(30.0, ge=0.01, le=240, description="frames per second of a folder of pictures")
    capture: Capture = Capture()
    matting: Matting = Matting()
    tracking: Tracker = Tracker()
    sky: Skies = Skies()
    record: Record = Record()


M = TypeVar("M", bound=Part)


def load_config(path: Path) -> Config:
    """The configuration in a TOML file; keys that are not named keep their defaults.

    Raises ConfigError naming file, key and allowed range.
    """
    return load_part(path, Config)


def load_part(path: Path, model: type[M]) -> M:
    """The part described by a TOML file; raises ConfigError naming file, key and allowed range."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {'; '.join(_problem(dict(e), model) for e in error.errors())}") from error


def _problem(error: dict[str, Any], model: type[Part]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        parent: type[BaseModel] = model
        for part in error["loc"][:-1]:
            parent = parent.model_fields[part].annotation  # type: ignore[assignment]
        return f"unknown key {key!r}; known here: {', '.join(parent.model_fields)}"
    return f"{key}: {error['msg']}, got {error['input']!r}"
