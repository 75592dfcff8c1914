/** Enough for any shape, so that the header can be written again once the number of rows is known. */
const HEADER_BYTES = 128;

/**
 * The header of a .npy file (format 1.0), of 128 bytes.
 * @param dtype in numpy's notation, such as `<f4`
 */
export function numpyHeader(dtype: string, shape: readonly number[]): Uint8Array {
  const tuple = `(${shape.map((size) => `${size},`).join(' ')})`;
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(HEADER_BYTES - 10, 8);
  header.write(`{'descr': '${dtype}', 'fortran_order': False, 'shape': ${tuple}, }`, 10, 'latin1');
  header.write('\n', HEADER_BYTES - 1);
  return header;
}

/** Texts as numpy stores them in an array of `<U${width}`: UTF-32, padded with zeros. */
export function numpyTexts(texts: readonly string[], width: number): Uint8Array {
  const cells = Buffer.alloc(texts.length * width * 4);
  texts.forEach((text, row) => {
    let offset = row * width * 4;
    for (const character of text) offset = cells.writeUInt32LE(character.codePointAt(0)!, offset);
  });
  return cells;
}
