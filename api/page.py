"""`/`: one file with everything in it, served under a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources


@cache
def html() -> str:
    return (resources.files("api") / "page.html").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """A Content-Security-Policy that names the page's own script and style by their hashes."""
    return (
        f"default-src 'none'; script-src '{_hash('script')}'; style-src '{_hash('style')}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(tag: str) -> str:
    (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html(), re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
