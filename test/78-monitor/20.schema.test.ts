import assert from 'node:assert/strict';
import { EVENT_SCHEMA } from '../../lib/monitor/event-schema.js';
import type { FieldMeaning } from '../../lib/monitor/event-schema.js';
import { mismatches } from './event-mismatches.js';
import { EVENTS } from './events.js';

describe('the schema of events', () => {
  for (const [name, event] of Object.entries(EVENTS)) {
    it(`describes ${name} as it is`, () => {
      const { level: _, ...logged } = { level: undefined, ...event };
      assert.deepEqual(mismatches(logged), []);
    });
  }

  it('finds what does not fit', () => {
    const { memory, progress } = EVENTS;
    assert.deepEqual(mismatches({ event: 'unheard-of' }), ['unheard-of is not described']);
    assert.deepEqual(mismatches({ ...memory, free: '1' }), ['memory.free: expected number, received string']);
    assert.deepEqual(mismatches({ ...memory, free: null }), ['memory.free: expected number, received null']);
    assert.deepEqual(mismatches({ ...memory, used: 1 }), ['memory.used is not described']);
    const { total: _, ...partial } = memory;
    assert.deepEqual(mismatches(partial), ['memory.total: expected number, received undefined']);
    const devices = [{ ...progress.devices[0]!, stage: 1 }];
    assert.deepEqual(mismatches({ ...progress, devices }), [
      'progress.devices.stage: expected string, received number',
    ]);
  });

  it('says what every field means', () => {
    const check = (fields: Readonly<Record<string, FieldMeaning>>): void => {
      for (const [name, { meaning, fields: inner = {} }] of Object.entries(fields)) {
        assert.match(meaning, /^[^A-Z].{3,}[^.]$/, name);
        check(inner);
      }
    };
    for (const { meaning, fields } of Object.values(EVENT_SCHEMA)) {
      assert.match(meaning, /^[A-Z].+\.$/);
      check(fields);
    }
  });
});
