/**
 * What the known batch gives in float32, once computed by the TorchScript forward on a CPU; an independent computation in
 * float64 agrees to 2e-6, which the tests repeat. Change nothing here without a change of known-model.ts.
 */
export const KNOWN_VALUES = {
  /** Virus score of each frame. */
  virusScores: [0.1173619, 0.5259613, 0.090717],
  /** Of each frame's embeddings (DNA, then protein) the entries 0, EMBEDDING_STRIDE, 2 * EMBEDDING_STRIDE, … */
  embeddings: [
    [
      -0.5143009, 0.6211706, 0.5474815, 0.5664942, -0.2562657, -1.0663006, 0.9270055, 0.3992442, -0.8438882, 0.956228,
      -1.456843, -1.5056738, -0.2701769, -0.792895, -0.3408218, 0.395303, 0.4335391, 0.1549545, 0.4912037, 0.1542506,
      -0.0420008, -0.2153721, -0.082177, -0.3433073, -1.737399,
    ],
    [
      -0.5046685, 0.4558724, -0.4751599, 0.1895683, -0.5923702, -1.461139, 0.7258952, 0.1374805, -0.4400554, 0.2784911,
      -1.5209157, -1.1133493, -0.1962965, -0.6342961, -0.3213763, 0.1394116, 0.5985832, 0.3045489, 0.4279593, 1.625262,
      -0.7960824, -0.0240456, -1.2244216, 0.0959547, -1.6347001,
    ],
    [
      -0.4524841, 0.9993551, -0.1640617, 0.3222958, -0.5793446, -1.1248859, 0.5750249, -0.038639, -0.393821, 0.195939,
      -1.2745364, -1.1782908, -0.3691963, -0.8319917, -0.3413429, 0.2524313, 0.6211242, 0.3080827, 0.8169157, 0.2508323,
      -0.3990548, -0.3085025, -0.9155043, 0.3742945, -0.6100247,
    ],
  ],
} as const satisfies { virusScores: readonly number[]; embeddings: readonly (readonly number[])[] };

export const EMBEDDING_STRIDE = 13;
