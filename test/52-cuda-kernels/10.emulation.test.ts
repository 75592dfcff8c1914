import assert from 'node:assert/strict';
import { CudaEmulation } from '../cuda-emulation/cuda-emulation.js';

/** The sum of 64 ones in each of 64 threads, added up, for four orders of the threads. */
const RIGHT = Array<string>(4).fill('4096');

describe('the emulation of CUDA', () => {
  let emulation: CudaEmulation;
  before(function () {
    emulation = CudaEmulation.build(this);
  });

  it('runs a kernel to the same result in any order of its threads', () => {
    const { output, errors, end } = emulation.runFaulty(0);
    assert.deepEqual([output.split('\n'), errors, end], [RIGHT, '', 0]);
  });

  it('shows a race by results that depend on the order', () => {
    const sums = emulation.runFaulty(1).output.split('\n');
    assert.equal(sums.length, RIGHT.length);
    assert.ok(new Set(sums).size > 1, sums.join());
  });

  it('shows shared memory that nobody wrote', () => {
    for (const sum of emulation.runFaulty(6).output.split('\n')) assert.match(sum, /nan/);
  });

  for (const [fault, name, expected] of [
    [2, 'a barrier that a thread does not reach', /this barrier is not reached by all threads \(line \d+\)/],
    [5, 'a wide access at an odd place', /an access that is not aligned to its size/],
    [7, 'lanes that shuffle in different places', /the lanes of a warp meet in different places/],
  ] as const) {
    it(`ends the process over ${name}, and says so`, () => {
      const { errors, end } = emulation.runFaulty(fault);
      assert.equal(end, 'SIGABRT');
      assert.match(errors, expected);
    });
  }

  for (const [fault, name] of [
    [3, 'shared memory'],
    [4, "the device's memory"],
  ] as const) {
    it(`ends the process over an access behind the end of ${name}`, () => {
      assert.equal(emulation.runFaulty(fault).end, 'SIGSEGV');
    });
  }
});
