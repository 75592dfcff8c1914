import { createHash } from 'node:crypto';

/** Bytes of a name on all usual file systems. */
const MAX_NAME_BYTES = 255;
const HASH_DIGITS = 16;

/**
 * A file name for an id: the id itself if it can be one. A slash, a control character and a dot in front become `_`; a
 * long id is cut and gets a hash.
 *
 * @param suffix ends the name
 */
export function fileNameFor(id: string, suffix: string): string {
  const safe = id.replaceAll(/[/\p{Cc}\p{Cs}]/gu, '_').replace(/^\./, '_') || '_';
  const room = MAX_NAME_BYTES - Buffer.byteLength(suffix);
  if (Buffer.byteLength(safe) <= room) return safe + suffix;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, HASH_DIGITS);
  return `${startOf(safe, room - HASH_DIGITS - 1)}-${hash}${suffix}`;
}

/** The longest start of a text with at most this many bytes of UTF-8. */
function startOf(text: string, bytes: number): string {
  let start = '';
  let used = 0;
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    start += character;
  }
  return start;
}

/** Names for texts that may repeat: the second `x` is `x~2`. */
export class NamesInTurn {
  /** The number tried last, for the texts that repeated: thousands of the same are not tried from the start each time. */
  readonly #tried = new Map<string, number>();

  /** Names to try for a text, one after the other, until the caller finds one that is free. */
  *for(text: string): Generator<string> {
    let number = this.#tried.get(text) ?? 1;
    if (number === 1) yield text;
    for (;;) {
      this.#tried.set(text, ++number);
      yield `${text}~${number}`;
    }
  }
}
