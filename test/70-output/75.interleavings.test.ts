import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import type { ManifestFile } from '../../lib/output/manifest.js';
import { claimDirectory, releaseDirectory } from '../../lib/output/output-directory.js';
import { putInPlace } from '../../lib/output/put-in-place.js';
import { digestOf, SimulatedProcess, SimulatedWorld } from './simulated-system.js';

/** So short that living runs are often taken over: a wrong guess must not matter for what is put in place. */
const MAX_SILENCE = 2_000;
const DIRECTORY = '/out';
const NAMES = ['a.tsv', 'b.tsv', 'c.tsv'];

/** `refused` and `failed`: with an error; `lost`: with the error of a directory that was taken over. */
type End = 'done' | 'refused' | 'failed' | 'lost';

/** A run like predict's, as far as its directory is concerned. */
class SimulatedRun {
  readonly process: SimulatedProcess;
  readonly #names: readonly string[];
  token = '';
  /** From the claim until it is given up. */
  isClaimed = false;
  end: End | undefined;
  /** The error it ended with; undefined if it is done. */
  error: unknown;
  /** Whether its folder was taken or removed after its claim and before its decision. */
  isRobbed = false;
  hasDecided = false;
  /** Whether another run decided while the directory was this run's. */
  isOvertaken = false;
  wasInPlace = false;

  constructor(process: SimulatedProcess, names: readonly string[]) {
    this.process = process;
    this.#names = names;
  }

  async start(): Promise<void> {
    try {
      await this.#run();
      this.end = 'done';
    } catch (error) {
      if (!(error instanceof VirnucproError)) throw error;
      this.error = error;
      const isRefused = error.message.includes('Another run writes to');
      this.end = error.code === 'VNP_OUTPUT_LOST' ? 'lost' : isRefused ? 'refused' : 'failed';
    } finally {
      this.process.isOver = true;
    }
  }

  async #run(): Promise<void> {
    const { files } = this.process;
    const claimed = await claimDirectory(DIRECTORY, {
      accepts: () => true,
      maxSilence: MAX_SILENCE,
      system: this.process,
    });
    this.token = claimed.token;
    this.isClaimed = true;
    try {
      const written: ManifestFile[] = [];
      for (const name of this.#names) {
        claimed.ownership.lost.throwIfAborted();
        // The same length in every run, so that the length reveals nothing.
        const text = `${name} of ${claimed.token}`;
        await this.#write(`${claimed.results}/${name}`, text, claimed.ownership);
        written.push({ name, ...digestOf(text) });
      }
      await this.#write(`${claimed.results}/run.json`, JSON.stringify({ files: written }), claimed.ownership);
      const outdated = NAMES.filter((name) => !this.#names.includes(name));
      await putInPlace(claimed, { names: this.#names, outdated, isFinal: true });
      await files.names(DIRECTORY);
    } finally {
      this.isClaimed = false;
      await releaseDirectory(claimed, { unused: false });
    }
  }

  async #write(path: string, text: string, ownership: { causeOf(cause: unknown): Promise<unknown> }): Promise<void> {
    try {
      await this.process.files.write(path, text);
    } catch (cause) {
      throw await ownership.causeOf(cause);
    }
  }
}

/** What happened, so that the tests cannot pass because nothing ever did. */
const seen = { done: 0, lost: 0, refused: 0, robbed: 0, endedByOthers: 0, killedInPlacing: 0 };

/** Runs in one directory, with what must hold after every call to the file system. */
class Interleaving {
  readonly world = new SimulatedWorld();
  readonly runs: SimulatedRun[] = [];
  /** Whether there was a clean-up: it may remove results, but never make wrong ones. */
  isPurged = false;
  #hadResults = false;
  #calls = 0;
  #violation: Error | undefined;

  /** @throws the violation of what must hold */
  async proceed(waiting: SimulatedWorld['waiting'][number]): Promise<void> {
    await this.world.proceed(waiting);
    if (this.#violation) throw this.#violation;
  }

  constructor() {
    this.world.files.makeFolder(DIRECTORY);
    this.world.onChange = (change) => {
      try {
        this.#check(change);
      } catch (error) {
        // Thrown here, it would count as a failure of the run's call.
        this.#violation ??= error as Error;
      }
    };
  }

  add(pidNamespace: string, names: readonly string[]): SimulatedRun {
    const run = new SimulatedRun(new SimulatedProcess(this.world, pidNamespace), names);
    this.runs.push(run);
    void run.start();
    return run;
  }

  #check({ call, from, to, process }: Parameters<SimulatedWorld['onChange']>[0]): void {
    this.#calls++;
    assert.ok(this.#calls < 20_000, 'the runs come to an end');
    if (call === 'rename' && to === `${DIRECTORY}/.replacement`) this.#noteDecision();
    for (const run of this.runs) {
      const folder = `${DIRECTORY}/.unfinished-${run.token}`;
      if (run.isClaimed && !run.end && !run.hasDecided && this.world.files.find(folder) === undefined)
        run.isRobbed = true;
    }
    if (call === 'rename' && to === `${DIRECTORY}/run.json`) {
      const decided = this.runs.find(({ token }) => this.#manifest()?.some(({ sha256 }) => isOf(token, sha256)));
      if (decided) decided.wasInPlace = true;
      if (decided?.process !== process) seen.endedByOthers++;
    }
    this.#checkResults(`after ${call} ${from} ${to}`);
  }

  /** Marks runs whose folder is gone although they have not given it up. */
  noteRobbed(): void {
    for (const run of this.runs.filter(({ isClaimed, hasDecided }) => isClaimed && !hasDecided)) {
      if (this.world.files.find(`${DIRECTORY}/.unfinished-${run.token}`) === undefined) run.isRobbed = true;
    }
  }

  #noteDecision(): void {
    const [token] = this.world.files.names(`${DIRECTORY}/.replacement`);
    // A clean-up came first, and left nothing to decide on.
    if (token === undefined) return;
    const decided = this.runs.find((run) => run.token === token);
    assert.ok(decided, 'what is decided on is of a run');
    assert.ok(!decided.isOvertaken, 'no other run decided while the directory was this one’s');
    decided.hasDecided = true;
    for (const run of this.runs) if (run.isClaimed && !run.hasDecided) run.isOvertaken = true;
  }

  /** At no moment does run.json describe other bytes than those that are there. */
  #checkResults(when: string): void {
    const manifest = this.#manifest();
    if (manifest === undefined) {
      if (this.#hadResults && !this.isPurged) assert.ok(this.#isDecided, `results are there, or about to be ${when}`);
      return;
    }
    this.#hadResults = true;
    for (const { name, sha256 } of manifest) {
      const text = this.world.files.text(`${DIRECTORY}/${name}`);
      assert.equal(text && digestOf(text).sha256, sha256, `${name} is what run.json says ${when}`);
    }
    const others = NAMES.filter((name) => !manifest.some((file) => file.name === name));
    for (const name of others)
      assert.equal(this.world.files.text(`${DIRECTORY}/${name}`), undefined, `${name} ${when}`);
  }

  get #isDecided(): boolean {
    const { files } = this.world;
    const outer = `${DIRECTORY}/.replacement`;
    if (files.find(outer) === undefined) return false;
    return files.names(outer).some((token) => files.text(`${outer}/${token}/run.json`) !== undefined);
  }

  #manifest(): readonly ManifestFile[] | undefined {
    const text = this.world.files.text(`${DIRECTORY}/run.json`);
    return text === undefined ? undefined : (JSON.parse(text) as { files: ManifestFile[] }).files;
  }

  /** Lets all processes continue in turn until nothing is left to do. */
  async finish(): Promise<void> {
    for (const process of this.world.processes) process.isStopped = false;
    while (this.runs.some(({ end, process }) => end === undefined && !process.isOver)) {
      const [next] = this.world.ready;
      if (next) await this.proceed(next);
      else assert.ok(this.world.passTime(), 'every run comes to an end');
    }
  }

  /** Checks how each ended run must have ended. */
  checkEnds(): void {
    for (const { end, isRobbed, hasDecided, wasInPlace } of this.runs) {
      if (end === undefined) continue;
      if (isRobbed) {
        seen.robbed++;
        assert.equal(end, 'lost', 'a run that lost its folder says so');
      }
      if (end === 'done') assert.ok(hasDecided && wasInPlace, 'a run that is done was put in place');
      if (end !== 'failed') seen[end]++;
    }
  }
}

function isOf(token: string, sha256: string): boolean {
  return NAMES.some((name) => digestOf(`${name} of ${token}`).sha256 === sha256);
}

type Event =
  | { kind: 'go'; which: number }
  | { kind: 'stop' | 'wake' | 'kill' | 'purge'; which: number }
  | { kind: 'hang'; which: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 60, arbitrary: fc.record({ kind: fc.constant('go' as const), which: fc.nat(999) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('stop', 'wake', 'kill', 'purge', 'hang'), which: fc.nat(999) }),
  },
);

async function happen(interleaving: Interleaving, { kind, which }: Event): Promise<void> {
  const { world, runs } = interleaving;
  const run = runs[which % runs.length]!;
  if (kind === 'stop') run.process.isStopped = true;
  if (kind === 'wake') run.process.isStopped = false;
  if (kind === 'kill' && which % 3 === 0) {
    // One that puts its results in place is seldom met by chance.
    const placing = runs.find(({ hasDecided, end }) => hasDecided && end === undefined);
    if (placing) seen.killedInPlacing++;
    world.kill((placing ?? run).process);
  }
  if (kind === 'hang') world.time += which * 10;
  if (kind === 'purge') {
    purge(world, which);
    interleaving.isPurged = true;
  }
  interleaving.noteRobbed();
  if (kind !== 'go') return;
  if (world.ready.length === 0 && !world.passTime()) return;
  const { ready } = world;
  if (ready.length > 0) await interleaving.proceed(ready[which % ready.length]!);
}

/** A clean-up that removes one of the runs' folders, or a file in it. */
function purge({ files }: SimulatedWorld, which: number): void {
  const folders = files.names(DIRECTORY).filter((name) => name.startsWith('.'));
  const folder = folders[which % Math.max(1, folders.length)];
  if (folder !== undefined) purgeIn(files, `${DIRECTORY}/${folder}`, which);
}

function purgeIn(files: SimulatedWorld['files'], path: string, which: number): void {
  const names = files.find(path) instanceof Map ? files.names(path) : [];
  const name = which % 4 === 0 ? undefined : names[which % Math.max(1, names.length)];
  if (name === undefined) files.remove(path);
  else purgeIn(files, `${path}/${name}`, Math.floor(which / 2));
}

describe('Runs in one directory, however their calls fall between each other', () => {
  const runs = fc.array(
    fc.record({
      pidNamespace: fc.constantFrom('host', 'one', 'two'),
      names: fc.constantFrom(NAMES, NAMES.slice(0, 2)),
    }),
    { minLength: 2, maxLength: 4 },
  );

  async function play(
    given: readonly { pidNamespace: string; names: readonly string[] }[],
    events: readonly Event[],
  ): Promise<void> {
    const interleaving = new Interleaving();
    for (const { pidNamespace, names } of given) interleaving.add(pidNamespace, names);
    for (const one of events) await happen(interleaving, one);
    await interleaving.finish();
    interleaving.checkEnds();
    const last = interleaving.add('one', NAMES);
    await interleaving.finish();
    assert.equal(last.end, 'done', `whatever was left, the next run goes through: ${String(last.error)}`);
  }

  it('never put in place what run.json does not say, nor two at a time, and know when they have lost it', async () => {
    await fc.assert(fc.asyncProperty(runs, fc.array(event, { maxLength: 500, size: 'max' }), play), { numRuns: 1000 });
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, `some are ${what}: ${JSON.stringify(seen)}`);
  });
});
