/** The command's flags by the options of the library. */
const FLAGS: ReadonlyMap<string, string> = new Map([
  ['batchTokens', '--batch-tokens'],
  ['calibration', '--calibration'],
  ['card', '--card'],
  ['classifier', '--classifier'],
  ['deviceTimeout', '--device-timeout'],
  ['devices', '--device'],
  ['dna', '--dna'],
  ['dnaBatchTokens', '--dnabert-batch-size'],
  ['embeddings', '--save-embeddings'],
  ['force', '--force'],
  ['layers', '--layers'],
  ['longSequences', '--long'],
  ['maxLength', '--max-length'],
  ['maxMemory', '--max-memory'],
  ['othersBelow', '--triage-others-below'],
  ['overwrite', '--force'],
  ['precision', '--precision'],
  ['protein', '--esm'],
  ['proteinBatchTokens', '--esm-batch-size'],
  ['resume', '--resume'],
  ['sequences', '--keep-intermediate'],
  ['tables', '--tables'],
  ['threads', '--threads'],
  ['triage', '--triage'],
  ['trust', '--trust'],
  ['virusAtLeast', '--triage-virus-at-least'],
  ['workers', '--workers'],
]);

/**
 * A message of the library as the command shows it. The library names options in backticks, alone or with a value, such
 * as `force: true` or `devices: 'cpu'`; here the flags --force and --device cpu take their place.
 */
export function withFlags(message: string): string {
  return message.replace(/`(\w+)(?:: ([^`]+))?`/g, (text, name: string, value: string | undefined) => {
    const flag = FLAGS.get(name);
    if (flag === undefined) return text;
    if (value === undefined || value === 'true') return flag;
    const words = value.replace(/[[\]' ]/g, '');
    return name === 'devices' ? deviceFlag(words) : `${flag} ${words}`;
  });
}

function deviceFlag(ids: string): string {
  const gpus = ids.split(',').map((id) => /^cuda:(\d+)$/.exec(id)?.[1]);
  return gpus.includes(undefined) ? `--device ${ids}` : `--gpus ${gpus.join(',')}`;
}
