"""Composited -> a server: the composite as an RTMP or RTSP stream."""

from app.streaming.streamer import Streamer, StreamError

__all__ = ["StreamError", "Streamer"]
