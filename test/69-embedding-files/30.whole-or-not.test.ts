import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createEmbeddingWriter } from '../../lib/embedding-files/embedding-writer.js';
import { EMBEDDING_FORMATS } from '../../lib/embedding-files/formats.js';
import type { EmbeddingFormat } from '../../lib/embedding-files/formats.js';
import { openVectorFiles } from '../../lib/embedding-files/vector-files.js';
import { HEADER, ODD_IDS, rowsFor, temporaryFolder, writeRows } from './sequences.js';

const TARGETS: readonly (readonly [EmbeddingFormat, string])[] = [
  ...EMBEDDING_FORMATS.map((format) => [format, `x.${format}`] as const),
  ['pt', 'sequences'],
];
const TOKENS = { ...HEADER, pool: 'tokens' } as const;

/** Writes in a process whose files may have this many KiB. */
function withoutRoom(blocks: number, ...given: readonly string[]) {
  const program = fileURLToPath(new URL('writing-process.js', import.meta.url));
  // Beyond the limit a write fails, where the signal is ignored, as Node does.
  const command = `ulimit -f ${blocks}; exec "$@"`;
  const words = ['-c', command, 'bash', process.execPath, program, ...given];
  return spawnSync('bash', words, { encoding: 'utf8' });
}

describe('A file of embeddings', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder.path, name);
  const visible = (): string[] => readdirSync(folder.path).filter((name) => !name.startsWith('.'));

  for (const [format, name] of TARGETS) {
    for (const header of [HEADER, TOKENS]) {
      it(`appears when it is closed, and nothing else stays: ${name} of ${header.pool}`, async () => {
        const writer = await createEmbeddingWriter(format, path(name), header);
        for (const row of rowsFor(ODD_IDS, header)) await writer.write(row);
        assert.deepEqual(visible(), []);
        await writer.close();
        const names = format === 'npy' ? ['x.ids.tsv', name] : [name];
        assert.deepEqual(readdirSync(folder.path).sort(), names);
        await writer.close();
        await writer.abandon();
        assert.deepEqual(readdirSync(folder.path).sort(), names);
      });

      it(`leaves nothing behind when it is given up: ${name} of ${header.pool}`, async () => {
        const writer = await createEmbeddingWriter(format, path(name), header);
        for (const row of rowsFor(ODD_IDS, header)) await writer.write(row);
        await writer.abandon();
        await writer.abandon();
        assert.deepEqual(readdirSync(folder.path), []);
        const [row] = rowsFor(['a'], header);
        await assert.rejects(async () => writer.write(row!), { code: 'VNP_CLOSED' });
      });
    }

    it(`stays as it was until its successor is complete: ${name}`, async () => {
      if (name === 'sequences') mkdirSync(path(name));
      else writeFileSync(path(name), 'earlier');
      const writer = await createEmbeddingWriter(format, path(name), HEADER);
      await writer.write(rowsFor(['a'], HEADER)[0]!);
      if (name !== 'sequences') assert.equal(readFileSync(path(name), 'utf8'), 'earlier');
      await writer.close();
      if (name === 'sequences') assert.deepEqual(readdirSync(path(name)), ['a.pt']);
      else assert.notEqual(readFileSync(path(name), 'latin1'), 'earlier');
    });

    it(`is refused where it cannot be written: ${name}`, async () => {
      const opening = async (): Promise<void> =>
        writeRows(format, path(`missing/${name}`), HEADER, rowsFor(['a'], HEADER));
      await assert.rejects(opening, { code: 'VNP_OUTPUT', message: new RegExp(`missing/${name}`) });
    });
  }

  for (const [format, name] of TARGETS) {
    for (const pool of ['mean', 'tokens']) {
      // No byte, and in the middle. The files of a folder are too small for that.
      for (const blocks of name === 'sequences' ? [0] : [0, 200]) {
        it(`is given up where there is no room: ${name} of ${pool}, after ${blocks} KiB`, () => {
          const { status, stdout, stderr } = withoutRoom(blocks, format, path(name), '6000', pool);
          assert.deepEqual([status, stderr], [1, '']);
          const { code, message } = JSON.parse(stdout) as { code: string; message: string };
          assert.equal(code, 'VNP_OUTPUT');
          // HDF5 does not say why it cannot begin a file.
          const reason = format === 'h5' && blocks === 0 ? 'does not say why' : 'file too large';
          assert.match(message, new RegExp(`^.+ cannot be written: .*${reason}.*\\. Choose another output.*$`, 'i'));
          assert.ok(message.includes(name), message);
          assert.deepEqual(readdirSync(folder.path), []);
        });
      }
    }
  }

  it('says once that a temporary file beside it cannot be written', async () => {
    mkdirSync(path('x.h5.0'));
    const place = { path: path('x.h5'), shownPath: 'x.h5' };
    const table = {
      keys: [{ name: 'id', type: 'text' }],
      vectors: [{ name: 'mean', width: 1 }],
      metadata: {},
    } as const;
    const rows = await openVectorFiles('h5', [place], table);
    const write = async (): Promise<void> => {
      await rows.append(['a'], [Float32Array.of(1)]);
      await rows.close();
    };
    await assert.rejects(write, ({ message }: Error) => message.split('cannot be written').length === 2);
    await rows.abandon();
  });

  it('is the same, byte for byte, for the same rows', async () => {
    for (const format of EMBEDDING_FORMATS) {
      for (const name of ['one', 'two'])
        await writeRows(format, path(`${name}.${format}`), HEADER, rowsFor(ODD_IDS, HEADER));
      const [one, two] = ['one', 'two'].map((name) => readFileSync(path(`${name}.${format}`)));
      assert.ok(one!.equals(two!), format);
    }
  });

  it('is not one of a folder that has something in it', async () => {
    mkdirSync(path('sequences'));
    writeFileSync(path('sequences/other'), '');
    await assert.rejects(createEmbeddingWriter('pt', path('sequences'), HEADER), {
      code: 'VNP_OUTPUT',
      message: /the folder is not empty/,
    });
  });

  it('takes no states of another width or number of layers', async () => {
    const writer = await createEmbeddingWriter('parquet', path('x.parquet'), HEADER);
    const wrong = [[new Float32Array(4)], [], [new Float32Array(5), new Float32Array(5)], [new Float32Array(10)]];
    for (const states of wrong) {
      await assert.rejects(async () => writer.write({ id: 'a', length: 1, states }), {
        code: 'VNP_ARGUMENT',
        message: /Expected 1 arrays of 5 numbers for the states of "a"/,
      });
    }
    await writer.abandon();
    const tokens = await createEmbeddingWriter('npz', path('x.npz'), TOKENS);
    await assert.rejects(async () => tokens.write({ id: 'a', length: 1, states: [new Float32Array(7)] }), {
      code: 'VNP_ARGUMENT',
      message: /1 arrays of rows of 5 numbers/,
    });
    await tokens.abandon();
  });

  it('is of a known format', async () => {
    const opening = createEmbeddingWriter('csv' as EmbeddingFormat, path('x.csv'), HEADER);
    await assert.rejects(opening, { code: 'VNP_ARGUMENT', message: /for the format but received csv/ });
  });
});
