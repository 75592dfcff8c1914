"""Kept frames of the classic windows of many records, in blocks that fit into memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mini.corpus import Record
from mini.frames import FrameTable, classic_windows, joined, kept_frames

BLOCK_BASES = 4_000_000


@dataclass(frozen=True)
class FrameBlock:
    """Some whole records, in order."""

    records: list[Record]
    spans: list[np.ndarray]
    """For each record: int64 [windows, 2], start and length in bases."""
    table: FrameTable
    """Its windows are numbered across the block."""

    def window_counts(self) -> np.ndarray:
        """int64 [records]."""
        return np.array([len(spans) for spans in self.spans])

    def frame_records(self) -> np.ndarray:
        """int64 [frames]: index in `records` of a frame's record."""
        return np.repeat(np.arange(len(self.records)), self.window_counts())[self.table.window]


def frame_blocks(records: Iterable[Record], window: int, block_bases: int = BLOCK_BASES) -> Iterator[FrameBlock]:
    """All kept frames. @param window: bases"""
    waiting, bases = [], 0
    for record in records:
        waiting.append(record)
        bases += len(record.bases)
        if bases >= block_bases:
            yield _block(waiting, window)
            waiting, bases = [], 0
    if waiting:
        yield _block(waiting, window)


def _block(records: list[Record], window: int) -> FrameBlock:
    spans = [np.array(classic_windows(len(record.bases), window), dtype=np.int64).reshape(-1, 2) for record in records]
    tables = [kept_frames(record.bases, span[:, 0], span[:, 1]) for record, span in zip(records, spans)]
    return FrameBlock(records, spans, joined(tables, [len(span) for span in spans]))
