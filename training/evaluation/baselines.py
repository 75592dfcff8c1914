"""Trains both baselines and scores the cut files with them."""

from pathlib import Path

import numpy as np

from mini.corpus import Record, read_fasta
from mini.genetic_code import base_codes
from mini.split import fold_name

from .frame_blocks import frame_blocks
from .markov import Markov
from .result_files import ResultWriter
from .selection import read_split
from .sequences import CONTIGS, WHOLE
from .trees import FrameSample, Trees, tree_features
from .window_scores import deciding_frames, mean_of_frames


def train_baselines(data: Path, window: int, folder: Path, all_clades: bool) -> tuple[Markov, Trees]:
    """
    Trained on the training clades; the validation clades decide the number of trees and how scores become
    probabilities. Saved in `folder`, and loaded from there if already saved.

    @param all_clades: after that is decided, train again with the validation clades included
    """
    if all((folder / name).exists() for name in ("markov.npz", "trees.txt", "trees.json")):
        print(f"Baselines that were trained before: {folder}")
        return Markov.load(folder), Trees.load(folder)
    folder.mkdir(parents=True, exist_ok=True)
    train, validation = read_split(data, "train"), read_split(data, "validation")
    markov = Markov.train(train)
    sample, kept = _sample(train, window), _sample(validation, window)
    print(f"Frames: {len(sample.labels)} to train on, {len(kept.labels)} of validation clades", flush=True)
    trees = Trees.train(sample, kept)
    trees = trees.calibrated(trees.log_odds(kept.features), kept.labels, kept.clades)
    odds = [markov.log_odds(block.table) for block in frame_blocks(validation, window)]
    markov = markov.calibrated(np.concatenate(odds), kept.labels, kept.clades)
    if all_clades:
        markov = Markov(Markov.train(train + validation).ratios, markov.slope, markov.offset)
        trees = Trees.train_so_many(sample.joined(kept), trees.count, trees.temperature)
    print(f"Trees: {trees.count}, temperature {trees.temperature:.3f}")
    markov.save(folder)
    trees.save(folder)
    return markov, trees


def _sample(records: list[Record], window: int) -> FrameSample:
    features, labels, clades = [], [], []
    for block in frame_blocks(records, window):
        features.append(tree_features(block.table).copy())
        for position in block.frame_records():
            labels.append(block.records[position].label)
            clades.append(fold_name(block.records[position]))
    return FrameSample(np.concatenate(features), np.array(labels, dtype=np.int8), clades)


def score_baselines(markov: Markov, trees: Trees, cut: Path, window: int, out: Path) -> None:
    """
    Writes result files like the product's for `whole.fa` and `contigs.fa` of `cut` into the folders `markov`, `trees`
    and `trees-mean` of `out`. The last has the mean over a window's frames where the others have the deciding frame.
    """
    for file in (WHOLE, CONTIGS):
        names = {"markov": deciding_frames, "trees": deciding_frames, "trees-mean": mean_of_frames}
        writers = {name: ResultWriter(out / name / file, name, window, rule) for name, rule in names.items()}
        for block in frame_blocks(_read_plain(cut / f"{file}.fa"), window):
            of_trees = trees.virus_scores(block.table)
            scores = {"markov": markov.virus_scores(block.table), "trees": of_trees, "trees-mean": of_trees}
            for name, writer in writers.items():
                writer.write(block, scores[name])
        for writer in writers.values():
            writer.close()
        print(f"Scored {cut / file}.fa", flush=True)


def _read_plain(path: Path) -> list[Record]:
    # Labels and clades are in the table of sequences; scoring must not see them.
    return [Record(name, 0, "", "", "", base_codes(letters)) for name, letters in read_fasta(path)]
