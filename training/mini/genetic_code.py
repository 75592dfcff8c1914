"""Letters as small numbers: bases, codons and residues."""

import numpy as np

BASES = "ACGT"
OTHER_BASE = 4
"""The code of every letter other than A, C, G and T."""

# The standard genetic code in the order AAA, AAC, AAG, AAT, ACA, ...
_RESIDUES = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"

ESM_ALPHABET = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
"""Tokens of ESM-2, by id."""
CLS, PAD, EOS, MASK = (ESM_ALPHABET.index(token) for token in ("<cls>", "<pad>", "<eos>", "<mask>"))
FIRST_RESIDUE = ESM_ALPHABET.index("L")
RESIDUES = 20
"""The twenty amino acids are the tokens FIRST_RESIDUE to FIRST_RESIDUE + RESIDUES - 1."""

STOP = 0
CODON_TOKENS = np.array([STOP if r == "*" else ESM_ALPHABET.index(r) for r in _RESIDUES], dtype=np.uint8)
"""ESM token of a codon, by 16 * first + 4 * second + third base; STOP for the three stop codons."""

_CODES = np.full(256, OTHER_BASE, dtype=np.uint8)
for _code, _base in enumerate(BASES):
    _CODES[ord(_base)] = _CODES[ord(_base.lower())] = _code
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)


def base_codes(letters: bytes) -> np.ndarray:
    """uint8 [letters]: 0 to 3 for A, C, G, T in either case, OTHER_BASE for the rest."""
    return _CODES[np.frombuffer(letters, dtype=np.uint8)]


def base_letters(codes: np.ndarray) -> str:
    """The inverse of `base_codes`, with N for OTHER_BASE."""
    return LETTERS[codes].tobytes().decode("ascii")
