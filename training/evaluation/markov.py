"""The first baseline: which of two Markov chains, one per class, is more likely to have produced a sequence."""

from pathlib import Path

import numba
import numpy as np

from mini.corpus import Record
from mini.frames import FrameTable
from mini.genetic_code import OTHER_BASE
from mini.split import fold_name

from .probability import fit_line, virus_probability
from .weights import clade_weights

ORDER = 7
"""Bases that the next one depends on."""
WORD = ORDER + 1
WORDS = 4**WORD
PSEUDO_COUNT = 1.0


class Markov:
    """Log-likelihood ratios of virus against other, turned into probabilities by a linear function of the log odds."""

    name = "markov"

    def __init__(self, ratios: np.ndarray, slope: float = 1.0, offset: float = 0.0) -> None:
        self.ratios = ratios
        """float64 [WORDS]: log-likelihood ratios of a word's last base given the others, summed over both strands."""
        self.slope = slope
        self.offset = offset

    @staticmethod
    def train(records: list[Record]) -> "Markov":
        """Counts both strands of all bases; a clade counts by the square root of its bases."""
        clades = [f"{record.label} {fold_name(record)}" for record in records]
        sizes = {clade: 0 for clade in clades}
        for clade, record in zip(clades, records):
            sizes[clade] += len(record.bases)
        logs = []
        for label in (0, 1):
            counts, bases = np.zeros(WORDS), 0
            for clade, record in zip(clades, records):
                if record.label == label:
                    bases += len(record.bases)
                    counts += count_words(record.bases) / np.sqrt(sizes[clade])
            counts *= 2 * bases / max(counts.sum(), 1e-300)
            logs.append(next_base_logs(counts + counts[_REVERSED]))
        ratios = logs[1] - logs[0]
        return Markov(ratios + ratios[_REVERSED])

    def log_odds(self, table: FrameTable) -> np.ndarray:
        """float64 [frames]: from a frame's bases, which are nearly all of its window's."""
        return self.slope * _sums(table.bases, table.base_ends, self.ratios) + self.offset

    def virus_scores(self, table: FrameTable) -> np.ndarray:
        """float64 [frames], 0 to 1."""
        return virus_probability(self.log_odds(table))

    def calibrated(self, odds: np.ndarray, labels: np.ndarray, clades: list[str]) -> "Markov":
        """With the linear function that fits these frames best. @param odds: this model's log odds of the frames"""
        slope, offset = fit_line(odds, labels, clade_weights(labels, clades))
        return Markov(self.ratios, self.slope * slope, self.offset * slope + offset)

    def save(self, folder: Path) -> None:
        np.savez(folder / "markov.npz", ratios=self.ratios, line=[self.slope, self.offset])

    @staticmethod
    def load(folder: Path) -> "Markov":
        with np.load(folder / "markov.npz") as saved:
            return Markov(saved["ratios"], *map(float, saved["line"]))


def count_words(bases: np.ndarray) -> np.ndarray:
    """float64 [WORDS]: counts of words of WORD bases in a sequence of base codes; skips words with another letter."""
    if len(bases) < WORD:
        return np.zeros(WORDS)
    return np.bincount(_words(bases), minlength=WORDS + 1)[:WORDS].astype(np.float64)


def next_base_logs(counts: np.ndarray) -> np.ndarray:
    """float64 [WORDS]: logarithm of the probability of a word's last base, given its first ORDER."""
    counts = counts.reshape(-1, 4) + PSEUDO_COUNT
    return np.log(counts / counts.sum(axis=1, keepdims=True)).ravel()


def reversed_words() -> np.ndarray:
    """int64 [WORDS]: the word on the other strand."""
    words = np.arange(WORDS)
    other = np.zeros(WORDS, dtype=np.int64)
    for _ in range(WORD):
        other = 4 * other + 3 - words % 4
        words = words // 4
    return other


_REVERSED = reversed_words()


@numba.njit(cache=True)
def _words(bases):
    words = np.empty(len(bases), dtype=np.int64)
    number, whole = 0, 0
    for i in range(len(bases)):
        whole = 0 if bases[i] == OTHER_BASE else whole + 1
        number = (4 * number + bases[i]) % WORDS if whole > 0 else 0
        words[i] = number if whole >= WORD else WORDS
    return words


@numba.njit(cache=True)
def _sums(bases, base_ends, ratios):
    sums = np.zeros(len(base_ends) - 1)
    for row in range(len(sums)):
        number, whole = 0, 0
        for i in range(base_ends[row], base_ends[row + 1]):
            whole = 0 if bases[i] == OTHER_BASE else whole + 1
            number = (4 * number + bases[i]) % WORDS if whole > 0 else 0
            if whole >= WORD:
                sums[row] += ratios[number]
    return sums
