import assert from 'node:assert/strict';
import { VirnucproError, type ErrorCode } from '../../lib/errors.js';

/** Asserts that it fails with this code and a matching message. */
export async function fails(code: ErrorCode, words: RegExp, action: () => unknown): Promise<void> {
  const wanted = (error: unknown): true => {
    assert.ok(error instanceof VirnucproError, `not a VirnucproError: ${String(error)}`);
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
  await assert.rejects(async () => action(), wanted);
}

/** Runs an action that may fail, but only with an error for the user. */
export async function succeedsOrExplains(action: () => unknown): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof VirnucproError)) throw error;
  }
}
