import { Command } from 'commander';
import { diagnose } from '../diagnostics.js';
import type { Check } from '../diagnostics.js';
import { withFlags } from '../monitor/flags.js';
import { EXIT } from './exit-codes.js';
import { modelsOption } from './option-values.js';

const STATUS_WIDTH = 'warning'.length + 2;
const NAME_WIDTH = 'known answer on cuda:0'.length + 2;
const INDENT = ' '.repeat(STATUS_WIDTH + NAME_WIDTH);

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Checks this installation: Node, libtorch, the addon, CUDA, a known answer on every device, models, folders. ' +
        'Exit code 1 if a check fails.',
    )
    .addOption(modelsOption())
    .option('--json', 'print the checks as JSON')
    .action(async ({ json = false, models }: { json?: boolean; models?: string }) => {
      const print = (check: Check): void => console.log(checkText(ofCommand(check)));
      const found = await diagnose({ ...(models !== undefined && { models }), ...(!json && { onCheck: print }) });
      const checks = found.map(ofCommand);
      const ok = checks.every(({ status }) => status !== 'failed');
      console.log(json ? JSON.stringify({ ok, checks }, undefined, 2) : summaryText(checks));
      if (!ok) process.exitCode = EXIT.failed;
    });
}

/** The library's advice names its own options. */
function ofCommand(check: Check): Check {
  return check.next === undefined ? check : { ...check, next: withFlags(check.next) };
}

function checkText({ status, name, found, details, next }: Check): string {
  const lines = [...details, ...(next === undefined ? [] : [`-> ${next}`])];
  return [status.padEnd(STATUS_WIDTH) + name.padEnd(NAME_WIDTH) + found, ...lines.map((line) => INDENT + line)].join(
    '\n',
  );
}

function summaryText(checks: readonly Check[]): string {
  const [ok, warnings, failures] = (['ok', 'warning', 'failed'] as const).map(
    (wanted) => checks.filter(({ status }) => status === wanted).length,
  );
  return `${ok} ok, ${warnings} warning${warnings === 1 ? '' : 's'}, ${failures} failed`;
}
