import { readFileSync } from 'node:fs';
import { EnvHttpProxyAgent, fetch } from 'undici';
import type { Response } from 'undici';
import { reasonOf } from '../errors.js';
import { readNetrc } from './netrc.js';
import type { Login } from './netrc.js';
import type { PipSettings } from './pip-settings.js';
import { setupFailure } from './setup-failure.js';

/** A server that sends nothing for so long is given up. */
const SILENCE_MS = 60_000;

/** Requests over HTTP with the user's proxies, certificates and logins. */
export class HttpClient {
  readonly #agent: EnvHttpProxyAgent;
  readonly #logins: ReadonlyMap<string, Login>;
  /** From addresses that contained a login, by origin: they hold for the files of an index, too. */
  readonly #given = new Map<string, Login>();

  /**
   * @throws VNP_LIBTORCH if the file of certificates cannot be read, or the address of the proxy is malformed
   */
  constructor(settings: Pick<PipSettings, 'certificates' | 'proxy'>, environment: NodeJS.ProcessEnv) {
    const tls = certificatesOf(settings.certificates);
    this.#agent = agentFor(settings.proxy, environment, tls);
    this.#logins = readNetrc(environment);
  }

  /** @throws the client's own error if no answer comes; an answer of any status is returned */
  async get(address: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const url = new URL(address);
    if (url.username !== '' || url.password !== '')
      this.#given.set(url.origin, { user: decoded(url.username), password: decoded(url.password) });
    const login = this.#given.get(url.origin) ?? this.#logins.get(url.hostname) ?? this.#logins.get('');
    url.username = '';
    url.password = '';
    return fetch(url, {
      dispatcher: this.#agent,
      headers: { ...headers, ...(login && { authorization: basicAuthorization(login) }) },
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

function agentFor(proxy: string | undefined, environment: NodeJS.ProcessEnv, tls: { ca?: string }): EnvHttpProxyAgent {
  const variable = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const http = withScheme(proxy ?? variable('HTTP_PROXY'));
  const https = withScheme(proxy ?? variable('HTTPS_PROXY'));
  try {
    return new EnvHttpProxyAgent({
      httpProxy: http,
      httpsProxy: https,
      noProxy: variable('NO_PROXY'),
      // Proxies commonly refuse tunnels to port 80.
      proxyTunnel: false,
      connect: tls,
      requestTls: tls,
      proxyTls: tls,
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
    });
  } catch (cause) {
    throw setupFailure(
      `The proxy of HTTP_PROXY, HTTPS_PROXY or PIP_PROXY cannot be used: ${reasonOf(cause)}. Correct its address`,
      cause,
    );
  }
}

function withScheme(proxy: string): string {
  return proxy === '' || proxy.includes('://') ? proxy : `http://${proxy}`;
}

function certificatesOf(path: string | undefined): { ca?: string } {
  if (path === undefined) return {};
  try {
    return { ca: readFileSync(path, 'utf8') };
  } catch (cause) {
    throw setupFailure(
      `The certificates of PIP_CERT or SSL_CERT_FILE cannot be read: ${reasonOf(cause)}. Correct the path, or unset it`,
      cause,
    );
  }
}

function basicAuthorization({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Logins and paths in addresses are percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Why a request failed. The client wraps the cause, often twice; the innermost says what happened. */
export function networkReason(thrown: unknown): string {
  let innermost = thrown;
  while (innermost instanceof Error) {
    const next: unknown = innermost instanceof AggregateError ? innermost.errors[0] : innermost.cause;
    if (next === undefined) break;
    innermost = next;
  }
  return reasonOf(innermost);
}

/** Begins a path. Two slashes may begin an address without its scheme. */
const LOCAL = /^(\/(?!\/)|\.{1,2}(\/|$)|~\/)/;

/** An address without login and query, which may hold secrets, however malformed it is. */
export function shownAddress(address: string): string {
  if (LOCAL.test(address)) return address;
  // Without a scheme, `user:password@host` would be taken for the scheme `user:`.
  if (!/^(https?|file):/i.test(address) || !URL.canParse(address))
    return address.replace(/^.*@/s, '').replace(/[?#].*$/s, '');
  const { protocol, host, pathname } = new URL(address);
  return protocol === 'file:' ? decoded(pathname) : `${protocol}//${host}${pathname}`;
}
