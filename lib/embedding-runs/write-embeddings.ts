import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EmbeddingRun } from '../embed/embedding-run.js';
import type { LoadedLanguageModel } from '../embed/open-language-model.js';
import { SequenceEncoder } from '../embed/sequence-encoder.js';
import { createEmbeddingWriter } from '../embedding-files/embedding-writer.js';
import type { EmbeddingWriter } from '../embedding-files/embedding-writer.js';
import { loadAddon } from '../engine/libtorch/load.js';
import type { PoolShare } from '../engine/pool/pool-share.js';
import { counted } from '../errors.js';
import type { VirnucproError } from '../errors.js';
import { InputProgress } from '../input/input-progress.js';
import type { StoredSequence } from '../input/record.js';
import { readRecords } from '../input/records.js';
import { RepeatedIds } from '../input/repeated-ids.js';
import { EMBEDDING_JOURNAL_FORMAT, EmbeddingJournal } from '../journal/embedding-journal.js';
import { RANDOM_WEIGHTS_WARNING } from '../output/manifest.js';
import { packageVersion } from '../package.js';
import type { RunStatus } from '../predict/run-status.js';
import { peakResidentBytes } from '../process-memory.js';
import { EmbeddingStatus } from './embedding-status.js';
import type { EmbeddingProgress } from './embedding-status.js';
import type { EmbeddingEvent } from './events.js';
import { FAILED_RECORDS, FailedRecordsWriter } from './failed-records.js';
import { describeFile, EMBEDDING_MANIFEST_VERSION } from './manifest.js';
import type { EmbeddingManifest } from './manifest.js';
import type { OutputPlace } from './output-place.js';
import type { EmbeddingPlan } from './plan.js';

/** Records without an embedding that are reported one by one. */
const MAX_REPORTED = 10;

export interface WriteEmbeddingsOptions {
  readonly plan: EmbeddingPlan;
  readonly loaded: LoadedLanguageModel;
  readonly place: OutputPlace;
  readonly onEvent: (event: EmbeddingEvent) => void;
  /** Ends the run: the running batches are finished and kept in the journal, and nothing is put in place. */
  readonly signal: AbortSignal;
  /** Seconds between two progress events; 0 for none. */
  readonly progressInterval: number;
  readonly commandLine: readonly string[];
  /** When the command began, and how long loading the model took, in seconds. */
  readonly started: Date;
  readonly loadSeconds: number;
}

/**
 * Checks, before a model is loaded, that the output can be begun, and that the package for its format is installed.
 * @throws VirnucproError VNP_USAGE, VNP_OUTPUT
 */
export async function checkWriter(plan: EmbeddingPlan, place: OutputPlace): Promise<void> {
  const writer = await openWriter(plan, place, plan.settings.model.precision);
  await writer.abandon();
}

async function openWriter(
  { language, settings, layers, pool, format }: EmbeddingPlan,
  place: OutputPlace,
  precision: string,
): Promise<EmbeddingWriter> {
  return createEmbeddingWriter(format, place.partialPath, {
    ...{ model: language.model.name, part: settings.part, layers, pool, precision },
    width: language.opened.architecture.width,
  });
}

/** The message of a record's error without its id, which stands beside it. */
function reasonAlone({ message }: VirnucproError): string {
  const between = ' cannot be embedded: ';
  const at = message.indexOf(between);
  return at < 0 ? message : message.slice(at + between.length);
}

/** A record on its way, with what is said of it afterwards. */
interface InputRecord {
  readonly id: string;
  readonly sequence: string | Uint8Array;
  readonly source: string;
  /** From 1. */
  readonly number: number;
  /** Why its reader finds it invalid. */
  readonly problem: string | undefined;
  readonly stored: StoredSequence;
}

/** Embeds the records of the inputs, and writes them to a file. */
export class EmbeddingJob {
  readonly #options: WriteEmbeddingsOptions;
  readonly #share: PoolShare;
  readonly #status: EmbeddingStatus;
  readonly #input = new InputProgress();
  readonly #ids = new RepeatedIds(undefined, 'their rows can be distinguished only by their order');
  readonly #progress: EmbeddingProgress = { records: 0, letters: 0, recordsDone: 0, lettersDone: 0, recordsFailed: 0 };
  readonly #counts = { embedded: 0, invalid: 0, failed: 0 };
  readonly #warnings: string[] = [];
  /** Records read as proteins that look like DNA. */
  #ofBasesAlone = 0;
  /** Batches that devices have taken and not returned. */
  readonly #underway = new Set<Promise<unknown>>();
  /** Sequences of records without a result. */
  readonly #held = new Set<StoredSequence>();

  constructor(options: WriteEmbeddingsOptions) {
    const { loaded, plan } = options;
    this.#options = options;
    this.#share = loaded.pool.share();
    const { files } = plan;
    this.#status = new EmbeddingStatus({
      loaded,
      share: this.#share,
      files,
      input: this.#input,
      progress: this.#progress,
    });
  }

  status(): RunStatus {
    return this.#status.now();
  }

  emitProgress(): void {
    this.#options.onEvent(this.#status.event());
  }

  /** The devices finish what they are computing; nothing else starts until `resume`. */
  pause(): void {
    this.#share.setPaused(true);
    this.#status.setPaused(true);
  }

  resume(): void {
    this.#share.setPaused(false);
    this.#status.setPaused(false);
  }

  /**
   * To be called once.
   * @throws VirnucproError VNP_INPUT_MISSING, VNP_INPUT_FORMAT, VNP_OUTPUT, VNP_OUTPUT_LOST, VNP_DEVICE_LOST,
   *   VNP_SYSTEMIC; the signal's reason. What was computed is in the journal then
   */
  async run(): Promise<EmbeddingManifest> {
    const { progressInterval, place, plan, loaded } = this.#options;
    const timer = progressInterval > 0 ? setInterval(() => this.emitProgress(), progressInterval * 1000) : undefined;
    const failures = new FailedRecordsWriter(place.partialFile(FAILED_RECORDS));
    let journal: EmbeddingJournal | undefined;
    let writer: EmbeddingWriter | undefined;
    try {
      const lost = new AbortController();
      journal = await this.#openJournal((error) => lost.abort(error));
      writer = await openWriter(plan, place, loaded.pool.descriptions[0]!.precision);
      const signal = AbortSignal.any([this.#options.signal, place.lost, lost.signal]);
      const tokens = await this.#embed({ journal, writer, failures, signal });
      await writer.close();
      await failures.close();
      signal.throwIfAborted();
      await this.#status.end();
      const manifest = await this.#manifest(tokens, journal);
      const complete = journal;
      journal = undefined;
      await complete.close();
      await place.finish(manifest, this.#counts.failed === 0);
      return manifest;
    } finally {
      clearInterval(timer);
      this.#share.close();
      await Promise.allSettled(this.#underway);
      // What came back last is entered in the journal after it has come.
      await nextTurn();
      for (const stored of this.#held) stored.release();
      await this.#status.end();
      await journal?.close();
      await writer?.abandon();
      await failures.abandon();
    }
  }

  /** @returns the number of tokens */
  async #embed(to: {
    readonly journal: EmbeddingJournal;
    readonly writer: EmbeddingWriter;
    readonly failures: FailedRecordsWriter;
    readonly signal: AbortSignal;
  }): Promise<number> {
    const { journal, writer, failures, signal } = to;
    const { plan, loaded } = this.#options;
    const { layers, pool, settings } = plan;
    const { part, longSequences, maxLength } = settings;
    const run = new EmbeddingRun(this.#records(signal), {
      share: this.#watchedShare(),
      rules: { encoder: new SequenceEncoder(part, loaded.tokenizer), longSequences, maxLength },
      request: { layers, pools: [pool], specialTokens: false },
      batchTokens: loaded.batchTokens,
      width: loaded.opened.architecture.width,
      ...{ journal, signal },
    });
    for await (const { record, length, states, error } of run) {
      this.#release(record.stored);
      this.#progress.recordsDone++;
      this.#progress.lettersDone += record.stored.length;
      if (error) await this.#fail(record, error, failures);
      else {
        this.#counts.embedded++;
        const room = writer.write({ id: record.id, length, states: states[pool]! });
        // There is usually room, and awaiting a promise for each record would cost more than writing it.
        if (room !== undefined) await room;
      }
    }
    return run.counts.tokens;
  }

  async *#records(signal: AbortSignal): AsyncGenerator<InputRecord> {
    const { plan } = this.#options;
    const paths = plan.files.map(({ path }) => path);
    const records = readRecords(paths, { letters: plan.settings.part, progress: this.#input, signal });
    for await (const { id, source, index, problem, sequence: stored } of records) {
      this.#held.add(stored);
      this.#ids.enter(id, source);
      this.#progress.records++;
      this.#progress.letters += stored.length;
      // A sequence without letters has no embedding, whatever the reason.
      const sequence = problem === undefined ? stored.read(0, stored.length) : new Uint8Array();
      if (plan.settings.part === 'protein' && isOfBasesAlone(sequence)) this.#ofBasesAlone++;
      yield { id, sequence, source, number: index + 1, problem, stored };
    }
    this.#ids.end();
  }

  #release(stored: StoredSequence): void {
    this.#held.delete(stored);
    stored.release();
  }

  async #fail(record: InputRecord, error: VirnucproError, failures: FailedRecordsWriter): Promise<void> {
    const { id, source, number, problem } = record;
    const isInvalid = error.code === 'VNP_INPUT_FORMAT';
    this.#counts[isInvalid ? 'invalid' : 'failed']++;
    this.#progress.recordsFailed++;
    const reason = problem ?? reasonAlone(error);
    await failures.write({ record: number, id, source, reason });
    if (this.#progress.recordsFailed > MAX_REPORTED) return;
    this.#options.onEvent({ event: 'record-without-embedding', record: number, id, source, code: error.code, reason });
  }

  /** Notes which batches are on the devices, so that the last ones reach the journal when the run is stopped. */
  #watchedShare(): Pick<PoolShare, 'embed' | 'workers' | 'close'> {
    const share = this.#share;
    const underway = this.#underway;
    return {
      workers: share.workers,
      close: () => share.close(),
      embed: async (...words) => {
        const accepted = await share.embed(...words);
        underway.add(accepted.outcome);
        const forget = (): void => void underway.delete(accepted.outcome);
        accepted.outcome.then(forget, forget);
        return accepted;
      },
    };
  }

  async #openJournal(onFailure: (error: VirnucproError) => void): Promise<EmbeddingJournal> {
    const { plan, loaded, place, onEvent } = this.#options;
    const { settings, layers, pool } = plan;
    const { pool: devices, opened, batchTokens } = loaded;
    const { part, longSequences, maxLength } = settings;
    const each = (names: readonly string[]): string[] => [...new Set(names)].sort();
    const journal = await EmbeddingJournal.open({
      path: place.journalPath,
      onFailure,
      onOtherInput: (batch) => {
        this.#warnings.push(`the input differs from that of the resumed run from batch ${batch + 1} on`);
      },
      key: {
        ...{ embeddings: EMBEDDING_JOURNAL_FORMAT, virnucpro: packageVersion, part, archive: opened.sha256, layers },
        ...{ libtorch: loadAddon().libtorch.version, width: opened.architecture.width, pool, longSequences, maxLength },
        precision: each(devices.descriptions.map(({ precision }) => precision)).join(','),
        batchTokens,
        devices: each(devices.descriptions.map(({ device, threads }) => `${device.name}, ${threads} threads`)),
      },
    });
    const { content } = journal;
    if (content.batches > 0 || content.damagedBytes > 0) {
      onEvent({ event: 'embeddings-resumed', journal: place.journalPath, ...content });
    }
    return journal;
  }

  async #manifest(tokens: number, journal: EmbeddingJournal): Promise<EmbeddingManifest> {
    const { plan, loaded, place, started, loadSeconds, commandLine } = this.#options;
    const { language, settings, layers, pool, format } = plan;
    const { part, longSequences, maxLength, model } = settings;
    const { sha256, dtype, architecture } = language.opened;
    const { name, random } = language.model;
    const files = [];
    for (const file of await place.names()) files.push(await describeFile(join(place.folder, file)));
    const finished = new Date();
    return {
      formatVersion: EMBEDDING_MANIFEST_VERSION,
      versions: { virnucpro: packageVersion, libtorch: loadAddon().libtorch.version, node: process.versions.node },
      started: started.toISOString(),
      finished: finished.toISOString(),
      commandLine,
      workingDirectory: process.cwd(),
      outcome: this.#progress.recordsFailed > 0 ? 'partial' : 'complete',
      model: {
        name,
        random,
        part: { role: part, file: `${part}/model.pt`, sha256, dtype, architecture: { ...architecture } },
      },
      parameters: {
        ...{ layers, pool, width: architecture.width, longSequences, maxLength, format },
        precision: model.precision,
        batchTokens: loaded.batchTokens,
      },
      inputs: this.#input.finished,
      devices: this.#status.devices(),
      counts: { records: this.#progress.records, ...this.#counts, letters: this.#progress.letters, tokens },
      sequencesFromJournal: journal.content.sequences,
      seconds: { load: loadSeconds, total: (finished.getTime() - started.getTime()) / 1000 },
      peakResidentBytes: peakResidentBytes(),
      warnings: [...(random ? [RANDOM_WEIGHTS_WARNING] : []), ...plan.warnings, ...this.#ownWarnings()],
      files,
    };
  }

  #ownWarnings(): string[] {
    const { recordsFailed } = this.#progress;
    const without = counted(recordsFailed, 'record');
    return [
      ...this.#warnings,
      ...(this.#ofBasesAlone > 0
        ? [
            `${counted(this.#ofBasesAlone, 'record')}, read as protein, may be DNA: only the letters ACGTUN occur. Choose the DNA model for DNA`,
          ]
        : []),
      ...this.#ids.warnings,
      ...this.#input.warnings,
      ...(recordsFailed > 0
        ? [`${without} without an embedding; the file that ends in ${FAILED_RECORDS} says why`]
        : []),
    ];
  }
}

/** Shorter ones may be proteins. */
const SURELY_DNA = 50;
const BASES = new Set(Buffer.from('ACGTUNacgtun'));

function isOfBasesAlone(letters: Uint8Array): boolean {
  return letters.length >= SURELY_DNA && letters.every((letter) => BASES.has(letter));
}
