import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Check, DeviceList } from '../../lib/diagnostics.js';
import type { NativeDevice } from '../../lib/engine/addon.js';
import { listDevices } from '../../lib/diagnosis/device-list.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { libtorchWithoutCuda } from '../fake-driver.js';
import { virnucpro } from './command-line.js';

describe('virnucpro devices', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-devices-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A driver that loads, and this machine's libtorch without its CUDA half. */
  function driverWithoutCuda(): NodeJS.ProcessEnv {
    const driver = join(folder, 'driver');
    mkdirSync(driver);
    copyFileSync(join(dirname(loadAddon().path), 'virnucpro_loader.node'), join(driver, 'libcuda.so.1'));
    return { LD_LIBRARY_PATH: driver, LIBTORCH: libtorchWithoutCuda(folder) };
  }

  it('lists the CPU first, as the addon knows it', async () => {
    const { exitCode, stdout, stderr } = await virnucpro(['devices', '--json']);
    assert.equal(exitCode, 0, stderr);
    const { devices, cuda } = JSON.parse(stdout) as DeviceList;
    const known = loadAddon().addon.devices();
    assert.deepEqual(
      devices.map(({ id, name, memoryTotal, bf16 }) => ({ id, name, memoryTotal, bf16 })),
      known.map(({ id, name, memoryTotal, bf16 }) => ({ id, name, memoryTotal, bf16 })),
    );
    assert.equal(devices[0]!.id, 'cpu');
    assert.deepEqual(cuda, loadAddon().cuda);
    for (const { memoryFree, memoryTotal, bf16, automaticPrecision } of devices) {
      assert.ok(memoryFree! > 0 && memoryFree! <= memoryTotal);
      assert.equal(automaticPrecision, bf16 ? 'bf16' : 'fp32');
    }
  });

  it('prints them as a table', async () => {
    const { exitCode, stdout } = await virnucpro(['devices']);
    assert.equal(exitCode, 0);
    const [header, ...rows] = stdout.trimEnd().split('\n');
    assert.match(
      header!,
      /^device +name +capability +memory GiB +free GiB +native BF16 +auto precision +PCI address +driver +notes$/,
    );
    const known = loadAddon().addon.devices();
    assert.equal(rows.length, known.length);
    assert.match(rows[0]!, /^cpu +\S.* +- +\d+\.\d +\d+\.\d +(yes +bf16|no +fp32) +- +- +-$/);
    assert.ok(rows[0]!.includes(` ${known[0]!.name} `));
  });

  it('cannot list without libtorch, and says how to get it', async () => {
    const { exitCode, stdout, stderr } = await virnucpro(['devices'], { LIBTORCH: '/nonexistent' });
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^virnucpro: No libtorch .*\/nonexistent.* Run `unset LIBTORCH; npm run setup`\n$/);
  });

  it('says loudly that there is a driver which libtorch cannot use; so does the doctor', async () => {
    const environment = driverWithoutCuda();
    const { exitCode, stdout, stderr } = await virnucpro(['devices'], environment);
    assert.equal(exitCode, 1);
    assert.match(stdout, /^cpu /m);
    assert.match(
      stderr,
      /^virnucpro: There is an NVIDIA driver, but libtorch cannot use it: .* has no CUDA\. .*npm run setup/,
    );

    const report = await virnucpro(['doctor', '--json'], { ...environment, VIRNUCPRO_MODELS: join(folder, 'models') });
    assert.equal(report.exitCode, 1);
    const { checks } = JSON.parse(report.stdout) as { checks: Check[] };
    const cuda = checks.find(({ name }) => name === 'CUDA')!;
    assert.equal(cuda.status, 'failed');
    assert.match(cuda.found, /has no CUDA$/);
    assert.match(cuda.next!, /npm run setup/);
    assert.equal(checks.find(({ name }) => name === 'known answer on cpu')!.status, 'ok');
  });

  it('warns of a driver whose library does not load', async () => {
    const broken = join(folder, 'broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'libcuda.so.1'), 'x'.repeat(10_000));
    const { stdout } = await virnucpro(['doctor', '--json'], { LD_LIBRARY_PATH: broken });
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    const cuda = checks.find(({ name }) => name === 'CUDA')!;
    assert.equal(cuda.status, 'warning');
    assert.match(cuda.found, /libcuda\.so\.1 cannot be loaded; the CPU is used$/);
  });

  it('counts a CUDA device as usable only when CUDA is loaded, and bf16 where it is native', () => {
    const gpu: NativeDevice = {
      ...loadAddon().addon.devices()[0]!,
      ...{ name: 'GPU', memoryTotal: 2 ** 34, memoryFree: 2 ** 33 },
    };
    const found = [
      { ...gpu, id: 'cpu', capability: '', bf16: false },
      { ...gpu, id: 'cuda:0', capability: '8.0', bf16: true },
      { ...gpu, id: 'cuda:1', capability: '7.5', bf16: false },
    ];
    const listed = (cuda: DeviceList['cuda']) =>
      listDevices(found, cuda).map(({ usable, automaticPrecision }) => `${usable} ${automaticPrecision}`);
    assert.deepEqual(listed({ state: 'loaded' }), ['true fp32', 'true bf16', 'true fp32']);
    const unusable = { state: 'unusable', reason: 'old', next: 'renew' } as const;
    assert.deepEqual(listed(unusable), ['true fp32', 'false bf16', 'false fp32']);
  });

  it('counts a device that another process has for itself as none to be used', () => {
    const [cpu] = loadAddon().addon.devices();
    const usable = (device: Partial<NativeDevice>): boolean =>
      listDevices([{ ...cpu!, id: 'cuda:0', ...device }], { state: 'loaded' })[0]!.usable;
    assert.ok(usable({ processes: 3 }) && usable({ computeMode: 'exclusive' }));
    assert.ok(!usable({ computeMode: 'exclusive', processes: 1 }) && !usable({ computeMode: 'prohibited' }));
  });

  it('notes what a device is shared with, and whether it is a slice', () => {
    const [cpu] = loadAddon().addon.devices();
    const notes = (device: Partial<NativeDevice>): readonly string[] =>
      listDevices([{ ...cpu!, ...device }], { state: 'absent' })[0]!.notes;
    assert.deepEqual(notes({}), []);
    assert.deepEqual(notes({ processes: 1 }), ['busy: 1 other process']);
    assert.deepEqual(notes({ mig: true, processes: 2, computeMode: 'exclusive' }), [
      'a MIG instance',
      'busy: 2 other processes',
      'compute mode exclusive',
    ]);
  });
});
