import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withRandomArchive } from '../../lib/benchmark/temporary-archive.js';
import type { ArchiveAnnouncement } from '../../lib/benchmark/temporary-archive.js';
import { DNABERT_SIZES, ESM2_SIZES } from '../../lib/models/random/published-sizes.js';

const TINY = ESM2_SIZES.get('esm2_tiny')!.architecture;

describe('the random weights of a benchmark', () => {
  let folder: string;
  let temporaryBefore: string | undefined;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'virnucpro-benchmark-'));
    temporaryBefore = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
  });
  after(() => {
    if (temporaryBefore === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = temporaryBefore;
    rmSync(folder, { recursive: true });
  });
  afterEach(() => assert.deepEqual(readdirSync(folder), [], 'something was left behind'));

  for (const architecture of [TINY, DNABERT_SIZES.get('dnabert_tiny')!.architecture]) {
    it(`of ${architecture.family} are written to TMPDIR, announced before, and removed`, async () => {
      const announced: ArchiveAnnouncement[] = [];
      const result = await withRandomArchive(
        architecture,
        (one) => announced.push({ ...one }),
        async (path) => {
          assert.equal(announced.length, 1);
          assert.equal(path, join(announced[0]!.folder, 'model.pt'));
          assert.equal(join(announced[0]!.folder, '..'), folder);
          const { size } = statSync(path);
          assert.ok(size > 0 && size <= announced[0]!.bytes, `${size}, ${announced[0]!.bytes}`);
          return 'used';
        },
      );
      assert.equal(result, 'used');
    });
  }

  it('are removed when their use fails', async () => {
    const failing = withRandomArchive(
      TINY,
      () => undefined,
      async () => {
        throw new Error('of the use');
      },
    );
    await assert.rejects(failing, /of the use/);
  });

  it('are neither finished nor left when their writer loses its parent', async () => {
    const path = join(folder, 'model.pt');
    const { architecture } = ESM2_SIZES.get('esm2_t33_650M_UR50D')!;
    const writer = fork(
      fileURLToPath(new URL('../../lib/benchmark/archive-writer-child.js', import.meta.url)),
      [path, JSON.stringify(architecture)],
      { execArgv: [] },
    );
    const ended = once(writer, 'exit');
    writer.disconnect();
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.ok(!existsSync(path));
  });

  it('of a size that cannot be are refused', async () => {
    const failing = withRandomArchive(
      { ...TINY, heads: 3 },
      () => undefined,
      async () => assert.fail(),
    );
    await assert.rejects(failing, { name: 'VirnucproError', code: 'VNP_ARGUMENT' });
  });

  it('are not written where there is no room', async () => {
    const endless = { ...TINY, width: 1e6, feedForward: 4e6 };
    const failing = withRandomArchive(
      endless,
      () => assert.fail(),
      async () => assert.fail(),
    );
    await assert.rejects(failing, {
      code: 'VNP_OUTPUT',
      message: /^A temporary model in .* takes \d+ MB, but only \d+ MB are free\. .*TMPDIR/,
    });
  });

  it('are not written where no folder can be made', async () => {
    process.env['TMPDIR'] = join(folder, 'none');
    try {
      await assert.rejects(
        withRandomArchive(
          TINY,
          () => assert.fail(),
          async () => assert.fail(),
        ),
        {
          code: 'VNP_OUTPUT',
          message: /^The temporary folder .* cannot be used: .*TMPDIR/,
        },
      );
    } finally {
      process.env['TMPDIR'] = folder;
    }
    assert.ok(!existsSync(join(folder, 'none')));
  });
});
