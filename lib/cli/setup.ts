import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { reasonOf, VirnucproError } from '../errors.js';
import { packageRoot } from '../package.js';
import { CUDA_MAJORS } from '../setup/wheel-table.js';
import type { CudaMajor } from '../setup/wheel-table.js';

interface SetupOptions {
  /** True without a number, false by --no-cuda, undefined by default. */
  readonly cuda?: boolean | CudaMajor;
  readonly index?: string;
  readonly findLinks?: readonly string[];
  readonly dryRun?: boolean;
}

/** The part of scripts/setup/run-steps.mjs that is called here; scripts are not compiled. */
interface SetupScripts {
  readonly runSteps: (names: readonly string[], options: object) => Promise<void>;
}

export function setupCommand(): Command {
  return new Command('setup')
    .description(
      'Fetches libtorch into the cache, unless there is one already, and provides the addon. Needs no Python; the ' +
        'settings of pip (PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf), proxies and certificates are used.',
    )
    .addOption(
      new Option(
        '--cuda [major]',
        'fetch the CUDA libraries, too, of CUDA 12 or 13 (default: as the NVIDIA driver needs)',
      ).argParser(cudaMajor),
    )
    .addOption(new Option('--no-cuda', 'do not fetch the CUDA libraries'))
    .addOption(new Option('--index <url>', 'the package index to fetch from (default: $PIP_INDEX_URL)'))
    .addOption(
      new Option('--find-links <place...>', 'folders or pages with wheels, searched before the index').argParser(
        (place: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), place],
      ),
    )
    .option('--dry-run', 'only print what would be fetched, from where and into which folder')
    .action(async ({ cuda, index, findLinks, dryRun = false }: SetupOptions) => {
      const { runSteps } = (await import(
        pathToFileURL(join(packageRoot, 'scripts', 'setup', 'run-steps.mjs')).href
      )) as SetupScripts;
      const options = {
        cuda: cuda === undefined ? undefined : cuda !== false,
        major: typeof cuda === 'number' ? cuda : undefined,
        ...(index !== undefined && { index }),
        ...(findLinks && { findLinks }),
        dryRun,
      };
      await runSteps(dryRun ? ['libtorch'] : ['tools', 'libtorch', 'addon'], options).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'SetupFailure') throw error;
        throw new VirnucproError('VNP_LIBTORCH', reasonOf(error), { cause: error });
      });
    });
}

function cudaMajor(word: string): CudaMajor {
  const major = CUDA_MAJORS.find((number) => String(number) === word);
  if (major !== undefined) return major;
  throw new InvalidArgumentError('Expected 12 or 13.');
}
