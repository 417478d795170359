from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from graph.errors import InputError
from kgtag.train.encoder import pretrained
from kgtag.train.encoder.loop import PretrainOptions, Watching
from kgtag.train.encoder.pretrained import load_tokenizer
from kgtag.train.encoder.run import PretrainReport, pretrain
from kgtag.train.extractor.network import load_encoder
from tests.kgtag.extract.tiny import save_tiny_encoder
from tests.kgtag.running import main
from tests.kgtag.train.extractor.disk import full_disk

OPTIONS = PretrainOptions(epochs=3, tokens=256, layers=1, width=32, rate=5e-3, max_tokens=24, device="cpu")
TEXTS = [
    f"{color}{material}{shoe} {brand}"
    for color in ("红色", "深蓝", "绿色", "黑色")
    for material in ("真皮", "棉质", "网面")
    for shoe in ("跑步鞋", "运动鞋", "皮鞋")
    for brand in ("nike", "acme", "tiko", "安踏")
]


class Killed(Exception):
    """What ends a run in the middle."""


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> PretrainReport:
    return pretrain(TEXTS, out=tmp_path_factory.mktemp("encoders") / "zh", options=OPTIONS, seed=3)


def test_text_gets_easier_to_guess(fresh: PretrainReport) -> None:
    assert fresh.after < 0.7 * fresh.before
    assert fresh.after < fresh.chance
    assert 1 <= fresh.epoch <= 3


def test_the_directory_is_one_that_trainings_accept(fresh: PretrainReport) -> None:
    path = pretrained.resolve(str(fresh.directory))
    encoder, tokenizer = load_encoder(path), load_tokenizer(path)
    assert encoder.config.vocab_size == tokenizer.get_vocab_size() == fresh.vocabulary
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["after"] == fresh.after
    assert metrics["options"]["layers"] == 1
    assert f"{fresh.after:.1f} after" in (path / "README.md").read_text(encoding="utf-8")
    assert [found.name for found in fresh.directory.parent.iterdir()] == ["zh"]


def test_a_killed_run_ends_as_if_it_had_not_been(fresh: PretrainReport, tmp_path: Path) -> None:
    options = replace(OPTIONS, save_seconds=0.0)
    lines: list[str] = []

    def stop(share: float) -> None:
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        pretrain(TEXTS, out=tmp_path / "zh", options=options, seed=3, watching=Watching(share=stop))
    assert not (tmp_path / "zh").exists()
    pretrain(TEXTS, out=tmp_path / "zh", options=options, seed=3, watching=Watching(lines.append))
    assert any(line.startswith("resuming from epoch 2, step ") for line in lines)
    assert same(tmp_path / "zh", fresh.directory)


def test_other_arguments_are_refused_or_begin_anew(tmp_path: Path) -> None:
    options = replace(OPTIONS, save_seconds=0.0, epochs=1)

    def stop(share: float) -> None:
        if share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        pretrain(TEXTS, out=tmp_path / "zh", options=options, watching=Watching(share=stop))
    with pytest.raises(InputError, match=r"seed was 0 and is 1 now; the texts differs.*--fresh"):
        pretrain(TEXTS[1:], out=tmp_path / "zh", options=options, seed=1)
    lines: list[str] = []
    pretrain(TEXTS, out=tmp_path / "zh", options=options, seed=1, resume="never", watching=Watching(lines.append))
    assert not any("resuming" in line for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["zh"]


def test_a_full_disk_leaves_the_last_state_and_the_run_continues(tmp_path: Path) -> None:
    lines: list[str] = []
    full = ExitStack()

    def share(done: float) -> None:
        if 0.4 < done < 0.5:
            full.enter_context(full_disk())
        elif done > 0.7:
            full.close()

    options = replace(OPTIONS, save_seconds=0.0)
    report = pretrain(TEXTS, out=tmp_path / "zh", options=options, watching=Watching(lines.append, share))
    assert report.directory.is_dir()
    assert any("continuing without a new checkpoint" in line and "can't be written" in line for line in lines)


def test_it_stops_when_held_out_text_gets_no_easier(tmp_path: Path) -> None:
    lines: list[str] = []
    options = replace(OPTIONS, epochs=6, patience=1, rate=1e-9)
    pretrain(TEXTS, out=tmp_path / "zh", options=replace(options, rate=3.0), watching=Watching(lines.append))
    assert sum(line.startswith("epoch ") for line in lines) < 6


def test_an_encoder_is_adapted_and_learns_new_characters(tmp_path: Path) -> None:
    base = save_tiny_encoder(tmp_path / "base")
    report = pretrain(TEXTS, out=tmp_path / "adapted", encoder=str(base), options=OPTIONS)
    assert report.after < report.before
    tokenizer = load_tokenizer(report.directory)
    assert "[UNK]" not in tokenizer.encode("红色真皮跑步鞋 nike").tokens
    assert load_encoder(report.directory).config.hidden_size == 48
    metrics = json.loads((report.directory / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["encoder"] == "base"


def test_a_teacher_pulls_the_states(tmp_path: Path) -> None:
    base = save_tiny_encoder(tmp_path / "base")
    report = pretrain(TEXTS, out=tmp_path / "small", teacher=str(base), options=OPTIONS)
    assert report.after < report.before
    assert load_encoder(report.directory).config.hidden_size == 32
    with pytest.raises(InputError, match="--encoder or --teacher"):
        pretrain(TEXTS, out=tmp_path / "both", teacher=str(base), encoder=str(base), options=OPTIONS)


def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "titles.txt"
    file.write_text("\n".join(TEXTS[:60]), encoding="utf-8")
    out = tmp_path / "zh"
    ran = main(
        "train", "encoder", "--data", file, "--out", out, "--epochs", "1", "--layers", "1", "--width", "32", "--json"
    )
    assert ran.code == 0, ran.stderr
    assert ran.json["texts"] == 60
    assert "perplexity" in ran.stderr and "it/s" not in ran.stderr
    assert pretrained.resolve(str(out)) == out
