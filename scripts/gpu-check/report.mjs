// @ts-check

/** @typedef {import('./steps.mjs').StepResult} StepResult */

/** 0: all met; 2: a bar was not met or not measured; 1: something is broken. @param {readonly StepResult[]} results */
export function exitCodeOf(results) {
  const statuses = results.map(({ status }) => status);
  if (statuses.includes('broken')) return 1;
  return statuses.includes('not met') || statuses.includes('late') ? 2 : 0;
}

/** The lines printed after a step. @param {StepResult} result */
export function linesOf({ name, status, seconds, reason, checks, skipped }) {
  return [
    `${name}: ${status} (${seconds.toFixed(0)} s)${reason === undefined ? '' : `: ${reason}`}`,
    ...checks.map(({ what, found, met }) => `  ${met ? 'ok     ' : 'NOT MET'} ${what}: ${found}`),
    ...skipped.map((line) => `  skipped ${line}`),
  ];
}

/** A table with one row per check. @param {readonly StepResult[]} results */
export function tableOf(results) {
  const rows = results.flatMap(({ name, status, reason, checks, skipped }) => [
    ...(reason === undefined ? [] : [[name, status, reason]]),
    ...checks.map(({ what, met, found }) => [name, met ? 'met' : 'NOT MET', `${what}: ${found}`]),
    ...skipped.map((line) => [name, 'skipped', line]),
  ]);
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
