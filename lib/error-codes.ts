/** What an error code stands for, in Markdown; links are relative to docs/. */
interface ErrorMeaning {
  readonly meaning: string;
  /** What to do. */
  readonly remedy: string;
}

/** Every code and what it stands for; docs/troubleshooting.md is written from it. */
export const ERROR_CODES = {
  VNP_NODE: {
    meaning: 'This release of Node lacks a feature that the program needs.',
    remedy: 'Install Node 20.19 or a later release of 20, or 22.2 or later.',
  },
  VNP_USAGE: {
    meaning: 'An option or argument of the command is wrong.',
    remedy:
      'The message names it and what was expected; `--help` of the command and [cli.md](cli.md) describe every ' +
      'option.',
  },
  VNP_ARGUMENT: {
    meaning: 'An argument of a library call is wrong.',
    remedy: 'The message names it and what was expected; the types are in `dist/lib/index.d.ts`.',
  },
  VNP_INPUT_MISSING: {
    meaning: 'An input does not exist or cannot be read to its end.',
    remedy:
      'Check the path and its permissions. In `summary.stopped` of the library, `cause` is what your own iterable has ' +
      'thrown. For `call`: name the inputs with `--input` if they have moved.',
  },
  VNP_INPUT_FORMAT: {
    meaning:
      'An input is not FASTA or FASTQ of DNA, an archive is damaged or truncated, or a sequence to embed has letters that ' +
      'its model does not read, no letters, or too many.',
    remedy:
      'The message names file, record and line. Correct the input, or copy it again, and ' +
      '[resume](resuming.md); [input.md](input.md) and, for embeddings, [embedding.md](embedding.md) say what is read.',
  },
  VNP_INPUT_LIMIT: {
    meaning: 'The input has more bytes than the option `maxInputBytes` allows.',
    remedy: 'The results of the records before that are complete. Raise `maxInputBytes`, or split the input.',
  },
  VNP_OUTPUT: {
    meaning:
      'The output directory cannot be used or written: it is not empty, another run owns it, its disk is full, ' +
      'a quota is used up, or its files cannot be replaced. For `call`: the results are not those that ' +
      '`run.json` describes.',
    remedy:
      'Follow the message. Free some space and add `--resume`, name another directory, or replace the earlier ' +
      'results with `--force`.',
  },
  VNP_OUTPUT_LOST: {
    meaning: 'Another run took over the output directory, or a clean-up removed its files, during the run.',
    remedy:
      'Make sure that only one run writes to the directory and that nothing cleans it up, then ' +
      '[resume](resuming.md). [resilience.md](resilience.md#two-runs-two-machines) explains who owns a ' +
      'directory.',
  },
  VNP_RESUME: {
    meaning:
      'The run in the directory had different input, a different model or different options; for `call`, the ' +
      'inputs or the language models differ from those of the run.',
    remedy:
      'The message says what differs. Repeat the command as it was, or choose another directory; `--force` ' +
      'starts over.',
  },
  VNP_MODEL_MISSING: {
    meaning: 'There is no model of that name, or several are installed and none was named.',
    remedy: '`virnucpro models list` shows the models; [models.md](models.md) says how to get one.',
  },
  VNP_MODEL_INVALID: {
    meaning:
      "A model's folder or archive is damaged, or not in the expected format; or the model has no classifier, so it makes " +
      'embeddings, but no predictions.',
    remedy:
      '`virnucpro models inspect NAME` says more. Copy the folder again, or import the model again with ' +
      '`--force`; for predictions name another model.',
  },
  VNP_MODEL_UNTRUSTED: {
    meaning:
      'The model was not made on this machine, and nobody has stated that they trust it. Its archives are code ' +
      'that would run with your rights.',
    remedy:
      'If you know who made it: `virnucpro models trust NAME`, or `--trust` for one run. ' +
      '[SECURITY.md](../SECURITY.md) explains why.',
  },
  VNP_CHECKPOINT: {
    meaning:
      'A checkpoint, card, tokenizer or calibration cannot be imported: it is truncated, damaged, malicious, ' +
      'or of another model family.',
    remedy:
      'Download the file again and compare its size; [models.md](models.md#the-published-weights) names the ' +
      'files.',
  },
  VNP_LIBTORCH: {
    meaning: 'libtorch or the addon cannot be found, fetched or loaded.',
    remedy:
      'Run `npx virnucpro setup` (`npm run setup` in a checkout), then `virnucpro doctor`, which says what was tried and why it failed. ' +
      '[installing.md](installing.md#libtorch) has the order. A program that was bundled has to leave virnucpro ' +
      '[external](installing.md#with-a-bundler).',
  },
  VNP_DEVICE: {
    meaning: 'A device does not exist or cannot be used.',
    remedy: '`virnucpro devices` lists the devices; [devices.md](devices.md) says which are usable.',
  },
  VNP_MEMORY: {
    meaning: 'A device or the machine ran out of memory.',
    remedy:
      'End other programs on the device, use smaller batches (`--esm-batch-size`, `--dnabert-batch-size`), or ' +
      'grant the job more memory. A batch that does not fit is split without your help.',
  },
  VNP_DEVICE_LOST: {
    meaning: 'A device stopped responding for good, and no other is left to take over its work.',
    remedy:
      'Look at the system log and `nvidia-smi`; restart the driver or the machine if needed, then ' +
      '[resume](resuming.md). For a GPU that is slow but alive, raise `--device-timeout`.',
  },
  VNP_THREADS: {
    meaning: 'The system or OpenMP grants fewer threads than the work needs.',
    remedy:
      "Raise `ulimit -u` or the cgroup's `pids.max`, or set a smaller `--threads`. OpenMP replaces threads, so " +
      'there has to be room for twice as many.',
  },
  VNP_WRONG_NUMBERS: {
    meaning: 'A device computed a known answer incorrectly.',
    remedy:
      'Try again without the variables that the error names and without `LD_PRELOAD`. If the error persists, ' +
      'do not trust the device: `virnucpro doctor` checks it in more ways.',
  },
  VNP_SYSTEMIC: {
    meaning: 'Three batches in a row failed completely: something is wrong, and more batches would fail too.',
    remedy:
      'The message gives the cause. Correct it, then [resume](resuming.md): the ORFs that failed are tried ' + 'again.',
  },
  VNP_ABORTED: {
    meaning: 'A signal such as Ctrl-C stopped the command, or a caller stopped a run.',
    remedy:
      'Nothing is wrong. The results so far have been kept. In a program, what an `AbortSignal` stops throws the ' +
      "signal's own reason, by default an `AbortError`; the `summary.stopped` of a run has this code then, with the " +
      'reason as its cause.',
  },
  VNP_BUSY: {
    meaning: 'A predictor cannot do what was asked of it while its runs, or a measurement, are in progress.',
    remedy: 'The message says what it is busy with. Await that, then call again.',
  },
  VNP_CLOSED: {
    meaning: 'Something was called after it had been closed.',
    remedy: 'In a program: call `close()` after the last use.',
  },
  VNP_NATIVE: {
    meaning: 'A failure inside libtorch, or in the numbers of a model, that has no code of its own.',
    remedy:
      "The message quotes libtorch's own error. `virnucpro doctor` checks the installation. If it finds " +
      'nothing, please report the message with the version (`virnucpro --version`).',
  },
} as const satisfies Record<string, ErrorMeaning>;
