"""Network addresses as text: what of them may be shown, and what may be kept."""

import re

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<authority>[^/?#]*)(?P<rest>.*)", re.I | re.S)
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:\d*)?")
_SECRET = re.compile(
    r"(.*(pass|password|passwd|pwd|token|secret|auth|authorization|signature|credentials?|api-?key)"
    r"|(.*[_-])?(key|sig|user|username|usr|login|account))",
    re.IGNORECASE,
)


def is_address(spec: str) -> bool:
    """Whether it is written like a network address."""
    return "://" in spec


def without_secrets(source: str) -> str:
    """The source as the user named it, fit to be shown: of an address neither user, password nor query.

    Only the address's kind is left where it is unclear what belongs to the password.
    """
    if not is_address(source):
        return source
    scheme, _, rest = source.partition("://")
    scheme = scheme.lower()
    parts = re.fullmatch(r"(?:[^/?#]*@)?([^/?#]*)([^?#]*)(.*)", rest, re.DOTALL)
    # An "@" further on may belong to a password that holds one of the characters that end a host.
    if parts is None or "@" in parts[2] + parts[3]:
        return f"{scheme}://…"
    return f"{scheme}://{parts[1]}{parts[2]}"


def without_credentials(source: str) -> str:
    """The source as the user named it, fit to be kept: it still works where no password is asked for.

    Of an address neither user, password nor the keys that its query may hold.
    """
    found = _ADDRESS.fullmatch(source)
    if not found:
        return source
    scheme, authority, rest = found.group("scheme", "authority", "rest")
    host = authority.rpartition("@")[2]
    if "@" in rest and not _HOST.fullmatch(host):  # the password has a "/" in it
        return without_credentials(scheme + rest.rpartition("@")[2])
    path, _, query = rest.partition("?")
    kept = "&".join(pair for pair in query.split("&") if not _SECRET.fullmatch(pair.partition("=")[0]))
    return scheme + host + path + (f"?{kept}" if kept else "")
