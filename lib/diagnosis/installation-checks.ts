import { libcProblem } from '#c-library';
import { nodeProblem, SUPPORTED } from '#node-version';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failed, passed, warned } from './check.js';
import type { Check } from './check.js';
import { runChild } from './child-process.js';
import type { LoadedMessage, NativeMessage } from './child-process.js';
import { listDevices } from './device-list.js';
import type { ListedDevice } from './device-list.js';
import {
  describeSearch,
  findLibtorch,
  mendingCommand,
  nvidiaDriver,
  setupCommand,
  supportedLibtorch,
} from '../engine/libtorch/find-libtorch.js';
import { cgroupLevels, textOf } from '../engine/limits/cgroup-limits.js';

export function checkNode(version = process.versions.node): Check {
  const found = `${version} on ${process.platform} ${process.arch}, required: ${SUPPORTED}`;
  return nodeProblem(version) === undefined
    ? passed('Node', found)
    : failed('Node', found, `Install a newer Node, then ${mendingCommand()}`);
}

/** Reports every place that is searched for libtorch, in order, and the result. */
export function checkLibtorch(): Check {
  const problem = libcProblem();
  if (problem !== undefined) return failed('libtorch', problem, 'Use a system or container with glibc');
  const search = findLibtorch();
  const places = describeSearch(search);
  if (process.env['LIBTORCH']) places.push('python3 on PATH and the cache: not searched, because $LIBTORCH is set');
  else places.unshift('$LIBTORCH: not set');
  if (search.chosen?.source === 'python') places.push('cache: not searched, because the torch of python3 is used');
  const broken = search.considered.find((candidate) => candidate.broken);
  if (!search.chosen) {
    const next = broken?.next ?? mendingCommand('LIBTORCH');
    return failed('libtorch', `no libtorch ${supportedLibtorch}.x`, next, places);
  }
  const { version, root, cuda } = search.chosen;
  const found = `${version} (${cuda ? 'with' : 'without'} CUDA) in ${root}`;
  if (!broken) return passed('libtorch', found, places);
  return warned('libtorch', found, `Repair ${broken.place}, or export LIBTORCH=${root}`, places);
}

const LOAD_TIMEOUT_SECONDS = 120;
/** Node and the libraries that it loads here use a fifth of these. */
const FEW_PROCESSES = 100;
const GIB = 2 ** 30;

export interface NativeState {
  readonly addon: Check;
  /** What the child reported about the addon, libtorch and the devices; absent if the addon does not load. */
  readonly loaded?: LoadedMessage;
}

/** Loads the addon in a child process, so that a crash can be reported. */
export async function checkAddon(): Promise<NativeState> {
  const program = fileURLToPath(new URL('native-child.js', import.meta.url));
  const { messages, problem, stderr } = await runChild(program, ['load'], LOAD_TIMEOUT_SECONDS);
  const next = mendingCommand('LIBTORCH', 'VIRNUCPRO_ADDON');
  const [message] = messages as NativeMessage[];
  if (message?.kind === 'failure') {
    const [found, advice] = withoutAdvice(message.message);
    return { addon: failed('addon', found, advice ?? next, stderr) };
  }
  if (problem !== undefined) {
    return { addon: failed('addon', `the child process ${problem}`, fewProcesses() ?? next, stderr) };
  }
  if (message?.kind !== 'loaded') return { addon: failed('addon', 'the child process sent no answer', next, stderr) };
  return { addon: judgeAddon(message), loaded: message };
}

/** The remedy if so few processes and threads are allowed that native code may have failed for lack of one. */
function fewProcesses(): string | undefined {
  const [, own = 'unlimited'] = /^Max processes +(\S+)/m.exec(textOf('/proc/self/limits')) ?? [];
  const limits = [own, ...cgroupLevels('pids').map(({ folder }) => textOf(join(folder, 'pids.max')).trim())];
  const least = Math.min(...limits.map((text) => (/^\d+$/.test(text) ? Number(text) : Infinity)));
  if (least >= FEW_PROCESSES) return undefined;
  return `Raise the limit of processes and threads, which is ${least} (ulimit -u, pids.max of the control group)`;
}

/**
 * Splits off the remedy that the engine appends to such a message. If that is to run setup again, drops it: it unsets
 * one variable at most, while the check names the command for the whole environment.
 */
function withoutAdvice(message: string): [found: string, advice?: string] {
  const [, found, advice] = /^(.*)\. ((?:Run|Set|Install|Use|Raise) .*)$/s.exec(message) ?? [];
  if (found === undefined || advice === undefined) return [message];
  return advice.startsWith('Run `') && advice.endsWith(`${setupCommand()}\``) ? [found] : [found, advice];
}

function judgeAddon({ addon, compiledAgainst, libtorch, libtorchRoot, passedOver }: LoadedMessage): Check {
  const compiled = `compiled against libtorch ${compiledAgainst}`;
  // A release is the first two numbers of a version.
  const release = (version: string): string => version.split('.').slice(0, 2).join('.');
  const [broken] = passedOver;
  if (release(compiledAgainst) === release(libtorch)) {
    if (!broken) return passed('addon', `${addon} loads`, [compiled]);
    const lines = passedOver.map(({ place, verdict }) => `${place} ${verdict}`);
    const next = broken.next ?? `Repair ${broken.place}, or export LIBTORCH=${libtorchRoot}`;
    return warned('addon', `${addon} loads, with the libtorch in ${libtorchRoot}`, next, [compiled, ...lines]);
  }
  return failed(
    'addon',
    `${addon} is ${compiled}, but libtorch ${libtorch} is installed`,
    mendingCommand('VIRNUCPRO_ADDON'),
  );
}

/** Whether existing GPUs can be used. */
export function checkCuda({ cuda, devices }: LoadedMessage): Check {
  const driver = nvidiaDriver();
  switch (cuda.state) {
    case 'absent':
      if (driver === undefined) return passed('CUDA', 'no NVIDIA driver; the CPU is used');
      return warned(
        'CUDA',
        `there is an NVIDIA driver (${driver}), but libcuda.so.1 cannot be loaded; the CPU is used`,
        'Start the container with its GPUs (docker: --gpus all), or install the driver again',
      );
    case 'unusable':
      return failed('CUDA', `there is an NVIDIA driver, but libtorch cannot use it: ${cuda.reason}`, cuda.next);
    case 'loaded':
      if (devices.some(({ id }) => id !== 'cpu')) return passed('CUDA', 'libtorch can use the NVIDIA driver');
      return warned('CUDA', 'the NVIDIA driver reports no device; the CPU is used', noDeviceAdvice());
  }
}

function noDeviceAdvice(): string {
  const visible = process.env['CUDA_VISIBLE_DEVICES'];
  if (visible === undefined) return 'nvidia-smi';
  return `unset CUDA_VISIBLE_DEVICES (it is ${JSON.stringify(visible)}), or name devices that nvidia-smi lists`;
}

export function devicesOf({ devices, cuda }: LoadedMessage): ListedDevice[] {
  return listDevices(devices, cuda);
}

export function checkDevices(devices: readonly ListedDevice[]): Check {
  const lines = devices.map((device) => `${deviceLine(device)}${device.usable ? '' : ', cannot be used'}`);
  const usable = devices.filter((device) => device.usable);
  const found = usable.map(({ id }) => id).join(', ');
  if (devices.every((device) => device.hasKernels)) return passed('devices', found, lines);
  return warned(
    'devices',
    found,
    'Use another libtorch (LIBTORCH), or do not use the devices that this one has no kernels for',
    lines,
  );
}

function deviceLine(device: ListedDevice): string {
  const { id, name, capability, pciAddress, driver, memoryFree, memoryTotal, automaticPrecision, notes } = device;
  const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
  const parts = [
    `${id}: ${name}${pciAddress && ` (${pciAddress})`}`,
    capability && `capability ${capability}`,
    driver && `driver ${driver}`,
    memoryFree === null ? `${gib(memoryTotal)} GiB` : `${gib(memoryFree)} of ${gib(memoryTotal)} GiB free`,
    `precision ${automaticPrecision}`,
    ...notes,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
