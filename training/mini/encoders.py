"""The two language models, in the shapes of DNABERT-2 and ESM-2, and the classifier that reads both."""

import copy
import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import dna_tokens, genetic_code


@dataclass(frozen=True)
class Sizes:
    """Of one encoder."""

    layers: int
    width: int
    heads: int
    feed_forward: int


@dataclass(frozen=True)
class PairSizes:
    """Of the whole model."""

    dna: Sizes
    protein: Sizes
    hidden: int = 512
    """Of the classifier."""

    @staticmethod
    def of(values: dict) -> "PairSizes":
        return PairSizes(Sizes(**values["dna"]), Sizes(**values["protein"]), values["hidden"])

    def as_dict(self) -> dict:
        return asdict(self)


def alibi_slopes(heads: int) -> list[float]:
    """Press et al. 2022: geometric for powers of two; the others take every second slope of twice the power below."""
    if math.log2(heads).is_integer():
        return [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
    power = 2 ** math.floor(math.log2(heads))
    return alibi_slopes(power) + alibi_slopes(2 * power)[::2][: heads - power]


class CodonPairEmbedding(nn.Module):
    """
    An embedding a token, learned as the sum of what its two codons have and of what the pair has alone.

    Most pairs are rare, the 64 codons are not; `weight` is the plain table that is exported.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        count, codons = len(dna_tokens.VOCABULARY), 4**3
        self.alone = nn.Embedding(count, width)
        # The last row is of the tokens that are no pair.
        self.first = nn.Embedding(codons + 1, width)
        self.second = nn.Embedding(codons + 1, width)
        nn.init.normal_(self.alone.weight, std=0.1)
        pair = torch.arange(count) - dna_tokens.FIRST_PIECE
        is_pair = pair >= 0
        self.register_buffer("first_codon", torch.where(is_pair, pair // codons, codons), persistent=False)
        self.register_buffer("second_codon", torch.where(is_pair, pair % codons, codons), persistent=False)

    @property
    def weight(self) -> Tensor:
        """[tokens, width]"""
        return self.alone.weight + self.first(self.first_codon) + self.second(self.second_codon)

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.embedding(tokens, self.weight)


class DnaEncoder(nn.Module):
    """DNABERT-2 (Zhou et al. 2024): norms behind the sums, ALiBi, gated GELU."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.word_embeddings = CodonPairEmbedding(sizes.width)
        self.embedding_norm = nn.LayerNorm(sizes.width, eps=1e-12)
        self.layers = nn.ModuleList(_DnaLayer(sizes, dropout) for _ in range(sizes.layers))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("slopes", torch.tensor(alibi_slopes(sizes.heads)), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """[batch, length] -> [batch, length, width]."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        distance = (positions[None] - positions[:, None]).abs()
        hidden = self.dropout(self.embedding_norm(self.word_embeddings(tokens)))
        bias = _without(tokens == dna_tokens.PAD) - self.slopes[:, None, None] * distance
        for layer in self.layers:
            hidden = layer(hidden, bias)
        return hidden


class _DnaLayer(nn.Module):
    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.query_key_value = nn.Linear(sizes.width, 3 * sizes.width)
        self.attention_output = nn.Linear(sizes.width, sizes.width)
        self.attention_norm = nn.LayerNorm(sizes.width, eps=1e-12)
        self.gated = nn.Linear(sizes.width, 2 * sizes.feed_forward, bias=False)
        self.down = nn.Linear(sizes.feed_forward, sizes.width)
        self.output_norm = nn.LayerNorm(sizes.width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        query, key, value = _heads(self.query_key_value(hidden), self.heads)
        attended = _attention(query, key, value, bias)
        hidden = self.attention_norm(hidden + self.dropout(self.attention_output(attended)))
        gate, up = self.gated(hidden).chunk(2, dim=-1)
        return self.output_norm(hidden + self.dropout(self.down(functional.gelu(gate) * up)))


class ProteinEncoder(nn.Module):
    """ESM-2 (Lin et al. 2023): norms before the layers, rotary positions, GELU."""

    KEPT = 1 - 0.15 * 0.8
    """Token dropout: embeddings are scaled as if the usual part of them had been masked."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed_tokens = nn.Embedding(len(genetic_code.ESM_ALPHABET), sizes.width)
        self.layers = nn.ModuleList(_ProteinLayer(sizes, dropout) for _ in range(sizes.layers))
        self.final_norm = nn.LayerNorm(sizes.width)
        self.dropout = nn.Dropout(dropout)
        half = sizes.width // sizes.heads // 2
        self.register_buffer("frequencies", 10000.0 ** (-torch.arange(half) / half), persistent=False)

    def forward(self, tokens: Tensor, masked: Tensor | None = None) -> Tensor:
        """[batch, length] -> [batch, length, width]; `masked` [batch, length] says which tokens are hidden."""
        padding = tokens == genetic_code.PAD
        hidden = self.embed_tokens(tokens)
        if masked is None:
            hidden = self.KEPT * hidden
        else:
            part = (masked.sum(dim=1) / (~padding).sum(dim=1))[:, None, None]
            hidden = hidden.masked_fill(masked[..., None], 0.0) * (self.KEPT / (1 - part))
        angles = torch.arange(tokens.shape[1], device=tokens.device)[:, None] * self.frequencies
        turn = (angles.cos(), angles.sin())
        hidden = self.dropout(hidden)
        bias = _without(padding)
        for layer in self.layers:
            hidden = layer(hidden, turn, bias)
        return self.final_norm(hidden)


class _ProteinLayer(nn.Module):
    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.query_key_value = nn.Linear(sizes.width, 3 * sizes.width)
        self.attention_output = nn.Linear(sizes.width, sizes.width)
        self.feed_forward_norm = nn.LayerNorm(sizes.width)
        self.up = nn.Linear(sizes.width, sizes.feed_forward)
        self.down = nn.Linear(sizes.feed_forward, sizes.width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        query, key, value = _heads(self.query_key_value(self.attention_norm(hidden)), self.heads)
        attended = _attention(_rotated(query, turn), _rotated(key, turn), value, bias)
        hidden = hidden + self.dropout(self.attention_output(attended))
        wide = functional.gelu(self.up(self.feed_forward_norm(hidden)))
        return hidden + self.dropout(self.down(wide))


def _heads(query_key_value: Tensor, heads: int) -> list[Tensor]:
    batch, length, width = query_key_value.shape
    return list(query_key_value.view(batch, length, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4))


def _without(padding: Tensor) -> Tensor:
    """[batch, 1, 1, length]: what keeps padding out of attention when it is added to the logits."""
    return torch.zeros_like(padding, dtype=torch.float32).masked_fill(padding, -1e9)[:, None, None]


def _attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    attended = (logits.float() + bias).softmax(dim=-1).to(value.dtype) @ value
    return attended.transpose(1, 2).flatten(2)


def _rotated(values: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = (one.to(values.dtype) for one in turn)
    first, second = values.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class Classifier(nn.Module):
    """VirNucPro's: Linear, batch norm, ReLU, Linear; logits of other and virus."""

    def __init__(self, inputs: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.hidden_layer = nn.Linear(inputs, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.output_layer = nn.Linear(hidden, 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.output_layer(self.dropout(functional.relu(self.bn1(self.hidden_layer(embedding)))))


def _mean(hidden: Tensor, counted: Tensor) -> Tensor:
    weights = counted.float()
    return (hidden.float() * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)


class Pair(nn.Module):
    """Both encoders and the classifier."""

    def __init__(self, sizes: PairSizes, dropout: float = 0.1, input_dropout: float = 0.1, classifier_dropout: float = 0.3) -> None:
        super().__init__()
        self.sizes = sizes
        self.dna = DnaEncoder(sizes.dna, dropout)
        self.protein = ProteinEncoder(sizes.protein, dropout)
        # Means over tokens vary little from frame to frame; as they are, the classifier would learn slowly. It becomes a
        # part of the first linear layer when the pair is exported.
        self.input_norm = nn.BatchNorm1d(sizes.dna.width + sizes.protein.width, affine=False)
        self.input_dropout = nn.Dropout(input_dropout)
        self.classifier = Classifier(sizes.dna.width + sizes.protein.width, sizes.hidden, classifier_dropout)

    def embed(self, dna: Tensor, protein: Tensor) -> Tensor:
        """[batch, dna width + protein width], float32: the mean of all DNA tokens, then that of the residues."""
        dna_mean = _mean(self.dna(dna), dna != dna_tokens.PAD)
        protein_mean = _mean(self.protein(protein), protein >= genetic_code.FIRST_RESIDUE)
        return torch.cat([dna_mean, protein_mean], dim=1)

    @torch.no_grad()
    def plain_classifier(self) -> "Classifier":
        """One that computes from the embedding itself what this pair's computes from its normalised values."""
        plain = copy.deepcopy(self.classifier)
        scale = (self.input_norm.running_var + self.input_norm.eps).rsqrt()
        plain.hidden_layer.weight.mul_(scale)
        plain.hidden_layer.bias.sub_(plain.hidden_layer.weight @ self.input_norm.running_mean)
        return plain

    def forward(self, dna: Tensor, protein: Tensor) -> Tensor:
        """Logits [batch, 2] of other and virus."""
        return self.classifier(self.input_dropout(self.input_norm(self.embed(dna, protein))))
