from __future__ import annotations

from pathlib import Path

import pytest

from graph.errors import InputError
from kgtag.train.encoder import pretrained


def test_the_default_is_packaged() -> None:
    path = pretrained.resolve()
    assert (path / "model.safetensors").is_file()
    assert pretrained.resolve("sentence-transformers/all-MiniLM-L6-v2") == path


def test_a_directory_must_hold_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks config\.json, tokenizer\.json, model\.safetensors"):
        pretrained.resolve(str(tmp_path))
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    assert pretrained.resolve(str(tmp_path)) == tmp_path


def test_a_path_that_is_not_there_is_no_hub_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no encoder directory"):
        pretrained.resolve(str(tmp_path / "none"))
    with pytest.raises(InputError, match="no encoder directory"):
        pretrained.resolve("./none")


def test_a_changed_default_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "_SHA256", "0" * 64)
    pretrained._packaged.cache_clear()
    try:
        with pytest.raises(InputError, match="reinstall with"):
            pretrained.resolve()
    finally:
        pretrained._packaged.cache_clear()


def test_a_hub_name_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="could not be had from the model hub"):
        pretrained.resolve("nobody/no-such-encoder")
