import { SpooledColumns, TextSpool } from './column-spools.js';
import { numpyHeader, numpyTexts } from './numpy-array.js';
import { StoredZip } from './stored-zip.js';

/** A .npz file: an array for each column, and `metadata`, which is JSON. The arrays grow in temporary files first. */
export class NumpyArchive extends SpooledColumns {
  protected async writeArchive(): Promise<void> {
    const { keys, vectors, metadata } = this.table;
    const { rows } = this.columns;
    const zip = await StoredZip.create(this.path, this.zipOptions);
    try {
      for (const [index, { name }] of keys.entries()) {
        const spool = this.columns.keys[index]!;
        if (spool instanceof TextSpool) await addTexts(zip, name, spool);
        else await addArray(zip, name, numpyHeader('<i4', [rows]), spool);
        await spool.remove();
      }
      for (const [index, { name, width }] of vectors.entries()) {
        const spool = this.columns.vectors[index]!;
        await addArray(zip, name, numpyHeader('<f4', [rows, width]), spool);
        await spool.remove();
      }
      const text = JSON.stringify(metadata);
      const parts = [numpyHeader(`<U${[...text].length}`, []), numpyTexts([text], [...text].length)];
      await zip.add('metadata.npy', bytesIn(parts), parts);
      await zip.close();
    } catch (error) {
      await zip.abandon();
      throw error;
    }
  }
}

async function addArray(
  zip: StoredZip,
  name: string,
  header: Uint8Array,
  spool: { readonly bytes: number; read(): AsyncIterable<Uint8Array> },
): Promise<void> {
  await zip.add(
    `${name}.npy`,
    header.length + spool.bytes,
    (async function* () {
      yield header;
      yield* spool.read();
    })(),
  );
}

async function addTexts(zip: StoredZip, name: string, spool: TextSpool): Promise<void> {
  // An array of empty texts has cells of one character, too.
  const width = Math.max(1, spool.longestPoints);
  const header = numpyHeader(`<U${width}`, [spool.count]);
  await zip.add(
    `${name}.npy`,
    header.length + spool.count * width * 4,
    (async function* () {
      yield header;
      for await (const texts of spool.read()) {
        // Few at a time: a long text makes wide cells of all.
        for (let first = 0; first < texts.length; first += 1024) {
          yield numpyTexts(
            texts.slice(first, first + 1024).map((text) => text.toString('utf8')),
            width,
          );
        }
      }
    })(),
  );
}

function bytesIn(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
