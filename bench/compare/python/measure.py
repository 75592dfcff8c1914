"""Shared by all runners: the arguments, batches, the choice of their size, the timing, and the JSON line at the end.

A runner passes `measure.run` a function that loads its model into a Program. The timing covers all of `forward`: from
token lists to mean embeddings, padding included.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy

Forward = Callable[[list[list[int]]], list[numpy.ndarray]]


class Program(NamedTuple):
    """`embed` is needed only if `forward` returns something other than mean embeddings."""

    forward: Forward
    embed: Forward | None = None


# Padded tokens in a batch, ascending; 0: one sequence at a time.
CANDIDATE_BATCHES = (0, 1024, 4096)
WARMED_UP_SHAPES = 3


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='One runner of bench/compare/compare.mjs, which starts it.')
    parser.add_argument('--mode', choices=['check', 'measure'], required=True)
    parser.add_argument('--input', type=Path, required=True, help='{"tokens": [[...], ...]}')
    parser.add_argument('--weights', type=Path, required=True, help='folder with the archive and what was made of it')
    parser.add_argument('--precision', choices=['fp32', 'bf16', 'int8'], default='fp32')
    parser.add_argument('--threads', type=int, required=True)
    parser.add_argument('--count', type=int, default=4, help='sequences whose embeddings a check returns')
    parser.add_argument('--batch', type=int, help='padded tokens in a batch, 0: one by one; a check finds the best')
    parser.add_argument('--one-by-one', action='store_true', help='this program has no use for batches')
    parser.add_argument('--reference', type=Path, help='folder of reference code')
    return parser.parse_args()


def batches_of(sequences: list[list[int]], budget: int) -> list[list[list[int]]]:
    """Sorted by length, for little padding; the longest first, so that the peak memory is known at once."""
    batches: list[list[list[int]]] = []
    for sequence in sorted(sequences, key=len, reverse=True):
        if batches and (len(batches[-1]) + 1) * len(batches[-1][0]) <= budget:
            batches[-1].append(sequence)
        else:
            batches.append([sequence])
    return batches


def seconds_of(forward: Forward, batches: list[list[list[int]]]) -> float:
    start = time.perf_counter()
    for batch in batches:
        forward(batch)
    return time.perf_counter() - start


def sample_of(sequences: list[list[int]], tokens: int) -> list[list[int]]:
    taken: list[list[int]] = []
    for sequence in sequences:
        if sum(map(len, taken)) >= tokens:
            break
        taken.append(sequence)
    return taken


def warm_up(forward: Forward, batches: list[list[list[int]]]) -> None:
    """Runs the first batch of each of the first few shapes, as libraries set themselves up for every new shape."""
    shapes: dict[tuple[int, int], list[list[int]]] = {}
    for batch in batches:
        shapes.setdefault((len(batch), len(batch[0])), batch)
    seconds_of(forward, list(shapes.values())[:WARMED_UP_SHAPES])


def trial(forward: Forward, sequences: list[list[int]], budget: int) -> float:
    """Tokens a second of the first one or two batches; smaller batches ran before, so everything is warm."""
    sample = sample_of(sequences, max(CANDIDATE_BATCHES[1], budget))
    return sum(map(len, sample)) / seconds_of(forward, batches_of(sample, budget))


def check(program: Program, sequences: list[list[int]], arguments: argparse.Namespace) -> dict:
    forward = program.forward
    chosen = sequences[: arguments.count]
    # In one batch if batches are used, so that the padding is checked too.
    groups = [[sequence] for sequence in chosen] if arguments.one_by_one else [chosen]
    means = [mean for group in groups for mean in (program.embed or forward)(group)]
    if arguments.one_by_one or arguments.batch is not None:
        tried = {}
    else:
        tried = {budget: trial(forward, sequences, budget) for budget in CANDIDATE_BATCHES}
    best = max(tried, key=lambda budget: tried[budget]) if tried else arguments.batch or 0
    return {'means': [[float(value) for value in mean] for mean in means], 'batch': best, 'tried': tried}


def measure(program: Program, sequences: list[list[int]], arguments: argparse.Namespace) -> dict:
    batches = batches_of(sequences, arguments.batch or 0)
    warm_up(program.forward, batches)
    start_peak()
    seconds = seconds_of(program.forward, batches)
    return {
        'tokens_per_second': sum(map(len, sequences)) / seconds,
        'sequences_per_second': len(sequences) / seconds,
        'peak_memory_bytes': peak(),
    }


def start_peak() -> None:
    """Resets the peak, so that what loading took temporarily does not count."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        pass


def peak() -> int:
    """Peak resident memory, in bytes."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(load: Callable[[argparse.Namespace], Program]) -> None:
    arguments = parse_arguments()
    sequences = json.loads(arguments.input.read_text())['tokens']
    program = load(arguments)
    result = (check if arguments.mode == 'check' else measure)(program, sequences, arguments)
    json.dump(result, sys.stdout)
    print()
