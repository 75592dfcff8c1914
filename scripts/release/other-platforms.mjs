// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from '../setup/failure.mjs';
import { thisPlatform } from './platforms.mjs';

const RECORD = '.tested.json';

/**
 * The packages of other platforms in a folder that a release wrote there. Refuses those that were not tried on their
 * platform as they are, or belong to another commit.
 * @param {string} folder @param {string | null} revision of this release
 * @returns {{ name: string, tarball: string }[]}
 */
export function otherPlatforms(folder, revision) {
  const records = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(RECORD)) : [];
  if (records.length === 0)
    throw new SetupFailure(
      `Expected the release of another platform in ${folder}, with a record of its trial: there is none`,
    );
  return records
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .filter(({ platform }) => platform !== thisPlatform)
    .map((record) => {
      const tarball = join(folder, record.file);
      const next = `Run \`npm run release\` on that platform again, from the same commit as here`;
      if (record.revision !== revision)
        throw new SetupFailure(
          `The package of ${record.platform} is of ${record.revision}, not of ${revision}. ${next}`,
        );
      const hash = createHash('sha256').update(readFileSync(tarball)).digest('hex');
      if (hash !== record.sha256)
        throw new SetupFailure(`${tarball} is not the package that was tried on ${record.platform}. ${next}`);
      return { name: record.platform, tarball };
    });
}
