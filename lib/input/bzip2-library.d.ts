declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads `count` bits (at most 32) as a number, the first the highest; null skips to the next whole byte. */
  type ReadBits = (count: number | null) => number;

  const bzip2: {
    /** Reads a stream's header. @returns the block size in units of 100 000 bytes */
    header(bits: ReadBits): number;
    /**
     * Reads one block, or the end of the stream.
     * @param checksum checksum of the blocks so far
     * @returns the checksum including this block; null at the end of the stream
     */
    decompress(
      bits: ReadBits,
      write: (byte: number) => void,
      room: Int32Array,
      roomLength: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
