"""The table of what is scored: every sequence of the cut FASTA files, with its truth."""

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

WHOLE, CONTIGS = "whole", "contigs"
"""The FASTA files without their suffix; a model's scores are in folders of the same names."""


@dataclass(frozen=True)
class Sequence:
    """One record of a cut FASTA file."""

    id: str
    file: str
    """WHOLE or CONTIGS."""
    length: int
    """Bases."""
    label: int
    """1 is virus, 0 is other."""
    group: str
    """Family of a virus, kind of a cellular sequence."""
    clade: str
    """Never divided by a split: see mini.split.fold_name."""
    record: str
    """Id of the record that the sequence was cut from."""
    start: int
    """Its first base in that record, from 0."""


def write_sequences(path: Path, sequences: list[Sequence]) -> None:
    """A tab-separated table with a header line."""
    with open(path, "w", newline="") as file:
        names = [field.name for field in fields(Sequence)]
        writer = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(sequence) for sequence in sequences)


def read_sequences(cut: Path) -> dict[str, dict[str, Sequence]]:
    """What `cut` wrote into this folder, by file (WHOLE, CONTIGS) and id."""
    found: dict[str, dict[str, Sequence]] = {WHOLE: {}, CONTIGS: {}}
    with open(cut / "sequences.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            length, label, start = (int(row[name]) for name in ("length", "label", "start"))
            words = (row["group"], row["clade"], row["record"])
            sequence = Sequence(row["id"], row["file"], length, label, *words, start)
            found[sequence.file][sequence.id] = sequence
    return found


def read_choice(cut: Path) -> dict:
    """How the sequences were chosen: split, lengths, most_per_clade, seed."""
    return json.loads((cut / "cut.json").read_text())
