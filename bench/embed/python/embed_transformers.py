"""The mean embeddings of a FASTA file's proteins by transformers' EsmModel, with PyTorch's fused attention."""

import argparse
import tempfile
from pathlib import Path

import esm
import numpy
import torch
from transformers import EsmModel, EsmTokenizer

DATA_TYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument('input', type=Path)
    parser.add_argument('output', type=Path)
    parser.add_argument('--weights', type=Path, required=True)
    parser.add_argument('--precision', choices=sorted(DATA_TYPES), required=True)
    parser.add_argument('--threads', type=int, required=True)
    parser.add_argument('--batch', type=int, required=True, help='proteins in a batch, as they come')
    return parser.parse_args()


def tokenizer() -> EsmTokenizer:
    """ESM-2's; the weights come without one."""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as file:
        file.write('\n'.join(esm.Alphabet.from_architecture('ESM-1b').all_toks))
        file.flush()
        return EsmTokenizer(file.name)


def sequences_of(path: Path) -> list[str]:
    return [''.join(record.split('\n')[1:]) for record in path.read_text().split('>')[1:]]


@torch.inference_mode()
def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    tokenize = tokenizer()
    model = EsmModel.from_pretrained(
        arguments.weights,
        dtype=DATA_TYPES[arguments.precision],
        attn_implementation='sdpa',
        add_pooling_layer=False,
    ).eval()
    sequences = sequences_of(arguments.input)
    means = []
    for start in range(0, len(sequences), arguments.batch):
        batch = tokenize(sequences[start : start + arguments.batch], return_tensors='pt', padding=True)
        hidden = model(**batch).last_hidden_state
        for states, mask in zip(hidden, batch['attention_mask']):
            means.append(states[1 : int(mask.sum()) - 1].float().mean(0).numpy())
    numpy.save(arguments.output, numpy.stack(means))


if __name__ == '__main__':
    main()
