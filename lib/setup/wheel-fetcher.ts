import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { downloadFile, sha256Of } from './download.js';
import { HttpClient, shownAddress } from './http-client.js';
import { locateWheels } from './locate-wheels.js';
import type { LocatedWheel } from './locate-wheels.js';
import { pipSettings } from './pip-settings.js';
import type { AskedSources, PipSettings } from './pip-settings.js';
import type { SetupReport } from './setup-report.js';
import { thisPlatform } from './platform.js';
import { setupFailure } from './setup-failure.js';
import { titleOf } from './wheel-table.js';
import type { Wheel } from './wheel-table.js';

/** Smaller wheels arrive before anyone looks for progress. */
const WORTH_PROGRESS_BYTES = 50_000_000;

type WheelReport = Pick<SetupReport, 'say' | 'progress'>;

/** Finds wheels and gets them onto this machine, as the user's settings of pip say. To be closed. */
export class WheelFetcher {
  readonly #settings: PipSettings;
  readonly #platform = thisPlatform();
  readonly #client: HttpClient;

  /** @throws VNP_LIBTORCH on a processor that has no wheels, or if certificates or proxy cannot be used */
  constructor(
    asked: AskedSources,
    private readonly environment: NodeJS.ProcessEnv,
  ) {
    this.#settings = pipSettings(asked, environment);
    this.#client = new HttpClient(this.#settings, environment);
  }

  /** @throws VNP_LIBTORCH if a wheel is nowhere */
  locate(wheels: readonly Wheel[]): Promise<LocatedWheel[]> {
    const { environment } = this;
    return locateWheels(wheels, {
      settings: this.#settings,
      platform: this.#platform,
      client: this.#client,
      environment,
    });
  }

  /**
   * @param folder where it is downloaded to; a part of it that is there already is not transferred again
   * @returns the path of the wheel: in the folder, or where it lies on this machine
   * @throws VNP_LIBTORCH if it cannot be downloaded, or has another hash than it should
   */
  async provide(located: LocatedWheel, folder: string, report: WheelReport): Promise<string> {
    const { wheel, filename, url, sha256, bytes } = located;
    const title = titleOf(wheel);
    if (url.startsWith('file:')) return checkedFile(fileURLToPath(url), title, sha256, report);
    if (sha256 === undefined) throw setupFailure(`Refused ${title} from ${shownAddress(url)}: it has no known SHA-256`);
    report.say(`downloading ${describeWheel(located)} from ${placeOf(located)}`);
    const expected = bytes ?? wheel.bytes ?? Infinity;
    return downloadFile(this.#client, { title, filename, url, sha256, bytes }, folder, {
      onProgress: (received) => {
        if (expected >= WORTH_PROGRESS_BYTES) report.progress(`downloading ${title}`, received / expected);
      },
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

async function checkedFile(
  path: string,
  title: string,
  sha256: string | undefined,
  report: WheelReport,
): Promise<string> {
  report.say(`using ${path}`);
  const found = sha256 === undefined ? undefined : await sha256Of(path);
  if (found === sha256) return path;
  throw setupFailure(`Refused ${title} in ${path}: its SHA-256 is ${found}, not ${sha256}. Replace the file`);
}

/** `torch 2.11.0 (531 MB)` */
export function describeWheel({ wheel, bytes }: LocatedWheel): string {
  const size = bytes ?? wheel.bytes;
  return `${titleOf(wheel)}${size === undefined ? '' : ` (${megabytes(size)})`}`;
}

/** The host or the folder that a wheel comes from. */
export function placeOf({ url }: LocatedWheel): string {
  return url.startsWith('file:') ? dirname(fileURLToPath(url)) : new URL(url).host;
}

export function megabytes(bytes: number): string {
  return `${bytes < 1e6 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`;
}
