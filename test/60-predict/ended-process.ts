import { open } from '../../lib/index.js';
import { reasonOf, VirnucproError } from '../../lib/errors.js';

/**
 * A process that gives up waiting, in one of several ways, prints the answer, and then has to end by itself, or by
 * `process.exit` if `end` is `exit`. It sends no signal twice.
 */
const [models, input, way, end] = process.argv.slice(2) as [string, string, 'loading' | 'abort' | 'close', string];
const options = { model: 'golden', models, precision: 'fp32', devices: 'cpu', threads: 1 } as const;
const ended = new AbortController();
const say = (error: unknown): void => console.log(error instanceof VirnucproError ? error.code : reasonOf(error));

if (way === 'loading') {
  await open({ ...options, signal: ended.signal, onEvent: ({ event }) => event === 'loading' && ended.abort('enough') })
    .then(() => console.log('opened'))
    .catch(say);
} else {
  const predictor = await open(options);
  const prediction = predictor.predict(input, { signal: ended.signal });
  setTimeout(() => (way === 'abort' ? ended.abort('enough') : void predictor.close()), 300);
  try {
    for await (const _ of prediction);
  } catch (error) {
    say(error);
  }
  await predictor.close();
}
if (end === 'exit') process.exit(5);
