"""
Writes a trained pair as checkpoints in the published formats, for `virnucpro models import`.

    python training/export.py --run RUN --out CHECKPOINTS

CHECKPOINTS/dna and CHECKPOINTS/esm are transformers folders with weights in bfloat16, CHECKPOINTS/classifier.pth is
the classifier's state in float32. CHECKPOINTS/expected.json has what this program computes for some random sequences
with these weights in float32; virnucpro's tests compare with it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from mini import dna_tokens, genetic_code
from mini.encoders import DnaEncoder, Pair, PairSizes, ProteinEncoder
from mini.frames import kept_frames
from mini.sampling import make_batch

DNA_NAMES = {
    "query_key_value": "attention.self.Wqkv",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "gated": "mlp.gated_layers",
    "down": "mlp.wo",
    "output_norm": "mlp.layernorm",
}
PROTEIN_NAMES = {
    "attention_norm": "attention.LayerNorm",
    "attention_output": "attention.output.dense",
    "feed_forward_norm": "LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
}
FRAME_NAMES = ["F1", "F2", "F3", "R1", "R2", "R3"]


def dna_weights(encoder: DnaEncoder) -> dict[str, Tensor]:
    width = encoder.sizes.width
    weights = {
        "embeddings.word_embeddings.weight": encoder.word_embeddings.weight,
        # DNABERT-2 adds the embedding of a token type to every token.
        "embeddings.token_type_embeddings.weight": torch.zeros(2, width),
        "embeddings.LayerNorm.weight": encoder.embedding_norm.weight,
        "embeddings.LayerNorm.bias": encoder.embedding_norm.bias,
    }
    for number, layer in enumerate(encoder.layers):
        for name, value in layer.state_dict().items():
            module, kind = name.split(".")
            weights[f"encoder.layer.{number}.{DNA_NAMES[module]}.{kind}"] = value
    return weights


def dna_config(encoder: DnaEncoder) -> dict:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": encoder.sizes.width,
        "intermediate_size": encoder.sizes.feed_forward,
        "layer_norm_eps": encoder.embedding_norm.eps,
        "num_attention_heads": encoder.sizes.heads,
        "num_hidden_layers": encoder.sizes.layers,
        "pad_token_id": dna_tokens.PAD,
        "type_vocab_size": 2,
        "vocab_size": len(dna_tokens.VOCABULARY),
        "torch_dtype": "bfloat16",
    }


def protein_weights(encoder: ProteinEncoder) -> dict[str, Tensor]:
    weights = {
        "esm.embeddings.word_embeddings.weight": encoder.embed_tokens.weight,
        "esm.encoder.emb_layer_norm_after.weight": encoder.final_norm.weight,
        "esm.encoder.emb_layer_norm_after.bias": encoder.final_norm.bias,
    }
    for number, layer in enumerate(encoder.layers):
        prefix = f"esm.encoder.layer.{number}."
        for name, value in layer.state_dict().items():
            module, kind = name.split(".")
            if module == "query_key_value":
                for part, one in zip(("query", "key", "value"), value.chunk(3)):
                    weights[f"{prefix}attention.self.{part}.{kind}"] = one
            else:
                weights[f"{prefix}{PROTEIN_NAMES[module]}.{kind}"] = value
    return weights


def protein_config(encoder: ProteinEncoder) -> dict:
    return {
        "architectures": ["EsmForMaskedLM"],
        "model_type": "esm",
        "hidden_act": "gelu",
        "hidden_size": encoder.sizes.width,
        "intermediate_size": encoder.sizes.feed_forward,
        "layer_norm_eps": encoder.final_norm.eps,
        "num_attention_heads": encoder.sizes.heads,
        "num_hidden_layers": encoder.sizes.layers,
        "vocab_size": len(genetic_code.ESM_ALPHABET),
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "token_dropout": True,
        "pad_token_id": genetic_code.PAD,
        "mask_token_id": genetic_code.MASK,
        "torch_dtype": "bfloat16",
    }


def write_folder(folder: Path, weights: dict[str, Tensor], config: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rounded = {name: value.detach().to(torch.bfloat16).contiguous().clone() for name, value in weights.items()}
    save_file(rounded, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


@torch.no_grad()
def round_to_bfloat16(pair: Pair) -> None:
    """Rounds the encoders to what is written; the classifier stays as it is."""
    table = pair.dna.word_embeddings.weight.to(torch.bfloat16).float()
    for encoder in (pair.dna, pair.protein):
        for one in encoder.parameters():
            one.copy_(one.to(torch.bfloat16).float())
    embedding = pair.dna.word_embeddings
    for part in embedding.parts:
        part.weight.zero_()
    embedding.alone.weight.copy_(table)


@torch.no_grad()
def expected_scores(pair: Pair, seed: int) -> list[dict]:
    """[other, virus] for every kept frame of random windows, some short and some with ambiguous letters."""
    random = np.random.default_rng(seed)
    cases = []
    for length in (500, 500, 497, 300, 120, 31, 9, 3):
        # Codons other than stops, so that there is at least one kept frame.
        codons = random.choice(np.flatnonzero(genetic_code.CODON_TOKENS), length // 3)
        bases = np.stack([codons // 16, codons // 4 % 4, codons % 4], axis=1).ravel().astype(np.uint8)
        bases = np.concatenate([bases, random.integers(0, 4, length % 3).astype(np.uint8)])
        bases[random.random(length) < 0.01] = genetic_code.OTHER_BASE
        table = kept_frames(bases, np.array([0]), np.array([length]))
        frames = {}
        for row in range(len(table)):
            batch = make_batch(table, np.zeros(len(table), np.int64), np.array([row]))
            scores = pair(torch.from_numpy(batch.dna), torch.from_numpy(batch.protein)).softmax(dim=1)[0]
            frames[FRAME_NAMES[table.frame[row]]] = scores.tolist()
        cases.append({"sequence": genetic_code.base_letters(bases), "frames": frames})
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    arguments = parser.parse_args()
    best = torch.load(arguments.run / "best.pt", weights_only=True)
    pair = Pair(PairSizes.of(best["sizes"]))
    pair.load_state_dict(best["weights"])
    pair.eval()
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_folder(arguments.out / "dna", dna_weights(pair.dna), dna_config(pair.dna))
    dna_tokens.make_tokenizer().save(str(arguments.out / "dna" / "tokenizer.json"), pretty=False)
    write_folder(arguments.out / "esm", protein_weights(pair.protein), protein_config(pair.protein))
    torch.save(pair.plain_classifier().state_dict(), arguments.out / "classifier.pth")
    round_to_bfloat16(pair)
    (arguments.out / "expected.json").write_text(json.dumps(expected_scores(pair, seed=1), indent=1) + "\n")
    print(f"step {best['step']}, validation {best['validation']}: written to {arguments.out}")


if __name__ == "__main__":
    main()
