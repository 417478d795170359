"""The extractor that serves: a trained encoder with a CRF over attributes, run by ONNX Runtime. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.extract.decode import Chain, decode
from kgtag.extract.files import ModelConfig, read_config, read_lexicon
from kgtag.extract.inputs import Window, attribute_inputs, encoder_inputs, slice_tokens, windows
from kgtag.extract.lexicon import Entry, Lexicon
from kgtag.extract.tokens import Tokens, tokenize
from kgtag.text import clean, document, field_span
from kgtag.types import Extraction, Mention, Product, Span

CERTAIN = 0.6
"""A predicted category at least this probable is taken as the product's category in a second pass."""
POSSIBLE = 0.02
"""Else the attributes of every category at least this probable are looked for."""
_BATCH_TOKENS = 4_096
_CELLS = 60_000

Floats = NDArray[np.float32]


@dataclass(slots=True)
class _Piece:
    """One window of one product's title on its way through the model."""

    product: int
    window: Window
    tokens: Tokens
    category: str | None
    attributes: tuple[int, ...] = ()


class SequenceExtractor:
    """Implements the Extractor port. Safe to call from several threads.

    Scores are calibrated probabilities, rounded to 4 digits: float32 sums differ in the 7th with the batch's shape.
    """

    def __init__(
        self, config: ModelConfig, version: str, *, tokenizer: Tokenizer, lexicon: Lexicon, encoder: Any, heads: Any
    ) -> None:
        self.config = config
        self._version = version
        self._tokenizer = tokenizer
        self._lexicon = lexicon
        self._encoder = encoder
        self._heads = heads
        self._chain = Chain(
            np.array(config.transitions, dtype=np.float64),
            np.array(config.start, dtype=np.float64),
            np.array(config.end, dtype=np.float64),
        )
        concepts = config.category_concepts.items()
        self._categories = {concept: name for name, concept in concepts if name in config.applicable}
        self._categories |= {name.casefold(): name for name in config.applicable}
        named = tokenize(tokenizer, list(config.categories))
        self._suffixes = {name: found.ids.tolist()[:24] for name, found in zip(config.categories, named, strict=True)}

    @classmethod
    def load(cls, directory: Path | str, *, threads: int = 0) -> Self:
        """The model of a directory; `threads` for ONNX Runtime, 0 lets it choose.

        Raises InputError when the directory is missing, incomplete, damaged, or of another format.
        """
        import onnxruntime

        directory = Path(directory)
        config, version = read_config(directory)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that spin while they wait starve whatever else runs beside them: other requests, other tests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        index = {name: number for number, name in enumerate(config.attributes)}
        entries = {
            (index[attribute], tuple(pieces)): Entry(annotated, seen, given)
            for attribute, pieces, annotated, seen, given in read_lexicon(directory)
        }

        def session(name: str) -> Any:
            path = str(directory / name)
            try:
                return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # onnxruntime raises its own kinds, without a common base of its own
                raise InputError(f"{path!r} does not load in ONNX Runtime ({error}); train the model again") from error

        return cls(
            config,
            version,
            tokenizer=tokenizer,
            lexicon=Lexicon(entries),
            encoder=session("encoder.onnx"),
            heads=session("heads.onnx"),
        )

    @property
    def version(self) -> str:
        return self._version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.config.attributes

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order; mentions by span, then attribute.

        A category the model knows (by name or concept id) is used as given; otherwise it is predicted and returned in
        `categories`. Raises TextError for a title that can't be tagged.
        """
        titles = [clean(product.title) for product in products]
        if self.config.reads_text:
            titles = [document(title, product.text) for title, product in zip(titles, products, strict=True)]
        pieces = list(self._pieces(products, tokenize(self._tokenizer, titles)))
        categories: dict[int, list[tuple[str, float]]] = {}
        self._predict_categories([piece for piece in pieces if piece.category is None], categories)
        mentions: list[list[Mention]] = [[] for _ in products]
        for batch in _batches(pieces):
            states, _ = self._encode(batch)
            for piece in batch:
                piece.attributes = self._attributes(piece, categories)
            for part, part_states in self._parts(batch, states):
                for piece, found in zip(part, self._mentions(part, part_states, products), strict=True):
                    mentions[piece.product] += found
        return [
            Extraction(_sorted(found), tuple(categories.get(number, ())[:5])) for number, found in enumerate(mentions)
        ]

    def category(self, given: str | None) -> str | None:
        """The model's own name for a category name or concept id; None when the model doesn't know it."""
        if given is None:
            return None
        return self._categories.get(given) or self._categories.get(given.strip().casefold())

    def _pieces(self, products: Sequence[Product], titles: list[Tokens]) -> Iterator[_Piece]:
        for number, (product, tokens) in enumerate(zip(products, titles, strict=True)):
            category = self.category(product.category)
            for window in windows(len(tokens), self.config.max_tokens):
                if window.last > window.first:
                    yield _Piece(number, window, slice_tokens(tokens, window), category)

    def _predict_categories(self, pieces: list[_Piece], categories: dict[int, list[tuple[str, float]]]) -> None:
        """Ranks categories per product (its first window decides) and settles on the certain ones."""
        if not self.config.categories:
            return
        for batch in _batches([piece for piece in pieces if piece.window.first == 0]):
            _, logits = self._encode(batch)
            for piece, row in zip(batch, logits.astype(np.float64), strict=True):
                odds = np.exp(row - row.max())
                ranked = zip(self.config.categories, (odds / odds.sum()).round(4).tolist(), strict=True)
                categories[piece.product] = sorted(ranked, key=lambda pair: (-pair[1], pair[0]))
        for piece in pieces:
            best, probability = categories[piece.product][0]
            if probability >= CERTAIN:
                piece.category = best

    def _attributes(self, piece: _Piece, categories: dict[int, list[tuple[str, float]]]) -> tuple[int, ...]:
        if piece.category is not None:
            return self.config.applicable[piece.category]
        ranked = categories.get(piece.product)
        if ranked is None:
            return tuple(range(len(self.config.attributes)))
        likely = [name for name, probability in ranked if probability >= POSSIBLE]
        return tuple(sorted({number for name in likely for number in self.config.applicable[name]}))

    def _encode(self, batch: list[_Piece]) -> tuple[Floats, Floats]:
        """States of the titles' tokens, (B, T, d), and category logits, (B, C)."""
        tokens = [piece.tokens for piece in batch]
        suffixes = [self._suffixes.get(piece.category or "", []) for piece in batch]
        ids, shapes, mask = encoder_inputs(tokens, suffixes, self.config.special)
        states, logits = self._encoder.run(None, {"ids": ids, "shapes": shapes, "mask": mask})
        return states[:, 1 : 1 + max(map(len, tokens))], logits

    def _parts(self, batch: list[_Piece], states: Floats) -> Iterator[tuple[list[_Piece], Floats]]:
        """Splits a batch so that attributes × tokens stay within memory; pieces without attributes fall out."""
        kept = [n for n, piece in enumerate(batch) if piece.attributes]
        kept.sort(key=lambda n: len(batch[n].attributes))
        while kept:
            count = len(kept)
            while count > 1 and count * len(batch[kept[count - 1]].attributes) * states.shape[1] > _CELLS:
                count = (count + 1) // 2
            part, kept = kept[:count], kept[count:]
            yield [batch[n] for n in part], states[part]

    def _mentions(self, part: list[_Piece], states: Floats, products: Sequence[Product]) -> list[list[Mention]]:
        """The mentions each piece answers for."""
        codes = [self._lexicon.codes(piece.tokens, piece.attributes) for piece in part]
        rows, lexicon = attribute_inputs([piece.attributes for piece in part], codes, states.shape[1])
        (emissions,) = self._heads.run(None, {"states": states, "attributes": rows, "lexicon": lexicon})
        found: list[list[Mention]] = []
        for piece, scores in zip(part, emissions, strict=True):
            length = len(piece.tokens)
            cut = scores[: len(piece.attributes), :length].astype(np.float64)
            lengths = np.full(len(cut), length, dtype=np.int64)
            product, window = products[piece.product], piece.window
            spans = decode(cut, lengths, self._chain, bias=self.config.bias)
            found.append(
                [
                    self._mention(product, piece, span.row, (span.first, span.last), span.probability)
                    for span in spans
                    if window.own_first <= window.first + span.first < window.own_last
                ]
            )
        return found

    def _mention(self, product: Product, piece: _Piece, row: int, tokens: tuple[int, int], marginal: float) -> Mention:
        """The surface is the product's own, control characters and all."""
        attribute = self.config.attributes[piece.attributes[row]]
        start, end = int(piece.tokens.starts[tokens[0]]), int(piece.tokens.ends[tokens[1]])
        span = field_span(start, end, len(product.title))
        text = product.title if span.field == "title" else product.text or ""
        if cut := self.config.trims.get(attribute, {}).get(text[span.start : span.end]):
            span = Span(span.start + cut[0], span.start + cut[1], span.field)
        score = calibrated(marginal, self.config.calibration)
        return Mention(span, text[span.start : span.end], attribute, score)


def calibrated(marginal: float, calibration: tuple[float, float]) -> float:
    """A span's marginal as the probability that an annotator marked exactly it, in [0, 1], 4 digits."""
    bounded = min(max(marginal, 1e-6), 1 - 1e-6)
    odds = calibration[0] * float(np.log(bounded / (1 - bounded))) + calibration[1]
    return round(1 / (1 + float(np.exp(-min(max(odds, -50.0), 50.0)))), 4)


def _batches(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces of like length together, at most _BATCH_TOKENS a batch."""
    ordered = sorted(pieces, key=lambda piece: len(piece.tokens))
    while ordered:
        count = 1
        while count < len(ordered) and (count + 1) * len(ordered[count].tokens) <= _BATCH_TOKENS:
            count += 1
        yield ordered[:count]
        ordered = ordered[count:]


def _sorted(mentions: list[Mention]) -> tuple[Mention, ...]:
    """The title's first, by span, then attribute; of overlapping mentions of one attribute, from two windows, the
    likelier stays."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: (-m.score, m.span, m.attribute)):
        clash = any(
            other.attribute == mention.attribute
            and other.span.field == mention.span.field
            and other.span.start < mention.span.end
            and mention.span.start < other.span.end
            for other in kept
        )
        if not clash:
            kept.append(mention)
    return tuple(sorted(kept, key=lambda m: (m.span.field == "text", m.span, m.attribute)))
