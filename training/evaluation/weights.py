"""How much a frame or window counts, so that a few large families do not decide everything."""

from collections.abc import Sequence

import numpy as np


def clade_weights(labels: np.ndarray, clades: Sequence[str] | np.ndarray) -> np.ndarray:
    """
    float64 [items], of mean 1: both classes have the same total weight; within its class a clade weighs by the square
    root of its size; items of a clade weigh the same.

    @param labels: [items], 0 or 1
    @param clades: [items], names
    """
    labels = np.asarray(labels)
    keys = np.array([f"{label} {clade}" for label, clade in zip(labels, clades)])
    _, clade, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    return class_weights(labels, 1 / np.sqrt(sizes[clade]))


def class_weights(labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """float64 [items], of mean 1: the weights (by default equal), scaled so that both classes have the same total."""
    labels = np.asarray(labels)
    balanced = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    present = [one for one in (0, 1) if np.any(labels == one)]
    for one in present:
        balanced[labels == one] *= len(labels) / len(present) / balanced[labels == one].sum()
    return balanced
