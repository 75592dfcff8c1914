/** What a member begins with, up to the length of its extra field. */
const FIXED_BYTES = 12;
const HAS_EXTRA_FIELD = 0x04;
/** The length of the content, the last of a member. */
const CONTENT_LENGTH_BYTES = 4;

/**
 * BGZF is gzip in members of at most 64 KiB that say how long they are; one without content marks the end. So the members
 * can be followed from one to the next without unpacking them, which tells whether the archive has that mark.
 */
export class BgzfChain {
  readonly #walk = this.#members();
  #skipped = 0;
  #wanted = 0;
  #gathered = Buffer.alloc(0);
  #isFollowed = true;
  #endsWithContent = false;

  constructor() {
    this.#proceed(this.#gathered);
  }

  /** Whether all members are BGZF's, and the last has content: a part of the archive may be missing. */
  get endsWithContent(): boolean {
    return this.#endsWithContent;
  }

  add(block: Uint8Array): void {
    for (let position = 0; this.#isFollowed && position < block.length;) {
      const step = Math.min(this.#skipped || this.#wanted - this.#gathered.length, block.length - position);
      if (this.#skipped > 0) this.#skipped -= step;
      else this.#gather(block.subarray(position, position + step));
      position += step;
    }
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered = Buffer.concat([this.#gathered, bytes]);
    if (this.#gathered.length === this.#wanted) this.#proceed(this.#gathered);
  }

  #proceed(bytes: Buffer): void {
    const { done, value } = this.#walk.next(bytes);
    this.#isFollowed = done !== true;
    this.#skipped = value?.skip ?? 0;
    this.#wanted = value?.take ?? 0;
    this.#gathered = Buffer.alloc(0);
  }

  /** Asks for the bytes that it has to see. Ends at the first member that is not BGZF's, and at padding. */
  *#members(): Generator<{ skip: number; take: number }, undefined, Buffer> {
    for (;;) {
      const first = yield { skip: 0, take: 1 };
      // Zeros behind the last member belong to none.
      if (first[0] === 0) return;
      this.#endsWithContent = false;
      const fixed = Buffer.concat([first, yield { skip: 0, take: FIXED_BYTES - 1 }]);
      const extraBytes = fixed.readUInt16LE(FIXED_BYTES - 2);
      const isMember = fixed.readUInt16BE(0) === 0x1f8b && (fixed[3]! & HAS_EXTRA_FIELD) !== 0 && extraBytes > 0;
      const size = isMember ? memberSize(yield { skip: 0, take: extraBytes }) : undefined;
      const rest = (size ?? 0) - FIXED_BYTES - extraBytes - CONTENT_LENGTH_BYTES;
      if (rest < 0) return;
      const contentLength = yield { skip: rest, take: CONTENT_LENGTH_BYTES };
      this.#endsWithContent = contentLength.readUInt32LE() > 0;
    }
  }
}

/** By the subfield BC of a header's extra field, which may have others. */
function memberSize(extra: Buffer): number | undefined {
  for (let start = 0; start + 4 <= extra.length; start += 4 + extra.readUInt16LE(start + 2)) {
    const isSize = extra.toString('latin1', start, start + 2) === 'BC' && extra.readUInt16LE(start + 2) === 2;
    if (isSize && start + 6 <= extra.length) return extra.readUInt16LE(start + 4) + 1;
  }
  return undefined;
}
