"""Batches of PyTorch tensors, and the mean over the tokens of each sequence in them."""

import numpy
import torch

PADDING = 1


def padded(sequences: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids, and a mask that is 1 for tokens and 0 for padding, both [sequences, longest]."""
    width = max(map(len, sequences))
    tokens = torch.full((len(sequences), width), PADDING, dtype=torch.int64)
    mask = torch.zeros_like(tokens)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return tokens, mask


def means_of(hidden: torch.Tensor, sequences: list[list[int]], ends: int) -> list[numpy.ndarray]:
    """Means over the tokens of each sequence, without `ends` tokens at either end."""
    return [
        rows[ends : len(sequence) - ends].float().mean(0).numpy() for rows, sequence in zip(hidden, sequences)
    ]
