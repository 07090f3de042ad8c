import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from app.channel import Channel, Policy
from app.errors import RecordError, SkyLiveError
from app.frame import (
    NO_SPANS,
    Colour,
    Composited,
    Foreground,
    Found,
    Frame,
    Picture,
    Planes,
    Tracked,
    Tracking,
)
from app.outputs import Output, write_json
from tests.app.motions import motion

PLANE = np.zeros((2, 2), np.uint8)
PICTURE = Picture(Planes(PLANE, PLANE, PLANE), 7)


class Disk:
    """A writer that notes what it is given, and is full after so many pictures."""

    def __init__(self, room: int = 1000, *, finishes: bool = True) -> None:
        self.room = room
        self.finishes = finishes
        self.pts: list[int] = []
        self.closed = 0

    def write(self, planes: Planes, pts: int) -> None:
        if len(self.pts) == self.room:
            raise RecordError("out.mkv: No space left on device")
        self.pts.append(pts)

    def close(self) -> None:
        self.closed += 1
        if not self.finishes:
            raise RecordError("out.mkv: Input/output error")


def composited() -> Composited:
    frame = Frame(PICTURE.planes, 0, PICTURE.pts, Fraction(1, 30), Colour(), 0)
    return Composited(
        Tracked(
            frame,
            PLANE,
            motion(Tracking.LOST),
            Foreground(PICTURE.planes, NO_SPANS),
            Found(0, 1),
        ),
        PICTURE.planes,
    )


def output(told: list[str], *, essential: bool = False) -> Output:
    channel: Channel[Picture] = Channel(4, Policy.LATEST)
    return Output("recorder", channel, lambda error: told.append(str(error)), essential=essential)


def test_pictures_wait_for_a_writer_only_while_there_is_one() -> None:
    recording, disk = output([]), Disk()
    assert recording.outlet.pick(composited()) is None
    recording.begin(disk)
    picked = recording.outlet.pick(composited())
    assert isinstance(picked, Picture)
    assert picked.pts == 7
    recording.write(picked)
    recording.end()
    assert (disk.pts, disk.closed) == ([7], 1)
    assert recording.outlet.pick(composited()) is None
    recording.write(picked)  # was on its way
    assert disk.pts == [7]


def test_a_second_writer_follows_the_first() -> None:
    recording, first, second = output([]), Disk(), Disk()
    for disk in (first, second):
        recording.begin(disk)
        recording.write(PICTURE)
        recording.end()
    assert (first.pts, second.pts) == ([7], [7])


@pytest.mark.parametrize("essential", [True, False])
def test_a_writer_that_fails_ends_the_run_only_when_nothing_else_wants_the_picture(essential: bool) -> None:
    told: list[str] = []
    recording, disk = output(told, essential=essential), Disk(room=2)
    recording.begin(disk)
    recording.write(PICTURE)
    recording.write(PICTURE)
    if essential:
        with pytest.raises(RecordError, match="No space left"):
            recording.write(PICTURE)
    else:
        recording.write(PICTURE)
        recording.write(PICTURE)
        assert told == ["out.mkv: No space left on device"]
    recording.end()
    assert recording.failed
    assert not recording.busy
    assert (len(disk.pts), disk.closed) == (2, 1)
    recording.begin(Disk())
    assert not recording.failed


def test_a_recording_that_cannot_be_finished_is_told() -> None:
    told: list[str] = []
    recording = output(told, essential=True)
    recording.begin(Disk(finishes=False))
    recording.close()
    recording.close()
    assert recording.failed
    assert told == ["out.mkv: Input/output error"]


def test_a_writer_that_is_ready_after_the_end_of_the_run_is_finished() -> None:
    recording, disk = output([]), Disk()
    recording.close()
    recording.begin(disk)
    assert disk.closed == 1
    assert not recording.busy


def test_json_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "stats.json", {"frames_out": 3})
    assert json.loads((tmp_path / "stats.json").read_text()) == {"frames_out": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


def test_json_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "stats.json"
    with pytest.raises(SkyLiveError, match=r"stats\.json: No such file"):
        write_json(nowhere, {})
