import { parse } from 'parse5';
import type { DefaultTreeAdapterTypes } from 'parse5';

/** One file that a page of an index or a page of links offers. */
export interface OfferedFile {
  readonly filename: string;
  /** Absolute. */
  readonly url: string;
  /** Hexadecimal; undefined if the page does not state it. */
  readonly sha256?: string;
  /** Undefined if the page does not state it. */
  readonly bytes?: number;
}

/** What a client of a package index accepts (PEP 691). */
export const ACCEPTED_PAGES =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/** The files that a page offers; links to anything but files over HTTP or on this disk are left out. */
export function filesOf(page: { text: string; url: string; contentType: string }): OfferedFile[] {
  return /\bjson\b/i.test(page.contentType) ? filesOfJson(page.text, page.url) : filesOfHtml(page.text, page.url);
}

/**
 * Files of a JSON page (PEP 691, PEP 700).
 * @throws SyntaxError if it is no such page
 */
export function filesOfJson(text: string, pageUrl: string): OfferedFile[] {
  const page: unknown = JSON.parse(text);
  const files = isObject(page) ? page['files'] : undefined;
  if (!Array.isArray(files)) throw new SyntaxError('the page has no list of files');
  return files.flatMap((file: unknown) => {
    if (!isObject(file)) return [];
    const { filename, url, hashes, size } = file;
    if (typeof filename !== 'string' || typeof url !== 'string') return [];
    const sha256 = isObject(hashes) ? hashes['sha256'] : undefined;
    const bytes = typeof size === 'number' && Number.isSafeInteger(size) && size > 0 ? size : undefined;
    return offered(filename, url, pageUrl, { sha256: typeof sha256 === 'string' ? sha256 : undefined, bytes });
  });
}

/** Files of an HTML page (PEP 503), or of any page with links to wheels. */
export function filesOfHtml(text: string, pageUrl: string): OfferedFile[] {
  const links = linksIn(parse(text));
  const base = resolved(links.base ?? '', pageUrl)?.href ?? pageUrl;
  return links.addresses.flatMap((address) => {
    const url = resolved(address, base);
    if (url === undefined) return [];
    const sha256 = /(?:^#|&)sha256=([^&]*)/.exec(url.hash)?.[1];
    return offered(lastName(url), url.href, base, { sha256, bytes: undefined });
  });
}

function offered(
  filename: string,
  address: string,
  base: string,
  facts: { sha256: string | undefined; bytes: number | undefined },
): OfferedFile[] {
  const url = resolved(address, base);
  if (url === undefined || filename === '' || /[/\\]/.test(filename)) return [];
  url.hash = '';
  const sha256 = facts.sha256?.toLowerCase();
  return [
    {
      filename,
      url: url.href,
      ...(sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) && { sha256 }),
      ...(facts.bytes !== undefined && { bytes: facts.bytes }),
    },
  ];
}

/** A page from the network must not point to files of this machine. */
function resolved(address: string, base: string): URL | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  const protocols = base.startsWith('file:') ? ['http:', 'https:', 'file:'] : ['http:', 'https:'];
  return protocols.includes(url.protocol) ? url : undefined;
}

function lastName(url: URL): string {
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** The addresses of all links, and the first address that they are relative to, if the page sets one. */
function linksIn(document: DefaultTreeAdapterTypes.Document): { base: string | undefined; addresses: string[] } {
  let base: string | undefined;
  const addresses: string[] = [];
  // Without recursion: a page may nest deeper than the stack.
  const pending: DefaultTreeAdapterTypes.Node[] = [document];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('attrs' in node) {
      const address = node.attrs.find(({ name }) => name === 'href')?.value;
      if (node.tagName === 'a' && address !== undefined) addresses.push(address);
      if (node.tagName === 'base') base ??= address;
    }
    // The last child first: the next one taken is then the first.
    if ('childNodes' in node) for (const child of node.childNodes.toReversed()) pending.push(child);
  }
  return { base, addresses };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
