"""transformers' EsmModel with PyTorch's fused attention, in float32 or with weights in bfloat16."""

import measure
import torch
from padding import means_of, padded
from transformers import EsmModel

DATA_TYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}


def load(arguments) -> measure.Program:
    torch.set_num_threads(arguments.threads)
    model = EsmModel.from_pretrained(
        arguments.weights / 'transformers',
        dtype=DATA_TYPES[arguments.precision],
        attn_implementation='sdpa',
        add_pooling_layer=False,
    ).eval()

    @torch.inference_mode()
    def forward(sequences):
        tokens, mask = padded(sequences)
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        return means_of(hidden, sequences, ends=1)

    return measure.Program(forward)


if __name__ == '__main__':
    measure.run(load)
