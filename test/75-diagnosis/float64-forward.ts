/**
 * The three architectures again, plainly and in float64: one sequence at a time, without packing or padding, written
 * from the published definitions and not from either engine. They verify the values that the doctor compares with.
 */
import type { ClassifierArchitecture, DnabertArchitecture, Esm2Architecture } from '../../lib/engine/addon.js';
import type { KnownParameter } from '../../lib/diagnosis/known-model.js';

type Row = number[];
type Weights = (name: string) => Float32Array;

export function weightsOf(parameters: readonly KnownParameter[]): Weights {
  const byName = new Map(parameters.map(({ name, values }) => [name, values]));
  return (name) => {
    const values = byName.get(name);
    if (!values) throw new Error(`Expected a parameter ${name}`);
    return values;
  };
}

/** The mean over the residues: without the first and the last token. */
export function esm2Mean(tokens: readonly number[], { layers, width, heads }: Esm2Architecture, w: Weights): Row {
  const embedding = w('embed_tokens.weight');
  let x = tokens.map((token) => range(width, (d) => 0.88 * embedding[token * width + d]!));
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}.`;
    const normal = x.map((row) => layerNorm(row, w, `${name}attention_norm`, 1e-5));
    const [query, key, value] = ['query', 'key', 'value'].map((part) =>
      normal.map((row) => linear(row, w, name + part)),
    );
    const turned = (rows: Row[]) => rows.map((row, position) => rotated(row, position, heads));
    const mixed = attention(turned(query!), turned(key!), value!, heads, () => 0);
    x = add(
      x,
      mixed.map((row) => linear(row, w, `${name}attention_output`)),
    );
    const wide = x.map((row) => linear(layerNorm(row, w, `${name}feed_forward_norm`, 1e-5), w, `${name}up`).map(gelu));
    x = add(
      x,
      wide.map((row) => linear(row, w, `${name}down`)),
    );
  }
  return mean(x.map((row) => layerNorm(row, w, 'final_norm', 1e-5)).slice(1, -1));
}

/** The mean over every token, including the first and the last. */
export function dnabertMean(tokens: readonly number[], sizes: DnabertArchitecture, w: Weights): Row {
  const { layers, width, heads, feedForward, layerNormEpsilon: epsilon } = sizes;
  const words = w('word_embeddings.weight');
  const types = w('token_type_embeddings.weight');
  const embedded = tokens.map((token) => range(width, (d) => words[token * width + d]! + types[d]!));
  let x = embedded.map((row) => layerNorm(row, w, 'embedding_norm', epsilon));
  const slopes = alibiSlopes(heads);
  for (let layer = 0; layer < layers; layer++) {
    const name = `layers.${layer}.`;
    const projected = x.map((row) => linear(row, w, `${name}query_key_value`));
    const [query, key, value] = [0, 1, 2].map((i) => projected.map((row) => row.slice(i * width, (i + 1) * width)));
    const bias = (head: number, i: number, j: number) => -slopes[head]! * Math.abs(i - j);
    const mixed = attention(query!, key!, value!, heads, bias);
    x = add(
      x,
      mixed.map((row) => linear(row, w, `${name}attention_output`)),
    );
    x = x.map((row) => layerNorm(row, w, `${name}attention_norm`, epsilon));
    const gated = x.map((row) => {
      const both = linear(row, w, `${name}gated`, false);
      return range(feedForward, (d) => gelu(both[d]!) * both[feedForward + d]!);
    });
    x = add(
      x,
      gated.map((row) => linear(row, w, `${name}down`)),
    );
    x = x.map((row) => layerNorm(row, w, `${name}output_norm`, epsilon));
  }
  return mean(x);
}

/** The two scores of one frame. */
export function classified(features: Row, { hidden, batchNormEpsilon }: ClassifierArchitecture, w: Weights): Row {
  const raw = linear(features, w, 'hidden');
  const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((n) => w(`norm.${n}`));
  const normal = range(hidden, (d) => {
    const centred = (raw[d]! - mean![d]!) / Math.sqrt(variance![d]! + batchNormEpsilon);
    return Math.max(0, centred * scale![d]! + shift![d]!);
  });
  return softmax(linear(normal, w, 'output'));
}

function range(count: number, of: (index: number) => number): Row {
  return Array.from({ length: count }, (_, index) => of(index));
}

function add(one: Row[], other: Row[]): Row[] {
  return one.map((row, i) => row.map((value, d) => value + other[i]![d]!));
}

function mean(rows: Row[]): Row {
  return range(rows[0]!.length, (d) => rows.reduce((sum, row) => sum + row[d]!, 0) / rows.length);
}

function linear(row: Row, w: Weights, name: string, hasBias = true): Row {
  const weight = w(`${name}.weight`);
  const bias = hasBias ? w(`${name}.bias`) : undefined;
  return range(weight.length / row.length, (o) => {
    let sum = bias?.[o] ?? 0;
    for (let d = 0; d < row.length; d++) sum += weight[o * row.length + d]! * row[d]!;
    return sum;
  });
}

function layerNorm(row: Row, w: Weights, name: string, epsilon: number): Row {
  const [weight, bias] = [w(`${name}.weight`), w(`${name}.bias`)];
  const centre = row.reduce((sum, value) => sum + value, 0) / row.length;
  const variance = row.reduce((sum, value) => sum + (value - centre) ** 2, 0) / row.length;
  return row.map((value, d) => ((value - centre) / Math.sqrt(variance + epsilon)) * weight[d]! + bias[d]!);
}

function softmax(logits: Row): Row {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function attention(
  query: Row[],
  key: Row[],
  value: Row[],
  heads: number,
  bias: (head: number, i: number, j: number) => number,
): Row[] {
  const width = query[0]!.length / heads;
  return query.map((from, i) => {
    const mixed: Row = [];
    for (let head = 0; head < heads; head++) {
      const first = head * width;
      const logits = key.map((to, j) => {
        let dot = 0;
        for (let d = first; d < first + width; d++) dot += from[d]! * to[d]!;
        return dot / Math.sqrt(width) + bias(head, i, j);
      });
      const weights = softmax(logits);
      mixed.push(...range(width, (d) => value.reduce((sum, row, j) => sum + weights[j]! * row[first + d]!, 0)));
    }
    return mixed;
  });
}

/** Rotary positions: dimensions d and d + half of a head rotate together by position / 10000^(d / half). */
function rotated(row: Row, position: number, heads: number): Row {
  const width = row.length / heads;
  const half = width / 2;
  return row.map((value, index) => {
    const d = index % width;
    const angle = position / 10_000 ** ((d % half) / half);
    const other = d < half ? -row[index + half]! : row[index - half]!;
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/**
 * For a power of two n the slopes are 2^(-8/n), 2^(-16/n), …; otherwise those of the lower power, then every other of
 * the next.
 */
function alibiSlopes(heads: number): Row {
  const ofPower = (n: number) => range(n, (i) => 2 ** ((-8 * (i + 1)) / n));
  const lower = 2 ** Math.floor(Math.log2(heads));
  const others = ofPower(2 * lower).filter((_, index) => index % 2 === 0);
  return [...ofPower(lower), ...others.slice(0, heads - lower)];
}

function gelu(x: number): number {
  return (x / 2) * (1 + errorFunction(x / Math.SQRT2));
}

/** By its power series, accurate to 1e-9 for |x| < 6; beyond, the result is 1 or -1 to even more digits. */
function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  // erf x = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so none cancels.
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
