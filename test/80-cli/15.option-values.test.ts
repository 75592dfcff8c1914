import assert from 'node:assert/strict';
import {
  deviceChoice,
  gpuNumbers,
  memorySize,
  positiveFraction,
  seconds,
  fraction,
} from '../../lib/cli/option-values.js';

describe('the values of options', () => {
  it('are sizes of memory', () => {
    const sizes: [string, number][] = [
      ['1', 1],
      ['900M', 900 * 2 ** 20],
      ['8G', 8 * 2 ** 30],
      ['8g', 8 * 2 ** 30],
      ['1.5GiB', 1.5 * 2 ** 30],
      ['.5 GB', 2 ** 29],
      ['2T', 2 ** 41],
      ['100kb', 102_400],
    ];
    for (const [word, bytes] of sizes) assert.equal(memorySize(word), bytes, word);
    for (const word of ['', 'G', '-1', '0', '1e9', '8X', '8 G B', '0.0001', '99999999T']) {
      assert.throws(() => memorySize(word), /a memory size/, word);
    }
  });

  it('are devices', () => {
    for (const word of ['auto', 'cpu', 'cuda'] as const) assert.equal(deviceChoice(word), word);
    assert.deepEqual(deviceChoice('cuda:1'), ['cuda:1']);
    assert.deepEqual(deviceChoice('cuda:1, cpu'), ['cuda:1', 'cpu']);
    assert.deepEqual(gpuNumbers('0,2, 03'), ['cuda:0', 'cuda:2', 'cuda:3']);
    for (const word of ['', '0,', '-1', '0;1', 'all']) assert.throws(() => gpuNumbers(word), word);
  });

  it('are numbers as programs and people write them', () => {
    const numbers: [string, number][] = [
      ['1e-3', 0.001],
      ['1E-3', 0.001],
      ['.5', 0.5],
      ['5e-1', 0.5],
      ['.5e+0', 0.5],
      ['0.01e2', 1],
      ['00.5', 0.5],
      ['1', 1],
      ['0', 0],
    ];
    for (const [word, value] of numbers) {
      assert.equal(fraction(word), value, word);
      assert.equal(seconds(word), value, word);
    }
    assert.equal(seconds('8.64e4'), 86_400);
    const wrong = [
      '',
      ' ',
      '0x1',
      '1e999',
      'nan',
      'NaN',
      'Infinity',
      '-1',
      '-0',
      '+1',
      '1e',
      'e5',
      '.',
      '1 ',
      '1,5',
      '1_0',
    ];
    for (const word of wrong) {
      assert.throws(() => fraction(word), /a number from 0 to 1/, word);
      assert.throws(() => seconds(word), /a number from 0 to 86400/, word);
    }
  });

  it('are shares of something', () => {
    assert.equal(positiveFraction('0.9'), 0.9);
    assert.equal(positiveFraction('9e-1'), 0.9);
    for (const word of ['0', '1e-999', '1.1', 'x', '-0.5']) assert.throws(() => positiveFraction(word), word);
  });
});
