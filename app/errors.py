"""The errors a user can cause or meet; each message is one line that names the file, device or value."""


class SkyLiveError(Exception):
    """Base of all errors that end the program with exit status 1 and one line."""


class CaptureError(SkyLiveError):
    """A source cannot be opened or read."""


class SkyError(SkyLiveError):
    """A sky cannot be found or read."""


class RecordError(SkyLiveError):
    """The recording or a dump cannot be opened or written."""


class ConfigError(SkyLiveError):
    """A configuration or look file is wrong: names file, key and allowed range."""
