"""The sequence model in torch: a transformers encoder, a category head, and per-attribute emissions.

Input is "[CLS] title [SEP]", or "[CLS] title [SEP] category [SEP]" when the category is known. The title stands first,
so that its tokens are at positions 1..T whatever follows.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from kgtag.extract.decode import ALLOWED, ENDS, FORBIDDEN, STARTS
from kgtag.extract.inputs import SHAPES
from kgtag.extract.lexicon import CODES

WIDTH = 192


class ChainCRF(nn.Module):
    """CRF over five tags; transitions outside the tag scheme score FORBIDDEN, the others are learned."""

    def __init__(self) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(5, 5))
        self.start = nn.Parameter(torch.zeros(5))
        self.end = nn.Parameter(torch.zeros(5))
        self.register_buffer("_allowed", torch.from_numpy(ALLOWED), persistent=False)
        self.register_buffer("_starts", torch.from_numpy(STARTS), persistent=False)
        self.register_buffer("_ends", torch.from_numpy(ENDS), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return float32 log scores: transitions (5, 5) from → to, start (5,), end (5,)."""
        return (
            self.transitions.masked_fill(~self.get_buffer("_allowed"), FORBIDDEN),
            self.start.masked_fill(~self.get_buffer("_starts"), FORBIDDEN),
            self.end.masked_fill(~self.get_buffer("_ends"), FORBIDDEN),
        )

    def negative_log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Return the negative log-likelihood of gold tag paths, (N,) float32. emissions: (N, T, 5) float32; tags: (N,
        T) int64, ignored beyond the length; lengths: (N,) int64 in 1..T."""
        transitions, start, end = self.scores()
        steps = emissions.shape[1]
        rows = torch.arange(len(lengths), device=emissions.device)
        inside = torch.arange(steps, device=emissions.device) < lengths[:, None]
        unary = emissions.gather(2, tags[:, :, None]).squeeze(2) * inside
        moves = transitions[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]
        gold = unary.sum(1) + moves.sum(1) + start[tags[:, 0]] + end[tags[rows, lengths - 1]]
        alpha = start + emissions[:, 0]
        for t in range(1, steps):
            step = torch.logsumexp(alpha[:, :, None] + transitions, dim=1) + emissions[:, t]
            alpha = torch.where(inside[:, t, None], step, alpha)
        return torch.logsumexp(alpha + end, dim=1) - gold


class TagNetwork(nn.Module):
    """Encoder states d wide; attribute 0 is padding, attribute k of the label map is row k + 1."""

    def __init__(self, encoder: Any, *, attributes: int, categories: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.encoder = encoder
        hidden, width = int(encoder.config.hidden_size), WIDTH
        self.shape = nn.Embedding(SHAPES, hidden, padding_idx=0)
        nn.init.zeros_(self.shape.weight)
        self.category = nn.Embedding(max(categories, 1), hidden)
        self.sharpness = nn.Parameter(torch.tensor(15.0))
        self.attribute: nn.Module = nn.Embedding(attributes + 1, hidden, padding_idx=0)
        self.token = nn.Linear(hidden, width)
        self.scale = nn.Linear(hidden, width)
        self.shift = nn.Linear(hidden, width)
        self.lexicon = nn.Embedding(CODES, width, padding_idx=0)
        self.rival = nn.Linear(width, width)
        self.own = nn.Linear(width, width)
        self.emit = nn.Linear(width, 5)
        self.dropout = nn.Dropout(dropout)
        self.crf = ChainCRF()

    def encode(self, ids: Tensor, shapes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, L, d) and category logits (B, C), float32, of ids, shapes and mask, all (B, L) int64. The
        logits mean something only where the input leaves the category out: they start from the similarity of the title
        to the categories' names, which is right more often than not before any training."""
        inputs = self.encoder.get_input_embeddings()(ids) + self.shape(shapes)
        states = self.encoder(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(1) / weights.sum(1)
        logits = nn.functional.normalize(pooled, dim=-1) @ nn.functional.normalize(self.category.weight, dim=-1).T
        return states, self.sharpness * logits

    def emissions(self, states: Tensor, attributes: Tensor, lexicon: Tensor) -> Tensor:
        """Return tag scores of the title's tokens, (B, A, T, 5) float32. Each attribute sees the strongest other one at
        the same token, so that two don't claim it by accident. states: (B, T, d) float32, the title's; attributes: (B,
        A) int64, 0 is padding; lexicon: (B, A, T) int64."""
        query = self.attribute(attributes)
        token = self.token(self.dropout(states))
        mixed = token.unsqueeze(1) * (1 + self.scale(query)).unsqueeze(2) + self.shift(query).unsqueeze(2)
        mixed = nn.functional.gelu(mixed + self.lexicon(lexicon))
        absent = (attributes == 0).unsqueeze(-1).unsqueeze(-1)
        strongest = mixed.masked_fill(absent, -1e4).amax(dim=1, keepdim=True)
        joined = nn.functional.gelu(self.own(self.dropout(mixed)) + self.rival(strongest))
        scores: Tensor = self.emit(self.dropout(joined + mixed))
        return scores


class Ensemble(nn.Module):
    """Several networks of one label map and tokenization, whose scores are averaged. States are the members'
    concatenated, (B, L, sum of d), so that it exports and serves as a single network does."""

    def __init__(self, members: Sequence[TagNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.crf = ChainCRF()
        with torch.no_grad():
            for name, parameter in self.crf.named_parameters():
                parameter.copy_(torch.stack([member.crf.get_parameter(name) for member in members]).mean(0))

    def encode(self, ids: Tensor, shapes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return states and category logits like `TagNetwork.encode`; category probabilities are averaged."""
        found = [member.encode(ids, shapes, mask) for member in self.networks]
        odds = torch.stack([logits.softmax(-1) for _, logits in found]).mean(0)
        return torch.cat([states for states, _ in found], dim=-1), odds.clamp_min(1e-12).log()

    def emissions(self, states: Tensor, attributes: Tensor, lexicon: Tensor) -> Tensor:
        """Return mean tag scores like `TagNetwork.emissions`."""
        parts = torch.split(states, [int(member.encoder.config.hidden_size) for member in self.networks], dim=-1)
        found = [member.emissions(part, attributes, lexicon) for member, part in zip(self.networks, parts, strict=True)]
        return torch.stack(found).mean(0)

    @property
    def networks(self) -> list[TagNetwork]:
        return [cast(TagNetwork, member) for member in self.members]


def networks(network: TagNetwork | Ensemble) -> list[TagNetwork]:
    """Return the members, or the network alone."""
    return network.networks if isinstance(network, Ensemble) else [network]


def plain_embedding(weight: Tensor) -> nn.Embedding:
    """Return an embedding of (V, d) float32 rows."""
    return nn.Embedding(len(weight), weight.shape[1], _weight=weight)


class DeltaEmbedding(nn.Module):
    """Given rows, (V, d), of which only those of `seen` ids are trained, as a difference.

    The others would never get a gradient, and optimising a whole vocabulary costs more than the encoder itself. In
    training the difference is dropped with probability `dropout`, so that the network can do with the given rows, such
    as the vectors of attributes' names, alone.
    """

    def __init__(self, weight: Tensor, seen: Tensor, *, dropout: float = 0.0) -> None:
        super().__init__()
        index = torch.zeros(len(weight), dtype=torch.int64)
        index[seen] = torch.arange(1, len(seen) + 1)
        self.dropout = dropout
        self.register_buffer("base", weight.detach().clone())
        self.register_buffer("index", index)
        self.delta = nn.Embedding(len(seen) + 1, weight.shape[1], padding_idx=0)
        nn.init.zeros_(self.delta.weight)

    def forward(self, ids: Tensor) -> Tensor:
        learned: Tensor = self.delta(self.get_buffer("index")[ids])
        if self.training and self.dropout > 0:
            kept = torch.rand(ids.shape, device=learned.device) >= self.dropout
            learned = learned * kept.unsqueeze(-1)
        return self.get_buffer("base")[ids] + learned

    def folded(self) -> nn.Embedding:
        """Return a plain embedding with what was learned added in."""
        return plain_embedding(self.get_buffer("base") + self.delta.weight.detach()[self.get_buffer("index")])


def named_rows(rows: Tensor, *, dropout: float) -> DeltaEmbedding:
    """Return an embedding of attributes: row 0 for padding, then the encoder's vectors of their names."""
    return DeltaEmbedding(rows, torch.arange(1, len(rows)), dropout=dropout)


def set_token_rows(encoder: Any, weight: Tensor) -> None:
    """Give an encoder other token embeddings, (V, d)."""
    encoder.set_input_embeddings(plain_embedding(weight))
    encoder.config.vocab_size = len(weight)


def load_encoder(path: Path) -> Any:
    """Load a directory's transformers encoder, without pooler or language-model head."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    return without_pooler(AutoModel.from_pretrained, str(path), local_files_only=True)


def without_pooler(make: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call one of transformers' constructors; encoders of some kinds have no pooler to leave out."""
    try:
        return make(*given, add_pooling_layer=False, **named)
    except TypeError:
        return make(*given, **named)
