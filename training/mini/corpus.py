"""Genomes for training: FASTA files and a table that describes them."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .genetic_code import base_codes

CLASSES = ("other", "virus")
"""By label: 0 is other, 1 is virus, like the classifier's outputs."""


@dataclass(frozen=True)
class Record:
    """A sequence of the corpus."""

    id: str
    label: int
    split: str
    """`train` or `test`."""
    group: str
    """Family of a virus, kind of a cellular sequence."""
    clade: str
    """Must not be divided by a split: the family of a virus, the genus of a cell (`group/genus`)."""
    bases: np.ndarray
    """uint8: see genetic_code.base_codes."""


def read_corpus(folder: Path, split: str) -> list[Record]:
    """
    All records of one split, in the order of the files `virus_SPLIT.fa.gz` and `other_SPLIT.fa.gz`.

    `manifest.tsv` has a row per record, with the columns id, class, split, group and taxon_key.
    """
    with open(folder / "manifest.tsv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
    records = []
    for label, name in reversed(list(enumerate(CLASSES))):
        path = folder / f"{name}_{split}.fa.gz"
        for identifier, letters in read_fasta(path):
            row = rows.get(identifier)
            if row is None:
                raise SystemExit(f"Expected a row of manifest.tsv for {identifier} of {path} but there is none.")
            # A question mark after a group marks it as a guess.
            group = row["group"].rstrip("?")
            clade = group if label == 1 else f"{group}/{row['taxon_key']}"
            records.append(Record(identifier, label, split, group, clade, base_codes(letters)))
    return records


def read_fasta(path: Path) -> Iterator[tuple[str, bytes]]:
    """(id, letters) of every record; the file may be compressed with gzip."""
    opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
    identifier, lines = None, []
    with opened as file:
        for line in file:
            if not line.startswith(b">"):
                lines.append(line.strip())
                continue
            if identifier is not None:
                yield identifier, b"".join(lines)
            identifier, lines = line[1:].split(maxsplit=1)[0].decode(), []
    if identifier is not None:
        yield identifier, b"".join(lines)
