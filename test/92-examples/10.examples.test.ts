import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { repositoryRoot } from '../repository.js';

const CONTIGS = join(repositoryRoot, 'examples', 'contigs.fa');
const MAX_LINES = 80;

interface Program {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: Interface;
  /** Everything that it wrote to standard error. */
  readonly errors: Promise<string>;
}

describe('the examples', () => {
  let folder: string;
  const started: Program[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), 'virnucpro-examples-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    for (const program of started.splice(0)) program.process.kill('SIGKILL');
  });

  function start(name: string, ...words: string[]): Program {
    const path = join(repositoryRoot, 'dist', 'examples', `${name}.js`);
    const process = spawn('node', [path, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const program = { process, lines: createInterface(process.stdout), errors: text(process.stderr) };
    started.push(program);
    return program;
  }

  async function linesOf(name: string, ...words: string[]): Promise<string[]> {
    const program = start(name, ...words);
    const lines: string[] = [];
    program.lines.on('line', (line) => lines.push(line));
    const [code] = (await once(program.process, 'close')) as [number | null];
    assert.equal(code, 0, await program.errors);
    return lines;
  }

  async function nextLine({ lines, process, errors }: Program): Promise<string> {
    const ended = once(process, 'exit').then(async () => assert.fail(`it ended: ${await errors}`));
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
    return line;
  }

  /** Begins a request to a program on this machine. */
  function post(port: number, path = '/'): ClientRequest {
    const options = { port, path, method: 'POST' } as const;
    return request(options).on('error', () => undefined);
  }

  async function answerOf(call: ClientRequest): Promise<{ status: number; body: string }> {
    const [response] = (await once(call, 'response')) as [Readable & { statusCode: number }];
    return { status: response.statusCode, body: await text(response) };
  }

  it(`have fewer than ${MAX_LINES} lines each`, () => {
    const names = readdirSync(join(repositoryRoot, 'examples')).filter((name) => name.endsWith('.ts'));
    assert.equal(names.length, 5);
    for (const name of names) {
      const lines = readFileSync(join(repositoryRoot, 'examples', name), 'utf8').split('\n').length - 1;
      assert.ok(lines < MAX_LINES, `${name}: ${lines} lines`);
    }
  });

  it('write the verdicts of records to Parquet, and query them', async () => {
    const rows = (await linesOf('records-to-parquet', join(folder, 'verdicts.parquet'))).map(
      (line) => JSON.parse(line) as { site: string; contigs: number; bases: number },
    );
    // Record n has 600 + 100 n bases: the odd ones are from the lake, the even ones from the soil.
    assert.deepEqual(rows, [
      { site: 'lake', contigs: 10, bases: 16_000 },
      { site: 'soil', contigs: 10, bases: 15_000 },
    ]);
  });

  it('find the protein that is most similar', async () => {
    const protein = (seed: number): string =>
      Array.from({ length: 120 }, (_, at) => 'ACDEFGHIKLMNPQRSTVWY'[(at * at * seed + 7 * at + seed) % 20]).join('');
    const changed = `${protein(3).slice(0, 60)}W${protein(3).slice(61)}`;
    const entries = {
      first: protein(3),
      copy: changed,
      ...{ other1: protein(1), other2: protein(9), other3: protein(11) },
    };
    const fasta = Object.entries(entries).map(([id, letters]) => `>${id} of a test\n${letters}\n`);
    writeFileSync(join(folder, 'proteins.faa'), fasta.join(''));
    const neighbours = await linesOf('nearest-neighbours', 'proteins.faa', 'first');
    assert.equal(neighbours.length, 4);
    const [nearest, similarity] = neighbours[0]!.split('\t');
    assert.equal(nearest, 'copy');
    assert.ok(Number(similarity) > 0.9 && Number(similarity) <= 1, similarity);
  });

  it('predict in a thread of its own', async () => {
    const lines = await linesOf('worker-thread', CONTIGS);
    assert.equal(lines.length, 10);
    assert.match(lines[0]!, /^dna_phage\tvirus\t0\.\d\d$/);
    assert.equal(lines[9], 'empty\tnone\t-');
  });

  describe('serve over HTTP', () => {
    async function startService(): Promise<Program & { readonly port: number }> {
      const program = start('http-service', '0');
      const line = await nextLine(program);
      return { ...program, port: Number(/^listening on port (\d+)$/.exec(line)?.[1]) };
    }

    it('one line for every contig, for several clients, though others hang up or send nonsense', async () => {
      const { port } = await startService();
      const fasta = readFileSync(CONTIGS);
      const leaving = post(port, '/predict');
      leaving.write(fasta.subarray(0, 8000));
      const answers = [1, 2, 3].map(() => answerOf(post(port, '/predict').end(fasta)));
      const wrong = answerOf(post(port, '/predict').end('neither FASTA nor FASTQ\n'));
      leaving.destroy();
      for (const { status, body } of await Promise.all(answers)) {
        assert.equal(status, 200, body);
        const lines = body.trimEnd().split('\n');
        assert.equal(lines.length, 10);
        const first = JSON.parse(lines[0]!) as { contig: string; verdict: string };
        assert.deepEqual([first.contig, first.verdict], ['dna_phage', 'virus']);
      }
      const refused = await wrong;
      assert.equal(refused.status, 400);
      assert.equal((JSON.parse(refused.body) as { error: string }).error, 'VNP_INPUT_FORMAT');
      assert.equal((await answerOf(post(port, '/elsewhere').end())).status, 404);
    });

    it('the requests at hand to their end after SIGTERM', async () => {
      const { port, process } = await startService();
      const call = post(port, '/predict');
      const fasta = readFileSync(CONTIGS);
      call.write(fasta.subarray(0, 8000));
      // The service has begun the request when its socket has taken the bytes and it had a moment to read them.
      await setTimeout(500);
      process.kill('SIGTERM');
      await setTimeout(200);
      call.end(fasta.subarray(8000));
      const { status, body } = await answerOf(call);
      assert.equal(status, 200);
      assert.equal(body.trimEnd().split('\n').length, 10);
      const [code] = process.exitCode === null ? ((await once(process, 'exit')) as [number]) : [process.exitCode];
      assert.equal(code, 0);
    });
  });

  it('serve from several processes, and replace one that dies', async () => {
    const port = await freePort();
    const program = start('cluster', String(port));
    await nextLine(program);
    const sequence = readFileSync(CONTIGS, 'utf8').split(/^>.*$/m)[1]!.replaceAll('\n', '');
    const ask = async (): Promise<{ verdict: string; process: number }> => {
      const { status, body } = await answerOf(post(port).end(sequence));
      assert.equal(status, 200, body);
      return JSON.parse(body) as { verdict: string; process: number };
    };
    const first = await ask();
    assert.equal(first.verdict, 'virus');
    const line = nextLine(program);
    process.kill(first.process, 'SIGKILL');
    assert.match(await line, /^process \d+ listens on /);
    const second = await ask();
    assert.equal(second.verdict, 'virus');
    program.process.kill('SIGTERM');
    const [code] = (await once(program.process, 'exit')) as [number];
    assert.equal(code, 0);
  });
});

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
