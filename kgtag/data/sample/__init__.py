"""The sample shop: a bilingual taxonomy and annotated product titles, all made up and written by hand."""

from pathlib import Path

_HERE = Path(__file__).parent

TAXONOMY = _HERE / "taxonomy.jsonl"
TRAIN = _HERE / "products.train.jsonl"
DEV = _HERE / "products.dev.jsonl"
TEST = _HERE / "products.test.jsonl"
SCHEME = "sample"
