/**
 * XXH64 with seed 0; a zstd frame ends with its lower half. A 64-bit number is two unsigned halves here: BigInt would
 * take longer than the decompression.
 */
export class XxHash64 {
  /** Four lanes, each as lower and upper half. */
  readonly #lanes = new Uint32Array(8);
  readonly #stripe = new Uint8Array(STRIPE);
  #inStripe = 0;
  #length = 0;

  constructor() {
    setLane(this.#lanes, 0, sum(PRIME_1, PRIME_2));
    setLane(this.#lanes, 1, PRIME_2);
    setLane(this.#lanes, 2, [0, 0]);
    setLane(this.#lanes, 3, negative(PRIME_1));
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let position = 0;
    if (this.#inStripe > 0) {
      position = Math.min(STRIPE - this.#inStripe, bytes.length);
      this.#stripe.set(bytes.subarray(0, position), this.#inStripe);
      this.#inStripe += position;
      if (this.#inStripe < STRIPE) return;
      addStripes(this.#lanes, this.#stripe, 0, STRIPE);
      this.#inStripe = 0;
    }
    const whole = position + (bytes.length - position - ((bytes.length - position) % STRIPE));
    addStripes(this.#lanes, bytes, position, whole);
    this.#stripe.set(bytes.subarray(whole));
    this.#inStripe = bytes.length - whole;
  }

  /** @returns the lower 32 bits, unsigned */
  low32(): number {
    let hash = sum(this.#length < STRIPE ? PRIME_5 : this.#merged(), [
      this.#length >>> 0,
      Math.floor(this.#length / 2 ** 32),
    ]);
    const view = new DataView(this.#stripe.buffer);
    let position = 0;
    for (; position + 8 <= this.#inStripe; position += 8) {
      const word: Long = [view.getUint32(position, true), view.getUint32(position + 4, true)];
      hash = sum(product(rotated(xor(hash, round([0, 0], word)), 27), PRIME_1), PRIME_4);
    }
    if (position + 4 <= this.#inStripe) {
      const word: Long = [view.getUint32(position, true), 0];
      hash = sum(product(rotated(xor(hash, product(word, PRIME_1)), 23), PRIME_2), PRIME_3);
      position += 4;
    }
    for (; position < this.#inStripe; position++) {
      hash = product(rotated(xor(hash, product([this.#stripe[position]!, 0], PRIME_5)), 11), PRIME_1);
    }
    hash = product(xor(hash, shifted(hash, 33)), PRIME_2);
    hash = product(xor(hash, shifted(hash, 29)), PRIME_3);
    return xor(hash, shifted(hash, 32))[0];
  }

  #merged(): Long {
    const lanes = [0, 1, 2, 3].map((lane): Long => [this.#lanes[2 * lane]!, this.#lanes[2 * lane + 1]!]);
    const turns = [1, 7, 12, 18];
    let hash = lanes.map((lane, index) => rotated(lane, turns[index]!)).reduce(sum);
    for (const lane of lanes) hash = sum(product(xor(hash, round([0, 0], lane)), PRIME_1), PRIME_4);
    return hash;
  }
}

/** Lower and upper half of a 64-bit number. */
type Long = readonly [low: number, high: number];

const STRIPE = 32;
const PRIME_1: Long = [0x85ebca87, 0x9e3779b1];
const PRIME_2: Long = [0x27d4eb4f, 0xc2b2ae3d];
const PRIME_3: Long = [0x9e3779f9, 0x165667b1];
const PRIME_4: Long = [0xc2b2ae63, 0x85ebca77];
const PRIME_5: Long = [0x165667c5, 0x27d4eb2f];

function setLane(lanes: Uint32Array, lane: number, [low, high]: Long): void {
  lanes[2 * lane] = low;
  lanes[2 * lane + 1] = high;
}

function sum([lowA, highA]: Long, [lowB, highB]: Long): Long {
  const low = lowA + lowB;
  return [low >>> 0, (highA + highB + (low > 0xffffffff ? 1 : 0)) >>> 0];
}

function negative([low, high]: Long): Long {
  return [-low >>> 0, (low === 0 ? -high : ~high) >>> 0];
}

function xor([lowA, highA]: Long, [lowB, highB]: Long): Long {
  return [(lowA ^ lowB) >>> 0, (highA ^ highB) >>> 0];
}

function rotated([low, high]: Long, count: number): Long {
  const back = 32 - count;
  return [((low << count) | (high >>> back)) >>> 0, ((high << count) | (low >>> back)) >>> 0];
}

function shifted([low, high]: Long, count: number): Long {
  return count < 32 ? [((low >>> count) | (high << (32 - count))) >>> 0, high >>> count] : [high >>> (count - 32), 0];
}

function product([lowA, highA]: Long, [lowB, highB]: Long): Long {
  const high = (upperProduct(lowA, lowB) + Math.imul(lowA, highB) + Math.imul(highA, lowB)) >>> 0;
  return [Math.imul(lowA, lowB) >>> 0, high];
}

/** The upper half of the product of two unsigned 32-bit numbers. */
function upperProduct(a: number, b: number): number {
  const lowA = a & 0xffff;
  const highA = a >>> 16;
  const lowB = b & 0xffff;
  const highB = b >>> 16;
  // 16 bits times 16 bits plus a carry is exact in a double.
  const middle = highA * lowB + ((lowA * lowB) >>> 16);
  const other = lowA * highB + (middle & 0xffff);
  return (highA * highB + Math.floor(middle / 0x10000) + (other >>> 16)) >>> 0;
}

function round(lane: Long, word: Long): Long {
  return product(rotated(sum(lane, product(word, PRIME_2)), 31), PRIME_1);
}

/** The same as `round` for every lane of every stripe, without an object for each number. */
function addStripes(lanes: Uint32Array, bytes: Uint8Array, from: number, to: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [low1, high1] = PRIME_1;
  const [low2, high2] = PRIME_2;
  for (let lane = 0; lane < 4; lane++) {
    let low = lanes[2 * lane]!;
    let high = lanes[2 * lane + 1]!;
    for (let position = from + 8 * lane; position < to; position += STRIPE) {
      const wordLow = view.getUint32(position, true);
      const wordHigh = view.getUint32(position + 4, true);
      const addedLow = Math.imul(wordLow, low2) >>> 0;
      const addedHigh = upperProduct(wordLow, low2) + Math.imul(wordLow, high2) + Math.imul(wordHigh, low2);
      const sumLow = low + addedLow;
      const sumHigh = (high + addedHigh + (sumLow > 0xffffffff ? 1 : 0)) >>> 0;
      const turnedLow = ((sumLow << 31) | (sumHigh >>> 1)) >>> 0;
      const turnedHigh = ((sumHigh << 31) | ((sumLow >>> 0) >>> 1)) >>> 0;
      low = Math.imul(turnedLow, low1) >>> 0;
      high = (upperProduct(turnedLow, low1) + Math.imul(turnedLow, high1) + Math.imul(turnedHigh, low1)) >>> 0;
    }
    lanes[2 * lane] = low;
    lanes[2 * lane + 1] = high;
  }
}
