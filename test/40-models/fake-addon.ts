import { writeFileSync } from 'node:fs';
import type { Addon, ArchiveRequest } from '../../lib/engine/addon.js';
import { storedZip } from './stored-zip.js';

export type ArchiveWriter = Pick<Addon, 'writeArchive'>;

/** Writes a zip file like TorchScript's, with the extra files but without weights. Keeps the requests. */
export function fakeAddon(requests: ArchiveRequest[] = []): ArchiveWriter {
  return {
    writeArchive: async (request) => {
      requests.push(request);
      const extra = Object.entries(request.extraFiles).map(([name, text]) => ({
        name: `model/extra/${name}`,
        bytes: Buffer.from(text),
      }));
      const code = { name: 'model/code/__torch__.py', bytes: Buffer.from('compressed'), method: 8 };
      writeFileSync(request.path, storedZip([code, ...extra]));
    },
  };
}

/** Fails at the archive with this number, counted from 1, after writing half of it. */
export function failingAddon(at: number): ArchiveWriter {
  const working = fakeAddon();
  let calls = 0;
  return {
    writeArchive: async (request) => {
      if (++calls < at) return working.writeArchive(request);
      writeFileSync(request.path, 'half of it');
      throw new Error('no space left');
    },
  };
}
