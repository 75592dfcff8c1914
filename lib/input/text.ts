const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as UTF-8 or, where it is not valid UTF-8, as Latin-1: every byte stays a character, none is replaced. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
}

/** The first characters in quotes, on one line, with everything but printable ASCII escaped. */
export function quoteStart(bytes: Uint8Array, characters = 40): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, characters)).toString('latin1');
  const escaped = start.replace(/[^ -~]|["\\]/g, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"${bytes.byteLength > characters ? '…' : ''}`;
}

/** How a message calls an input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : `input ${printablePath(path)}`;
}

/** A path as it is, or in quotes when a control character would break the line that names it. */
export function printablePath(path: string): string {
  // eslint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f]/.test(path) ? JSON.stringify(path) : path;
}
