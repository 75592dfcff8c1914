"""The two language models as the published tool runs them, in float32."""

from pathlib import Path

import esm
import torch
from archive import DNABERT_REFERENCE, FAIR_ESM, load_parameters, open_archive, renamed_parameters
from classic_frames import records_of
from run_dnabert_reference import reference_model
from tokenizers import Tokenizer

# The published tool's tokens per batch and residues per mean.
BATCH_TOKENS = 2048
MOST_RESIDUES = 1024


def load_dna(folder: Path, reference: Path | None) -> tuple[torch.nn.Module, Tokenizer]:
    """The published code with the archive's weights; without its folder, the archive's own forward."""
    path = folder / 'dna' / 'model.pt'
    module, sizes = open_archive(path)
    texts = {'tokenizer.json': ''}
    torch.jit.load(str(path), _extra_files=texts)
    tokenizer = Tokenizer.from_str(bytes(texts['tokenizer.json']).decode())
    if reference is None:
        return module, tokenizer
    model = reference_model(reference, sizes)
    load_parameters(model, renamed_parameters(module, DNABERT_REFERENCE), unused=('pooler.',))
    return model, tokenizer


def embed_dna(path: Path, model: torch.nn.Module, tokenizer: Tokenizer) -> tuple[dict, int]:
    """One sequence at a time; the mean over all tokens. Also returns the number of tokens."""
    names, data, count = [], [], 0
    for name, letters in records_of(path):
        tokens = torch.tensor([tokenizer.encode(letters).ids])
        if isinstance(model, torch.jit.ScriptModule):
            hidden = model(tokens, torch.tensor([tokens.shape[1]]))
        else:
            hidden = model(tokens)[0]
        names.append(name)
        mean = hidden.reshape(tokens.shape[1], -1).mean(0)
        data.append({'label': name, 'mean_representation': mean.tolist()})
        count += tokens.shape[1]
    return {'nucleotide': names, 'data': data}, count


def load_protein(folder: Path) -> esm.ESM2:
    module, sizes = open_archive(folder / 'protein' / 'model.pt')
    model = esm.ESM2(sizes['layers'], sizes['width'], sizes['heads']).eval()
    load_parameters(model, renamed_parameters(module, FAIR_ESM), unused=('lm_head.', 'contact_head.'))
    return model


def embed_proteins(path: Path, model: esm.ESM2) -> tuple[dict, int]:
    """fair-esm's own batches of similar lengths; the mean over the first residues. Also returns a count of tokens."""
    dataset = esm.FastaBatchedDataset.from_file(path)
    batches = dataset.get_batch_indices(BATCH_TOKENS, extra_toks_per_seq=1)
    loader = torch.utils.data.DataLoader(
        dataset, collate_fn=model.alphabet.get_batch_converter(), batch_sampler=batches
    )
    names, data, count = [], [], 0
    for labels, proteins, tokens in loader:
        hidden = model(tokens, repr_layers=[model.num_layers])['representations'][model.num_layers]
        for row, (label, protein) in enumerate(zip(labels, proteins)):
            names.append(label)
            data.append(hidden[row, 1 : min(len(protein), MOST_RESIDUES) + 1].mean(0).clone())
            count += len(protein) + 2
    return {'proteins': names, 'data': data}, count
