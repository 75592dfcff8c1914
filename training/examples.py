"""
Writes the sequences of `npm run demo`: examples/contigs.fa.

    python training/examples.py --data GENOMES [--out examples/contigs.fa]

None of them is or was in any organism. Each resembles a group of the training data: likely genes (long open frames) of
the group's records give the frequencies of codon pairs, the rest those of a base after five others. Genes and the
stretches between them are drawn from these frequencies with a fixed seed. No 32 consecutive bases of the sequences are
in the training data, on either strand: this is checked before the file is written.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mini.artificial import BaseChain, CodonChain, likely_genes, outside, reverse_complement, words
from mini.corpus import Record, read_corpus
from mini.genetic_code import base_codes, base_letters

SEED = 20261124
LENGTH = 6000
LEAST_CODONS = 200
"""Open frames of at least this length count as genes."""
LINE = 70


class Habits:
    """Statistics of a clade's genes, and of what is between them."""

    def __init__(self, records: list[Record], clade: str, random: np.random.Generator) -> None:
        chosen = [record for record in records if record.clade == clade]
        genes = [likely_genes(record.bases, LEAST_CODONS) for record in chosen]
        self._codons = CodonChain(gene for found in genes for gene in found)
        self._between = BaseChain(outside(record.bases, found) for record, found in zip(chosen, genes))
        self._random = random

    def gene(self, codons: int) -> np.ndarray:
        return self._codons.gene(codons, self._random)

    def between(self, length: int) -> np.ndarray:
        return self._between.bases(length, self._random)

    def genome(self, first: int, gap: int, *genes: int) -> np.ndarray:
        """LENGTH bases: `first` bases, genes of so many codons (negative: other strand), each with a gap after it."""
        parts = [self.between(first)]
        for codons in genes:
            gene = self.gene(abs(codons))
            parts += [gene if codons > 0 else reverse_complement(gene), self.between(gap)]
        rest = LENGTH - sum(map(len, parts))
        if rest < 0:
            raise ValueError(f"Expected genes of at most {LENGTH} bases with their gaps but received {-rest} more.")
        return np.concatenate([*parts, self.between(rest)])


@dataclass(frozen=True)
class Example:
    name: str
    description: str
    letters: str


def examples(records: list[Record]) -> list[Example]:
    """The records of the file, in order."""
    random = np.random.default_rng(SEED)

    def habits(clade: str) -> Habits:
        return Habits(records, clade, random)

    phage, potyvirus = habits("Straboviridae"), habits("Potyviridae")
    bacterium, plasmid = habits("bacteria/Klebsiella"), habits("plasmid/MLDSPplasmid_Proteobacteria")
    human = BaseChain(record.bases for record in records if record.clade == "animal/Homo")
    whole: list[tuple[str, str, Callable[[], np.ndarray]]] = [
        (
            "dna_phage",
            "genes close together, codons as in the phages of Straboviridae",
            lambda: phage.genome(60, 20, 180, 95, 720, 260, 600),
        ),
        (
            "plant_rna_virus",
            "one long gene, codons as in the plant viruses of Potyviridae",
            lambda: potyvirus.genome(120, 0, 1880),
        ),
        (
            "bacterium",
            "genes on both strands, codons as in Klebsiella",
            lambda: bacterium.genome(150, 90, 330, 270, -410, -240, 480),
        ),
        (
            "plasmid",
            "genes on both strands, codons as in plasmids of Proteobacteria",
            lambda: plasmid.genome(200, 120, 290, -340, 210, 380, -190),
        ),
        ("animal", "no genes, bases as in pieces of the human genome", lambda: human.bases(LENGTH, random)),
    ]
    made = [Example(name, f"artificial: {about}", base_letters(bases())) for name, about, bases in whole]
    masked = base_letters(human.bases(200, random)).lower()
    letters = base_letters(potyvirus.gene(350))
    return [
        *made,
        Example("short", "artificial: a piece of a gene, shorter than a window", base_letters(phage.gene(70))[:-3]),
        Example(
            "soft_masked",
            "artificial: lower case between two genes as in Klebsiella",
            base_letters(bacterium.gene(300)) + masked + base_letters(bacterium.gene(410)),
        ),
        Example(
            "ambiguous",
            "artificial: a gene as in Potyviridae with letters other than A, C, G and T",
            letters[:100] + "NNNNNRYKMSWN" + letters[112:],
        ),
        Example("gap", "only N", "N" * 600),
        Example("empty", "a record without letters", ""),
    ]


def check_invented(made: list[Example], records: list[Record]) -> None:
    """Ends the program if 32 consecutive bases of an example are in a record."""
    codes = [base_codes(one.letters.encode()) for one in made if set(one.letters) != {"N"} and len(one.letters) >= 32]
    ours = np.unique(np.concatenate([words(strand) for one in codes for strand in (one, reverse_complement(one))]))
    for record in records:
        theirs = words(record.bases)
        places = np.searchsorted(ours, theirs)
        if (ours[np.minimum(places, len(ours) - 1)] == theirs).any():
            raise SystemExit(f"Expected no 32 bases of an example in {record.id} but there are. Choose another SEED.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the genomes, as in training/README.md")
    default = Path(__file__).resolve().parent.parent / "examples" / "contigs.fa"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    records = read_corpus(arguments.data, "train")
    made = examples(records)
    check_invented(made, records)
    with open(arguments.out, "w", encoding="ascii") as file:
        for one in made:
            print(f">{one.name} {one.description}", file=file)
            for start in range(0, len(one.letters), LINE):
                print(one.letters[start : start + LINE], file=file)


if __name__ == "__main__":
    main()
