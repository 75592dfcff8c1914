"""Writes a model's ESM-2 as a transformers folder, which esm-cpp reads too, and converts that to ONNX.

    python convert.py transformers FOLDER     reads FOLDER/protein.pt, writes FOLDER/transformers
    python convert.py onnx FOLDER             reads FOLDER/transformers, writes FOLDER/onnx/model.onnx
"""

import sys
from pathlib import Path

import torch
from archive import TRANSFORMERS_ESM, open_archive, renamed_parameters
from safetensors.torch import save_file
from transformers import EsmConfig, EsmModel


def write_transformers(folder: Path) -> None:
    module, sizes = open_archive(folder / 'protein.pt')
    width, vocabulary = sizes['width'], sizes['vocabulary']
    tensors = renamed_parameters(module, TRANSFORMERS_ESM)
    # esm-cpp also requires the token prediction head, on which no embedding depends, and the rotary frequencies.
    tensors |= {
        'lm_head.dense.weight': torch.randn(width, width) / width**0.5,
        'lm_head.dense.bias': torch.zeros(width),
        'lm_head.layer_norm.weight': torch.ones(width),
        'lm_head.layer_norm.bias': torch.zeros(width),
        'lm_head.bias': torch.zeros(vocabulary),
    }
    half = width // sizes['heads'] // 2
    frequencies = 1.0 / 10000 ** (torch.arange(half) / half)
    for layer in range(sizes['layers']):
        tensors[f'esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq'] = frequencies.clone()
    target = folder / 'transformers'
    target.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, target / 'model.safetensors', {'format': 'pt'})
    EsmConfig(
        architectures=['EsmForMaskedLM'],
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=sizes['layers'],
        num_attention_heads=sizes['heads'],
        intermediate_size=sizes['feedForward'],
        max_position_embeddings=1026,
        position_embedding_type='rotary',
        token_dropout=True,
        pad_token_id=1,
        mask_token_id=32,
        emb_layer_norm_before=False,
        layer_norm_eps=1e-5,
    ).save_pretrained(target)


class LastHiddenState(torch.nn.Module):
    def __init__(self, model: EsmModel):
        super().__init__()
        self.model = model

    def forward(self, tokens, mask):
        return self.model(input_ids=tokens, attention_mask=mask).last_hidden_state


@torch.inference_mode()
def write_onnx(folder: Path) -> None:
    model = EsmModel.from_pretrained(folder / 'transformers', attn_implementation='sdpa', add_pooling_layer=False).eval()
    tokens = torch.randint(4, 24, (2, 12))
    mask = torch.ones_like(tokens)
    # The example contains padding, so that the mask becomes part of the graph.
    mask[0, 9:] = 0
    target = folder / 'onnx'
    target.mkdir(exist_ok=True)
    dynamic = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        LastHiddenState(model),
        (tokens, mask),
        target / 'model.onnx',
        input_names=['tokens', 'mask'],
        output_names=['hidden'],
        dynamic_shapes={'tokens': dynamic, 'mask': dynamic},
        dynamo=True,
    )


if __name__ == '__main__':
    {'transformers': write_transformers, 'onnx': write_onnx}[sys.argv[1]](Path(sys.argv[2]))
