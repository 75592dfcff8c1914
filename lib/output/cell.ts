const NEEDS_ESCAPE = /[\p{Cc}\p{Cs}\\\u2028\u2029]|^[=+\-@#"']/u;
const UNSAFE = /[\p{Cc}\p{Cs}\\\u2028\u2029]/gu;
const GUARDED = /^[=+\-@#"']/;
const ESCAPE = /\\(?:([\\tnr])|x([0-9a-f]{2})|u([0-9a-f]{4}))/g;

const BY_NAME: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
const BY_ESCAPE: Readonly<Record<string, string>> = { '\\': '\\', t: '\t', n: '\n', r: '\r' };

/** Text in which control characters, line separators, lone surrogates and backslashes are written as escapes. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => BY_NAME[character] ?? numberedEscape(character.charCodeAt(0)));
}

function numberedEscape(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * Makes a text a cell of a table: on one line, without a tab, and nothing that a spreadsheet takes for a formula or a
 * reader for a comment or an opening quotation mark. Ids are escaped like other texts, because they come from untrusted
 * files; an ordinary id is unchanged. `unescapeCell` reverses it.
 */
export function escapeCell(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return text;
  const escaped = escapeControls(text);
  return GUARDED.test(escaped) ? `'${escaped}` : escaped;
}

/** Escapes texts that usually equal the previous one, such as the id or the source of a window. */
export class LastCell {
  #text = '';
  #cell = '';

  of(text: string): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#cell = escapeCell(text);
    }
    return this.#cell;
  }
}

/** Reverses `escapeCell`. */
export function unescapeCell(cell: string): string {
  const unguarded = cell.startsWith("'") ? cell.slice(1) : cell;
  return unguarded.replace(ESCAPE, (_, name?: string, byte?: string, unit?: string) =>
    name === undefined ? String.fromCharCode(parseInt(byte ?? unit ?? '', 16)) : (BY_ESCAPE[name] as string),
  );
}
