from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from kgtag.train.extractor.config import (
    OPTION_NAMES,
    PRESETS,
    REPLACED,
    RunOptions,
    TrainOptions,
    changed,
    read_assignments,
    read_config,
    resolve,
    to_toml,
)

ROOT = Path(__file__).parents[4]
CONFIGS = sorted(ROOT.glob("benchmarks/configs/[!k]*.toml"))
RUN_NAMES = [one.name for one in fields(RunOptions)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "option epochs is 0; expected greater than or equal to 1"),
        ("epochs", True, "option epochs is True; expected a valid integer"),
        ("batch_size", 8.0, "option batch_size is 8.0; expected a valid integer"),
        ("learning_rate", "fast", "option learning_rate is 'fast'; expected a valid number"),
        ("swap", 1.5, "option swap is 1.5; expected less than or equal to 1"),
        ("gce_q", float("nan"), "option gce_q is nan"),
        ("precision", "fp8", "option precision is 'fp8'; expected 'auto', 'fp32', 'bf16' or 'fp16'"),
        ("device", "tpu", "option device is 'tpu'; expected auto, cpu, cuda or cuda:N"),
        ("teachers", "one", "option teachers is 'one'; expected a valid tuple"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        changed(TrainOptions(), {name: value})
    assert message in str(caught.value)


def test_adapters_leave_nothing_to_freeze() -> None:
    with pytest.raises(InputError, match="option frozen_layers is 2 beside lora_rank 8"):
        TrainOptions(lora_rank=8, frozen_layers=2)


def test_whole_numbers_do_for_numbers_and_later_changes_win() -> None:
    options = changed(TrainOptions(), {"swap": 1, "epochs": 3}, {"epochs": 4})
    assert (options.swap, options.epochs, options.batch_size) == (1.0, 4, 16)
    assert isinstance(options.swap, float)


@given(
    st.builds(
        TrainOptions,
        epochs=st.integers(1, 100),
        head_learning_rate=st.floats(0, 1),
        unannotated_as=st.sampled_from(["negative", "unknown"]),
        teachers=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    ),
    st.builds(RunOptions, seed=st.integers(0, 9), encoder=st.sampled_from([None, 'a "b"']), spans=st.booleans()),
)
def test_a_written_file_reads_as_the_same_options(
    tmp_path_factory: pytest.TempPathFactory, options: TrainOptions, run: RunOptions
) -> None:
    path = tmp_path_factory.getbasetemp() / "training.toml"
    path.write_text(to_toml(options, run, head="two\nlines"), encoding="utf-8")
    assert resolve(read_config(str(path))) == (run, options)


def test_unreadable_files_and_unknown_names_come_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "o.toml"
    with pytest.raises(InputError, match="there is no config file"):
        read_config(str(path))
    path.write_text("epochs = = 3")
    with pytest.raises(InputError, match="does not read as TOML"):
        read_config(str(path))
    path.write_text("epoch = 3")
    with pytest.raises(InputError, match="sets 'epoch', an unknown option; did you mean 'epochs'"):
        read_config(str(path))
    path.write_text("encoder_rate = 1e-4")
    with pytest.raises(InputError, match=r"sets 'encoder_rate', .* earlier version: write learning_rate"):
        read_config(str(path))
    path.write_text("typos = 0.1")
    with pytest.raises(InputError, match=r"sets 'typos', .* it was removed, because it raised dev F1"):
        read_config(str(path))


def test_what_to_write_for_earlier_names_is_an_option() -> None:
    assert not {*REPLACED} & {*OPTION_NAMES, *RUN_NAMES}
    written = {text.split()[1] for text in REPLACED.values() if text.startswith("write ")}
    assert written <= {*OPTION_NAMES} and len(written) > 10


def test_assignments_are_toml_values_or_texts() -> None:
    found = read_assignments(["swap=0.3", "precision = bf16", "teachers=m1, m2", "spans=false", 'lang="zh"'])
    assert found == {"swap": 0.3, "precision": "bf16", "teachers": ["m1", "m2"], "spans": False, "lang": "zh"}
    with pytest.raises(InputError, match="has no '='; expected NAME=VALUE"):
        read_assignments(["swap"])
    with pytest.raises(InputError, match=r"--set sets 'batch', .* write batch_size"):
        read_assignments(["batch=8"])


def test_later_layers_win_over_the_defaults_of_the_format() -> None:
    run, options = resolve({"format": "extractgpt", "epochs": 3}, {"epochs": 4, "seed": 7})
    assert (run.format, run.seed, options.epochs) == ("extractgpt", 7, 4)
    assert (options.unannotated_as, options.dev_metric) == ("unknown", "value_f1")
    assert resolve({"format": "extractgpt", "dev_metric": "span_f1"})[1].dev_metric == "span_f1"
    assert resolve({}, continued=True)[1].learning_rate == 5e-5
    assert resolve({"learning_rate": 1e-3}, continued=True)[1].learning_rate == 1e-3


@pytest.mark.parametrize("name", [*PRESETS, *map(str, CONFIGS)], ids=lambda name: Path(name).stem)
def test_committed_configs_and_presets_are_valid_and_explained(name: str) -> None:
    found = read_config(name)
    run, options = resolve(found)
    assert (run, options) != (RunOptions(), TrainOptions())
    if name not in PRESETS:
        head = Path(name).read_text(encoding="utf-8")
        assert head.startswith("# ") and "kgtag train extractor" in head and "Expected" in head and "Data:" in head


def test_published_configs_are_committed() -> None:
    names = {path.stem for path in CONFIGS}
    assert {"ae110k-oamine", "queryner", "wdc-pave", "taobao", "implicitave"} <= names


def test_every_option_is_documented() -> None:
    text = (ROOT / "docs" / "how-to" / "train.md").read_text(encoding="utf-8")
    missing = [name for name in (*OPTION_NAMES, *RUN_NAMES, *PRESETS) if f"`{name}`" not in text]
    assert not missing
