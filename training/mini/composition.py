"""What frames are made of: the features of the composition teachers."""

import numba
import numpy as np

from .frames import FrameTable
from .genetic_code import FIRST_RESIDUE, OTHER_BASE, RESIDUES

CODONS = 4**3
FOURS = 4**4
PAIRS = RESIDUES**2
FEATURES = CODONS + FOURS + 2 * PAIRS
"""Codons of the frame, words of four bases, pairs of neighbouring residues, pairs of residues with one between them."""


def composition(table: FrameTable) -> np.ndarray:
    """float32 [frames, FEATURES]: square roots of relative frequencies, each kind of feature by itself."""
    features = np.zeros((len(table), FEATURES), dtype=np.float32)
    _count(table.bases, table.base_ends, table.residues, table.residue_ends, features)
    for begin, end in _kinds():
        part = features[:, begin:end]
        part /= np.maximum(part.sum(axis=1, keepdims=True), 1.0)
    return np.sqrt(features)


def _kinds() -> list[tuple[int, int]]:
    ends = np.cumsum([0, CODONS, FOURS, PAIRS, PAIRS])
    return list(zip(ends[:-1], ends[1:]))


@numba.njit(cache=True)
def _count(bases, base_ends, residues, residue_ends, features):
    fours, pairs, gapped = CODONS, CODONS + FOURS, CODONS + FOURS + PAIRS
    for row in range(len(base_ends) - 1):
        begin, end = base_ends[row], base_ends[row + 1]
        number, whole = 0, 0
        for i in range(begin, end):
            whole = 0 if bases[i] == OTHER_BASE else whole + 1
            number = (4 * number + bases[i]) % FOURS if whole > 0 else 0
            if whole >= 4:
                features[row, fours + number] += 1
            if whole >= 3 and (i - begin) % 3 == 2:
                features[row, number % CODONS] += 1
        begin, end = residue_ends[row], residue_ends[row + 1]
        for i in range(begin, end - 1):
            first = RESIDUES * (residues[i] - FIRST_RESIDUE)
            features[row, pairs + first + residues[i + 1] - FIRST_RESIDUE] += 1
            if i + 2 < end:
                features[row, gapped + first + residues[i + 2] - FIRST_RESIDUE] += 1
