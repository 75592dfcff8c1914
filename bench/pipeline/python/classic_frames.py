"""From FASTA to the published tool's windows and frames, and its intermediate files."""

import math
from itertools import product
from pathlib import Path

AMINO_ACIDS = 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG'
CODONS = {''.join(codon): amino_acid for codon, amino_acid in zip(product('TCAG', repeat=3), AMINO_ACIDS)}
COMPLEMENT = str.maketrans('ACGT', 'TGCA')
LINE_WIDTH = 60


def records_of(path: Path) -> list[tuple[str, str]]:
    """Ids (the first word of the header) and sequences."""
    records: list[tuple[str, list[str]]] = []
    for line in path.read_text().splitlines():
        if line.startswith('>'):
            records.append((line[1:].split(maxsplit=1)[0], []))
        elif records:
            records[-1][1].append(line.rstrip().replace(' ', ''))
    return [(name, ''.join(lines)) for name, lines in records]


def windows_of(name: str, sequence: str, size: int) -> list[tuple[str, str]]:
    """Windows that overlap just enough for the last to end with the sequence."""
    length = len(sequence)
    count = math.ceil(length / size)
    overlap = (count * size - length) // max(count, 1)
    shifted = count * size - length - overlap * (count - 1)
    starts = [number * (size - overlap) - min(number, shifted) for number in range(count)]
    return [(f'{name}_chunk_{number + 1}', sequence[start : start + size]) for number, start in enumerate(starts)]


def frames_of(name: str, window: str) -> list[tuple[str, str, str]]:
    """Id, nucleotides and protein of each ORF among the six frames."""
    forward = window.upper()
    kept = []
    for strand, letters in (('F', forward), ('R', forward.translate(COMPLEMENT)[::-1])):
        for start in range(3):
            codons = (letters[position : position + 3] for position in range(start, len(letters) - 2, 3))
            protein = ''.join(CODONS.get(codon, '') for codon in codons)
            if protein and '*' not in protein:
                nucleotides = letters[start : start + 3 * len(protein) + 1]
                kept.append((f'{name}{strand}{start + 1}', nucleotides, protein))
    return kept


def write_frames(fasta: Path, size: int, folder: Path) -> tuple[Path, Path, int]:
    """Writes windows, nucleotides and proteins; returns the paths of the last two, and the number of windows."""
    windows = [window for name, sequence in records_of(fasta) for window in windows_of(name, sequence, size)]
    with open(folder / f'{fasta.stem}_chunked{size}.fa', 'w') as file:
        for name, letters in windows:
            lines = [letters[start : start + LINE_WIDTH] for start in range(0, len(letters), LINE_WIDTH)]
            file.write('\n'.join([f'>{name}', *lines, '']))
    nucleotides = folder / f'{fasta.stem}_identified_nucleotide.fa'
    proteins = folder / f'{fasta.stem}_identified_protein.faa'
    with open(nucleotides, 'w') as nucleotide_file, open(proteins, 'w') as protein_file:
        for window in windows:
            for name, letters, protein in frames_of(*window):
                nucleotide_file.write(f'>{name}\n{letters}\n')
                protein_file.write(f'>{name}\n{protein}\n')
    return nucleotides, proteins, len(windows)
