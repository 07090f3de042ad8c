import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from app.errors import RecordError
from app.frame import Tracking
from app.rotation import rotation_from_quaternion, rotation_from_vector
from app.tracking.dump import TrackingDump
from tests.app.motions import motion
from tests.app.viewer.pictures import composited, plain


def test_one_line_of_json_a_frame(tmp_path: Path) -> None:
    turned = rotation_from_vector(np.array([0.1, -0.2, 0.3]))
    still = composited(plain((90, 90, 90), (64, 36)))
    later = composited(plain((90, 90, 90), (64, 36)), motion=motion(Tracking.PREDICTED, rotation=turned))
    frame = replace(later.frame, index=1, pts=15, time_base=Fraction(1, 30))
    later = replace(later, tracked=replace(later.tracked, frame=frame))
    dump = TrackingDump(tmp_path / "t.jsonl")
    dump.write(still)
    dump.write(later)
    dump.close()
    dump.close()
    first, second = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())
    assert first == {
        "t": 0.0,
        "q": [1.0, 0.0, 0.0, 0.0],
        "state": "tracked",
        "inliers": 0,
        "sigma_deg": 0.01,
        "fov_deg": 60.0,
    }
    assert (second["t"], second["state"]) == (0.5, "predicted")
    assert rotation_from_quaternion(np.array(second["q"])) == pytest.approx(turned, abs=1e-11)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none/t\.jsonl: No such file"):
        TrackingDump(tmp_path / "none" / "t.jsonl")
