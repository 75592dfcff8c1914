"""Masked tokens (Devlin et al. 2019): what both encoders learn before they see a label."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from . import dna_tokens, genetic_code
from .encoders import Pair

PART = 0.15
"""Fraction of tokens to guess: 80 % of them are masked, 10 % replaced by other tokens, 10 % kept."""


@dataclass(frozen=True)
class Masked:
    tokens: Tensor
    """int64 [batch, length], some of them masked."""
    masked: Tensor
    """bool [batch, length]: whether the mask is there."""
    places: Tensor
    """int64 [batch, guessed]: positions to guess, as many in every sequence."""
    wanted: Tensor
    """int64 [batch, guessed]."""


def mask_tokens(tokens: np.ndarray, first: int, last: int, mask: int, random: np.random.Generator) -> Masked:
    """Hides tokens with ids from `first` to `last`; sequences with too few of them contribute padding too."""
    eligible = (tokens >= first) & (tokens <= last)
    guessed = max(1, int(PART * tokens.shape[1]))
    places = np.argsort(np.where(eligible, random.random(tokens.shape), 2.0), axis=1)[:, :guessed]
    wanted = np.take_along_axis(tokens, places, axis=1)
    draw = random.random(places.shape)
    other = random.integers(first, last + 1, places.shape)
    shown = np.where(draw < 0.8, mask, np.where(draw < 0.9, other, wanted))
    changed = tokens.copy()
    np.put_along_axis(changed, places, shown, axis=1)
    return Masked(*map(torch.from_numpy, (changed, changed == mask, places, wanted)))


class MaskedHeads(nn.Module):
    """Guesses the tokens from a pair's encoders; not exported."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair = pair
        self.dna = _Head(pair.dna.sizes.width, pair.dna.word_embeddings)
        self.protein = _Head(pair.protein.sizes.width, pair.protein.embed_tokens)

    def forward(self, dna: Masked, protein: Masked) -> tuple[Tensor, Tensor]:
        """Mean cross entropy in nats of the DNA tokens and of the residues."""
        dna_hidden = self.pair.dna(dna.tokens)
        protein_hidden = self.pair.protein(protein.tokens, protein.masked)
        return self.dna(dna_hidden, dna), self.protein(protein_hidden, protein)


class _Head(nn.Module):
    def __init__(self, width: int, embeddings: nn.Module) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(len(embeddings.weight)))
        self._embeddings = [embeddings]

    def forward(self, hidden: Tensor, masked: Masked) -> Tensor:
        at = masked.places[..., None].expand(-1, -1, hidden.shape[2])
        guessed = self.norm(functional.gelu(self.dense(hidden.gather(1, at))))
        scale = guessed.shape[-1] ** -0.5
        logits = scale * guessed @ self._embeddings[0].weight.to(guessed.dtype).T + self.bias
        return functional.cross_entropy(logits.float().flatten(0, 1), masked.wanted.flatten())


def mask_pair(dna: np.ndarray, protein: np.ndarray, random: np.random.Generator) -> tuple[Masked, Masked]:
    last_dna = len(dna_tokens.VOCABULARY) - 1
    last_residue = genetic_code.FIRST_RESIDUE + genetic_code.RESIDUES - 1
    return (
        mask_tokens(dna, dna_tokens.FIRST_PIECE, last_dna, dna_tokens.MASK, random),
        mask_tokens(protein, genetic_code.FIRST_RESIDUE, last_residue, genetic_code.MASK, random),
    )
