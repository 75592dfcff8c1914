"""Composition of frames: the features of the composition teachers."""

import numba
import numpy as np

from .frames import FrameTable
from .genetic_code import FIRST_RESIDUE, OTHER_BASE, RESIDUES

KINDS = {"codons": 4**3, "fours": 4**4, "pairs": RESIDUES**2, "fives": 4**5}
"""Number of each kind: codons of the frame, words of four and five bases, pairs of neighbouring residues."""
NOT_COUNTED = -1


def columns(*kinds: str) -> np.ndarray:
    """Columns of some kinds among all features."""
    ends = np.cumsum([0, *KINDS.values()])
    places = {kind: np.arange(begin, end) for kind, begin, end in zip(KINDS, ends[:-1], ends[1:])}
    return np.concatenate([places[kind] for kind in kinds])


def composition(table: FrameTable, *kinds: str) -> np.ndarray:
    """
    float32 [frames, features]: square roots of relative frequencies, separately for each kind of feature.

    All kinds, or the named ones, in the order of KINDS.
    """
    counted = [kind for kind in KINDS if kind in (kinds or KINDS)]
    ends = np.cumsum([0, *(KINDS[kind] for kind in counted)])
    features = np.zeros((len(table), ends[-1]), dtype=np.float32)
    firsts = np.array([ends[counted.index(kind)] if kind in counted else NOT_COUNTED for kind in KINDS])
    _count(table.bases, table.base_ends, table.residues, table.residue_ends, firsts, features)
    for begin, end in zip(ends[:-1], ends[1:]):
        part = features[:, begin:end]
        part /= np.maximum(part.sum(axis=1, keepdims=True), 1.0)
    return np.sqrt(features, out=features)


@numba.njit(cache=True)
def _count(bases, base_ends, residues, residue_ends, firsts, features):
    codons, fours, pairs, fives = firsts
    for row in range(len(base_ends) - 1):
        begin, end = base_ends[row], base_ends[row + 1]
        number, whole = 0, 0
        for i in range(begin, end):
            whole = 0 if bases[i] == OTHER_BASE else whole + 1
            number = (4 * number + bases[i]) % 4**5 if whole > 0 else 0
            if codons >= 0 and whole >= 3 and (i - begin) % 3 == 2:
                features[row, codons + number % 4**3] += 1
            if fours >= 0 and whole >= 4:
                features[row, fours + number % 4**4] += 1
            if fives >= 0 and whole >= 5:
                features[row, fives + number] += 1
        begin, end = residue_ends[row], residue_ends[row + 1] if pairs >= 0 else 0
        for i in range(begin, end - 1):
            first = RESIDUES * (residues[i] - FIRST_RESIDUE)
            features[row, pairs + first + residues[i + 1] - FIRST_RESIDUE] += 1
