import assert from 'node:assert/strict';
import { asVirnucproError } from '../../lib/engine/native-error.js';
import { VirnucproError } from '../../lib/errors.js';

describe('an error that came while the addon worked', () => {
  const withCode = (code: string): Error => Object.assign(new Error('of the test'), { code });

  it('is for the user where it has one of the codes that are promised', () => {
    const native = withCode('VNP_MEMORY');
    const error = asVirnucproError(native);
    assert.ok(error instanceof VirnucproError);
    assert.deepEqual([error.code, error.message, error.cause], ['VNP_MEMORY', 'of the test', native]);
  });

  it('stays as it is otherwise', () => {
    for (const error of [withCode('ENOENT'), new Error('plain'), new VirnucproError('VNP_INPUT_FORMAT', ''), 'text']) {
      assert.equal(asVirnucproError(error), error);
    }
  });
});
