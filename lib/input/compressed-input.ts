/** An archive that cannot be read to its end. The message says in what state it is, so that it can follow "received". */
export class ArchiveDamage extends Error {
  override readonly name = 'ArchiveDamage';
}

/** @param archive its kind with the article, such as `a gzip` */
export function endsEarly(archive: string): ArchiveDamage {
  return new ArchiveDamage(`${archive} archive that ends early`);
}

export function damaged(archive: string, reason: string): ArchiveDamage {
  return new ArchiveDamage(`${archive} archive that is damaged (${reason})`);
}

/** Content piece by piece, each valid until the next is asked for; undefined where more input has to be added first. */
export type Decompression = Generator<Uint8Array | undefined, void, void>;

/** Decompresses what is added to the input until that has ended. @throws ArchiveDamage while iterating */
export type Decompress = (input: CompressedInput) => Decompression;

/** The compressed bytes that were read and not yet used. */
export class CompressedInput {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #isEnded = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Whether nothing more will be added. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The bytes that there are, valid until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** The block is copied. */
  add(block: Uint8Array): void {
    if (this.#end + block.length > this.#bytes.length) this.#makeRoom(block.length);
    this.#bytes.set(block, this.#end);
    this.#end += block.length;
  }

  end(): void {
    this.#isEnded = true;
  }

  skip(count: number): void {
    this.#start += count;
  }

  /** Uses that many of the bytes that there are. Valid until the next `add`. */
  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#start, this.#start + count);
    this.#start += count;
    return taken;
  }

  /** Waits for at least that many bytes. @returns whether there are so many; else the input has ended */
  *waitFor(count: number): Generator<undefined, boolean, void> {
    while (this.length < count && !this.#isEnded) yield undefined;
    return this.length >= count;
  }

  #makeRoom(count: number): void {
    const { bytes } = this;
    const needed = bytes.length + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(bytes);
      this.#bytes = grown;
    } else {
      this.#bytes.copyWithin(0, this.#start, this.#end);
    }
    this.#end = bytes.length;
    this.#start = 0;
  }
}
