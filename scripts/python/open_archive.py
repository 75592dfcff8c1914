#!/usr/bin/env python3
"""Open the TorchScript archives of a model folder in Python, run them, and compare them with the golden outputs.

    python3 scripts/python/open_archive.py MODEL_FOLDER
    python3 scripts/python/open_archive.py MODEL_FOLDER --tokens 0,20,15,2 --device cuda
    python3 scripts/python/open_archive.py MODEL_FOLDER --golden test/fixtures/golden

For developers who want a second opinion on what the addon writes: needs torch >= 2.1 and nothing else (float16 archives
run on the CPU from about torch 2.3 on). With --golden the folder has to hold the golden weights; ends with status 1 when
a value is further away than --tolerance.
"""

import argparse
import json
import struct
import sys
from pathlib import Path

import torch

DATA_TYPES = {'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16}
GOLDEN_FOLDERS = {'Esm2': 'esm2', 'Dnabert2': 'dnabert'}


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    data = bytearray(path.read_bytes())
    (header_size,) = struct.unpack_from('<Q', data)
    header = json.loads(data[8 : 8 + header_size])
    header.pop('__metadata__', None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + header_size + offset for offset in entry['data_offsets'])
        flat = torch.frombuffer(data[begin:end], dtype=DATA_TYPES[entry['dtype']])
        tensors[name] = flat.reshape(entry['shape'])
    return tensors


def padded(sequences: list[list[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    # Any id does as padding: positions beyond the length must not matter.
    tokens = torch.ones(len(sequences), int(lengths.max()), dtype=torch.int64)
    for row, sequence in zip(tokens, sequences):
        row[: len(sequence)] = torch.tensor(sequence)
    return tokens.to(device), lengths.to(device)


def largest_difference(actual: torch.Tensor, expected: torch.Tensor) -> float:
    # NaN would lose every comparison.
    return (actual.float().cpu() - expected).abs().nan_to_num(float('inf')).max().item()


def encoder_differences(model, kind: str, golden: Path, device: str) -> dict[str, float]:
    """Largest absolute difference of each golden output: one by one and in one padded batch."""
    folder = golden / GOLDEN_FOLDERS[kind]
    tokens = json.loads((folder / 'inputs.json').read_text())['tokens']
    outputs = read_safetensors(folder / 'outputs.safetensors')
    last_layer = f'layer{len(list(model.layers.children()))}'
    names = list(tokens)
    runs = {f'{name} alone': ([name], *padded([tokens[name]], device)) for name in names}
    runs['padded batch'] = (names, *padded([tokens[name] for name in names], device))
    differences = {}
    for run, (members, ids, lengths) in runs.items():
        hidden = model(ids, lengths).float().cpu()
        for name, rows, length in zip(members, hidden, lengths.tolist()):
            # ESM-2: residues only, at most 1024. DNABERT-2: all tokens.
            mean = rows[1 : min(length - 1, 1025)].mean(0) if kind == 'Esm2' else rows[:length].mean(0)
            differences[f'{run}: {name}.mean'] = largest_difference(mean, outputs[f'{name}.mean'])
            if f'{name}.{last_layer}' in outputs:
                expected = outputs[f'{name}.{last_layer}']
                differences[f'{run}: {name}.{last_layer}'] = largest_difference(rows[:length], expected)
    return differences


def classifier_differences(model, golden: Path, device: str) -> dict[str, float]:
    outputs = read_safetensors(golden / 'end_to_end' / 'embeddings.safetensors')
    features = torch.cat([outputs['dna'], outputs['protein']], dim=1).to(device)
    return {'scores': largest_difference(model(features), outputs['scores'])}


def run_once(model, kind: str, tokens: list[int] | None, device: str) -> None:
    if kind == 'Classifier':
        features = torch.randn(2, model.hidden.weight.size(1), device=device)
        print(f'  scores of 2 random rows: {model(features).tolist()}')
        return
    if tokens is None:
        embedding = model.embed_tokens if kind == 'Esm2' else model.word_embeddings
        tokens = torch.randint(embedding.weight.size(0), (40,)).tolist()
    hidden = model(*padded([tokens], device))
    print(f'  {len(tokens)} tokens -> {list(hidden.shape)} {hidden.dtype}, norm {hidden.float().norm().item():.6g}')


def open_archive(path: Path, arguments: argparse.Namespace) -> float:
    extra_files = {'virnucpro.json': ''}
    model = torch.jit.load(str(path), map_location=arguments.device, _extra_files=extra_files).eval()
    kind = model.original_name
    count = sum(tensor.numel() for tensor in model.state_dict().values())
    print(f'{path}: {kind}, {count} values in {len(model.state_dict())} tensors')
    print(f'  virnucpro.json: {extra_files["virnucpro.json"].decode() or "absent"}')
    run_once(model, kind, arguments.tokens, arguments.device)
    if arguments.golden is None:
        return 0.0
    if kind == 'Classifier':
        differences = classifier_differences(model, arguments.golden, arguments.device)
    else:
        differences = encoder_differences(model, kind, arguments.golden, arguments.device)
    worst = max(differences, key=lambda name: differences[name])
    print(f'  golden: {len(differences)} values compared, largest difference {differences[worst]:.3g} ({worst})')
    return differences[worst]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, help='model folder; every .pt below it is opened')
    parser.add_argument('--tokens', type=lambda text: [int(token) for token in text.split(',')], help='token ids')
    parser.add_argument('--golden', type=Path, help='folder of the golden fixtures')
    parser.add_argument('--tolerance', type=float, default=1e-5, help='largest absolute difference (default 1e-5)')
    parser.add_argument('--device', default='cpu', help='cpu (default), cuda, cuda:1, ...')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    paths = sorted(arguments.folder.rglob('*.pt'))
    if not paths:
        print(f'Expected .pt archives in {arguments.folder} but found none. Name a model folder.', file=sys.stderr)
        return 1
    with torch.inference_mode():
        accepted = [open_archive(path, arguments) <= arguments.tolerance for path in paths]
    return 0 if all(accepted) else 1


if __name__ == '__main__':
    sys.exit(main())
