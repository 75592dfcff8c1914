// @ts-check
/**
 * Writes wheels.json, for the published package: the addresses of the wheels that `virnucpro setup` fetches where no
 * package index is set, with their sizes and hashes. The pip of this machine says the addresses, so they are those of
 * the index that it is set to. The file is not for the repository.
 *
 *     node scripts/release/record-wheels.mjs FILE
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { filesByPip } from '../../dist/lib/setup/ask-pip.js';
import { shownAddress } from '../../dist/lib/setup/http-client.js';
import { pinnedWheels } from '../../dist/lib/setup/recorded-wheels.js';
import { isFileOf } from '../../dist/lib/setup/wheel-name.js';
import { SetupFailure } from '../setup/failure.mjs';

/** @typedef {import('../../lib/setup/recorded-wheels.js').RecordedWheel} RecordedWheel */

/** @type {readonly import('../../lib/setup/wheel-table.js').WheelPlatform[]} */
const platforms = ['x64', 'arm64'];

/**
 * Every pinned wheel for every platform, with its address.
 * @returns {Promise<RecordedWheel[]>}
 * @throws {SetupFailure} if pip does not find one, finds another file than the pinned one, or says an address that is
 *   not for everyone
 */
export async function recordWheels() {
  const recorded = [];
  for (const platform of platforms) {
    const wheels = pinnedWheels().filter(({ files }) => files[platform] !== undefined);
    const files = await filesByPip(wheels, platform).catch(({ message }) => {
      throw new SetupFailure(`pip of python3 does not say where the wheels for ${platform} are: ${message}`);
    });
    for (const wheel of wheels) {
      const { name, version } = wheel;
      const pinned = wheel.files[platform];
      const file = files.find(({ filename }) => isFileOf(filename, wheel, platform));
      if (pinned === undefined || file === undefined || file.sha256 !== pinned.sha256) {
        throw new SetupFailure(
          `Expected ${name} ${version} for ${platform} with the SHA-256 ${pinned?.sha256} but pip ` +
            (file === undefined ? 'does not find it' : `finds ${file.sha256 ?? 'no hash'}`),
        );
      }
      checkPublic(file.url, `${name} ${version}`);
      recorded.push({ name, version, platform, url: file.url, ...pinned });
    }
  }
  return recorded;
}

/** The address is published: a login or a key in it would be, too. @param {string} address @param {string} title */
function checkPublic(address, title) {
  const { protocol, username, password, search } = new URL(address);
  const has = `${username}${password}` !== '' ? 'a login' : search !== '' ? 'a query' : '';
  if (protocol === 'https:' && has === '') return;
  throw new SetupFailure(
    `Expected an address for ${title} that begins with https: and has no login and no query, because it is published, ` +
      `but pip says ${shownAddress(address)}${has && ` with ${has}`}. Set pip to a public index`,
  );
}

/** @param {readonly RecordedWheel[]} wheels */
export function hostsOf(wheels) {
  return [...new Set(wheels.map(({ url }) => new URL(url).host))].join(', ');
}

/** The content of wheels.json. @param {readonly RecordedWheel[]} wheels */
export function textOf(wheels) {
  return `${JSON.stringify({ wheels }, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [path] = process.argv.slice(2);
  try {
    if (path === undefined) throw new SetupFailure('Expected the file to write but received nothing');
    const wheels = await recordWheels();
    writeFileSync(path, textOf(wheels));
    console.log(`The wheels are on ${hostsOf(wheels)}`);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
