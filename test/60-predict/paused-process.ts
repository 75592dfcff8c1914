import { open } from '../../lib/index.js';

/**
 * A process that pauses its run, then resumes it or leaves it paused, in one of several ways; it has to end by itself.
 */
const [models, input, way] = process.argv.slice(2) as [string, string, string];
const predictor = await open({ model: 'golden', models, precision: 'fp32', devices: 'cpu', threads: 1 });
const prediction = predictor.predict(input);
if (way === 'never begun') prediction.pause();
else {
  let results = 0;
  for await (const _ of prediction) {
    if (++results > 1) continue;
    prediction.pause();
    if (way === 'left') break;
    // Nothing else keeps the process alive meanwhile.
    setTimeout(() => prediction.resume(), 300).unref();
  }
  prediction.pause();
  console.log(results);
}
