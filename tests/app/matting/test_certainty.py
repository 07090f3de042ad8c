"""What the matting stage says of its own alpha."""

import cv2
import numpy as np
import pytest

from app.frame import F32
from app.matting.certainty import look_at


def half_sky() -> F32:
    alpha = np.zeros((64, 96), np.float32)
    alpha[:32] = 1
    return alpha


def test_a_clear_matte_is_trusted_in_full() -> None:
    assert look_at(half_sky()) == (0.5, 1.0)


@pytest.mark.parametrize("value", [0, 1])
def test_all_or_nothing_is_no_doubt(value: int) -> None:
    assert look_at(np.full((64, 96), value, np.float32)) == (value, 1.0)


def test_soft_edges_are_hardly_a_doubt() -> None:
    edge = np.asarray(cv2.blur(half_sky(), (3, 3)), np.float32)
    assert look_at(edge).confidence > 0.9


def test_smoke_is_doubted_the_more_of_it_there_is() -> None:
    values = []
    for rows in (4, 16, 32):
        alpha = half_sky()
        alpha[:rows] = 0.5
        values.append(look_at(alpha).confidence)
    assert 0.9 > values[0] > values[1] >= values[2] >= 0
    assert values[2] < 0.2


def test_a_trace_of_smoke_where_there_is_no_sky_is_no_alarm() -> None:
    alpha = np.zeros((64, 96), np.float32)
    alpha[:2, :4] = 0.5
    assert look_at(alpha).confidence > 0.6
