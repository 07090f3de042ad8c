"""How a sky stands in the world: turned, raised, tilted and enlarged."""

import math
from functools import lru_cache

import numpy as np

from app.config import Placement
from app.frame import F64
from app.rotation import rotation_from_vector
from app.sky.base import Sun


@lru_cache(maxsize=64)
def sky_to_world(placement: Placement) -> F64:
    """The rotation, float64 (3, 3), read-only, from a sky's own axes to the world's."""
    heading, elevation, tilt = (
        math.radians(angle) for angle in (placement.heading, placement.elevation, placement.tilt)
    )
    turned = rotation_from_vector(np.array([0.0, heading, 0.0]))
    raised = rotation_from_vector(np.array([elevation, 0.0, 0.0]))
    rotation = np.asarray(turned @ raised @ rotation_from_vector(np.array([0.0, 0.0, tilt])), np.float64)
    rotation.setflags(write=False)
    return rotation


def world_direction(direction: F64, placement: Placement) -> F64:
    """Where in the world a direction of a sky's own axes, float64 (3,), is seen: a unit vector."""
    x, y, z = direction / np.linalg.norm(direction)
    # The stereographic zoom of `app.sky.rays.enlarged`, the other way round.
    shrink = 1 / placement.scale
    ahead, behind = shrink * shrink * (1 + z), 1 - z
    seen = np.array([2 * shrink * x, 2 * shrink * y, ahead - behind])
    return np.asarray(sky_to_world(placement) @ (seen / np.linalg.norm(seen)), np.float64)


def placed_sun(sun: Sun | None, placement: Placement) -> Sun | None:
    """A sky's sun, whose direction is in the sky's own axes, as it stands in the world."""
    return None if sun is None else Sun(world_direction(sun.direction, placement), sun.rgb)
