"""esm-cpp, in float32 or INT8: per-channel weights, dynamic activations, packed batches by its own scheduler."""

import os
import sys

import measure
import numpy

# The library reads it when it makes its threads.
os.environ['ESM_NUM_THREADS'] = sys.argv[sys.argv.index('--threads') + 1]
import esm_cpp  # noqa: E402


def load(arguments) -> measure.Program:
    model = esm_cpp.Model.load_from_safetensors(str(arguments.weights / 'transformers' / 'model.safetensors'))
    if arguments.precision == 'int8':
        model.quantize_weights()

    def arrays(sequences):
        return [numpy.asarray(sequence, dtype=numpy.int32) for sequence in sequences]

    def forward(sequences):
        # Its packed batches return logits instead of means: slightly more work, that of the head.
        return model.forward_scheduled(arrays(sequences))

    def embed(sequences):
        return [model.forward_with_hidden_states(ids)[1][-1][1:-1].mean(0) for ids in arrays(sequences)]

    return measure.Program(forward, embed)


if __name__ == '__main__':
    measure.run(load)
