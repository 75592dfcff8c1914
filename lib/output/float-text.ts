/** 10^0 to 10^22: the powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const MAX_DIGITS = 9;
const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/**
 * The shortest decimal text that reads back to the same float32, as numpy prints it: `0.9979233`, `1.0`, `1e-05`. If
 * there are several, the nearest; if two are equally near, the one with the even digit.
 *
 * @param value a float32 value; another number is rounded to one first
 */
export function float32Text(value: number): string {
  const rounded = Math.fround(value);
  if (rounded === 0) return Object.is(rounded, -0) ? '-0.0' : '0.0';
  if (rounded === 1) return '1.0';
  if (rounded < 0) return `-${float32Text(-rounded)}`;
  if (rounded >= 1e-13 && rounded < 1e6) return fastText(rounded) ?? exactText(rounded);
  if (Number.isNaN(rounded)) return 'nan';
  return rounded === Infinity ? 'inf' : exactText(rounded);
}

/**
 * Fast path for 1e-13 <= value < 1e6, in doubles. An integer n below 1e10 and a power of ten up to 1e22 are exact, so n /
 * 10^k is the double that the text would be read as. Undefined if the nearest n is not certain: near a tie, and for a
 * power of two, whose lower neighbour is nearer than its upper one.
 */
function fastText(value: number): string | undefined {
  floatView[0] = value;
  if (((bitsView[0] as number) & 0x7fffff) === 0) return undefined;
  // The decimals with which n has one digit; none are before the point.
  let leading = 1;
  while (leading > -5 && value >= (POWERS_OF_TEN[1 - leading] as number)) leading--;
  while (leading > 0 && value * (POWERS_OF_TEN[leading] as number) < 1) leading++;
  // Eight digits are enough for most values, so the search starts there.
  let decimals = leading + MAX_DIGITS - 2;
  let digits = digitsThatReadBack(value, decimals);
  if (digits === 0) digits = digitsThatReadBack(value, ++decimals);
  else if (digits > 0) {
    while (decimals > Math.max(leading, 0)) {
      const fewer = digitsThatReadBack(value, decimals - 1);
      if (fewer < 0) return undefined;
      if (fewer === 0) break;
      digits = fewer;
      decimals--;
    }
  }
  return digits > 0 ? decimalText(value, String(digits), decimals) : undefined;
}

/** The n nearest to value * 10^decimals; 0 when n / 10^decimals does not read back to the value, -1 near a tie. */
function digitsThatReadBack(value: number, decimals: number): number {
  const power = POWERS_OF_TEN[decimals] as number;
  const scaled = value * power;
  let digits = Math.floor(scaled);
  const rest = scaled - digits;
  if (rest > 0.499999 && rest < 0.500001) return -1;
  if (rest > 0.5) digits++;
  return Math.fround(digits / power) === value ? digits : 0;
}

/** Slow path for any positive value: from its exact decimal digits. */
function exactText(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(100).split('e');
  const all = mantissa.replace('.', '');
  for (let count = 1; count <= MAX_DIGITS; count++) {
    const below = Number(all.slice(0, count));
    const decimals = count - 1 - Number(exponent);
    const nearest = below + (roundsUp(below, all.slice(count)) ? 1 : 0);
    for (const digits of [nearest, nearest === below ? below + 1 : below]) {
      if (Math.fround(Number(`${digits}e${-decimals}`)) === value) return decimalText(value, String(digits), decimals);
    }
  }
  throw new RangeError(`Expected ${MAX_DIGITS} digits to be enough for the float32 value ${value}`);
}

function roundsUp(below: number, rest: string): boolean {
  const half = '5'.padEnd(rest.length, '0');
  return rest === half ? below % 2 === 1 : rest > half;
}

/** Writes digits * 10^-decimals as numpy does: with an exponent if the value itself is below 1e-4 or at least 1e16. */
function decimalText(value: number, digits: string, decimals: number): string {
  let length = digits.length;
  while (digits.charCodeAt(length - 1) === 48) length--;
  const significant = length === digits.length ? digits : digits.slice(0, length);
  const places = decimals - (digits.length - length);
  const exponent = length - 1 - places;
  if (value < 1e-4 || value >= 1e16) {
    const fraction = length > 1 ? `.${significant.slice(1)}` : '';
    return `${significant.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  if (places <= 0) return `${significant}${'0'.repeat(-places)}.0`;
  if (length > places) return `${significant.slice(0, length - places)}.${significant.slice(length - places)}`;
  return `0.${significant.padStart(places, '0')}`;
}
