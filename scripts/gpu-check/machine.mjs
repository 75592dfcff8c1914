// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runVirnucpro } from './command.mjs';

/** @param {unknown} devices as `virnucpro devices --json` lists them */
export async function describeMachine(devices) {
  const { stdout } = await runVirnucpro(['--version'], { seconds: 60 });
  const libtorch = /^libtorch (.*)$/m.exec(stdout)?.[1] ?? null;
  const virnucpro = /^virnucpro (.*)$/m.exec(stdout)?.[1] ?? null;
  // Only a bundle has one.
  const manifest = fileURLToPath(new URL('../../MANIFEST.json', import.meta.url));
  const source = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).source : null;
  return {
    system: `Linux ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? '',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.versions.node,
    virnucpro,
    source,
    libtorch,
    devices,
  };
}
