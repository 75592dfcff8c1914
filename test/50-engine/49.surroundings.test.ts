import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { seededNumbers } from '../../lib/models/random/random-contents.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { noCompiler } from '../fake-driver.js';
import { installGoldenModel } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { hasAvx512, skip } from '../skipped.js';
import type { Outcome } from './surroundings-process.js';

const PROGRAM = fileURLToPath(new URL('surroundings-process.js', import.meta.url));
const SEED = 23;
const AT_ONCE = 2;
/** Differences from the order of summation, in float32. */
const LAST_DIGITS = 1e-5;
/** The same for bfloat16, whose precision is lower by 2^-16: one sum rounded differently, as bounded by `doctor`. */
const LAST_DIGITS_OF_HALF = { scores: 0.03, embeddings: 0.08 };

/** Variables that mathematical libraries read, with values that people set, and some that nobody should set. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  OMP_DYNAMIC: ['true', 'false', '1'],
  OMP_THREAD_LIMIT: ['1', '2', '3', '64'],
  OMP_NUM_THREADS: ['1', '2', '7', '4,3,2', 'many'],
  OMP_MAX_ACTIVE_LEVELS: ['0', '1', '5'],
  OMP_NESTED: ['true'],
  OMP_PROC_BIND: ['true', 'close', 'spread', 'master', 'false'],
  OMP_PLACES: ['cores', 'threads', '{0}', 'sockets'],
  OMP_SCHEDULE: ['dynamic,3', 'static', 'guided'],
  OMP_STACKSIZE: ['16M', '512k', '4k'],
  OMP_WAIT_POLICY: ['active', 'passive'],
  OMP_CANCELLATION: ['true'],
  OMP_DISPLAY_ENV: ['true'],
  GOMP_CPU_AFFINITY: ['0', '0-1', '1 0'],
  GOMP_SPINCOUNT: ['0', '10'],
  GOMP_STACKSIZE: ['256'],
  KMP_AFFINITY: ['granularity=fine,compact,1,0', 'disabled'],
  KMP_ALL_THREADS: ['1', '3'],
  KMP_DEVICE_THREAD_LIMIT: ['1', '2'],
  KMP_DYNAMIC_MODE: ['load_balance', 'thread_limit'],
  KMP_BLOCKTIME: ['0', 'infinite'],
  KMP_LIBRARY: ['serial', 'throughput'],
  MKL_NUM_THREADS: ['1', '2', '5'],
  MKL_DOMAIN_NUM_THREADS: ['MKL_BLAS=1'],
  MKL_DYNAMIC: ['true', 'false'],
  MKL_CBWR: ['COMPATIBLE', 'AVX2', 'AUTO,STRICT'],
  MKL_ENABLE_INSTRUCTIONS: ['AVX2', 'SSE4_2'],
  MKL_DISABLE_FAST_MM: ['1'],
  MKL_VERBOSE: ['1'],
  DNNL_MAX_CPU_ISA: ['AVX2', 'SSE41'],
  ONEDNN_MAX_CPU_ISA: ['AVX2', 'AVX512_CORE', 'DEFAULT'],
  ONEDNN_CPU_ISA_HINTS: ['PREFER_YMM'],
  ONEDNN_DEFAULT_FPMATH_MODE: ['BF16', 'TF32', 'ANY', 'STRICT'],
  DNNL_DEFAULT_FPMATH_MODE: ['F16'],
  ONEDNN_PRIMITIVE_CACHE_CAPACITY: ['0', '1'],
  ONEDNN_VERBOSE: ['1'],
  ATEN_CPU_CAPABILITY: ['default', 'avx2', 'avx512', 'fastest'],
  MALLOC_PERTURB_: ['90'],
  HOST_DOES: ['regions', 'settings', 'small-numbers', 'rounding'],
};

/** Another vendor's OpenMP, which people preload instead of libtorch's. */
function otherOpenMp(): string[] {
  const folders = ['/usr/lib', '/usr/lib64'].flatMap((root) =>
    existsSync(root)
      ? readdirSync(root)
          .filter((name) => name.startsWith('llvm'))
          .map((name) => join(root, name, 'lib'))
      : [],
  );
  return folders.map((folder) => join(folder, 'libomp.so.5')).filter((path) => existsSync(path));
}

/** Another instruction set, or another number of threads, sums in another order. */
const CHANGES_LAST_DIGITS = /ISA|CAPABILITY|INSTRUCTIONS|CBWR|THREAD|FPMATH|ALL_THREADS/;

interface Case {
  readonly environment: Readonly<Record<string, string>>;
  readonly threads: number;
  readonly precision: 'fp32' | 'bf16';
  readonly engine: 'packed' | 'torchscript';
  readonly where: 'main' | 'thread';
}

interface Libraries {
  readonly host: string;
  readonly openMp: string | undefined;
}

/** Cases of one to four settings each, which together contain every value of every variable once. */
function dealtCases(next: () => number, libraries: Libraries): Case[] {
  const one = <T>(values: readonly T[]): T => values[next() % values.length]!;
  const deck = Object.entries(VARIABLES).flatMap(([name, values]) => values.map((value) => [name, value] as const));
  const cases: Case[] = [];
  while (deck.length > 0) {
    const environment: Record<string, string> = {};
    for (let count = 1 + (next() % 4); count > 0 && deck.length > 0; count--) {
      const index = next() % deck.length;
      const [name, value] = deck[index]!;
      // A variable has one value at a time: this value comes later.
      if (name in environment) continue;
      environment[name] = value;
      deck.splice(index, 1);
    }
    const library = libraryFor(environment, libraries, one([undefined, undefined, 'host', 'openMp']));
    if (library !== undefined) environment['LD_PRELOAD'] = library;
    cases.push({
      environment,
      threads: one([1, 2, 2, 4]),
      precision: one(['fp32', 'fp32', 'bf16']),
      engine: one(['packed', 'packed', 'packed', 'torchscript']),
      where: one(['main', 'main', 'thread']),
    });
  }
  return cases;
}

/** The library that reads one of these variables, else the drawn one. */
function libraryFor(
  environment: Readonly<Record<string, string>>,
  libraries: Libraries,
  drawn: keyof Libraries | undefined,
): string | undefined {
  const names = Object.keys(environment);
  if (names.includes('HOST_DOES')) return libraries.host;
  if (names.some((name) => name.startsWith('KMP_'))) return libraries.openMp;
  return drawn && libraries[drawn];
}

function largest(actual: readonly number[], golden: readonly number[]): number {
  assert.equal(actual.length, golden.length);
  return actual.reduce((most, value, index) => {
    const difference = Math.abs(value - golden[index]!);
    return difference <= most ? most : Number.isNaN(difference) ? Infinity : difference;
  }, 0);
}

describe('the numbers in other surroundings', () => {
  let installed: InstalledModel;
  let folder: string | undefined;
  let host: string | undefined;
  const quiet = new Map<string, Outcome>();

  before(async function () {
    const missing = noCompiler();
    if (missing !== undefined) skip(this, missing);
    installed = await installGoldenModel();
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-surroundings-'));
    host = compile('host');
  });
  after(() => {
    (installed as InstalledModel | undefined)?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  /** A library of test/fixtures/openmp-host. */
  function compile(name: string): string {
    const library = join(folder!, `${name}.so`);
    const source = fixture('openmp-host', `${name}.c`);
    const words = ['-shared', '-fPIC', '-fopenmp', '-Wall', '-Werror', '-o', library, source];
    const { status, stderr } = spawnSync('cc', words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return library;
  }

  let runs = 0;
  /** The outcome of a process in these surroundings, or how it ended if it wrote nothing. */
  async function run({ environment, threads, precision, engine, where }: Case): Promise<Outcome> {
    const output = join(folder!, `${runs++}.json`);
    const words = [PROGRAM, output, installed.model.folder, String(threads), precision, engine, where];
    const kept = Object.entries(process.env).filter(([name]) => !(name in VARIABLES));
    const env = { ...Object.fromEntries(kept), LIBTORCH: loadAddon().libtorch.root, ...environment };
    const ended = await promisify(execFile)(process.execPath, words, {
      env,
      timeout: 300_000,
      maxBuffer: 2 ** 28,
    }).catch((error: unknown) => error as { code?: unknown; signal?: unknown; stderr: string });
    if (existsSync(output)) return JSON.parse(readFileSync(output, 'utf8')) as Outcome;
    assert.fail(`ended with ${JSON.stringify(ended)}`);
  }

  async function quietOutcome(asked: Case): Promise<Outcome> {
    const key = `${asked.threads} ${asked.precision} ${asked.engine}`;
    const outcome = quiet.get(key) ?? (await run({ ...asked, environment: {}, where: 'main' }));
    quiet.set(key, outcome);
    return outcome;
  }

  async function check(asked: Case): Promise<'same' | 'last digits' | 'refused'> {
    const [expected, outcome] = [await quietOutcome(asked), await run(asked)];
    assert.equal(expected.refused, undefined, 'refused in quiet surroundings');
    if (outcome.refused !== undefined) {
      assert.match(
        outcome.refused,
        /^VNP_(THREADS|WRONG_NUMBERS): |^VNP_NATIVE: .* known answer |^VNP_LIBTORCH: .* (ATEN_CPU_CAPABILITY|OMP_NUM_THREADS) /,
      );
      return 'refused';
    }
    const { scores, embeddings, threads } = outcome;
    const [inScores, inEmbeddings] = [largest(scores!, expected.scores!), largest(embeddings!, expected.embeddings!)];
    if (inScores === 0 && inEmbeddings === 0) return 'same';
    const mayDiffer = threads !== expected.threads || CHANGES_LAST_DIGITS.test(Object.keys(asked.environment).join());
    assert.ok(mayDiffer, `other digits: ${inScores} in scores, ${inEmbeddings} in embeddings`);
    const half = asked.precision === 'bf16';
    assert.ok(inScores <= (half ? LAST_DIGITS_OF_HALF.scores : LAST_DIGITS), `scores differ by ${inScores}`);
    assert.ok(inEmbeddings <= (half ? LAST_DIGITS_OF_HALF.embeddings : LAST_DIGITS), `differ by ${inEmbeddings}`);
    return 'last digits';
  }

  for (const [name, environment, threads] of [
    ['OMP_DYNAMIC', { OMP_DYNAMIC: 'true' }, 8],
    ['OMP_THREAD_LIMIT', { OMP_THREAD_LIMIT: '2' }, 8],
    ['OMP_MAX_ACTIVE_LEVELS=0', { OMP_MAX_ACTIVE_LEVELS: '0' }, 4],
  ] as const) {
    it(`are right with ${name} and ${threads} threads`, async () => {
      const asked = { environment, threads, precision: 'fp32', engine: 'packed', where: 'main' } as const;
      assert.notEqual(await check(asked), 'refused');
    });
  }

  it('are refused where the environment asks for instructions that the processor does not have', async function () {
    if (hasAvx512()) skip(this, 'this processor has all that the environment can ask for');
    const environment = { ATEN_CPU_CAPABILITY: 'avx512' };
    const asked = { environment, threads: 2, precision: 'fp32', engine: 'packed', where: 'main' } as const;
    assert.match(
      (await run(asked)).refused!,
      /^VNP_LIBTORCH: Expected instructions that this processor has for ATEN_CPU/,
    );
  });

  for (const engine of ['packed', 'torchscript'] as const) {
    it(`are refused when the ${engine} engine does not compute the known answer`, async () => {
      const environment = { LD_PRELOAD: compile('lost-thread') };
      const asked = { environment, threads: 2, precision: 'fp32', engine, where: 'main' } as const;
      assert.match(
        (await run(asked)).refused!,
        /^VNP_WRONG_NUMBERS: cpu gets a known answer wrong in FP32: a small \w+ model is off by/,
      );
    });
  }

  describe("beside another vendor's OpenMP", () => {
    const [library] = otherOpenMp();
    before(function () {
      if (library === undefined) skip(this, 'libomp.so.5 is missing; install libomp5 (apt-get install libomp5)');
    });

    it('are refused with a number of threads that ends the process there, or holds it for ever', async () => {
      for (const value of ['', 'many', '-3', '99999999999999']) {
        const environment = { OMP_NUM_THREADS: value, LD_PRELOAD: library! };
        const asked = { environment, threads: 2, precision: 'fp32', engine: 'packed', where: 'main' } as const;
        assert.match((await run(asked)).refused!, /^VNP_LIBTORCH: Expected a number of threads for OMP_NUM_THREADS/);
      }
    });
    for (const [limit, what] of [
      ['KMP_DEVICE_THREAD_LIMIT', 'whose threads are limited for the whole process'],
      ['OMP_THREAD_LIMIT', 'whose threads are limited'],
      ['OMP_MAX_ACTIVE_LEVELS', 'that forms no teams'],
    ] as const) {
      it(`are right with one ${what}`, async () => {
        const environment = { LD_PRELOAD: library!, [limit]: limit === 'OMP_MAX_ACTIVE_LEVELS' ? '0' : '2' };
        const outcome = await check({ environment, threads: 4, precision: 'fp32', engine: 'packed', where: 'main' });
        assert.notEqual(outcome, 'refused');
      });
    }

    it('are refused with one that works alone', async () => {
      const environment = { LD_PRELOAD: library!, KMP_LIBRARY: 'serial' };
      const asked = { environment, threads: 4, precision: 'fp32', engine: 'packed', where: 'main' } as const;
      assert.match((await run(asked)).refused!, /^VNP_THREADS: OpenMP formed a team of \d+ threads instead of 4/);
    });
  });

  it('are the same, but for last digits, or refused, with every value of every variable among others', async function () {
    this.timeout(20 * 60_000);
    const waiting = dealtCases(seededNumbers(SEED), { host: host!, openMp: otherOpenMp()[0] });
    const cases = waiting.length;
    const counts = { same: 0, 'last digits': 0, refused: 0 };
    const take = async (): Promise<void> => {
      for (let asked = waiting.shift(); asked !== undefined; asked = waiting.shift()) {
        const words = JSON.stringify(asked).replaceAll(folder!, '');
        counts[await check(asked).catch((cause: unknown) => assert.fail(`${words}: ${String(cause)}`))]++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, take));
    // Most settings change nothing; if most were refused, the test would show nothing.
    assert.ok(counts.same + counts['last digits'] > cases / 2, JSON.stringify(counts));
  });
});
