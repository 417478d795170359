"""Slashes within ids: `/v1/concepts/a%2Fneighbours` is the concept `a/neighbours`, not the neighbours of `a`.

Servers decode a path before it is routed, and then nothing tells both apart. A `%2F` passes the routes as a character
that no id has, and becomes a slash in the parameter.
"""

from urllib.parse import unquote

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.types import Scope

_SLASH = "\x1f"


class _Slashes(PathConvertor):
    def convert(self, value: str) -> str:
        return value.replace(_SLASH, "/")


register_url_convertor("path", _Slashes())


def keep_slashes(scope: Scope) -> Scope:
    """The request with encoded slashes of its path apart from those between the parts of it."""
    raw: bytes = scope.get("raw_path") or b""
    if scope["type"] != "http" or b"%2" not in raw or raw.upper().count(b"%2F") == 0:
        return scope
    text = raw.decode("ascii", "replace").replace("%2f", "%2F").replace("%2F", _SLASH)
    return {**scope, "path": unquote(text)}
