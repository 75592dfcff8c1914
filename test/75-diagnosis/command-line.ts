import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { loadAddon } from '../../lib/engine/libtorch/load.js';

const main = new URL('../../lib/cli/main.js', import.meta.url).href;
const program = `import { main } from ${JSON.stringify(main)}; process.exitCode = await main(process.argv.slice(1));`;

export interface CommandOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the command line in a real process. It uses this process's libtorch and addon, unless `environment` says
 * otherwise; a variable given as undefined is not set.
 */
export async function virnucpro(words: string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandOutcome> {
  const { libtorch, path } = loadAddon();
  const env = { ...process.env, LIBTORCH: libtorch.root, VIRNUCPRO_ADDON: dirname(path), ...environment };
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, '--', ...words], { env });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const text = { written: '' };
    stream.setEncoding('utf8').on('data', (part: string) => (text.written += part));
    return text;
  }) as [{ written: string }, { written: string }];
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { exitCode, stdout: stdout.written, stderr: stderr.written };
}
