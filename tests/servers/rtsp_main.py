"""An RTSP server, to be run by a Python that has GStreamer's bindings; it says "ready PORT" once it listens.

/play plays a file of H.264 and perhaps AAC in real time; /push takes a push (RECORD), /pushed plays that.
"""

import argparse
import sys
import threading
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402
    GLib,
    Gst,
    GstApp,  # noqa: F401 (gives appsrc its methods)
    GstRtspServer,
)

NONE = Gst.CLOCK_TIME_NONE
PAYLOADERS = {"video": "rtph264pay pt=96", "audio": "rtpmp4gpay pt=97"}
PARSERS = {"video": "h264parse config-interval=-1", "audio": "aacparse"}
# Forms that need no codec data beside the stream.
CAPS = {
    "video": "video/x-h264,stream-format=byte-stream,alignment=au",
    "audio": "audio/mpeg,mpegversion=4,stream-format=adts,framed=true",
}

ELEMENTS = ["qtdemux", "h264parse", "aacparse", "rtph264pay", "rtpmp4gpay", "rtph264depay", "rtpmp4gdepay"]


class Hub:
    """Hands the frames of a push to every media that plays them, on each media's own clock."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self._outlets: list[Outlet] = []

    def take(self, kind: str, sink: Any) -> Any:
        """A frame has come."""
        sample = sink.emit("pull-sample")
        buffer, segment = sample.get_buffer(), sample.get_segment()
        self.kinds.add(kind)
        times = [
            segment.to_running_time(Gst.Format.TIME, time) if time != NONE else time
            for time in (buffer.pts, buffer.dts)
        ]
        for outlet in list(self._outlets):
            outlet.put(kind, buffer, *times)
        return Gst.FlowReturn.OK

    def add(self, outlet: "Outlet") -> None:
        self._outlets.append(outlet)

    def remove(self, outlet: "Outlet") -> None:
        self._outlets.remove(outlet)

    def end(self) -> None:
        self.kinds.clear()
        for outlet in list(self._outlets):
            outlet.end()


class Outlet:
    """A media's entry, fed from the first key frame on."""

    def __init__(self, element: Any, kinds: list[str]) -> None:
        self._element = element
        self._sources = {kind: element.get_by_name(kind) for kind in kinds}
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Any, int, int]] = []
        self._offset: int | None = None

    def put(self, kind: str, buffer: Any, pts: int, dts: int) -> None:
        if kind in self._sources:
            with self._lock:  # sound and pictures come in threads of their own
                self._put(kind, buffer, pts, dts)

    def _put(self, kind: str, buffer: Any, pts: int, dts: int) -> None:
        if not self._waiting and self._offset is None:
            first = kind == "video" and not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
            if "video" in self._sources and not first:
                return
        self._waiting.append((kind, buffer, pts, dts))
        clock = self._element.get_clock()
        if clock is None:  # the media does not run yet
            return
        if self._offset is None:
            self._offset = clock.get_time() - self._element.get_base_time() - min(self._waiting[0][2:])
        for kind, buffer, *times in self._waiting:
            copy = buffer.copy()
            copy.pts, copy.dts = (time if time == NONE else max(0, time + self._offset) for time in times)
            self._sources[kind].emit("push-buffer", copy)
        self._waiting.clear()

    def end(self) -> None:
        for source in self._sources.values():
            source.emit("end-of-stream")


def appsink(kind: str) -> str:
    return f"{PARSERS[kind]} ! {CAPS[kind]} ! appsink name={kind} emit-signals=true"


def file_factory(path: str, kinds: list[str]) -> Any:
    """Plays the file to each client from its beginning, and ends with it."""
    branches = " ".join(
        f"file.{kind}_0 ! queue ! {PARSERS[kind]} ! {PAYLOADERS[kind]} name=pay{i}"
        for i, kind in enumerate(kinds)
    )
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{path}" ! qtdemux name=file {branches} )')
    return factory


class HubFactory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """Media that play what comes into a hub; "not found" while nothing comes."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self.set_shared(True)
        self.connect("media-configure", self._configure)

    def do_create_element(self, _url: Any) -> Any:
        kinds = sorted(self._hub.kinds, reverse=True)
        if not kinds:
            return None
        branches = [
            f"appsrc name={kind} is-live=true format=time ! {PARSERS[kind]} ! {PAYLOADERS[kind]} name=pay{i}"
            for i, kind in enumerate(kinds)
        ]
        element = Gst.parse_launch(f"( {' '.join(branches)} )")
        for kind in kinds:
            element.get_by_name(kind).set_caps(Gst.Caps.from_string(CAPS[kind]))
        return element

    def _configure(self, _factory: Any, media: Any) -> None:
        element = media.get_element()
        outlet = Outlet(element, [kind for kind in PAYLOADERS if element.get_by_name(kind)])
        self._hub.add(outlet)
        media.connect("unprepared", lambda _media: self._hub.remove(outlet))


def record_factory(hub: Hub, kinds: list[str]) -> Any:
    """Takes what is pushed into the hub."""
    depayloaders = {"video": "rtph264depay", "audio": "rtpmp4gdepay"}
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    branches = " ".join(
        f"{depayloaders[kind]} name=depay{i} ! {appsink(kind)}" for i, kind in enumerate(kinds)
    )
    factory.set_launch(f"( {branches} )")

    def configure(_factory: Any, media: Any) -> None:
        for kind in kinds:
            sink = media.get_element().get_by_name(kind)
            sink.set_property("sync", False)
            sink.connect("new-sample", lambda sink, kind=kind: hub.take(kind, sink))
        media.connect("unprepared", lambda _media: hub.end())

    factory.connect("media-configure", configure)
    return factory


def protect(server: Any, factories: list[Any], user: str, password: str) -> None:
    """Nobody but this user may connect."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    for factory in factories:
        permissions = GstRtspServer.RTSPPermissions()
        for right in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("user", right, True)
        factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--file")
    parser.add_argument("--silent", action="store_true", help="no sound, of the file or the push")
    parser.add_argument("--user", help="NAME:PASSWORD")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    args = parser.parse_args()
    Gst.init(None)
    if args.check:
        absent = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
        sys.exit(f"without {' '.join(absent)}" if absent else 0)
    kinds = ["video"] if args.silent else ["video", "audio"]
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(args.port)
    # With the one thread that is usual, a player that waits for pushed frames would keep them from coming.
    server.get_thread_pool().set_max_threads(-1)
    mounts = server.get_mount_points()
    factories: dict[str, Any] = {}
    if args.file:
        factories["/play"] = file_factory(args.file, kinds)
    pushed = Hub()
    factories["/push"] = record_factory(pushed, kinds)
    factories["/pushed"] = HubFactory(pushed)
    if args.user:
        protect(server, list(factories.values()), *args.user.split(":"))
    for path, factory in factories.items():
        mounts.add_factory(path, factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
