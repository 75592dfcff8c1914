"""The two language models, in the shapes of DNABERT-2 and ESM-2, and the classifier that reads both."""

import copy
import math
from dataclasses import asdict, dataclass

import numpy as np
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
    """Press et al. 2022: geometric for powers of two; others add every second slope of twice the power of two below."""
    if math.log2(heads).is_integer():
        return [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
    power = 2 ** math.floor(math.log2(heads))
    return alibi_slopes(power) + alibi_slopes(2 * power)[::2][: heads - power]


class CodonPairEmbedding(nn.Module):
    """
    A token's embedding, learned as the sum of those of its parts and one of the pair alone.

    Most pairs are rare; codons, words of four bases and pairs of residues are not, and they carry the composition.
    `weight` is the plain table that is exported.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        numbers = _numbers_of_parts()
        self.alone = nn.Embedding(len(dna_tokens.VOCABULARY), width)
        self.parts = nn.ModuleList(nn.Embedding(int(kind.max()) + 1, width) for kind in numbers)
        for table in (self.alone, *self.parts):
            nn.init.normal_(table.weight, std=0.1)
        for index, kind in enumerate(numbers):
            self.register_buffer(f"numbers{index}", kind, persistent=False)

    @property
    def weight(self) -> Tensor:
        """[tokens, width]"""
        weight = self.alone.weight
        for index, part in enumerate(self.parts):
            # [tokens, places]: the same kind of part at one or more places.
            weight = weight + part(getattr(self, f"numbers{index}")).sum(dim=1)
        return weight

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.embedding(tokens, self.weight)


def _numbers_of_parts() -> list[Tensor]:
    """
    For every kind of part, int64 [tokens, places]: the numbers of each token's parts at their places.

    The codons, the words of four bases and the two residues, both with and without regard to their place. Tokens that
    are no pair have a number of their own.
    """
    pair = torch.arange(len(dna_tokens.VOCABULARY)) - dna_tokens.FIRST_PIECE
    first, second = pair // 64, pair % 64
    residues = torch.from_numpy(genetic_code.CODON_TOKENS.astype(np.int64))
    fours = [pair // 4**behind % 256 for behind in (2, 1, 0)]
    kinds = [[first], [second], [first, second], *([four] for four in fours), fours]
    kinds.append([32 * residues[first] + residues[second]])
    tables = [torch.stack(kind, dim=1) for kind in kinds]
    return [torch.where(pair[:, None] >= 0, table, table.max() + 1) for table in tables]


class DnaEncoder(nn.Module):
    """DNABERT-2 (Zhou et al. 2024): post-norm, ALiBi, gated GELU."""

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

    def token_vectors(self) -> Tensor:
        """[tokens, width]: the output for every token while the layers add nothing to it."""
        vectors = self.embedding_norm(self.word_embeddings.weight)
        for layer in self.layers:
            vectors = layer.output_norm(layer.attention_norm(vectors))
        return vectors


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
        _silence(self.attention_output, self.down)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        query, key, value = _heads(self.query_key_value(hidden), self.heads)
        attended = _attention(query, key, value, bias)
        hidden = self.attention_norm(hidden + self.dropout(self.attention_output(attended)))
        gate, up = self.gated(hidden).chunk(2, dim=-1)
        return self.output_norm(hidden + self.dropout(self.down(functional.gelu(gate) * up)))


class ProteinEncoder(nn.Module):
    """ESM-2 (Lin et al. 2023): pre-norm, rotary positions, GELU."""

    KEPT = 1 - 0.15 * 0.8
    """Token dropout: embeddings are scaled as if the usual fraction of them had been masked."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.embed_tokens = nn.Embedding(len(genetic_code.ESM_ALPHABET), sizes.width)
        self.layers = nn.ModuleList(_ProteinLayer(sizes, dropout) for _ in range(sizes.layers))
        self.final_norm = nn.LayerNorm(sizes.width)
        self.dropout = nn.Dropout(dropout)
        half = sizes.width // sizes.heads // 2
        self.register_buffer("frequencies", 10000.0 ** (-torch.arange(half) / half), persistent=False)
        if sizes.layers > 0:
            self.layers[0].look_at_neighbours(self.frequencies)

    def forward(self, tokens: Tensor, masked: Tensor | None = None) -> Tensor:
        """[batch, length] -> [batch, length, width]; `masked` [batch, length] marks the hidden tokens."""
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

    def token_vectors(self) -> Tensor:
        """[tokens, width]: the output for every token while the layers add nothing to it."""
        return self.final_norm(self.KEPT * self.embed_tokens.weight)


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
        _silence(self.attention_output, self.down)

    @torch.no_grad()
    def look_at_neighbours(self, frequencies: Tensor) -> None:
        """
        Initialises heads that attend to the residue one after, one before, two after, ... by its position alone.

        Pairs of residues are informative, and a layer that attends by content finds its neighbours late. With rotary
        positions, a constant key s and a constant query s·exp(i·frequency·d) agree best at the distance d.
        """
        width, strength = self.up.in_features, 6.0
        self.query_key_value.weight[: 2 * width] *= 0.1
        for head in range(self.heads):
            angles = frequencies * (head // 2 + 1) * (-1) ** head
            query = torch.cat([angles.cos(), angles.sin()])
            key = torch.cat([torch.ones_like(angles), torch.zeros_like(angles)])
            rows = slice(head * len(query), (head + 1) * len(query))
            self.query_key_value.bias[:width][rows] = strength * query
            self.query_key_value.bias[width : 2 * width][rows] = strength * key

    def forward(self, hidden: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        query, key, value = _heads(self.query_key_value(self.attention_norm(hidden)), self.heads)
        attended = _attention(_rotated(query, turn), _rotated(key, turn), value, bias)
        hidden = hidden + self.dropout(self.attention_output(attended))
        wide = functional.gelu(self.up(self.feed_forward_norm(hidden)))
        return hidden + self.dropout(self.down(wide))


def _silence(*layers: nn.Linear) -> None:
    """Initialises layers to add nothing, so that the pair starts from what it knows of single tokens."""
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def _heads(query_key_value: Tensor, heads: int) -> list[Tensor]:
    batch, length, width = query_key_value.shape
    return list(query_key_value.view(batch, length, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4))


def _without(padding: Tensor) -> Tensor:
    """[batch, 1, 1, length]: added to the attention logits, it excludes padding."""
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


def _mean_rows(tokens: Tensor, table: Tensor, counted: Tensor) -> Tensor:
    ends = counted.sum(dim=1).cumsum(dim=0)
    starts = functional.pad(ends[:-1], (1, 0))
    return functional.embedding_bag(tokens[counted], table, starts, mode="mean")


class Pair(nn.Module):
    """Both encoders and the classifier."""

    def __init__(self, sizes: PairSizes, dropout: float = 0.0, input_dropout: float = 0.0, classifier_dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = sizes
        self.dna = DnaEncoder(sizes.dna, dropout)
        self.protein = ProteinEncoder(sizes.protein, dropout)
        # Means over tokens vary little between frames, so the classifier would learn slowly from them. On export this
        # norm is merged into the first linear layer.
        self.input_norm = nn.BatchNorm1d(sizes.dna.width + sizes.protein.width, affine=False)
        self.input_dropout = nn.Dropout(input_dropout)
        self.classifier = Classifier(sizes.dna.width + sizes.protein.width, sizes.hidden, classifier_dropout)

    def embed(self, dna: Tensor, protein: Tensor) -> Tensor:
        """[batch, dna width + protein width], float32: the mean of all DNA tokens, then that of the residues."""
        dna_mean = _mean(self.dna(dna), dna != dna_tokens.PAD)
        protein_mean = _mean(self.protein(protein), protein >= genetic_code.FIRST_RESIDUE)
        return torch.cat([dna_mean, protein_mean], dim=1)

    def embed_alone(self, dna: Tensor, protein: Tensor) -> Tensor:
        """`embed` while the layers add nothing: fast, since it takes means of rows of two tables."""
        dna_mean = _mean_rows(dna, self.dna.token_vectors(), dna != dna_tokens.PAD)
        protein_mean = _mean_rows(protein, self.protein.token_vectors(), protein >= genetic_code.FIRST_RESIDUE)
        return torch.cat([dna_mean, protein_mean], dim=1)

    @torch.no_grad()
    def plain_classifier(self) -> "Classifier":
        """A classifier that computes from the embeddings what this pair's computes from the normalised ones."""
        plain = copy.deepcopy(self.classifier)
        scale = (self.input_norm.running_var + self.input_norm.eps).rsqrt()
        plain.hidden_layer.weight.mul_(scale)
        plain.hidden_layer.bias.sub_(plain.hidden_layer.weight @ self.input_norm.running_mean)
        return plain

    def forward(self, dna: Tensor, protein: Tensor) -> Tensor:
        """Logits [batch, 2] of other and virus."""
        return self.classify(self.embed(dna, protein))

    def inside(self) -> list[nn.Parameter]:
        """Parameters without effect while the layers are silent, and the outputs that silence them."""
        parts = [
            part
            for layer in self.dna.layers
            for part in (layer.query_key_value, layer.attention_output, layer.gated, layer.down)
        ]
        return [one for part in (*parts, *self.protein.layers) for one in part.parameters()]

    def stem(self) -> list[nn.Parameter]:
        """The other parameters: what the pair knows while its layers are silent."""
        inside = {id(one) for one in self.inside()}
        return [one for one in self.parameters() if id(one) not in inside]

    def silence(self) -> None:
        for layer in (*self.dna.layers, *self.protein.layers):
            _silence(layer.attention_output, layer.down)

    def keep_norms(self) -> None:
        """Normalises by the running statistics, also in training."""
        self.input_norm.eval()
        self.classifier.bn1.eval()

    def classify(self, embedding: Tensor) -> Tensor:
        return self.classifier(self.input_dropout(self.input_norm(embedding)))
