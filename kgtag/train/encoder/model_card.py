"""A pretrained encoder's card: what it is, what it has read, and what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
