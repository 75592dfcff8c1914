"""FASTA files to score: the unchanged records of a split, and contigs cut from them."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from mini.corpus import Record, read_fasta
from mini.split import fold_name

from .selection import fasta_of, read_split
from .sequences import CONTIGS, WHOLE, Sequence, write_sequences

CONTIG_LENGTHS = (1000, 3000, 5000, 10000)
"""Bases."""


def contig_places(length: int, contig: int) -> range:
    """Starts of a record's contigs: adjacent, from its first base; a shorter rest is dropped."""
    return range(0, length - contig + 1, contig)


def choose_contigs(records: list[Record], contig: int, most: int, seed: int) -> list[tuple[int, int]]:
    """(index of the record, start) of at most `most` random contigs per clade, in order."""
    places: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for position, record in enumerate(records):
        starts = contig_places(len(record.bases), contig)
        places[record.label, fold_name(record)] += [(position, start) for start in starts]
    chosen = []
    for number, (_, of_clade) in enumerate(sorted(places.items())):
        random = np.random.default_rng([seed, contig, number])
        picks = random.permutation(len(of_clade))[:most]
        chosen += [of_clade[pick] for pick in picks]
    return sorted(chosen)


def cut(data: Path, split: str, out: Path, most: int, seed: int, lengths: tuple[int, ...] = CONTIG_LENGTHS) -> str:
    """
    Writes `whole.fa` (all records of the split), `contigs.fa`, `sequences.tsv` and `cut.json` into `out`.

    Letters are those of the records. The id of a contig is `RECORD_at_START_of_LENGTH`. Returns a summary of the
    counts.
    """
    records = read_split(data, split)
    out.mkdir(parents=True, exist_ok=True)
    by_record = defaultdict(list)
    for contig in lengths:
        for position, start in choose_contigs(records, contig, most, seed):
            by_record[records[position].id].append((contig, start))
    known = {record.id: record for record in records}
    sequences = []
    with open(out / f"{WHOLE}.fa", "wb") as whole, open(out / f"{CONTIGS}.fa", "wb") as contigs:
        for label in (1, 0):
            for identifier, letters in read_fasta(fasta_of(data, label, split)):
                record = known.get(identifier)
                if record is None:
                    continue
                whole.write(b">%s\n%s\n" % (identifier.encode(), letters))
                sequences.append(_sequence(record, identifier, WHOLE, len(letters), 0))
                for contig, start in by_record[identifier]:
                    name = f"{identifier}_at_{start}_of_{contig}"
                    contigs.write(b">%s\n%s\n" % (name.encode(), letters[start : start + contig]))
                    sequences.append(_sequence(record, name, CONTIGS, contig, start))
    write_sequences(out / "sequences.tsv", sequences)
    choice = {"split": split, "lengths": list(lengths), "most_per_clade": most, "seed": seed}
    (out / "cut.json").write_text(json.dumps(choice) + "\n")
    return describe(sequences, choice)


def _sequence(record: Record, identifier: str, file: str, length: int, start: int) -> Sequence:
    clade = fold_name(record)
    return Sequence(identifier, file, length, record.label, record.group, clade, record.id, start)


def describe(sequences: list[Sequence], choice: dict) -> str:
    """How many sequences, bases and clades there are, by kind."""
    kinds = [(WHOLE, None), *((CONTIGS, length) for length in choice["lengths"])]
    lines = [f"Split {choice['split']}. Contigs: at most {choice['most_per_clade']} a clade and length, by chance."]
    for file, length in kinds:
        for label, name in ((1, "virus"), (0, "other")):
            chosen = [one for one in sequences if one.file == file and one.label == label]
            if length is not None:
                chosen = [one for one in chosen if one.length == length]
            bases = sum(one.length for one in chosen) / 1e6
            clades = len({one.clade for one in chosen})
            what = "whole records" if length is None else f"contigs of {length} bases"
            lines.append(f"{what}, {name}: {len(chosen)}, {bases:.1f} Mb, {clades} clades")
    return "\n".join(lines)
