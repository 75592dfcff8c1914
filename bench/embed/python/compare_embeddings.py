"""How far the mean embeddings of one program are from another's: `compare_embeddings.py FASTA REFERENCE OTHER`.

REFERENCE and OTHER: an .npy file in the order of the FASTA file, or a folder of fair-esm's extract.py. Prints the
smallest cosine, and the largest L2 norm of a difference over that of the reference's embedding.
"""

import json
import sys
from pathlib import Path

import numpy
import torch


def embeddings(path: Path, ids: list[str]) -> numpy.ndarray:
    if path.suffix == '.npy':
        return numpy.load(path).astype(numpy.float64)
    rows = []
    for name in ids:
        (mean,) = torch.load(path / f'{name}.pt')['mean_representations'].values()
        rows.append(mean.double().numpy())
    return numpy.stack(rows)


def main() -> None:
    fasta, reference, other = map(Path, sys.argv[1:])
    ids = [line[1:].strip() for line in fasta.read_text().splitlines() if line.startswith('>')]
    expected, actual = embeddings(reference, ids), embeddings(other, ids)
    if expected.shape != actual.shape:
        raise ValueError(f'{expected.shape} embeddings in {reference} but {actual.shape} in {other}')
    norms = numpy.linalg.norm(expected, axis=1)
    cosines = (expected * actual).sum(1) / (norms * numpy.linalg.norm(actual, axis=1))
    errors = numpy.linalg.norm(actual - expected, axis=1) / norms
    print(json.dumps({'cosine': float(cosines.min()), 'relativeError': float(errors.max())}))


if __name__ == '__main__':
    main()
