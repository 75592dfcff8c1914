import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { compileFakeDriver, libtorchWithoutCuda, noCompiler } from '../fake-driver.js';
import { skip } from '../skipped.js';
import type { Said } from './devices-process.js';

const PROGRAM = fileURLToPath(new URL('devices-process.js', import.meta.url));
const GIB = 2 ** 30;

describe('the devices that a driver shows', () => {
  let folder: string;
  let libtorch: string;

  before(function () {
    const reason = noCompiler();
    if (reason !== undefined) skip(this, reason);
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-driver-'));
    compileFakeDriver(join(folder, 'driver'), ['cuda', 'nvml']);
    compileFakeDriver(join(folder, 'without-nvml'), ['cuda']);
    // Hides this machine's own, if it has one.
    writeFileSync(join(folder, 'without-nvml', 'libnvidia-ml.so.1'), 'x'.repeat(10_000));
    libtorch = libtorchWithoutCuda(folder);
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  interface Asking {
    readonly driver?: string;
    readonly place?: 'main' | 'thread';
    readonly ids?: readonly string[];
  }

  /** @returns the addon's answer, without the CPU */
  async function ask(environment: NodeJS.ProcessEnv, options: Asking = {}): Promise<Said & { record: string }> {
    const { driver = 'driver', place = 'main', ids = [] } = options;
    const record = join(folder, 'record');
    rmSync(record, { force: true });
    const env: NodeJS.ProcessEnv = {
      ...{ ...process.env, CUDA_DEVICE_ORDER: undefined, CUDA_VISIBLE_DEVICES: undefined },
      ...{ LD_LIBRARY_PATH: join(folder, driver), LIBTORCH: libtorch, VIRNUCPRO_ADDON: dirname(loadAddon().path) },
      ...{ FAKE_DEVICES: '2', FAKE_RECORD: record, ...environment },
    };
    const output = await new Promise<string>((resolve, reject) =>
      execFile(process.execPath, [PROGRAM, place, ...ids], { env, timeout: 300_000 }, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stderr}`)) : resolve(stdout),
      ),
    );
    const said = JSON.parse(output) as Said;
    assert.equal(said.cuda, 'unusable');
    assert.equal(said.devices[0]!.id, 'cpu');
    return { ...said, devices: said.devices.slice(1), record: readFileSync(record, 'latin1') };
  }

  const first = {
    ...{ id: 'cuda:0', name: 'Fake GPU 0', capability: '9.0', bf16: true },
    ...{ memoryTotal: 16 * GIB, memoryFree: 10 * GIB, driver: '580.65.06', pciAddress: '00000000:1B:00.0' },
    ...{ mig: false, computeMode: 'default', processes: 0 },
  };
  const second = {
    ...{ ...first, id: 'cuda:1', name: 'Fake GPU 1', capability: '7.5', bf16: false },
    ...{ memoryTotal: 32 * GIB, memoryFree: 20 * GIB, pciAddress: '00000000:3B:00.0' },
  };
  const untold = { memoryTotal: null, memoryFree: null, utilisation: null, temperature: null };

  it('are described in bus order, without a context', async () => {
    const { devices, record } = await ask({});
    assert.deepEqual(devices, [first, second]);
    assert.equal(record, 'cuInit(0) CUDA_DEVICE_ORDER=PCI_BUS_ID\n');
  });

  it('are shown by a driver that says what it is, and which CUDA it runs', async () => {
    assert.deepEqual((await ask({})).driver, { version: '580.65.06', cuda: '13.0' });
    assert.deepEqual((await ask({ FAKE_CUDA_VERSION: '12040' })).driver, { version: '550.54.14', cuda: '12.4' });
    assert.deepEqual((await ask({}, { driver: 'without-nvml' })).driver, { version: '', cuda: '13.0' });
  });

  it('are in bus order in a JavaScript thread, whose process.env is a copy', async () => {
    const { devices, record } = await ask({}, { place: 'thread' });
    assert.deepEqual(devices, [first, second]);
    assert.equal(record, 'cuInit(0) CUDA_DEVICE_ORDER=PCI_BUS_ID\n');
  });

  it('are in the order that the user has set', async () => {
    const { devices, record } = await ask({ CUDA_DEVICE_ORDER: 'FASTEST_FIRST' });
    assert.equal(record, 'cuInit(0) CUDA_DEVICE_ORDER=FASTEST_FIRST\n');
    assert.deepEqual(devices, [
      { ...second, id: 'cuda:0' },
      { ...first, id: 'cuda:1' },
    ]);
  });

  it('are counted among the visible ones, each with its own figures', async () => {
    const { devices, sensors } = await ask({ CUDA_VISIBLE_DEVICES: '1' }, { ids: ['cuda:0'] });
    assert.deepEqual(devices, [{ ...second, id: 'cuda:0' }]);
    assert.equal(sensors![0]!.temperature, 41);
  });

  it('may be busy, prohibited or exclusive', async () => {
    const modes = { FAKE_DEVICES: '4', FAKE_MODES: '0,1,2,3', FAKE_PROCESSES: '2,0,0,1' };
    const { devices } = await ask(modes);
    const found = devices.map(({ computeMode, processes }) => ({ computeMode, processes }));
    assert.deepEqual(found, [
      { computeMode: 'default', processes: 2 },
      { computeMode: 'exclusive', processes: 0 },
      { computeMode: 'prohibited', processes: 0 },
      { computeMode: 'exclusive', processes: 1 },
    ]);
  });

  it('are not busy with this process alone', async () => {
    const { devices } = await ask({ FAKE_CONTEXT: '1', FAKE_PROCESSES: '1,3' });
    assert.deepEqual(
      devices.map(({ processes }) => processes),
      [0, 2],
    );
  });

  it('are everybody’s where the multi-process service shares them, unless they are prohibited', async () => {
    const { devices } = await ask({ FAKE_SERVICE: '1', FAKE_MODES: '3,2', FAKE_PROCESSES: '1,0' });
    assert.deepEqual(
      devices.map(({ computeMode }) => computeMode),
      ['default', 'prohibited'],
    );
  });

  it('may be slices, with figures of their own and the temperature of their GPU', async () => {
    const { devices, sensors } = await ask({ FAKE_SLICE: '1' }, { ids: ['cuda:0', 'cuda:1'] });
    const memory = { memoryTotal: 5 * GIB, memoryFree: 4 * GIB };
    assert.deepEqual(devices, [{ ...first, ...memory, name: 'Fake GPU 0 MIG 1g.5gb', mig: true }, second]);
    assert.deepEqual(sensors, [
      { ...memory, utilisation: null, temperature: 40 },
      { memoryTotal: 34 * GIB, memoryFree: 20 * GIB, utilisation: 0.5, temperature: 41 },
    ]);
  });

  it('have sensors, in the order in which they are asked', async () => {
    const { sensors } = await ask({}, { ids: ['cuda:1', 'cuda:0'] });
    assert.deepEqual(sensors, [
      { memoryTotal: 34 * GIB, memoryFree: 20 * GIB, utilisation: 0.5, temperature: 41 },
      { memoryTotal: 17 * GIB, memoryFree: 10 * GIB, utilisation: 0.25, temperature: 40 },
    ]);
  });

  it('have no sensors where they do not exist', async () => {
    for (const id of ['cpu', 'cuda:2']) {
      const { failure } = await ask({}, { ids: ['cuda:0', id] });
      assert.equal(failure!.code, 'VNP_DEVICE');
      assert.match(failure!.message, new RegExp(`^Expected one of cuda:0, cuda:1 for .* received ${id}$`));
    }
  });

  for (const [what, environment, driver] of [
    ['is missing', {}, 'without-nvml'],
    ['cannot be initialised', { FAKE_NVML: 'refuses' }, 'driver'],
  ] as const) {
    it(`are described by the driver alone where NVML ${what}`, async () => {
      const words = { FAKE_SLICE: '1', FAKE_MODES: '2,2', FAKE_PROCESSES: '1,1', ...environment };
      const { devices, sensors } = await ask(words, { driver, ids: ['cuda:0'] });
      const silent = { memoryFree: null, driver: '' };
      const slice = { name: 'Fake GPU 0 MIG 1g.5gb', memoryTotal: 5 * GIB, mig: true };
      assert.deepEqual(devices, [
        { ...first, ...silent, ...slice },
        { ...second, ...silent },
      ]);
      assert.deepEqual(sensors, [untold]);
    });
  }

  it('may be none', async () => {
    const { devices, failure } = await ask({ FAKE_DEVICES: '0' }, { ids: ['cuda:0'] });
    assert.deepEqual(devices, []);
    assert.equal(failure!.code, 'VNP_DEVICE');
  });
});

describe('sensors', () => {
  const { addon } = loadAddon();

  it('of no device are none', async () => {
    assert.deepEqual(await addon.sensors([]), []);
  });

  it('rejects what is no array of ids', async () => {
    for (const wrong of [undefined, 'cuda:0', [0]]) {
      const asked = (addon.sensors as (ids: unknown) => Promise<unknown>)(wrong);
      await assert.rejects(asked, { code: 'VNP_ARGUMENT' });
    }
  });
});
