"""Pretrains an encoder on product text by masked-language modelling, and writes a directory `--encoder` accepts."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.utils import logging

from graph.errors import InputError
from kgtag.artifacts import check_target, new_directory, write_json
from kgtag.extract.inputs import Tokens, tokenize
from kgtag.train.checkpoints import Resume, RunPlace, digest, keeping
from kgtag.train.encoder import loop, pretrained
from kgtag.train.encoder.masking import Text, Vocabulary, as_text, character_tokenizer, split_held_out
from kgtag.train.encoder.pretrained import extend, extended_rows, load_tokenizer
from kgtag.train.extractor.network import load_encoder, set_token_rows


def card(name: str, about: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """Markdown. `about`: encoder, teacher, seed, options; `measured`: the report's numbers."""
    options = about["options"]
    if about["encoder"] is not None:
        origin = f"{about['encoder']}, adapted to product text by masked-language modelling"
    else:
        kind = "with the tokenizer of" if about["teacher"] is not None else "character-level,"
        teacher = f" {about['teacher']}, which it learned to resemble;" if about["teacher"] is not None else ""
        origin = f"an encoder trained from nothing, {kind}{teacher} {options['layers']} layers, {options['width']} wide"
    return f"""# {name}

{origin[0].upper()}{origin[1:]}.

| | |
|---|---|
| texts read | {measured["texts"]:,} ({measured["tokens"]:,} tokens an epoch) |
| vocabulary, parameters | {measured["vocabulary"]:,} tokens, {measured["parameters"]:,} |
| perplexity of hidden tokens in texts kept apart | {measured["before"]:.1f} before, {measured["after"]:.1f} after |
| the same, guessing by frequency | {measured["chance"]:.1f} |
| epoch kept, time, seed | {measured["epoch"]}, {measured["seconds"]:.0f} s, {about["seed"]} |

For fine-tuning: `kgtag train extractor --encoder {name} …`. It is not a sentence encoder: the distance of two texts'
vectors means little before it is trained to mean something. It knows what the texts it read know, and their slant.
"""


@dataclass(frozen=True, slots=True)
class PretrainReport:
    """Perplexities are of hidden tokens in texts kept apart: `chance` guesses by how often tokens occur, `before` is
    the start (with a language-model head that has learned nothing yet), `after` the epoch kept (from 1)."""

    directory: Path
    texts: int
    tokens: int
    vocabulary: int
    parameters: int
    chance: float
    before: float
    after: float
    epoch: int
    seconds: float


def pretrain(
    texts: Sequence[str],
    *,
    out: Path,
    encoder: str | None = None,
    teacher: str | None = None,
    seed: int = 0,
    options: loop.PretrainOptions | None = None,
    resume: Resume = "auto",
    watching: loop.Watching | None = None,
) -> PretrainReport:
    """Adapt an encoder to `texts`, or without one train a small character-level encoder from nothing.

    Deterministic for a seed on one machine, also when it was killed and resumed.

    Args:
        out: Directory of the encoder; it appears complete or not at all.
        encoder: The encoder to adapt.
        teacher: An encoder whose states the new one learns to resemble, with its tokenizer.
        resume: See `RunPlace`; checkpoints stand in OUT.run.

    Raises:
        InputError: There is too little text, `out` holds something else, or OUT.run holds another run.
    """
    options, watching = options or loop.PretrainOptions(), watching or loop.Watching()
    started = time.monotonic()
    check_target(out)
    if encoder is not None and teacher is not None:
        raise InputError("an encoder learns from a teacher from nothing, or is adapted; give --encoder or --teacher")
    train, held = split_held_out(texts)
    torch.manual_seed(seed)
    body, tokenizer = _start(train, encoder, teacher, seed=seed, options=options)
    vocabulary = Vocabulary.of(tokenizer)
    longest = min(options.max_tokens, int(getattr(body.config, "max_position_embeddings", 512)) - 4)
    learned, watched = (
        [as_text(text, tokens, longest=longest) for text, tokens in _tokenized(part, tokenizer) if len(tokens) > 1]
        for part in (train, held)
    )
    if not learned or not watched:
        raise InputError(f"{len(texts)} texts are too few to pretrain on; give more files")
    watching.line(f"{len(learned)} texts to learn from, {len(watched)} to watch the loss; {vocabulary.size} tokens")
    master = _loaded(teacher, tokenizer, seed=seed) if teacher is not None else None
    model = loop.MaskedModel(body, teacher_width=int(master.config.hidden_size) if master is not None else None)
    rate = options.rate or (loop.ADAPT_RATE if encoder is not None else loop.FRESH_RATE)
    trainer = loop.Pretrainer(model, vocabulary, options=options, rate=rate, seed=seed, teacher=master)
    chance, before = _chance(learned, watched), trainer.loss(watched)
    watching.line(f"held-out perplexity {math.exp(before):.1f} before, {math.exp(chance):.1f} by frequency alone")
    about: dict[str, Any] = {"encoder": encoder, "teacher": teacher, "seed": seed, "options": asdict(options)}
    place = RunPlace.beside(out, resume=resume, minutes=options.save_seconds / 60)
    with keeping(place, _fingerprint(texts, about)) as keeper:
        state = trainer.run(learned, watched, keeper, watching)
        model.load_state_dict(state.best)
        report = PretrainReport(
            directory=out, texts=len(texts), tokens=sum(len(text.ids) for text in learned), vocabulary=vocabulary.size,
            parameters=sum(one.numel() for one in body.parameters()), chance=math.exp(chance), before=math.exp(before),
            after=math.exp(state.best_loss), epoch=state.best_epoch, seconds=time.monotonic() - started,
        )  # fmt: skip
        about |= {name: Path(source).name for name in ("encoder", "teacher") if (source := about[name]) is not None}
        measured = {name: value for name, value in asdict(report).items() if name != "directory"}
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        with new_directory(out) as work:
            body.cpu().save_pretrained(work)
            tokenizer.save(str(work / "tokenizer.json"))
            write_json(work / "metrics.json", {**about, "history": state.history, **measured})
            (work / "README.md").write_text(card(out.name, about, measured), encoding="utf-8")
        keeper.done()
    return report


def _start(
    texts: Sequence[str], encoder: str | None, teacher: str | None, *, seed: int, options: loop.PretrainOptions
) -> tuple[Any, Tokenizer]:
    """The encoder as it is before any training, and its tokenizer, which knows every character of the texts."""
    if (source := encoder or teacher) is None:
        tokenizer = character_tokenizer(texts, least=options.least)
    else:
        base = load_tokenizer(pretrained.resolve(source))
        if base.token_to_id("[MASK]") is None and base.token_to_id("<mask>") is None:
            base.add_special_tokens(["[MASK]"])
        tokenizer, _ = extend(base, (text for text in texts if text.isprintable()))
    if encoder is not None:
        return _loaded(encoder, tokenizer, seed=seed), tokenizer
    size, positions = tokenizer.get_vocab_size(), options.max_tokens + 64
    return loop.small_encoder(size, layers=options.layers, width=options.width, positions=positions), tokenizer


def _loaded(encoder: str, tokenizer: Tokenizer, *, seed: int) -> Any:
    """The encoder, with embeddings for what the tokenizer has learned since."""
    body = load_encoder(pretrained.resolve(encoder))
    weight = body.get_input_embeddings().weight
    missing = max(0, tokenizer.get_vocab_size() - len(weight))
    set_token_rows(body, extended_rows(weight, missing, seed=seed))
    return body


def _tokenized(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[tuple[str, Tokens]]:
    return zip(texts, tokenize(tokenizer, list(texts)), strict=True)


def _chance(train: Sequence[Text], held: Sequence[Text]) -> float:
    """Mean cross-entropy, in nats, of guessing tokens by their frequency in train, unseen ones as if seen once."""
    counts = Counter(id for text in train for id in text.ids.tolist())
    total = counts.total() + len({id for text in held for id in text.ids.tolist()} - counts.keys())
    losses = [math.log(total / max(counts[id], 1)) for text in held for id in text.ids.tolist()]
    return sum(losses) / max(len(losses), 1)


def _fingerprint(texts: Sequence[str], about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that an encoder depends on, by name; texts of 64 hexadecimal digits are digests."""
    options = {name: value for name, value in about["options"].items() if name not in ("device", "save_seconds")}
    sources = {name: source for name in ("encoder", "teacher") if (source := about[name]) is not None}
    weights = {name: pretrained.weights_digest(source) for name, source in sources.items()}
    return {"texts": digest(texts), "seed": about["seed"], "options": options, **weights}
