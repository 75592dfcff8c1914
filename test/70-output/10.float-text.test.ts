import assert from 'node:assert/strict';
import fc from 'fast-check';
import { float32Text } from '../../lib/output/float-text.js';

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function fromBits(pattern: number): number {
  bits[0] = pattern;
  return float[0] as number;
}

/** Every float32 in [0, 1], evenly by exponent; and evenly by value, like scores. */
const scores = fc.oneof(
  fc.integer({ min: 0, max: 0x3f800000 }).map(fromBits),
  fc.integer({ min: 0, max: 2 ** 24 }).map((part) => part / 2 ** 24),
  fc.integer({ min: 0, max: 1_000_000 }).map((part) => Math.fround(part / 1_000_000)),
);

function significantDigits(text: string): string {
  const digits = (text.split('e')[0] as string).replace('.', '').replace(/^0+/, '');
  return digits.replace(/0+$/, '');
}

/** The two decimals of `count` digits around the value, and the nearer of them (in a tie the even one). */
function neighbours(value: number, count: number): { nearest: number; below: number; above: number } {
  const [mantissa = '', exponent = '0'] = value.toExponential(100).split('e');
  const all = mantissa.replace('.', '');
  const head = BigInt(all.slice(0, count));
  const twice = BigInt(all.slice(count)) * 2n;
  const whole = 10n ** BigInt(all.length - count);
  const up = twice > whole || (twice === whole && head % 2n === 1n);
  const scale = `e${Number(exponent) - count + 1}`;
  const below = Number(`${head}${scale}`);
  const above = Number(`${head + 1n}${scale}`);
  return { below, above, nearest: up ? above : below };
}

function assertShortest(value: number): void {
  const text = float32Text(value);
  assert.equal(Math.fround(Number(text)), value, text);
  if (value === 0) return;
  const count = significantDigits(text).length;
  if (count > 1) {
    const { below, above } = neighbours(value, count - 1);
    assert.notEqual(Math.fround(below), value, `${text} for ${value}: ${below} is shorter`);
    assert.notEqual(Math.fround(above), value, `${text} for ${value}: ${above} is shorter`);
  }
  const { nearest, below, above } = neighbours(value, count);
  const other = nearest === below ? above : below;
  assert.equal(Number(text), Math.fround(nearest) === value ? nearest : other);
}

describe('The text of a float32 score', () => {
  // The texts that numpy prints for these values.
  const known: [number, string][] = [
    [0, '0.0'],
    [1, '1.0'],
    [0.5, '0.5'],
    [0.1, '0.1'],
    [0.01, '0.01'],
    [1 / 3, '0.33333334'],
    [0.9979233, '0.9979233'],
    [0.018662196, '0.018662196'],
    [1e-3, '0.001'],
    [1e-4, '1e-04'],
    [1e-5, '1e-05'],
    [1.2e-5, '1.2e-05'],
    [2 ** -13, '0.00012207031'],
    [2 ** -14, '6.1035156e-05'],
    [2 ** -23, '1.1920929e-07'],
    [2 ** -24, '5.9604645e-08'],
    [1 - 2 ** -24, '0.99999994'],
    [1.1754943508222875e-38, '1.1754944e-38'],
    [1e-45, '1e-45'],
    [1234.5, '1234.5'],
    [100, '100.0'],
    [1e16, '1e+16'],
    [-0.25, '-0.25'],
    [NaN, 'nan'],
    [-Infinity, '-inf'],
  ];
  for (const [value, text] of known) {
    it(`is ${text} for ${value}`, () => assert.equal(float32Text(Math.fround(value)), text));
  }

  it('is the even one of two texts that are equally near', () => {
    assert.equal(float32Text(129 / 512), '0.25195312');
    assert.equal(float32Text(131 / 512), '0.25585938');
  });

  it('has an exponent of two digits below 1e-4, and none from there', () => {
    fc.assert(
      fc.property(scores, (value) => {
        const pattern = value !== 0 && value < 1e-4 ? /^\d(\.\d*[1-9])?e-\d\d$/ : /^[01]\.(0|\d*[1-9])$/;
        assert.match(float32Text(value), pattern);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads back to the same float32, has no digit too many, and is the nearest of its length', () => {
    fc.assert(fc.property(scores, assertShortest), { numRuns: 5000 });
  });

  it('does so at every power of two, whose neighbours are unequally far, and beside it', () => {
    for (let exponent = 1; exponent <= 0x7f; exponent++) {
      for (const step of [-1, 0, 1])
        assertShortest(fromBits(exponent * 2 ** 23 + Math.min(step, exponent < 0x7f ? 1 : 0)));
    }
    for (let denormal = 0; denormal < 23; denormal++) assertShortest(fromBits(2 ** denormal));
  });

  it('does so for decimals of few digits', () => {
    for (let count = 0; count <= 10_000; count++) {
      const value = Math.fround(count / 10_000);
      assertShortest(value);
      if (value >= 1e-4)
        assert.equal(float32Text(value), Number.isInteger(value) ? `${value}.0` : String(count / 10_000));
    }
  });
});
