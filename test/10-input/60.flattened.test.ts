import assert from 'node:assert/strict';
import fc from 'fast-check';
import { flattened } from '../../lib/input/flattened.js';

/** Counts what was begun and not ended. */
class Open {
  groups = 0;
  items = 0;

  async *groupsOf(groups: readonly (readonly number[])[], failing = -1): AsyncGenerator<Iterable<number>> {
    this.groups++;
    try {
      for (const group of groups) {
        await Promise.resolve();
        yield this.#itemsOf(group, failing);
      }
    } finally {
      await Promise.resolve();
      this.groups--;
    }
  }

  *#itemsOf(group: readonly number[], failing: number): Generator<number> {
    this.items++;
    try {
      for (const item of group) {
        if (item === failing) throw new Error('this one fails');
        yield item;
      }
    } finally {
      this.items--;
    }
  }
}

/** Groups of numbers, all different. */
const numbered = fc.array(fc.nat(4), { maxLength: 8 }).map((sizes) => {
  let next = 0;
  return sizes.map((size) => Array.from({ length: size }, () => next++));
});

describe('flattened groups', () => {
  it('are their items in order, and end once', () =>
    fc.assert(
      fc.asyncProperty(numbered, async (groups) => {
        const open = new Open();
        const items = flattened(open.groupsOf(groups));
        const seen: number[] = [];
        for await (const item of items) seen.push(item);
        assert.deepEqual(seen, groups.flat());
        assert.deepEqual(await items.next(), { done: true, value: undefined });
        assert.deepEqual([open.groups, open.items], [0, 0]);
      }),
    ));

  it('answer in the order of the calls when nobody waits for an answer', () =>
    fc.assert(
      fc.asyncProperty(numbered, async (groups) => {
        const items = flattened(new Open().groupsOf(groups));
        const answers = await Promise.all(Array.from({ length: groups.flat().length + 2 }, () => items.next()));
        assert.deepEqual(
          answers.filter(({ done }) => !done).map(({ value }) => value),
          groups.flat(),
        );
        assert.ok(answers.at(-1)!.done && answers.at(-2)!.done);
      }),
    ));

  it('end the open group and the groups when their taker stops', () =>
    fc.assert(
      fc.asyncProperty(numbered, fc.nat(10), async (groups, most) => {
        const open = new Open();
        const items = flattened(open.groupsOf(groups));
        let taken = 0;
        for await (const _ of items) if (++taken > most) break;
        assert.deepEqual([open.groups, open.items], [0, 0]);
        assert.ok((await items.next()).done);
      }),
    ));

  it('end with the error of an item', () =>
    fc.assert(
      fc.asyncProperty(numbered, fc.nat(12), async (groups, failing) => {
        fc.pre(groups.flat().includes(failing));
        const open = new Open();
        const items = flattened(open.groupsOf(groups, failing));
        const seen: number[] = [];
        await assert.rejects(async () => {
          for await (const item of items) seen.push(item);
        }, /this one fails/);
        assert.deepEqual(seen, groups.flat().slice(0, failing));
        assert.deepEqual([open.groups, open.items], [0, 0]);
        assert.ok((await items.next()).done);
      }),
    ));
});
