"""Windows and their kept frames, as in the classic pipeline."""

from dataclasses import dataclass

import numba
import numpy as np

from .genetic_code import CODON_TOKENS, OTHER_BASE, STOP


def classic_windows(length: int, window: int) -> list[tuple[int, int]]:
    """(start, length) of a sequence's windows in the classic pipeline: they overlap evenly."""
    if length == 0:
        return []
    count = -(-length // window)
    overlap, need = divmod(count * window - length, count)
    need = count * window - length - overlap * (count - 1)
    starts = [k * (window - overlap) - min(k, need) for k in range(count)]
    return [(start, min(window, length - start)) for start in starts]


@dataclass(frozen=True)
class FrameTable:
    """Kept frames of many windows, concatenated."""

    window: np.ndarray
    """int32 [frames]: index of the frame's window among those asked for."""
    frame: np.ndarray
    """int8 [frames]: 0 to 5 for F1, F2, F3, R1, R2, R3."""
    residues: np.ndarray
    """uint8 [all residues]: ESM tokens."""
    residue_ends: np.ndarray
    """int64 [frames + 1]: where a frame's residues begin and end."""
    bases: np.ndarray
    """uint8 [all bases]: codes of the frame's nucleotides, one more than its codons if the strand has it."""
    base_ends: np.ndarray
    """int64 [frames + 1]."""

    def __len__(self) -> int:
        return len(self.frame)

    def protein(self, index: int) -> np.ndarray:
        return self.residues[self.residue_ends[index] : self.residue_ends[index + 1]]

    def dna(self, index: int) -> np.ndarray:
        return self.bases[self.base_ends[index] : self.base_ends[index + 1]]


def kept_frames(sequence: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> FrameTable:
    """All kept frames of the windows [start, start + length) of a sequence of base codes, in the classic order."""
    starts, lengths = np.asarray(starts, dtype=np.int64), np.asarray(lengths, dtype=np.int64)
    most = int(lengths.sum()) if len(lengths) else 0
    window = np.empty(6 * len(starts), dtype=np.int32)
    frame = np.empty(6 * len(starts), dtype=np.int8)
    residues = np.empty(2 * most + 6, dtype=np.uint8)
    bases = np.empty(6 * most + 6, dtype=np.uint8)
    residue_ends = np.zeros(6 * len(starts) + 1, dtype=np.int64)
    base_ends = np.zeros(6 * len(starts) + 1, dtype=np.int64)
    count = _fill(sequence, starts, lengths, CODON_TOKENS, window, frame, residues, residue_ends, bases, base_ends)
    return FrameTable(
        window[:count].copy(),
        frame[:count].copy(),
        residues[: residue_ends[count]].copy(),
        residue_ends[: count + 1].copy(),
        bases[: base_ends[count]].copy(),
        base_ends[: count + 1].copy(),
    )


def joined(tables: list[FrameTable], windows: list[int]) -> FrameTable:
    """Concatenated tables; `windows` has each table's number of windows."""

    def ends(parts: list[np.ndarray]) -> np.ndarray:
        sizes = np.concatenate([np.zeros(0, np.int64), *(np.diff(part) for part in parts)])
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    firsts = np.cumsum([0, *windows])[:-1]
    return FrameTable(
        np.concatenate([table.window + first for table, first in zip(tables, firsts)]).astype(np.int32),
        np.concatenate([table.frame for table in tables]),
        np.concatenate([table.residues for table in tables]),
        ends([table.residue_ends for table in tables]),
        np.concatenate([table.bases for table in tables]),
        ends([table.base_ends for table in tables]),
    )


@numba.njit(cache=True)
def _fill(sequence, starts, lengths, tokens, window, frame, residues, residue_ends, bases, base_ends):
    count = 0
    longest = 0
    for length in lengths:
        longest = max(longest, length)
    strand = np.empty(longest, dtype=np.uint8)
    for index in range(len(starts)):
        start, length = starts[index], lengths[index]
        for reverse in range(2):
            for i in range(length):
                if reverse == 0:
                    strand[i] = sequence[start + i]
                else:
                    code = sequence[start + length - 1 - i]
                    strand[i] = code if code == OTHER_BASE else 3 - code
            for offset in range(3):
                end = residue_ends[count]
                is_open = True
                for i in range(offset, length - 2, 3):
                    first, second, third = strand[i], strand[i + 1], strand[i + 2]
                    if first == OTHER_BASE or second == OTHER_BASE or third == OTHER_BASE:
                        continue
                    token = tokens[16 * first + 4 * second + third]
                    if token == STOP:
                        is_open = False
                        break
                    residues[end] = token
                    end += 1
                size = end - residue_ends[count]
                if not is_open or size == 0:
                    continue
                base_end = base_ends[count]
                for i in range(offset, min(length, offset + 3 * size + 1)):
                    bases[base_end] = strand[i]
                    base_end += 1
                window[count] = index
                frame[count] = 3 * reverse + offset
                count += 1
                residue_ends[count] = end
                base_ends[count] = base_end
    return count
