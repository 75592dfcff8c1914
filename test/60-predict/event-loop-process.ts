/**
 * Prints, as JSON, for how many milliseconds at most the event loop stood still during each step of a prediction, and of
 * an embedding:
 * node event-loop-process.js MODELS-FOLDER MODEL INPUT OUTPUT-FOLDER
 */
import { open, openEmbedder, writeResults } from '../../lib/index.js';
import { EventLoopWatch } from '../event-loop-watch.js';

const [models, model, input, output] = process.argv.slice(2) as [string, string, string, string];
const watch = new EventLoopWatch();
// The loop is set up during its first turns.
await new Promise((resolve) => setTimeout(resolve, 20));
watch.lap();

const predictor = await open({ model, models, devices: ['cpu'] });
const opening = watch.lap();
for await (const { kind } of predictor.predict(input)) if (kind === 'contig') break;
const predicting = watch.lap();
await writeResults(predictor.predict(input), output);
const writing = watch.lap();
await predictor.close();
const closing = watch.lap();
const embedder = await openEmbedder({ model, models, part: 'protein', devices: ['cpu'] });
const openingEmbedder = watch.lap();
// Read in windows, whose states are averaged here.
await embedder.embed(['MKTAYIAKQR'.repeat(300)]);
const embedding = watch.lap();
await embedder.close();
watch.end();
process.stdout.write(JSON.stringify({ opening, predicting, writing, closing, openingEmbedder, embedding }));
