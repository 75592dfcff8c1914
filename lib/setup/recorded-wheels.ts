import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package.js';
import type { OfferedFile } from './index-page.js';
import { libtorchWheels } from './wheel-table.js';
import type { Wheel, WheelPlatform } from './wheel-table.js';

/** A line of wheels.json, which the published package contains: where a wheel was when the package was made. */
export interface RecordedWheel {
  readonly name: string;
  readonly version: string;
  readonly platform: WheelPlatform;
  readonly url: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const RECORDED_WHEELS_FILE = 'wheels.json';

/** The recorded addresses of this package; none in a checkout. */
export function recordedFiles(wheel: Wheel, platform: WheelPlatform): OfferedFile[] {
  return readRecorded()
    .filter(({ name, version, platform: of }) => name === wheel.name && version === wheel.version && of === platform)
    .map(({ url, bytes, sha256 }) => ({
      filename: decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? ''),
      url,
      bytes,
      sha256,
    }));
}

function readRecorded(): readonly RecordedWheel[] {
  try {
    const recorded = JSON.parse(readFileSync(join(packageRoot, RECORDED_WHEELS_FILE), 'utf8')) as {
      wheels: RecordedWheel[];
    };
    return recorded.wheels;
  } catch {
    return [];
  }
}

/** Every wheel that has pinned files, for any platform: those that can be recorded. */
export function pinnedWheels(): readonly Wheel[] {
  const all = Object.values(libtorchWheels).flatMap(({ torch, companions, cudaCompanions }) => [
    ...[torch, ...companions],
    ...cudaCompanions,
  ]);
  return all.filter(({ files }) => Object.keys(files).length > 0);
}
