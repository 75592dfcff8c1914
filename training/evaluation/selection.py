"""The records of a split."""

from pathlib import Path

from mini.corpus import Record, read_corpus
from mini.split import is_validation

SPLITS = ("train", "validation", "test")


def read_split(data: Path, split: str) -> list[Record]:
    """
    The records of `test`, of `validation` (clades of the training files that no model is trained on, by mini.split)
    or of `train` (the rest of the training files).
    """
    if split == "test":
        return read_corpus(data, "test")
    if split not in SPLITS:
        raise SystemExit(f"Expected one of {', '.join(SPLITS)} for the split but received {split}.")
    wanted = split == "validation"
    return [record for record in read_corpus(data, "train") if is_validation(record) == wanted]


def fasta_of(data: Path, label: int, split: str) -> Path:
    """The file with the records of this label and split."""
    name = ("other", "virus")[label]
    return data / f"{name}_{'test' if split == 'test' else 'train'}.fa.gz"
