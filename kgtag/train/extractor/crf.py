"""Linear-chain CRF in torch, for the training loss; `kgtag.extract.decode` serves it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgtag.extract.decode import ALLOWED, ENDS, FORBIDDEN, STARTS


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
        """Return the negative log-likelihood of gold tag paths, (N,) float32.

        Args:
            emissions: (N, T, 5) float32.
            tags: (N, T) int64, ignored beyond the length.
            lengths: (N,) int64 in 1..T.
        """
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
