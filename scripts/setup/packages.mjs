// @ts-check
import { fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { run } from './child.mjs';
import { SetupFailure } from './failure.mjs';
import { inRepository, repositoryRoot } from './repository.mjs';

/** Installs exactly the packages of package-lock.json. @param {import('./step.mjs').Step} step */
export async function installPackages(step) {
  const stamp = inRepository('node_modules', '.virnucpro-setup');
  const wanted = fingerprint([inRepository('package-lock.json')], [process.versions.modules]);
  if (readStamp(stamp) === wanted) return step.upToDate();
  removeStamp(stamp);
  step.say('npm ci');
  // --include=dev, since NODE_ENV=production would leave out the compilers. --ignore-scripts, whatever the user's npm
  // is set to: no package that is needed here has install scripts (test/90-setup/35.install-scripts.test.ts).
  const words = ['ci', '--include=dev', '--ignore-scripts'];
  const { succeeded, output } = await run('npm', words, { cwd: repositoryRoot });
  if (!succeeded) throw new SetupFailure(`npm ci failed:\n${lastLines(output)}`);
  writeStamp(stamp, wanted);
  step.done('installed');
}

/** @param {string} output */
function lastLines(output) {
  return output.trim().split('\n').slice(-15).join('\n');
}
