import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { readCheckpoint } from '../../lib/models/checkpoint/checkpoint.js';
import { importClassifier } from '../../lib/models/import/classifier.js';
import { importDnabert } from '../../lib/models/import/dnabert.js';
import { importEsm2 } from '../../lib/models/import/esm2.js';
import { fixture } from '../repository.js';
import { fails, succeedsOrExplains } from './failures.js';
import { temporaryFolder } from './temporary-folder.js';

const FILES = [
  { path: ['classifier.pth'], importer: importClassifier, header: 2400 },
  { path: ['classifier_legacy.pth'], importer: importClassifier, header: 12_300 },
  { path: ['esm2', 'esm2_t3_tiny.pt'], importer: importEsm2, header: 8000 },
  { path: ['dnabert', 'pytorch_model.bin'], importer: importDnabert, header: 4600 },
  { path: ['dnabert', 'model.safetensors'], importer: importDnabert, header: 4000 },
] as const;

describe('a damaged checkpoint', () => {
  const folder = temporaryFolder();

  for (const { path, importer, header } of FILES) {
    const name = path.at(-1)!;
    const bytes = readFileSync(fixture('golden', ...path));
    const read = async (damaged: Uint8Array): Promise<unknown> =>
      importer(await readCheckpoint(folder.write('x', damaged)));

    it(`is refused when truncated anywhere: ${name}`, async () => {
      const ends = [0, 1, 7, 8, 9, 10, 20, bytes.length - 1];
      for (let step = 1; step < 40; step++) ends.push(Math.floor((bytes.length * step) / 40));
      for (const end of ends) await fails('VNP_CHECKPOINT', /./, () => read(bytes.subarray(0, end)));
    });

    it(`is read or refused with any wrong byte in what is interpreted: ${name}`, async () => {
      const fromEnd = fc.integer({ min: 1, max: Math.min(4000, bytes.length) }).map((back) => bytes.length - back);
      const position = fc.oneof(fc.integer({ min: 0, max: header }), fromEnd);
      await fc.assert(
        fc.asyncProperty(position, fc.integer({ min: 1, max: 255 }), async (at, change) => {
          const damaged = Buffer.from(bytes);
          damaged[at]! ^= change;
          await succeedsOrExplains(() => read(damaged));
        }),
        { numRuns: 100 },
      );
    });
  }

  it('is read or refused when it is any bytes that begin like one', async () => {
    const starts = ['PK\x03\x04', '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.', '\x10\0\0\0\0\0\0\0{'];
    const start = fc.constantFrom(...starts).map((one) => Buffer.from(one, 'latin1'));
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 300 }), (head, tail) =>
        succeedsOrExplains(() => readCheckpoint(folder.write('x', Buffer.concat([head, tail])))),
      ),
      { numRuns: 300 },
    );
  });
});
