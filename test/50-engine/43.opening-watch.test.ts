import assert from 'node:assert/strict';
import type { NativeDevice } from '../../lib/engine/addon.js';
import { OpeningWatch } from '../../lib/engine/pool/stall-watch.js';

const device = (id: string): NativeDevice => ({ id }) as NativeDevice;

/** Opens when it is told to, or is given up. */
class Opening {
  isGivenUp = false;
  opened!: () => void;

  readonly open = (abandon: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      this.opened = () => resolve('opened');
      abandon.addEventListener('abort', () => {
        this.isGivenUp = true;
        reject(new Error('given up'));
      });
    });
}

describe('the watch over what is opened', () => {
  let watch: OpeningWatch;
  beforeEach(() => (watch = new OpeningWatch(0.1, 0)));
  afterEach(() => watch.end());

  it('gives up GPUs that give no sign, but not the CPU, nor what has opened', async () => {
    const [hanging, sound, cpu] = [new Opening(), new Opening(), new Opening()];
    const opened = watch.during(device('cuda:1'), sound.open);
    const onCpu = watch.during(device('cpu'), cpu.open);
    const given = watch.during(device('cuda:0'), hanging.open);
    sound.opened();
    assert.equal(await opened, 'opened');
    // Keeps the process alive, as nothing else does.
    const alive = setInterval(() => undefined, 1000);
    await assert.rejects(given, { message: 'given up' }).finally(() => clearInterval(alive));
    assert.deepEqual([hanging, sound, cpu].map(({ isGivenUp }) => isGivenUp), [true, false, false]); // prettier-ignore
    cpu.opened();
    assert.equal(await onCpu, 'opened');
  });

  it('waits for all as long as one gives a sign', async () => {
    const patient = new OpeningWatch(1, 0);
    const silent = new Opening();
    const opened = patient.during(device('cuda:0'), silent.open);
    for (let sign = 0; sign < 8; sign++) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      patient.hear();
    }
    patient.end();
    assert.equal(silent.isGivenUp, false);
    silent.opened();
    assert.equal(await opened, 'opened');
  });
});
