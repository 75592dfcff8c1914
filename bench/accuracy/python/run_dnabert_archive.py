"""DNABERT-S with the archive's forward, in float32 or with everything in bfloat16, one sequence at a time."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / 'compare' / 'python'))

import measure  # noqa: E402
import torch  # noqa: E402
from archive import open_archive  # noqa: E402
from padding import means_of, padded  # noqa: E402

DATA_TYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}


def load(arguments) -> measure.Program:
    torch.set_num_threads(arguments.threads)
    module, _ = open_archive(arguments.weights / 'dna.pt')
    module.to(DATA_TYPES[arguments.precision])

    @torch.inference_mode()
    def forward(sequences):
        tokens, mask = padded(sequences)
        return means_of(module(tokens, mask.sum(1)), sequences, ends=0)

    return measure.Program(forward)


if __name__ == '__main__':
    measure.run(load)
