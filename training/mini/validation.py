"""What is measured while the pair is trained."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from .corpus import Record
from .frames import classic_windows, joined, kept_frames
from .measures import macro_auroc
from .sampling import make_batch
from .split import fold_name

Forward = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits of frames from their DNA tokens and residues."""


class ValidationFrames:
    """Kept frames of the validation clades' classic windows; every `stride`th window of a record."""

    def __init__(self, records: list[Record], stride: int) -> None:
        tables, labels, groups = [], [], []
        for number, record in enumerate(records):
            windows = np.array(classic_windows(len(record.bases), 500))[number % stride :: stride]
            if len(windows) == 0:
                continue
            table = kept_frames(record.bases, windows[:, 0], windows[:, 1])
            tables.append(table)
            labels += [record.label] * len(table)
            groups += [fold_name(record) if record.label == 1 else record.group] * len(table)
        self.table = joined(tables, [0] * len(tables))
        self.labels, self.groups = np.array(labels), np.array(groups)
        # Frames of similar length are grouped, so that there is little padding.
        order = np.argsort(np.diff(self.table.base_ends), kind="stable")
        self._parts = [order[first : first + 128] for first in range(0, len(order), 128)]

    @torch.no_grad()
    def measure(self, forward: Forward, precision: torch.autocast, device: str) -> dict[str, float]:
        scores = np.zeros(len(self.labels))
        for chosen in self._parts:
            batch = make_batch(self.table, self.labels, chosen)
            with precision:
                logits = forward(torch.from_numpy(batch.dna).to(device), torch.from_numpy(batch.protein).to(device)).float()
            scores[chosen] = (logits[:, 1] - logits[:, 0]).cpu().numpy()
        pooled = float(roc_auc_score(self.labels, scores))
        macro = macro_auroc(scores, self.labels, self.groups)
        return {"pooled": round(pooled, 4), "macro": round(macro, 4)}
