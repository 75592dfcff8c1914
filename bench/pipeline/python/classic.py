"""The published tool's order of work, in PyTorch: each stage finishes and is written before the next begins.

Prints the seconds of its stages, and the counts, as one line of JSON.
"""

import time

started = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / 'compare' / 'python'))

import torch  # noqa: E402
from archive import open_archive  # noqa: E402
from classic_embeddings import embed_dna, embed_proteins, load_dna, load_protein  # noqa: E402
from classic_frames import write_frames  # noqa: E402

CLASSIFIER_BATCH = 256


class MLPClassifier(torch.nn.Module):
    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden_layer = torch.nn.Linear(inputs, hidden)
        self.bn1 = torch.nn.BatchNorm1d(hidden)
        self.output_layer = torch.nn.Linear(hidden, 2)

    def forward(self, features):
        return self.output_layer(torch.relu(self.bn1(self.hidden_layer(features))))


def load_classifier(folder: Path) -> MLPClassifier:
    module, sizes = open_archive(folder / 'classifier' / 'model.pt')
    model = MLPClassifier(sizes['inputs'], sizes['hidden']).eval()
    parts = {'hidden': 'hidden_layer', 'norm': 'bn1', 'output': 'output_layer'}
    values = {}
    for name, value in module.state_dict().items():
        part, _, parameter = name.partition('.')
        values[f'{parts[part]}.{parameter}'] = value
    result = model.load_state_dict(values, strict=False)
    if result.unexpected_keys or any('num_batches' not in name for name in result.missing_keys):
        raise KeyError(f'Expected the parameters of a classifier: {result}')
    return model


def join(dna: dict, protein: dict) -> tuple[list[str], torch.Tensor]:
    by_name = dict(zip(protein['proteins'], protein['data']))
    pairs = zip(dna['nucleotide'], dna['data'])
    rows = [torch.cat((torch.tensor(one['mean_representation']), by_name[name])) for name, one in pairs]
    return dna['nucleotide'], torch.stack(rows)


def write_results(names: list[str], scores: torch.Tensor, folder: Path) -> None:
    best: dict[str, tuple[float, float]] = {}
    with open(folder / 'prediction_results.txt', 'w') as file:
        file.write('Sequence_ID\tPrediction\tscore1\tscore2\n')
        for name, (others, virus) in zip(names, scores.numpy()):
            file.write(f'{name}\t{"virus" if virus > others else "others"}\t{others!s}\t{virus!s}\n')
            before = best.get(name[:-2], (0.0, 0.0))
            best[name[:-2]] = (max(before[0], others), max(before[1], virus))
    with open(folder / 'prediction_results_highestscore.csv', 'w') as file:
        file.write('Modified_ID\tIs_Virus\n')
        for name in sorted(best):
            others, virus = best[name]
            file.write(f'{name}\t{bool(virus >= others)}\n')


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description='One side of bench/pipeline/pipeline.mjs, which starts it.')
    parser.add_argument('--fasta', type=Path, required=True)
    parser.add_argument('--model', type=Path, required=True, help='folder of an installed model')
    parser.add_argument('--window', type=int, required=True)
    parser.add_argument('--threads', type=int, required=True)
    parser.add_argument('--reference', type=Path, help="folder of DNABERT-S's published code")
    parser.add_argument('--out', type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True)
    seconds: dict[str, float] = {}
    last = started

    def lap(stage: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[stage] = now - last
        last = now

    lap('import')
    dna_model, tokenizer = load_dna(arguments.model, arguments.reference)
    protein_model = load_protein(arguments.model)
    classifier = load_classifier(arguments.model)
    lap('load')

    nucleotides, proteins, windows = write_frames(arguments.fasta, arguments.window, arguments.out)
    lap('frames')
    dna, dna_tokens = embed_dna(nucleotides, dna_model, tokenizer)
    torch.save(dna, arguments.out / 'output_1_DNABERT_S.pt')
    lap('dna')
    protein, protein_tokens = embed_proteins(proteins, protein_model)
    torch.save(protein, arguments.out / 'output_1_ESM.pt')
    lap('protein')
    names, features = join(dna, protein)
    torch.save({'ids': names, 'data': features}, arguments.out / 'output_1_merged.pt')
    scores = torch.cat([torch.softmax(classifier(rows), -1) for rows in features.split(CLASSIFIER_BATCH)])
    lap('classifier')
    write_results(names, scores, arguments.out)
    lap('results')
    counts = {'windows': windows, 'frames': len(names), 'dnaTokens': dna_tokens, 'proteinTokens': protein_tokens}
    print(json.dumps({'seconds': seconds, **counts}))


if __name__ == '__main__':
    main()
