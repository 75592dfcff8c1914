import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { encodeDna, encodeProteins } from '../../lib/batches/tokens.js';
import type { PackedTokens } from '../../lib/batches/tokens.js';
import { loadAddon } from '../../lib/engine/libtorch/load.js';
import { openEmbedder } from '../../lib/index.js';
import type { Embedder, EmbedderOptions } from '../../lib/index.js';
import { startOf, windowsOf } from '../../lib/embed/token-windows.js';
import { ModelRegistry } from '../../lib/models/registry.js';
import { randomModel } from '../../lib/models/random/random-model.js';
import { PROTEIN_TOKENS } from '../../lib/models/tokenizers.js';
import { installGoldenModel, openOnCpu, pack } from '../golden-model.js';
import type { InstalledModel } from '../golden-model.js';
import { fixture } from '../repository.js';
import { goldenTensors, largestDifference } from '../safetensors.js';
import { naiveStates } from './naive-states.js';

/** Maximum difference of float32 results from the reference implementations. */
const TOLERANCE = 1e-5;
const CPU = { devices: 'cpu', precision: 'fp32', threads: 2 } as const;

function sequencesOf(folder: string): [string, string][] {
  const { sequences } = JSON.parse(readFileSync(fixture('golden', folder, 'inputs.json'), 'utf8')) as {
    sequences: Record<string, string>;
  };
  // The reference reads lower-case bases as unknown tokens, this program as bases; and the longest protein at once.
  return Object.entries(sequences).filter(([name, { length }]) => name !== 'lower' && length <= 1022);
}

function letters(of: string, length: number): string {
  return Array.from({ length }, (_, index) => of[(index * index + (index >> 3)) % of.length]!).join('');
}

describe('an embedder', () => {
  let installed: InstalledModel;
  before(async () => {
    installed = await installGoldenModel();
    const made = {
      registry: new ModelRegistry(installed.models),
      addon: loadAddon().addon,
      classifier: false,
    } as const;
    await randomModel({ ...made, name: 'protein', protein: 'esm2_tiny' });
    await randomModel({ ...made, name: 'dna', dna: 'dnabert_tiny' });
  });
  after(() => installed.remove());

  async function using<T>(options: EmbedderOptions, work: (embedder: Embedder) => Promise<T>): Promise<T> {
    const embedder = await openEmbedder({ model: 'golden', models: installed.models, ...CPU, ...options });
    try {
      return await work(embedder);
    } finally {
      await embedder.close();
    }
  }

  for (const { part, folder, firstLayer } of [
    { part: 'protein', folder: 'esm2', firstLayer: 0 },
    { part: 'dna', folder: 'dnabert', firstLayer: 1 },
  ] as const) {
    const golden = goldenTensors(fixture('golden', folder, 'outputs.safetensors'));
    const sequences = sequencesOf(folder);

    it(`gives the golden mean of every ${folder} sequence, in one call`, () =>
      using({ part }, async (embedder) => {
        const embeddings = await embedder.embed(sequences.map(([, sequence]) => sequence));
        for (const [index, [name]] of sequences.entries()) {
          assert.equal(embeddings[index]!.length, embedder.width);
          assert.equal(embeddings[index]!.buffer.byteLength, 4 * embedder.width, 'memory of its own');
          const difference = largestDifference(embeddings[index]!, golden.get(`${name}.mean`)!.values);
          assert.ok(difference <= TOLERANCE, `${name} differs by ${difference}`);
        }
      }));

    it(`gives the golden states of every token in every layer of ${folder}`, () =>
      using({ part }, async (embedder) => {
        assert.equal(embedder.layers, 3);
        for (let layer = firstLayer; layer <= embedder.layers; layer++) {
          const known = sequences.filter(([name]) => golden.has(`${name}.layer${layer}`));
          const texts = known.map(([, sequence]) => sequence);
          const whole = await embedder.embedTokens(texts, { layer, specialTokens: true });
          const tokens = await embedder.embedTokens(texts, { layer });
          for (const [index, [name]] of known.entries()) {
            const { values } = golden.get(`${name}.layer${layer}`)!;
            assert.ok(largestDifference(whole[index]!, values) <= TOLERANCE, `${name}, layer ${layer}`);
            assert.deepEqual(tokens[index], whole[index]!.slice(embedder.width, -embedder.width));
          }
        }
      }));

    it(`reads long ${part} sequences in windows by the stated rule`, async () => {
      const limit = 20;
      const long = part === 'protein' ? letters('LAGVSERTIDPKQNFYMHWC', 77) : letters('ACGTTGCA', 400);
      const { tokens } = encoded(part, long);
      const total = tokens.length - 2;
      const windows = windowsOf(total, limit);
      assert.ok(windows.count > 3);
      const worker = await openOnCpu(installed.model);
      const ofWindows = Array.from({ length: windows.count }, (_, window) => {
        const first = 1 + startOf(windows, window);
        return [tokens[0]!, ...tokens.subarray(first, first + limit), tokens.at(-1)!];
      });
      for (const layer of [1, 3]) {
        const states = await worker.embed(part, pack(ofWindows), { layers: [layer], pools: ['tokens'] });
        const rows = states.tokens![0]!;
        const width = rows.length / ofWindows.flat().length;
        const naive = naiveStates(part, total, limit, (window) =>
          Array.from({ length: limit + 2 }, (_, row) => {
            const at = (window * (limit + 2) + row) * width;
            return rows.subarray(at, at + width);
          }),
        );
        for (const pool of ['mean', 'cls', 'max'] as const) {
          await using({ part, layer, pool, maxLength: limit }, async (embedder) => {
            const [alone] = await embedder.embed([long]);
            const difference = largestDifference(alone!, Float32Array.from(naive[pool]));
            assert.ok(difference <= TOLERANCE, `${pool} of layer ${layer} differs by ${difference}`);
          });
        }
        await using({ part, maxLength: limit }, async (embedder) => {
          const [found] = await embedder.embedTokens([long], { layer, specialTokens: true });
          const wanted = Float32Array.from(naive.tokens.flatMap((row) => [...row]));
          assert.ok(largestDifference(found!, wanted) <= TOLERANCE);
        });
      }
      await worker.close();
    });
  }

  function encoded(part: 'protein' | 'dna', sequence: string): PackedTokens {
    const bytes = [Buffer.from(sequence)];
    if (part === 'protein') return encodeProteins(bytes, PROTEIN_TOKENS);
    return encodeDna(bytes, new (loadAddon().addon.BytePairTokenizer)(installed.model.tokenizer));
  }

  it('cuts long sequences off, or refuses them, if that is asked for', async () => {
    const long = letters('LAGVSERTIDPK', 50);
    const short = long.slice(0, 30);
    const [wanted] = await using({ part: 'protein' }, (embedder) => embedder.embed([short]));
    await using({ part: 'protein', maxLength: 30, longSequences: 'truncate' }, async (embedder) => {
      const [found, same] = await embedder.embed([long, short]);
      assert.deepEqual([found, same], [wanted, wanted]);
    });
    await using({ part: 'protein', maxLength: 30, longSequences: 'error' }, async (embedder) => {
      const message =
        'The sequence with the index 1 cannot be embedded: it has more than 30 residues, and longer sequences are left out';
      await assert.rejects(embedder.embed([short, long]), { code: 'VNP_INPUT_FORMAT', message });
      assert.deepEqual(await embedder.embed([short]), [wanted]);
    });
    await using({ part: 'dna', maxLength: 10, longSequences: 'truncate' }, async (embedder) => {
      const [tokens] = await embedder.embedTokens([letters('ACGTTGCA', 400)]);
      assert.equal(tokens!.length, 10 * embedder.width);
    });
  });

  it('pools all residues of a protein, however many it reads at once', () =>
    using({ part: 'protein', maxLength: 2000, pool: 'max' }, async (embedder) => {
      // The state of the only tryptophan, behind the first 1,024 residues, has the largest numbers.
      const long = `${'A'.repeat(1200)}W`;
      const [[pooled], [tokens]] = await Promise.all([embedder.embed([long]), embedder.embedTokens([long])]);
      const width = embedder.width;
      const most = Float32Array.from({ length: width }, (_, column) =>
        tokens!.reduce((max, value, at) => (at % width === column ? Math.max(max, value) : max), -Infinity),
      );
      assert.deepEqual(pooled, most);
    }));

  it('loads the part alone, of any model', async () => {
    const weights = { protein: 0, dna: 0 };
    for (const part of ['protein', 'dna'] as const) {
      await using({ part }, async ({ devices: [device], model, part: loaded }) => {
        weights[part] = device!.weightBytes;
        assert.deepEqual([loaded, model.name], [part, 'golden']);
        // The largest one also has tables that are no parameters.
        assert.ok(device!.weightBytes < 1.2 * 4 * installed.model[part].parameters);
      });
      await using({ model: part, part }, async (embedder) => {
        assert.equal(embedder.width, 64);
        const embeddings = await embedder.embed(['ACGTACGT', 'A']);
        assert.deepEqual(embeddings.map(({ length }) => length), [64, 64]); // prettier-ignore
      });
    }
    const message = /^Expected a model with a dna part for `part` but received protein, which has protein\./;
    await assert.rejects(
      using({ model: 'protein', part: 'dna' }, async () => undefined),
      { code: 'VNP_ARGUMENT', message },
    );
  });

  it('streams records with what the caller has in them', () =>
    using({ part: 'protein' }, async (embedder) => {
      const records = [
        { id: 'a', sequence: 'MKV', organism: 'x' },
        { id: 'b', sequence: 'M?V', organism: 'y' },
        { id: 'c', sequence: Buffer.from('mkv*'), organism: 'z' },
      ];
      const seen: string[] = [];
      const embeddings: (Float32Array | undefined)[] = [];
      for await (const { record, index, length, embedding, error } of embedder.stream(records)) {
        seen.push(`${record.organism} ${index} ${length} ${error?.code}`);
        embeddings.push(embedding);
      }
      assert.deepEqual(seen, ['x 0 3 undefined', 'y 1 0 VNP_INPUT_FORMAT', 'z 2 3 undefined']);
      assert.deepEqual(embeddings, [embeddings[0], undefined, embeddings[0]]);
      assert.deepEqual([embeddings[0]], await embedder.embed(['MKV']));
    }));

  it('answers any number of calls at once', () =>
    using({ part: 'protein' }, async (embedder) => {
      const sequences = Array.from({ length: 30 }, (_, index) => letters('LAGVSERTIDPKQNFYMHWC', 1 + 7 * index));
      const together = await embedder.embed(sequences);
      const apart = await Promise.all(sequences.map((sequence) => embedder.embed([sequence])));
      for (const [index, [alone]] of apart.entries()) {
        assert.ok(largestDifference(alone!, together[index]!) <= TOLERANCE, `sequence ${index}`);
      }
      assert.deepEqual(await embedder.embed([]), []);
    }));

  it('ends a call with the reason of its signal, and others go on', () =>
    using({ part: 'protein' }, async (embedder) => {
      const long = Array<string>(40).fill(letters('LAGVSERTIDPK', 900));
      const reason = new Error('enough');
      const controller = new AbortController();
      const ended = embedder.embed(long, { signal: controller.signal });
      const other = embedder.embed(['MKV']);
      controller.abort(reason);
      await assert.rejects(ended, (error) => error === reason);
      assert.equal((await other).length, 1);
      await assert.rejects(embedder.embedTokens(['MKV'], { signal: controller.signal }), (error) => error === reason);
    }));

  it('ends its calls when it is closed, and answers no more', async () => {
    const embedder = await openEmbedder({ model: 'golden', part: 'protein', models: installed.models, ...CPU });
    const ended = embedder.embed(Array<string>(40).fill(letters('LAGVSERTIDPK', 900)));
    const refused = assert.rejects(ended, { code: 'VNP_CLOSED' });
    await embedder[Symbol.asyncDispose]();
    await refused;
    await assert.rejects(embedder.embed(['M']), { code: 'VNP_CLOSED' });
    assert.throws(() => embedder.stream([]), { code: 'VNP_CLOSED' });
    await embedder.close();
  });

  it('does not open after its signal was aborted, and throws the reason', async () => {
    const reason = { why: 'enough' };
    const opening = { model: 'golden', part: 'protein', models: installed.models, ...CPU } as const;
    await assert.rejects(openEmbedder({ ...opening, signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const controller = new AbortController();
    const ended = openEmbedder({ ...opening, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(ended, (error) => error === reason);
  });

  const wrong: [object, RegExp][] = [
    [{ part: 'rna' }, /^Expected one of dna, protein for part but received "rna"/],
    [{}, /^Expected one of dna, protein for part but received undefined/],
    [{ part: 'dna', pool: 'tokens' }, /^Expected one of mean, cls, max for pool/],
    [{ part: 'dna', layer: 4 }, /^Expected a whole number from 0 to 3 for layer but received 4/],
    [{ part: 'dna', layer: '1' }, /^Expected a number for layer/],
    [{ part: 'dna', longSequences: 'cut' }, /^Expected one of windows, truncate, error for longSequences/],
    [{ part: 'dna', maxLength: 0 }, /^Expected a whole number from 1 to 1000000 for maxLength/],
    [{ part: 'dna', batchTokens: 0.5 }, /for batchTokens but received 0\.5/],
    [{ part: 'dna', triage: 'mini' }, /^Expected options named .* for openEmbedder but received "triage"/],
    [{ part: 'dna', devices: 5 }, /for devices/],
    [{ part: 'dna', signal: 5 }, /^Expected an AbortSignal/],
  ];
  for (const [options, message] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () =>
      assert.rejects(
        using(options as EmbedderOptions, async () => undefined),
        { code: 'VNP_ARGUMENT', message },
      ));
  }

  it('refuses wrong arguments of its calls', () =>
    using({ part: 'protein' }, async (embedder) => {
      const refused = (message: RegExp, call: Promise<unknown>) =>
        assert.rejects(call, { code: 'VNP_ARGUMENT', message });
      await refused(/^Expected an array for the sequences but received string/, embedder.embed('MKV' as never));
      await refused(/for the sequence of record 1 \(from 0\)/, embedder.embed(['MKV', 7 as never]));
      await refused(/^Expected options named signal/, embedder.embed([], { layer: 1 } as never));
      await refused(/^Expected a whole number from 0 to 3 for layer/, embedder.embedTokens([], { layer: -1 }));
      await refused(
        /^Expected true or false for specialTokens/,
        embedder.embedTokens([], { specialTokens: 1 as never }),
      );
      await refused(/^Expected an AbortSignal/, embedder.embed([], { signal: {} as never }));
    }));
});
