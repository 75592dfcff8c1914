import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VirnucproError } from '../../lib/errors.js';
import { PickleEndsEarly, readPickle } from '../../lib/models/checkpoint/pickle.js';
import {
  PickledRecord,
  PickledStorage,
  PickledTensor,
  PickledTuple,
  type PickledValue,
} from '../../lib/models/checkpoint/pickle-values.js';
import { global, integer, pickle, storage, tensor, text, tuple } from './pickle-text.js';

function read(bytes: Uint8Array): PickledValue {
  return readPickle({ path: 'x.pt', bytes, start: 0, storages: new Map() }).value;
}

function refuses(words: RegExp, bytes: Uint8Array): void {
  assert.throws(
    () => read(bytes),
    (error) => {
      assert.ok(error instanceof VirnucproError && error.code === 'VNP_CHECKPOINT', String(error));
      assert.match(error.message, words);
      return true;
    },
  );
}

describe('plain values of a pickle', () => {
  const cases: [string, string, PickledValue][] = [
    ['None', 'N', null],
    ['booleans', '\x88', true],
    ['BININT1', 'K\xff', 255],
    ['BININT2', 'M\x01\x02', 513],
    ['BININT', 'J\xff\xff\xff\xff', -1],
    ['LONG1, negative', '\x8a\x01\xff', -1],
    ['LONG1 of no bytes', '\x8a\x00', 0],
    ['LONG1 beyond a double', '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19', 0x1950a86a20f9469cfc6cn],
    ['BINFLOAT', 'G\x3f\xf0\0\0\0\0\0\0', 1],
    ['BINUNICODE', 'X\x02\0\0\0\xc3\xa9', 'é'],
    ['BINUNICODE8', '\x8d\x01\0\0\0\0\0\0\0a', 'a'],
    ['a text of Python 2', 'U\x01\xe9', 'é'],
    ['FRAME', '\x95\x01\0\0\0\0\0\0\0N', null],
  ];
  for (const [what, operations, value] of cases) {
    it(`reads ${what}`, () => assert.deepEqual(read(pickle(operations)), value));
  }

  it('reads containers', () => {
    assert.deepEqual(read(pickle(']K\x01a(K\x02K\x03e')), [1, 2, 3]);
    assert.deepEqual(read(pickle('(K\x01l')), [1]);
    assert.deepEqual(
      read(pickle(`}${text('a')}K\x01s(${text('b')}K\x02u`)),
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    assert.deepEqual(read(pickle('\x8f(K\x01K\x01\x90')), new Set([1]));
    assert.deepEqual(read(pickle('K\x01K\x02K\x03\x87')), new PickledTuple([1, 2, 3]));
    assert.deepEqual(read(pickle('C\x02ab')), Buffer.from('ab'));
    assert.deepEqual(read(pickle(`${global('collections', 'OrderedDict')})R`)), new Map());
    assert.deepEqual(read(pickle(`${global('__builtin__', 'set')}(]K\x01atR`)), new Set([1]));
  });

  it('remembers values, and drops them', () => {
    assert.deepEqual(read(pickle(']q\x05K\x01ah\x050')), [1]);
    assert.deepEqual(read(pickle('K\x07\x940h\x00')), 7);
    assert.deepEqual(read(pickle('K\x07(K\x01K\x021')), 7);
    assert.deepEqual(read(pickle('K\x072\x86')), new PickledTuple([7, 7]));
  });

  it('keeps an allowed object as inert data', () => {
    const namespace = `${global('argparse', 'Namespace')})\x81}${text('__proto__')}K\x01sb`;
    const record = read(pickle(namespace));
    assert.ok(record instanceof PickledRecord);
    assert.equal(record.type.path, 'argparse.Namespace');
    assert.deepEqual([...record.attributes], [['__proto__', 1]]);
    assert.ok(read(pickle(`${global('torch.nn.modules.linear', 'Linear')})\x81`)) instanceof PickledRecord);
  });

  it('ends where the value ends', () => {
    const bytes = Buffer.concat([pickle('N'), pickle('K\x05')]);
    const first = readPickle({ path: 'x', bytes, start: 0, storages: new Map() });
    assert.deepEqual(readPickle({ path: 'x', bytes, start: first.end, storages: new Map() }).value, 5);
  });
});

describe('tensors of a pickle', () => {
  it('are views into storages, which are shared', () => {
    const storages = new Map<string, PickledStorage>();
    const bytes = pickle(`${tensor('0', 12, 2, [2, 3], [3, 1])}${tensor('0', 12, 0, [12], [1])}\x86`);
    const { value } = readPickle({ path: 'x', bytes, start: 0, storages });
    assert.ok(value instanceof PickledTuple);
    const [view, whole] = value.items;
    assert.ok(view instanceof PickledTensor && whole instanceof PickledTensor);
    assert.deepEqual([view.offset, view.shape, view.strides], [2, [2, 3], [3, 1]]);
    assert.equal(view.storage, whole.storage);
    assert.deepEqual([...storages.keys()], ['0']);
  });

  it('may be empty, scalar or expanded', () => {
    for (const [shape, strides] of [
      [
        [0, 5],
        [5, 1],
      ],
      [[], []],
      [
        [1000, 2],
        [0, 1],
      ],
    ] as const) {
      assert.ok(read(pickle(tensor('0', 2, 0, [...shape], [...strides]))) instanceof PickledTensor);
    }
  });

  it('must lie in their storage', () => {
    refuses(/reaches element 12 of the storage "0", which has 12/, pickle(tensor('0', 12, 1, [12], [1])));
    refuses(/reaches element/, pickle(tensor('0', 12, 0, [3, 3], [6, 1])));
    refuses(/not a tuple of sizes/, pickle(tensor('0', 12, 0, [-1], [1])));
    refuses(/not a tuple of sizes/, pickle(tensor('0', 12, 0, [2], [-1])));
    refuses(/no valid offset/, pickle(tensor('0', 12, -1, [2], [1])));
    refuses(/no valid offset, shape and strides/, pickle(tensor('0', 12, 0, [2, 2], [1])));
    refuses(/impossible shape/, pickle(tensor('0', 12, 0, Array<number>(4).fill(2 ** 30), [0, 0, 0, 0])));
  });

  it('refuse a persistent id that is no storage', () => {
    refuses(/does not describe a storage/, pickle(`${text('/etc/passwd')}Q`));
    refuses(/does not describe a storage/, pickle(`${tuple(text('storage'), 'N', text('0'), text('cpu'), 'K\x01')}Q`));
    refuses(
      /does not describe a storage/,
      pickle(`${tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), 'N', integer(-5))}Q`),
    );
    refuses(/described in two ways/, pickle(`${storage('0', 4)}${storage('0', 8)}\x86`));
    refuses(
      /views of storages/,
      pickle(`${tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), 'N', 'K\x01', ')')}Q`),
    );
    refuses(/a tensor's storage is a str/, pickle(`${global('torch._utils', '_rebuild_tensor_v2')}(${text('0')}tR`));
  });
});

describe('a hostile pickle', () => {
  const code = /would run code; this reader builds only tensors and plain containers/;

  const attacks: [string, RegExp, string][] = [
    ['GLOBAL and REDUCE', /"os\.system" would run code/, `${global('os', 'system')}(${text('id')}tR`],
    ['STACK_GLOBAL', /"posix\.system" would run code/, `${text('posix')}${text('system')}\x93`],
    ['INST', /\\?"os\.system\\?" would run code/, `(${text('id')}ios\nsystem\n`],
    ['OBJ', /OBJ would run code/, `(${global('argparse', 'Namespace')}${text('id')}o`],
    ['NEWOBJ of a function', /would run code/, `${global('torch._utils', '_rebuild_tensor_v2')})\x81`],
    [
      'NEWOBJ with arguments',
      /Namespace with arguments would run code/,
      `${global('argparse', 'Namespace')}(K\x01t\x81`,
    ],
    ['NEWOBJ_EX', /NEWOBJ_EX would run code/, `${global('argparse', 'Namespace')})}\x92`],
    ['REDUCE of a class', /the class argparse\.Namespace would run code/, `${global('argparse', 'Namespace')})R`],
    ['REDUCE of a value', /a call of a str would run code/, `${text('eval')})R`],
    ['BUILD with a setter', /a state of a tuple would run code/, `${global('argparse', 'Namespace')})\x81N}\x86b`],
    ['BUILD of a list', /a state for a list would run code/, ']}b'],
    ['an extension', /EXT1/, '\x82\x01'],
    ['builtins.eval', /"builtins\.eval"/, global('builtins', 'eval')],
    [
      'a name that goes through an allowed module',
      /"torch\.nn\.modules\.linear\.os\.system"/,
      global('torch.nn.modules.linear', 'os.system'),
    ],
    ['a module that begins like an allowed one', /would run code/, global('torch.nn.modules.linear.evil', 'Linear')],
    ['a storage type that is none', /"torch\.load"/, global('torch', 'load')],
    ['numpy', /numpy/, global('numpy.core.multiarray', '_reconstruct')],
    ['another class of a script', /"__main__\.Evil"/, global('__main__', 'Evil')],
  ];
  for (const [what, words, operations] of attacks) {
    it(`does nothing by ${what}`, () => {
      refuses(words, pickle(operations));
      refuses(code, pickle(operations));
    });
  }

  const misuses: [string, RegExp, string][] = [
    ['takes from an empty stack', /the stack is empty/, '0'],
    ['takes from below a mark', /the stack is empty/, 'K\x01(\x85'],
    ['has no mark', /there is no mark/, 't'],
    ['recalls what was never remembered', /memo has no value 9/, 'h\x09'],
    ['appends to what is no list', /a list is needed, but there is a dict/, '}K\x01a'],
    ['sets an item of what is no dict', /a dict is needed, but there is a number/, 'K\x01K\x02K\x03s'],
    ['leaves a key without a value', /key without a value/, '}(K\x01u'],
    ['uses a list as a key', /a list is used as a key/, '}]K\x01s'],
    ['leaves values over', /values left over/, 'NN'],
    ['has an integer of 2 GB', /an integer of/, '\x8b\xff\xff\xff\x7f'],
    ['has an integer of less than no bytes', /an integer of -1/, '\x8b\xff\xff\xff\xff'],
    ['has a length beyond 2^53', /impossible/, '\x8e\xff\xff\xff\xff\xff\xff\xff\xff'],
    ['has text that is no UTF-8', /not valid UTF-8/, '\x8c\x01\xff'],
    ['has an operation of protocol 0', /operation 0x49/, 'I1\n'],
    ['is of protocol 9', /protocol 9 is not supported/, '\x80\x09'],
    [
      'names an attribute by a number',
      /attribute's name is a number/,
      `${global('argparse', 'Namespace')})\x81}K\x01K\x02sb`,
    ],
  ];
  for (const [what, words, operations] of misuses) {
    it(`is refused when it ${what}`, () => refuses(words, pickle(operations)));
  }

  it('that asks for more bytes than there are ends early, without taking the memory', () => {
    for (const operations of ['X\xff\xff\xff\x7f', 'B\xff\xff\xff\xff', '\x8e\0\0\0\0\0\0\x0f\0', 'cos']) {
      assert.throws(() => read(Buffer.from(`\x80\x02${operations}`, 'latin1')), PickleEndsEarly);
    }
  });

  it('may contain itself or be nested without end, and does no harm', () => {
    const cyclic = read(pickle(']q\0h\0a'));
    assert.ok(Array.isArray(cyclic) && cyclic[0] === cyclic);
    assert.ok(Array.isArray(read(pickle(`${']'.repeat(300_000)}${'a'.repeat(299_999)}`))));
    assert.ok(read(pickle(`)${'\x85'.repeat(300_000)}`)) instanceof PickledTuple);
  });

  it('does not grow by repeating itself', () => {
    const doubling = Array.from({ length: 200 }, () => '2\x86').join('');
    assert.ok(read(pickle(`N${doubling}`)) instanceof PickledTuple);
  });

  it('has a limit to its operations', () => {
    refuses(/more than 2000000 operations/, pickle(`N${'N0'.repeat(1_100_000)}`));
  });

  it('of any bytes is read or refused, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof VirnucproError || error instanceof PickleEndsEarly, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('made of operations in any order is read or refused, never more', () => {
    const operation = fc.constantFrom(
      ...[
        'N',
        '\x88',
        'K\x01',
        '(',
        't',
        ']',
        '}',
        ')',
        'a',
        'e',
        's',
        'u',
        '0',
        '1',
        '2',
        'q\0',
        'h\0',
        '\x94',
        '\x85',
      ],
      ...['\x86', '\x8f', '\x90', '\x91', 'l', 'd', 'R', 'b', '\x81', 'Q', '\x93', text('a'), storage('0', 4)],
      ...[global('argparse', 'Namespace'), global('collections', 'OrderedDict'), tensor('0', 4, 0, [4], [1])],
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        try {
          read(pickle(...operations));
        } catch (error) {
          assert.ok(error instanceof VirnucproError || error instanceof PickleEndsEarly, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
