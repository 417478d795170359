from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from kgtag.train.extractor.options import TrainOptions, made, read_options, settings, to_toml


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("epochs", 0, "option epochs is 0; at least 1"),
        ("epochs", True, "option epochs is True; a whole number"),
        ("batch", 8.0, "option batch is 8.0; a whole number"),
        ("encoder_rate", "fast", "option encoder_rate is 'fast'; a number"),
        ("swap", 1.5, "option swap is 1.5; at least 0 and at most 1"),
        ("noise", float("nan"), "option noise is nan"),
        ("precision", "fp8", "option precision is 'fp8'; one of auto, fp32, bf16, fp16"),
        ("device", "tpu", "option device is 'tpu'; auto, cpu, cuda or cuda:N"),
        ("teachers", "one", "option teachers is 'one'; a list of texts"),
    ],
)
def test_a_value_that_an_option_can_t_have_is_named(name: str, value: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        made(TrainOptions(), {name: value})
    assert said in str(caught.value)


def test_an_adapter_leaves_nothing_to_freeze() -> None:
    with pytest.raises(InputError, match="option freeze is 2 beside adapter 'lora'"):
        TrainOptions(adapter="lora", freeze=2)


def test_whole_numbers_do_for_numbers_and_later_changes_win() -> None:
    options = made(TrainOptions(), {"adversarial": 1, "epochs": 3}, {"epochs": 4})
    assert (options.adversarial, options.epochs, options.batch) == (1.0, 4, 16)
    assert isinstance(options.adversarial, float)


@given(
    st.builds(
        TrainOptions,
        epochs=st.integers(1, 100),
        head_rate=st.floats(0, 1),
        adapter=st.sampled_from(["none", "lora", "adalora"]),
        teachers=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    )
)
def test_a_written_file_reads_as_the_same_options(
    tmp_path_factory: pytest.TempPathFactory, options: TrainOptions
) -> None:
    path = tmp_path_factory.getbasetemp() / "options.toml"
    path.write_text(to_toml(options, head="two\nlines"), encoding="utf-8")
    found = read_options(path)
    assert made(TrainOptions(), found) == options and len(found) == len(settings())


def test_files_that_don_t_read_are_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "o.toml"
    with pytest.raises(InputError, match="there is no options file"):
        read_options(path)
    path.write_text("epochs = = 3")
    with pytest.raises(InputError, match="does not read as TOML"):
        read_options(path)
    path.write_text("epoch = 3")
    with pytest.raises(InputError, match="sets 'epoch', which is no option; did you mean 'epochs'"):
        read_options(path)
