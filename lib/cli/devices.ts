import { Command } from 'commander';
import { devices } from '../diagnostics.js';
import type { ListedDevice } from '../diagnostics.js';
import { gibibytes } from '../monitor/quantities.js';
import { EXIT } from './exit-codes.js';

export function devicesCommand(): Command {
  return new Command('devices')
    .description(
      'Lists the devices that a prediction can use. Exit code 1 if there is an NVIDIA driver that libtorch cannot use.',
    )
    .option('--json', 'print the devices as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const list = await devices();
      console.log(json ? JSON.stringify(list, undefined, 2) : tableText(list.devices));
      if (list.cuda.state !== 'unusable') return;
      const { reason, next } = list.cuda;
      console.error(`virnucpro: There is an NVIDIA driver, but libtorch cannot use it: ${reason}. ${next}`);
      process.exitCode = EXIT.failed;
    });
}

const HEADER = [
  ...['device', 'name', 'capability', 'memory GiB', 'free GiB', 'native BF16', 'auto precision'],
  ...['PCI address', 'driver', 'notes'],
];

function tableText(list: readonly ListedDevice[]): string {
  const rows = [HEADER, ...list.map(cells)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells(device: ListedDevice): string[] {
  const { id, name, capability, memoryTotal, memoryFree, bf16, usable, automaticPrecision } = device;
  const { pciAddress, driver, notes } = device;
  return [
    id,
    name,
    capability || '-',
    gibibytes(memoryTotal),
    memoryFree === null ? '-' : gibibytes(memoryFree),
    bf16 ? 'yes' : 'no',
    usable ? automaticPrecision : 'cannot be used',
    pciAddress || '-',
    driver || '-',
    notes.join('; ') || '-',
  ];
}
