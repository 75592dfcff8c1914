"""
The DNA tokenizer: each token is a piece of six bases, that is, two codons of a frame.

Composition, and most of all codon usage, distinguishes viruses of unknown families from cells. Byte pairs that may
begin anywhere lose the reading frame; a frame begins with a codon, so pieces of six bases keep it.
"""

import itertools

import numba
import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from .genetic_code import BASES, OTHER_BASE

PIECE = 6
"""Bases of a piece."""

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
UNK, CLS, SEP, PAD, MASK = range(len(SPECIAL))

VOCABULARY = [*SPECIAL, *BASES, *("".join(letters) for letters in itertools.product(BASES, repeat=PIECE))]
FIRST_BASE = VOCABULARY.index("A")
FIRST_PIECE = VOCABULARY.index("A" * PIECE)
"""Ids of the first single base and the first piece; the others follow in the order A, C, G, T."""


def make_tokenizer() -> Tokenizer:
    """
    The tokenizer as a `tokenizer.json`: [CLS], the tokens and [SEP].

    A piece in the vocabulary is one token (`ignore_merges`). There are no merges: the bases after the last whole piece,
    and those of a piece with ambiguous letters, are tokens of their own.
    """
    vocabulary = {token: index for index, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]", ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.FixedLength(length=PIECE)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


@numba.njit(cache=True)
def encode(bases: np.ndarray, tokens: np.ndarray) -> int:
    """
    Writes the tokens of one sequence of base codes, as by `make_tokenizer`, and returns their number.

    `tokens` has room for a token per base, and two more.
    """
    tokens[0] = CLS
    count = 1
    for start in range(0, len(bases), PIECE):
        end = min(start + PIECE, len(bases))
        number = 0
        is_whole = end - start == PIECE
        for i in range(start, end):
            number = 4 * number + bases[i]
            is_whole = is_whole and bases[i] != OTHER_BASE
        if is_whole:
            tokens[count] = FIRST_PIECE + number
            count += 1
            continue
        for i in range(start, end):
            tokens[count] = UNK if bases[i] == OTHER_BASE else FIRST_BASE + bases[i]
            count += 1
    tokens[count] = SEP
    return count + 1
