"""fair-esm's own ESM2, in float32, its only precision on a CPU."""

import esm
import measure
import torch
from archive import FAIR_ESM, load_parameters, open_archive, renamed_parameters
from padding import means_of, padded


def load(arguments) -> measure.Program:
    torch.set_num_threads(arguments.threads)
    module, sizes = open_archive(arguments.weights / 'protein.pt')
    model = esm.ESM2(sizes['layers'], sizes['width'], sizes['heads']).eval()
    load_parameters(model, renamed_parameters(module, FAIR_ESM), unused=('lm_head.', 'contact_head.'))
    del module

    @torch.inference_mode()
    def forward(sequences):
        tokens, _ = padded(sequences)
        hidden = model(tokens, repr_layers=[model.num_layers])['representations'][model.num_layers]
        return means_of(hidden, sequences, ends=1)

    return measure.Program(forward)


if __name__ == '__main__':
    measure.run(load)
