import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeFolder } from '../engine/libtorch/find-libtorch.js';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Logins by host from $NETRC, else ~/.netrc; none if there is no readable file. */
export function readNetrc(environment: NodeJS.ProcessEnv): ReadonlyMap<string, Login> {
  const path = environment['NETRC'] ?? join(environment['HOME'] ?? homeFolder(), '.netrc');
  try {
    return parseNetrc(readFileSync(path, 'utf8'));
  } catch {
    return new Map();
  }
}

/** Logins by host; the one of `default` under the empty name. Macros, which end at an empty line, are skipped. */
export function parseNetrc(text: string): Map<string, Login> {
  const logins = new Map<string, Login>();
  const withoutMacros = text.replace(/^\s*macdef[^]*?(\n\s*\n|$(?![^]))/gm, '\n').replace(/^\s*#.*$/gm, '');
  const words = withoutMacros.split(/\s+/).filter((word) => word !== '');
  let machine: string | undefined;
  let user = '';
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === 'default') machine = '';
    else if (word === 'machine') machine = words[++at]?.toLowerCase();
    else if (word === 'login') user = words[++at] ?? '';
    else if (word === 'account') at++;
    else if (word === 'password') {
      if (machine !== undefined && !logins.has(machine)) logins.set(machine, { user, password: words[++at] ?? '' });
      else at++;
    }
    if (word === 'default' || word === 'machine') user = '';
  }
  return logins;
}
