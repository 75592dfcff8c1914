import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { OfferedFile } from './index-page.js';
import { pipPlatforms } from './wheel-name.js';
import type { Wheel, WheelPlatform } from './wheel-table.js';

const REPORT_BYTES = 64 * 1024 * 1024;

interface PipReport {
  readonly install: readonly {
    readonly metadata: { readonly name: string; readonly version: string };
    readonly download_info: {
      readonly url: string;
      readonly archive_info?: { readonly hashes?: Readonly<Record<string, string>> };
    };
  }[];
}

/**
 * The files that the pip of `python3` would install, in the order of the wheels; pip downloads none of them.
 * @throws an error with pip's own last line if there is no python3, no pip, or no such file
 */
export async function filesByPip(
  wheels: readonly Wheel[],
  platform: WheelPlatform,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<OfferedFile[]> {
  const options = ['--dry-run', '--report', '-', '--quiet', '--ignore-installed', '--no-deps', '--only-binary=:all:'];
  const target = ['--target', '/nowhere', '--python-version', '3.12', '--implementation', 'cp'];
  const platforms = pipPlatforms(platform).flatMap((tag) => ['--platform', tag]);
  const wanted = wheels.map(({ name, version }) => `${name}==${version}`);
  const words = ['-m', 'pip', 'install', ...options, ...target, ...platforms, ...wanted];
  const { stdout } = await promisify(execFile)('python3', words, {
    // With -m, Python would take modules from the current folder first.
    cwd: '/',
    env: { ...environment, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    maxBuffer: REPORT_BYTES,
  }).catch((cause: unknown) => {
    throw new Error(reasonOfPip(cause), { cause });
  });
  const { install } = JSON.parse(stdout) as PipReport;
  return install.map(({ download_info: { url, archive_info: archive } }) => {
    const sha256 = archive?.hashes?.['sha256'];
    return { filename: lastName(url), url, ...(sha256 !== undefined && { sha256 }) };
  });
}

function lastName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
}

function reasonOfPip(cause: unknown): string {
  const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
  if (code === 'ENOENT') return 'there is no python3';
  const lines = stderr.trim().split('\n');
  if (lines.some((line) => /NewConnectionError|NameResolution|name resolution|timed out/i.test(line)))
    return 'the package index cannot be reached';
  return (lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? '').replace(/^ERROR: /, '');
}
