export const EMBEDDING_STRIDE = 13;

/**
 * What the known batch gives, to seven decimals: computed in float64 from the published definitions, apart from either
 * engine, which the tests repeat; both engines confirm it in float32. It belongs to the weights and tokens of
 * known-model.ts and changes with them only.
 */
export const KNOWN_VALUES = {
  /** Virus score of each frame. */
  virusScores: [0.1208936, 0.6706378, 0.1873108],
  /** Of each frame's embeddings (DNA, then protein) the entries 0, EMBEDDING_STRIDE, 2 * EMBEDDING_STRIDE, … */
  embeddings: [
    [
      -0.0891617, 0.9997123, -0.1371651, 0.0305174, -0.3647018, -0.9205441, 0.5603659, -0.1325565, -1.4657832,
      0.8417604, -0.8623543, -1.765781, 0.285177, -0.3973886, -0.6807025, 0.250521, 0.1649639, 0.0130019, 0.4391324,
      0.6235646, -0.2023976, 0.1419894, 0.3422352, -0.1197694, -2.1334893,
    ],
    [
      -0.0462019, 0.2511708, -0.3157627, -0.1820316, -0.7358624, -1.2213645, 0.5569439, 0.3622032, -0.5846236,
      0.0508504, -1.5721359, -1.0180592, 0.136814, -0.1458586, -0.1377503, 0.0925997, 0.6062449, 0.1664197, 0.43197,
      1.6508705, -0.6325535, 0.0732322, -0.8801299, 0.1410832, -1.0013205,
    ],
    [
      -0.2241054, 0.7440015, 0.1799065, 0.4719367, -0.7291404, -1.3433922, 0.4033937, -0.10326, -0.7955032, -0.0034829,
      -1.3274384, -0.7650902, -0.6697503, -0.6507706, -0.3141374, 0.089422, 0.3706001, 0.4089421, 0.7871897, -0.1028956,
      -0.0936356, -0.1974244, -0.7085745, 0.6482366, -0.4067942,
    ],
  ],
} as const satisfies { virusScores: readonly number[]; embeddings: readonly (readonly number[])[] };
