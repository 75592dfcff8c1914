"""Artificial sequences with the statistics of real ones: genes from chains of codons, the rest from chains of bases."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .genetic_code import CODON_TOKENS, OTHER_BASE, STOP

START = 14
"""ATG, as a codon's number: 16 * first + 4 * second + third base."""
_STOPS = CODON_TOKENS == STOP
_ORDER = 5
"""Preceding bases that a base between genes depends on."""
_PRIOR = 10.0
"""Pseudo-count of codons (or bases), by their overall frequency, added to the counts after each."""
_OVERLAP = 30
"""Bases that two genes may share."""


@dataclass(frozen=True)
class OpenFrame:
    """From a start codon to the stop codon, both included."""

    start: int
    end: int
    """Position on the forward strand, exclusive."""
    codons: np.ndarray
    """uint8: their numbers."""


def likely_genes(bases: np.ndarray, least: int) -> list[OpenFrame]:
    """The longest open frames of at least `least` codons on both strands, without those that overlap a longer one."""
    length = len(bases)
    backward = reverse_complement(bases)
    found = _open_frames(bases, least)
    found += [OpenFrame(length - one.end, length - one.start, one.codons) for one in _open_frames(backward, least)]
    taken: list[OpenFrame] = []
    covered = np.zeros(length, dtype=bool)
    for frame in sorted(found, key=lambda one: (-len(one.codons), one.start)):
        if covered[frame.start : frame.end].sum() <= _OVERLAP:
            covered[frame.start : frame.end] = True
            taken.append(frame)
    return taken


def _open_frames(strand: np.ndarray, least: int) -> list[OpenFrame]:
    found = []
    for offset in range(3):
        whole = (len(strand) - offset) // 3
        triplets = strand[offset : offset + 3 * whole].reshape(-1, 3).astype(np.int64)
        codons = triplets @ (16, 4, 1)
        known = (triplets != OTHER_BASE).all(axis=1)
        codons[~known] = 0
        first = 0
        for end in np.flatnonzero(_STOPS[codons] | ~known):
            starts = np.flatnonzero(codons[first:end] == START)
            begin = first + int(starts[0]) if len(starts) else end
            if known[end] and end - begin >= least:
                part = codons[begin : end + 1].astype(np.uint8)
                found.append(OpenFrame(offset + 3 * begin, offset + 3 * (int(end) + 1), part))
            first = int(end) + 1
    return found


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    backward = bases[::-1]
    return np.where(backward == OTHER_BASE, OTHER_BASE, 3 - backward).astype(np.uint8)


class CodonChain:
    """Draws each codon given the one before it, with the frequencies of pairs in the genes."""

    def __init__(self, genes: Iterable[OpenFrame]) -> None:
        pairs, last = np.zeros((64, 64)), np.zeros(64)
        for gene in genes:
            np.add.at(pairs, (gene.codons[:-2], gene.codons[1:-1]), 1)
            last[gene.codons[-1]] += 1
        if not last.any():
            raise ValueError("Expected genes to learn codons from but received none.")
        self._pairs = _cumulative(_smoothed(pairs))
        self._last = _cumulative(last)

    def gene(self, codons: int, random: np.random.Generator) -> np.ndarray:
        """uint8 bases of a gene: a start codon, `codons` codons that are no stops, a stop."""
        drawn = [START]
        for _ in range(codons):
            drawn.append(_draw(self._pairs[drawn[-1]], random))
        drawn.append(_draw(self._last, random))
        numbers = np.array(drawn)
        return np.stack([numbers // 16, numbers // 4 % 4, numbers % 4], axis=1).ravel().astype(np.uint8)


class BaseChain:
    """Draws each base given the five before it, with the observed frequencies."""

    def __init__(self, sequences: Iterable[np.ndarray]) -> None:
        counts = np.zeros((4**_ORDER, 4))
        for bases in sequences:
            windows = np.lib.stride_tricks.sliding_window_view(bases, _ORDER + 1)
            windows = windows[(windows != OTHER_BASE).all(axis=1)].astype(np.int64)
            np.add.at(counts, (windows[:, :_ORDER] @ (4 ** np.arange(_ORDER)[::-1]), windows[:, _ORDER]), 1)
        self._next = _cumulative(_smoothed(counts))
        self._contexts = _cumulative(counts.sum(axis=1))

    def bases(self, length: int, random: np.random.Generator) -> np.ndarray:
        """uint8 bases."""
        context = _draw(self._contexts, random)
        drawn = []
        for _ in range(length):
            base = _draw(self._next[context], random)
            context = context * 4 % 4**_ORDER + base
            drawn.append(base)
        return np.array(drawn, dtype=np.uint8)


def outside(bases: np.ndarray, genes: Iterable[OpenFrame]) -> np.ndarray:
    """The sequence with unknown bases in place of the genes."""
    rest = bases.copy()
    for gene in genes:
        rest[gene.start : gene.end] = OTHER_BASE
    return rest


def words(bases: np.ndarray, doublings: int = 5) -> np.ndarray:
    """uint64: every run of 2 ** doublings bases (32 at most) as a number; unknown bases count as A."""
    numbers = np.where(bases == OTHER_BASE, 0, bases).astype(np.uint64)
    for doubling in range(doublings):
        size = 2**doubling
        numbers = (numbers[:-size] << np.uint64(2 * size)) | numbers[size:]
    return numbers


def _smoothed(counts: np.ndarray) -> np.ndarray:
    return counts + _PRIOR * counts.sum(axis=0) / counts.sum()


def _cumulative(counts: np.ndarray) -> np.ndarray:
    sums = counts.cumsum(axis=-1)
    return sums / sums[..., -1:]


def _draw(cumulative: np.ndarray, random: np.random.Generator) -> int:
    return int(np.searchsorted(cumulative, random.random(), side="right"))
