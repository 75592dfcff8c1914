"""DNABERT-S by its published code, in float32; without a folder of that code, by the archive's TorchScript.

The folder (--reference) holds bert_layers.py and bert_padding.py of DNABERT-2, DNABERT-S or the MosaicBERT that both
come from. Without Triton, which is for GPUs, this code computes attention in plain PyTorch.
"""

import importlib
import sys
import types
import warnings

import measure
import torch
from archive import DNABERT_REFERENCE, load_parameters, open_archive, renamed_parameters
from padding import means_of, padded
from transformers import BertConfig


def reference_model(folder, sizes) -> torch.nn.Module:
    warnings.simplefilter('ignore')
    # Its files import each other both as parts of a package and from the search path.
    package = types.ModuleType('dnabert_reference')
    package.__path__ = [str(folder)]
    sys.modules['dnabert_reference'] = package
    sys.path.insert(0, str(folder))
    layers = importlib.import_module('dnabert_reference.bert_layers')
    config = BertConfig(
        vocab_size=sizes['vocabulary'],
        hidden_size=sizes['width'],
        num_hidden_layers=sizes['layers'],
        num_attention_heads=sizes['heads'],
        intermediate_size=sizes['feedForward'],
        type_vocab_size=sizes['tokenTypes'],
        layer_norm_eps=sizes['layerNormEpsilon'],
        attention_probs_dropout_prob=0.0,
    )
    config.alibi_starting_size = 512
    return layers.BertModel(config, add_pooling_layer=False).eval()


def load(arguments) -> measure.Program:
    torch.set_num_threads(arguments.threads)
    module, sizes = open_archive(arguments.weights / 'dna.pt')
    if arguments.reference is None:

        def hidden_states(tokens, mask):
            return module(tokens, mask.sum(1))

    else:
        model = reference_model(arguments.reference, sizes)
        load_parameters(model, renamed_parameters(module, DNABERT_REFERENCE), unused=('pooler.',))
        del module

        def hidden_states(tokens, mask):
            hidden = model(tokens, attention_mask=mask)[0]
            # For input without padding it returns the layers of one packed sequence.
            return hidden if hidden.dim() == 3 else hidden.unsqueeze(0)

    @torch.inference_mode()
    def forward(sequences):
        tokens, mask = padded(sequences)
        return means_of(hidden_states(tokens, mask), sequences, ends=0)

    return measure.Program(forward)


if __name__ == '__main__':
    measure.run(load)
