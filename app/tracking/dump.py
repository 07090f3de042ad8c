"""The camera's measured rotation as a file: one line of JSON for each frame."""

import json
from pathlib import Path

from app.errors import RecordError
from app.frame import Composited
from app.rotation import quaternion_from_rotation

_DECIMALS = 12


class TrackingDump:
    """Writes lines such as {"t": 0.5, "q": [1.0, 0.0, 0.0, 0.0], "state": "tracked", ...}.

    t: the frame's time in seconds; q: the unit quaternion (w, x, y, z) of `Motion.rotation`; state, inliers,
    sigma_deg and fov_deg: as in `Motion`.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file. Raises RecordError."""
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror}") from error

    def write(self, composited: Composited) -> None:
        """Write one frame's line. Raises RecordError."""
        motion = composited.tracked.motion
        quaternion = quaternion_from_rotation(motion.rotation) + 0.0  # no negative zeros
        line = {
            "t": round(composited.frame.seconds, 9),
            "q": [round(value, _DECIMALS) for value in quaternion.tolist()],
            "state": str(motion.state),
            "inliers": motion.inliers,
            "sigma_deg": round(motion.sigma_deg, 6),
            "fov_deg": round(motion.fov_deg, 6),
        }
        try:
            self._file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise RecordError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Finish the file; may be called again. Raises RecordError."""
        try:
            self._file.close()
        except OSError as error:
            raise RecordError(f"{self._path}: {error.strerror}") from error
