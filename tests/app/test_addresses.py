import pytest

from app.addresses import without_secrets


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.5:554/cam", "rtsp://10.0.0.5:554/cam"),
        ("rtsp://admin:p@ss:w/rd@10.0.0.5/cam", "rtsp://…"),
        ("http://10.0.0.5/cam?user=admin&password=s3cret", "http://10.0.0.5/cam"),
        ("udp://@:5000", "udp://:5000"),
        ("RTSP://camera/live", "rtsp://camera/live"),
        ("/films/me@home.mp4", "/films/me@home.mp4"),
        ("demo", "demo"),
        ("rtmp://[::1]:1935/live/a", "rtmp://[::1]:1935/live/a"),
        ("rtsp://admin:s3cret@[::1/cam", "rtsp://[::1/cam"),
        ("http://10.0.0.5/cam?mail=a@b.org&password=s3cret", "http://…"),
    ],
)
def test_secrets_are_not_shown(written: str, shown: str) -> None:
    assert without_secrets(written) == shown
