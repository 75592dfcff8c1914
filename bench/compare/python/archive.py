"""The parameters of a model's TorchScript archive, under the names that other programs use."""

import json
import re
from pathlib import Path

import torch

# Patterns for the archive's names; the first match names the parameter.
FAIR_ESM = {
    r'embed_tokens\.': 'embed_tokens.',
    r'layers\.(\d+)\.attention_norm\.': r'layers.\1.self_attn_layer_norm.',
    r'layers\.(\d+)\.query\.': r'layers.\1.self_attn.q_proj.',
    r'layers\.(\d+)\.key\.': r'layers.\1.self_attn.k_proj.',
    r'layers\.(\d+)\.value\.': r'layers.\1.self_attn.v_proj.',
    r'layers\.(\d+)\.attention_output\.': r'layers.\1.self_attn.out_proj.',
    r'layers\.(\d+)\.feed_forward_norm\.': r'layers.\1.final_layer_norm.',
    r'layers\.(\d+)\.up\.': r'layers.\1.fc1.',
    r'layers\.(\d+)\.down\.': r'layers.\1.fc2.',
    r'final_norm\.': 'emb_layer_norm_after.',
}
TRANSFORMERS_ESM = {
    r'embed_tokens\.': 'esm.embeddings.word_embeddings.',
    r'layers\.(\d+)\.attention_norm\.': r'esm.encoder.layer.\1.attention.LayerNorm.',
    r'layers\.(\d+)\.(query|key|value)\.': r'esm.encoder.layer.\1.attention.self.\2.',
    r'layers\.(\d+)\.attention_output\.': r'esm.encoder.layer.\1.attention.output.dense.',
    r'layers\.(\d+)\.feed_forward_norm\.': r'esm.encoder.layer.\1.LayerNorm.',
    r'layers\.(\d+)\.up\.': r'esm.encoder.layer.\1.intermediate.dense.',
    r'layers\.(\d+)\.down\.': r'esm.encoder.layer.\1.output.dense.',
    r'final_norm\.': 'esm.encoder.emb_layer_norm_after.',
}
DNABERT_REFERENCE = {
    r'(word_embeddings|token_type_embeddings)\.': r'embeddings.\1.',
    r'embedding_norm\.': 'embeddings.LayerNorm.',
    r'layers\.(\d+)\.query_key_value\.': r'encoder.layer.\1.attention.self.Wqkv.',
    r'layers\.(\d+)\.attention_output\.': r'encoder.layer.\1.attention.output.dense.',
    r'layers\.(\d+)\.attention_norm\.': r'encoder.layer.\1.attention.output.LayerNorm.',
    r'layers\.(\d+)\.gated\.': r'encoder.layer.\1.mlp.gated_layers.',
    r'layers\.(\d+)\.down\.': r'encoder.layer.\1.mlp.wo.',
    r'layers\.(\d+)\.output_norm\.': r'encoder.layer.\1.mlp.layernorm.',
}


def open_archive(path: Path) -> tuple[torch.jit.ScriptModule, dict]:
    """The module in evaluation mode and its architecture (family, layers, width, heads, feedForward, vocabulary)."""
    extra_files = {'virnucpro.json': ''}
    module = torch.jit.load(str(path), map_location='cpu', _extra_files=extra_files).eval()
    return module, json.loads(extra_files['virnucpro.json'])['architecture']


def renamed_parameters(module: torch.jit.ScriptModule, names: dict[str, str]) -> dict[str, torch.Tensor]:
    return {renamed(name, names): value.detach().float() for name, value in module.named_parameters()}


def renamed(name: str, names: dict[str, str]) -> str:
    for pattern, replacement in names.items():
        if re.match(pattern, name):
            return re.sub(f'^{pattern}', replacement, name)
    raise KeyError(f'Expected a known parameter but received {name}. Add it to archive.py')


def load_parameters(model: torch.nn.Module, parameters: dict[str, torch.Tensor], unused: tuple[str, ...]) -> None:
    """Loads all parameters; those that the model lacks afterwards must begin with a name in `unused`."""
    result = model.load_state_dict(parameters, strict=False)
    missing = [name for name in result.missing_keys if not name.startswith(unused) and 'inv_freq' not in name]
    if missing or result.unexpected_keys:
        raise KeyError(f'Expected the same parameters but {missing} are missing, {result.unexpected_keys} too many')
