"""
Teachers of composition: small networks, each trained without some of the clades, on some kinds of features.

They learn in a minute what would take the pair hours. The pair is trained on their mean besides the labels, which
keeps it from memorising families.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .composition import columns, composition
from .corpus import Record
from .sampling import WindowSampler
from .split import fold_name, fold_percent

TEACHERS = 8
READ = [
    ("codons", "fours", "pairs"),
    ("codons", "fours"),
    ("codons", "fours", "fives"),
]
"""What each teacher reads, in turn: teachers that differ make different mistakes."""
WINDOW = 500
MIXUP = 0.4
"""Parameter of the beta distribution of how much of another frame is mixed into one (Zhang et al. 2018)."""


class Teacher(nn.Module):
    """Logits of other and virus from `composition`."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.reads = READ[index % len(READ)]
        places = columns(*self.reads)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.layers = nn.Sequential(
            *(nn.BatchNorm1d(len(places)), nn.Dropout(0.2), nn.Linear(len(places), 256), nn.ReLU(), nn.Dropout(0.3)),
            *(nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.3), nn.Linear(256, 2)),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features[:, self.places])


def train_teacher(records: list[Record], index: int, steps: int, seed: int) -> Teacher:
    """Trains without the clades of fold `index` of TEACHERS."""
    kept = [record for record in records if fold_percent(fold_name(record), "teacher") % TEACHERS != index]
    sampler = WindowSampler(kept, WINDOW)
    random = np.random.default_rng([seed, index])
    torch.manual_seed(seed + index)
    network = Teacher(index)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in range(steps):
        table, labels = sampler.draw(700, WINDOW, 0.0, random)
        features = torch.from_numpy(composition(table, *network.reads))
        features, wanted = mixed(features, torch.from_numpy(labels).float(), random)
        loss = functional.cross_entropy(network.layers(features), torch.stack([1 - wanted, wanted], dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def mixed(features: Tensor, labels: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Features of frames mixed from two of these, with the labels mixed likewise."""
    share = torch.from_numpy(random.beta(MIXUP, MIXUP, len(labels))).float()
    other = torch.from_numpy(random.permutation(len(labels)))
    # Frequencies mix; the features are their square roots.
    frequencies = share[:, None] * features**2 + (1 - share[:, None]) * features[other] ** 2
    return frequencies.sqrt(), share * labels + (1 - share) * labels[other]


@torch.no_grad()
def taught(teachers: list[Teacher], features: Tensor) -> Tensor:
    """[frames]: the probability of virus, from the mean of the teachers' log odds."""
    odds = [logits[:, 1] - logits[:, 0] for logits in (teacher(features) for teacher in teachers)]
    return torch.stack(odds).mean(dim=0).sigmoid()
