import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeFolder } from '../engine/libtorch/find-libtorch.js';

/** Where wheels come from and how they are reached, as pip is told it. */
export interface PipSettings {
  /** Folders, files and addresses with links to wheels. */
  readonly findLinks: readonly string[];
  /** Address of the index; undefined if none is set. */
  readonly index: string | undefined;
  readonly extraIndexes: readonly string[];
  /** Whether only `findLinks` may be used. */
  readonly noIndex: boolean;
  /** File of the certificates to trust instead of Node's. */
  readonly certificates: string | undefined;
  /** Address of a proxy for everything. */
  readonly proxy: string | undefined;
}

/** What the caller asks for, ahead of variables and files. */
export interface AskedSources {
  readonly findLinks?: readonly string[];
  readonly index?: string;
}

/** Sections of pip's files that concern a download, in rising precedence. */
const SECTIONS = ['global', 'install', 'download'];

/** The settings by what the caller asks, pip's environment variables and its configuration files, in this order. */
export function pipSettings(asked: AskedSources, environment: NodeJS.ProcessEnv): PipSettings {
  const values = new Map<string, string>();
  for (const path of configurationFiles(environment)) {
    for (const [key, value] of readConfiguration(path)) values.set(key, value);
  }
  const setting = (name: string): string | undefined => {
    const variable = environment[`PIP_${name.toUpperCase().replaceAll('-', '_')}`];
    return (variable === undefined ? values.get(name) : variable) || undefined;
  };
  const several = (name: string): string[] => (setting(name) ?? '').split(/\s+/).filter((word) => word !== '');
  return {
    findLinks: [...(asked.findLinks ?? []), ...several('find-links')],
    index: asked.index ?? setting('index-url'),
    extraIndexes: several('extra-index-url'),
    // An index that is asked for outranks a variable that forbids all of them.
    noIndex: asked.index === undefined && isTrue(setting('no-index')),
    certificates: setting('cert') ?? environment['SSL_CERT_FILE'],
    proxy: setting('proxy'),
  };
}

/** In rising precedence. */
function configurationFiles(environment: NodeJS.ProcessEnv): string[] {
  const own = environment['PIP_CONFIG_FILE'];
  // pip's way to be told to read no file at all.
  if (own === '/dev/null') return [];
  const home = environment['HOME'] ?? homeFolder();
  const system = (environment['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').map((folder) => join(folder, 'pip'));
  return [
    ...system.map((folder) => join(folder, 'pip.conf')),
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'pip', 'pip.conf'),
    ...(environment['VIRTUAL_ENV'] ? [join(environment['VIRTUAL_ENV'], 'pip.conf')] : []),
    ...(own ? [own] : []),
  ];
}

function readConfiguration(path: string): Map<string, string> {
  try {
    return parsePipConfiguration(readFileSync(path, 'utf8'));
  } catch {
    return new Map();
  }
}

/** The values of the sections that concern a download. Values may go on in indented lines. */
export function parsePipConfiguration(text: string): Map<string, string> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [, name] = /^\[([^\]]+)\]/.exec(line) ?? [];
    const [, newKey, value] = /^([^\s#;=:][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
    if (/^\s*([#;]|$)/.test(line)) continue;
    if (name !== undefined) {
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      key = undefined;
    } else if (/^\s/.test(line)) {
      if (key !== undefined) section?.set(key, `${section.get(key) ?? ''}\n${line.trim()}`.trim());
    } else if (newKey !== undefined && value !== undefined) {
      key = newKey.toLowerCase().replaceAll('_', '-');
      section?.set(key, value);
    }
  }
  return new Map(SECTIONS.flatMap((name) => [...(sections.get(name) ?? [])]));
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'yes', 'on', 'y', 't'].includes(value.toLowerCase());
}
