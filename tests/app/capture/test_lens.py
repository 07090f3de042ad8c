import pytest

from app.capture.lens import fov_of

KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"


@pytest.mark.parametrize("stated", ["50", "50.0", "50.00mm", " 50 mm"])
def test_a_stated_focal_length_gives_the_width_of_the_view(stated: str) -> None:
    assert fov_of({KEY: stated}, (3600, 2400)) == pytest.approx(39.598, abs=0.01)
    assert fov_of({"FocalLengthIn35mmFilm": stated}, (2400, 3600)) == pytest.approx(26.991, abs=0.01)


@pytest.mark.parametrize("metadata", [{}, {KEY: ""}, {KEY: "0"}, {KEY: "unknown"}, {"encoder": "26"}])
def test_where_nothing_is_stated_nothing_is_known(metadata: dict[str, str]) -> None:
    assert fov_of(metadata, (1920, 1080)) is None
