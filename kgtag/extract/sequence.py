"""The extractor that serves: a trained encoder with a CRF over attributes, run by ONNX Runtime. Needs no torch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from tokenizers import Tokenizer

from graph.errors import InputError
from kgtag.artifacts import ModelDirectory
from kgtag.compute import cores
from kgtag.compute.onnx import open_session
from kgtag.extract.decode import Chain, find_spans
from kgtag.extract.files import EXTRACTOR, ModelConfig, Precision, config_of, encoder_file, lexicon_of
from kgtag.extract.inputs import (
    Floats,
    Piece,
    Tokens,
    attribute_inputs,
    batches,
    encoder_inputs,
    parts,
    slice_tokens,
    tokenize,
    windows,
)
from kgtag.extract.lexicon import SURE, Lexicon
from kgtag.text import document, field_span
from kgtag.types import Extraction, Extractor, Mention, Product, Span

CERTAIN = 0.6
"""A predicted category at least this probable is taken as the product's category in a second pass."""
POSSIBLE = 0.02
"""Else the attributes of every category at least this probable are looked for."""
_TOGETHER = 512
"""Products whose states are held at once."""
T = TypeVar("T")
_Categories = dict[int, list[tuple[str, float]]]


class SequenceExtractor(Extractor):
    """Implements the Extractor port. Safe to call from several threads. Scores are calibrated probabilities, rounded to
    4 digits: float32 sums differ in the 7th with the batch's shape."""

    def __init__(
        self,
        config: ModelConfig,
        version: str,
        *,
        tokenizer: Tokenizer,
        lexicon: Lexicon,
        encoder: Any,
        heads: Any,
        precision: Precision = "fp32",
        workers: int = 1,
    ) -> None:
        """`workers`: titles read in parallel, with int8."""
        self.config = config
        self.precision = precision
        self._version = version if precision == "fp32" else f"{version}-{precision}"
        self._workers = ThreadPoolExecutor(workers) if precision == "int8" and workers > 1 else None
        self._tokenizer = tokenizer
        self._lexicon = lexicon
        self._looked_up = {config.attributes.index(name) for name in config.looked_up}
        self._encoder = encoder
        self._heads = heads
        scores = (np.array(part, dtype=np.float64) for part in (config.transitions, config.start, config.end))
        self.chain = Chain(*scores)
        concepts = config.category_concepts.items()
        self._categories = {concept: name for name, concept in concepts if name in config.applicable}
        self._categories |= {name.casefold(): name for name in config.applicable}
        named = tokenize(tokenizer, list(config.categories))
        self._suffixes = {name: found.ids.tolist()[:24] for name, found in zip(config.categories, named, strict=True)}

    @classmethod
    def load(cls, directory: Path | str, *, threads: int = 0, precision: Precision = "fp32") -> Self:
        """The model of a directory; `threads` to compute with, 0 for as many as there are cores. Raises InputError: the
        directory is missing, incomplete, damaged, of another format, or from before there was this precision."""
        directory = Path(directory)
        model = ModelDirectory.open(directory, EXTRACTOR)
        config = config_of(model)
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))

        def session(name: str) -> Any:
            path = str(directory / name)
            try:
                return open_session(path, threads=threads if precision == "fp32" else 1)
            except Exception as error:  # onnxruntime raises its own kinds, without a common base of its own
                raise InputError(f"{path!r} does not load in ONNX Runtime ({error}); train the model again") from error

        return cls(
            config, model.version, tokenizer=tokenizer, lexicon=Lexicon.of(lexicon_of(model), config.attributes),
            encoder=session(encoder_file(model, precision)), heads=session("heads.onnx"), precision=precision,
            workers=threads or cores(),
        )  # fmt: skip

    @property
    def version(self) -> str:
        return self._version

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.config.attributes

    @property
    def categories(self) -> tuple[str, ...]:
        return self.config.categories

    @property
    def reads_text(self) -> bool:
        return self.config.reads_text

    @property
    def concepts(self) -> Mapping[str, str]:
        return {**self.config.attribute_concepts, **self.config.category_concepts}

    def extract(self, products: Sequence[Product]) -> list[Extraction]:
        """One extraction per product, in order; mentions by span, then attribute. A category the model knows (by name
        or concept id) is used as given; otherwise it is predicted and returned in `categories`. The products are clean
        (`kgtag.text.clean_product`)."""
        return [one for _, part, titles in self._parts(products) for one in self._extract(part, titles)]

    def read(self, products: Sequence[Product]) -> list[list[Piece]]:
        """The windows of every product as the model saw them, with scores for `chain`. The products are clean."""
        found: list[list[Piece]] = [[] for _ in products]
        for start, part, titles in self._parts(products):
            for piece in self._scored(part, titles)[0]:
                found[start + piece.product].append(piece)
        return found

    def _parts(self, products: Sequence[Product]) -> Iterator[tuple[int, Sequence[Product], list[Tokens]]]:
        """Products whose states are held at once, with the number of the first, and their tokens."""
        documents = self._documents(products)
        for start in range(0, len(products), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            yield start, products[part], tokenize(self._tokenizer, documents[part])

    def _documents(self, products: Sequence[Product]) -> list[str]:
        """What is read of each: the title, and the text behind it where the model was trained on texts."""
        return [document(one.title, one.text if self.config.reads_text else None) for one in products]

    def _extract(self, products: Sequence[Product], titles: list[Tokens]) -> list[Extraction]:
        pieces, categories = self._scored(products, titles)
        spans = find_spans([piece.emissions for piece in pieces], self.chain, bias=self.config.bias)
        mentions: list[list[Mention]] = [[] for _ in products]
        columns = (spans.title.tolist(), spans.row.tolist(), spans.first.tolist(), spans.last.tolist())
        for number, row, first, last, marginal in zip(*columns, spans.probability.tolist(), strict=True):
            piece = pieces[number]
            if piece.window.own_first <= piece.window.first + first < piece.window.own_last:
                score = calibrated(marginal, self.config.calibration)
                mention = self._mention(products[piece.product], piece, piece.attributes[row], (first, last), score)
                if mention.probability >= self.config.thresholds.get(mention.attribute, 0.0):
                    mentions[piece.product].append(mention)
        for piece in pieces if self._looked_up else ():
            mentions[piece.product] += self._lookups(products[piece.product], piece)
        return [
            Extraction(_sorted(found), tuple(categories.get(number, ())[:5])) for number, found in enumerate(mentions)
        ]

    def _scored(self, products: Sequence[Product], titles: list[Tokens]) -> tuple[list[Piece], _Categories]:
        """The products' windows with their emissions, and categories by product where none was given."""
        pieces = list(self._pieces(products, titles))
        categories: _Categories = {}
        self._predict_categories([piece for piece in pieces if piece.category is None], categories)
        for piece in pieces:
            piece.attributes = self._attributes(piece, categories)
        self._each(self._score, self._batches(pieces))
        return pieces, categories

    def category(self, given: str | None) -> str | None:
        """The model's own name for a category name or concept id; None when the model doesn't know it."""
        known = self._categories
        return None if given is None else known.get(given) or known.get(given.strip().casefold())

    def _pieces(self, products: Sequence[Product], titles: list[Tokens]) -> Iterator[Piece]:
        for number, (product, tokens) in enumerate(zip(products, titles, strict=True)):
            category = self.category(product.category)
            for window in windows(len(tokens), self.config.max_tokens):
                if window.last > window.first:
                    yield Piece(number, window, slice_tokens(tokens, window), category)

    def _predict_categories(self, pieces: list[Piece], categories: _Categories) -> None:
        """Rank categories per product by its first window, and fix the certain ones."""
        if not self.config.categories:
            return
        firsts = self._batches([piece for piece in pieces if piece.window.first == 0])
        for batch, (states, logits) in zip(firsts, self._each(self._encode, firsts), strict=True):
            for piece, row, own in zip(batch, logits.astype(np.float64), states, strict=True):
                odds = np.exp(row - row.max())
                ranked = zip(self.config.categories, (odds / odds.sum()).round(4).tolist(), strict=True)
                categories[piece.product] = sorted(ranked, key=lambda pair: (-pair[1], pair[0]))
                piece.states = own[: len(piece.tokens)]
        for piece in pieces:
            best, probability = categories[piece.product][0]
            if probability >= CERTAIN:
                piece.category, piece.states = best, None

    def _attributes(self, piece: Piece, categories: dict[int, list[tuple[str, float]]]) -> tuple[int, ...]:
        if piece.category is not None:
            return self.config.applicable[piece.category]
        ranked = categories.get(piece.product)
        if ranked is None:
            return tuple(range(len(self.config.attributes)))
        likely = [name for name, probability in ranked if probability >= POSSIBLE]
        return tuple(sorted({number for name in likely for number in self.config.applicable[name]}))

    def _encode(self, batch: list[Piece]) -> tuple[Floats, Floats]:
        """States of the titles' tokens, (B, T, d), and category logits, (B, C)."""
        tokens = [piece.tokens for piece in batch]
        suffixes = [self._suffixes.get(piece.category or "", []) for piece in batch]
        ids, shapes, mask = encoder_inputs(tokens, suffixes, self.config.special)
        states, logits = self._encoder.run(None, {"ids": ids, "shapes": shapes, "mask": mask})
        return states[:, 1 : 1 + max(map(len, tokens))], logits

    def _score(self, batch: list[Piece]) -> None:
        """Gives every piece its emissions. States that predicting the category left are used again."""
        bare = [piece for piece in batch if piece.attributes and piece.states is None]
        if bare:
            for piece, own in zip(bare, self._encode(bare)[0], strict=True):
                piece.states = own[: len(piece.tokens)]
        for part in parts([piece for piece in batch if piece.attributes]):
            self._emit(part)
        for piece in batch:
            if piece.states is not None:
                piece.vector = piece.states.mean(axis=0)
            piece.states = None

    def _emit(self, part: list[Piece]) -> None:
        longest = max(len(piece.tokens) for piece in part)
        codes = [self._lexicon.codes(piece.tokens, piece.attributes) for piece in part]
        rows, lexicon = attribute_inputs([piece.attributes for piece in part], codes, longest)
        held = [piece.states for piece in part if piece.states is not None]
        states = np.zeros((len(part), longest, held[0].shape[1]), dtype=np.float32)
        for number, own in enumerate(held):
            states[number, : len(own)] = own
        (emissions,) = self._heads.run(None, {"states": states, "attributes": rows, "lexicon": lexicon})
        for piece, scores in zip(part, emissions, strict=True):
            piece.emissions = scores[: len(piece.attributes), : len(piece.tokens)]

    def _batches(self, pieces: Sequence[Piece]) -> list[list[Piece]]:
        """One by one with int8: the scale of a quantised activation is that of its whole batch, and a title's answer
        must not depend on its company."""
        if self.precision == "int8":
            return [[piece] for piece in pieces]
        lengths = [len(piece.tokens) + len(self._suffixes.get(piece.category or "", ())) for piece in pieces]
        return batches(pieces, lengths)

    def _each(self, work: Callable[[list[Piece]], T], batches: Sequence[list[Piece]]) -> list[T]:
        """Results in order; single titles in parallel, one core each."""
        if self._workers is None or len(batches) < 2:
            return [work(batch) for batch in batches]
        return list(self._workers.map(work, batches))

    def _lookups(self, product: Product, piece: Piece) -> Iterator[Mention]:
        """Known values of attributes that the network knows nothing else of."""
        for match in self._lexicon.matches(piece.tokens, [n for n in piece.attributes if n in self._looked_up]):
            if piece.window.own_first <= piece.window.first + match.first < piece.window.own_last:
                yield self._mention(product, piece, match.attribute, (match.first, match.last), SURE)

    def _mention(self, product: Product, piece: Piece, number: int, tokens: tuple[int, int], score: float) -> Mention:
        """Of attribute `number`. The surface is the product's own, control characters and all."""
        attribute = self.config.attributes[number]
        start, end = int(piece.tokens.starts[tokens[0]]), int(piece.tokens.ends[tokens[1]])
        span = field_span(start, end, len(product.title))
        if cut := self.config.trims.get(attribute, {}).get(product.cut(span)):
            span = Span(span.start + cut[0], span.start + cut[1], span.field)
        return Mention(span, product.cut(span), attribute, score)


def calibrated(marginal: float, calibration: tuple[float, float]) -> float:
    """A span's marginal as the probability that an annotator marked exactly it, in [0, 1], 4 digits."""
    bounded = min(max(marginal, 1e-6), 1 - 1e-6)
    odds = calibration[0] * float(np.log(bounded / (1 - bounded))) + calibration[1]
    return round(1 / (1 + float(np.exp(-min(max(odds, -50.0), 50.0)))), 4)


def _sorted(mentions: list[Mention]) -> tuple[Mention, ...]:
    """The title's first, by span, then attribute; of overlapping mentions of one attribute, from two windows, the
    likelier stays."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda m: (-m.probability, m.span, m.attribute)):
        span = mention.span
        rivals = (m.span for m in kept if (m.attribute, m.span.field) == (mention.attribute, span.field))
        if not any(rival.start < span.end and span.start < rival.end for rival in rivals):
            kept.append(mention)
    return tuple(sorted(kept, key=lambda m: (m.span.place, m.attribute)))
