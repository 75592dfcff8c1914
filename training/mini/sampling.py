"""Batches of kept frames from windows anywhere in the training records."""

from collections import defaultdict
from dataclasses import dataclass

import numba
import numpy as np

from . import dna_tokens, genetic_code
from .dna_tokens import encode
from .corpus import Record
from .frames import FrameTable, classic_windows, kept_frames
from .split import fold_name


@dataclass(frozen=True)
class Batch:
    """Frames of windows of one length."""

    table: FrameTable
    labels: np.ndarray
    """int64 [frames]: 1 is virus."""
    dna: np.ndarray
    """int64 [frames, longest]: token ids, padded with dna_tokens.PAD."""
    protein: np.ndarray
    """int64 [frames, longest]: ESM tokens, padded with genetic_code.PAD."""


class WindowSampler:
    """
    Draws windows so that both classes give the same number of frames, and a clade a number proportional to the square
    root of its frames: a few families are much larger than all others.
    """

    def __init__(self, records: list[Record], window: int) -> None:
        self.records = [record for record in records if len(record.bases) >= window]
        self._bases = np.concatenate([record.bases for record in self.records])
        sizes = np.array([len(record.bases) for record in self.records])
        self._first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._room = sizes - window + 1
        self._labels = np.array([record.label for record in self.records])
        weights = self._record_weights(window)
        self._cumulative = np.cumsum(weights) / weights.sum()

    def _record_weights(self, window: int) -> np.ndarray:
        frames, bases = defaultdict(float), defaultdict(float)
        clades = [(record.label, fold_name(record)) for record in self.records]
        for clade, record in zip(clades, self.records):
            windows = np.array(classic_windows(len(record.bases), window))
            frames[clade] += len(kept_frames(record.bases, windows[:, 0], windows[:, 1]))
            bases[clade] += len(record.bases)
        root = {clade: np.sqrt(count) for clade, count in frames.items()}
        of_class = [sum(share for (label, _), share in root.items() if label == one) for one in (0, 1)]
        # Per base: the wanted fraction of frames, divided by the frames that a base gives.
        per_base = {
            (label, name): root[label, name] / of_class[label] / max(frames[label, name], 1.0)
            for label, name in frames
        }
        return np.array([per_base[clade] * len(record.bases) for clade, record in zip(clades, self.records)])

    def draw(self, windows: int, window: int, errors: float, random: np.random.Generator) -> tuple[FrameTable, np.ndarray]:
        """Kept frames of `windows` windows, with their labels; each base is replaced with the probability `errors`."""
        chosen = np.searchsorted(self._cumulative, random.random(windows), side="right")
        starts = self._first[chosen] + (random.random(windows) * self._room[chosen]).astype(np.int64)
        letters = self._bases[(starts[:, None] + np.arange(window)).ravel()]
        if errors > 0:
            wrong = np.flatnonzero(random.random(len(letters)) < errors)
            wrong = wrong[letters[wrong] != genetic_code.OTHER_BASE]
            letters[wrong] = (letters[wrong] + random.integers(1, 4, len(wrong))) % 4
        table = kept_frames(letters, np.arange(windows) * window, np.full(windows, window))
        return table, self._labels[chosen][table.window].astype(np.int64)


def make_batch(table: FrameTable, labels: np.ndarray, chosen: np.ndarray) -> Batch:
    """The tokens of some frames of a table."""
    part = subset(table, chosen)
    dna = np.full((len(part), int(np.diff(part.base_ends).max()) + 2), dna_tokens.PAD, dtype=np.int64)
    counts = _encode_all(part.bases, part.base_ends, dna)
    longest = int(np.diff(part.residue_ends).max())
    protein = np.full((len(part), longest + 2), genetic_code.PAD, dtype=np.int64)
    for row in range(len(part)):
        residues = part.protein(row)
        protein[row, 0] = genetic_code.CLS
        protein[row, 1 : len(residues) + 1] = residues
        protein[row, len(residues) + 1] = genetic_code.EOS
    return Batch(part, labels[chosen], dna[:, : counts.max()].copy(), protein)


def subset(table: FrameTable, chosen: np.ndarray) -> FrameTable:
    """Some frames of a table, in the order asked for."""

    def pick(values: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [values[ends[i] : ends[i + 1]] for i in chosen]
        return np.concatenate(parts), np.cumsum([0, *map(len, parts)]).astype(np.int64)

    residues, residue_ends = pick(table.residues, table.residue_ends)
    bases, base_ends = pick(table.bases, table.base_ends)
    return FrameTable(table.window[chosen], table.frame[chosen], residues, residue_ends, bases, base_ends)


@numba.njit(cache=True)
def _encode_all(bases, ends, tokens):
    counts = np.empty(len(ends) - 1, dtype=np.int64)
    for row in range(len(ends) - 1):
        counts[row] = encode(bases[ends[row] : ends[row + 1]], tokens[row])
    return counts
