/** For `node --import`: sends Ctrl-C when the results are complete and the devices' limit is about to be measured. */
import { once } from 'node:events';
import { Predictor } from '../../lib/predict/predictor.js';

const measureLimits = Reflect.get(Predictor.prototype, 'measureLimits');

Predictor.prototype.measureLimits = async function (this: Predictor): Promise<void> {
  const arrived = once(process, 'SIGINT');
  // A pending signal does not keep the process alive.
  const alive = setTimeout(() => undefined, 30_000);
  process.kill(process.pid, 'SIGINT');
  await arrived;
  clearTimeout(alive);
  await measureLimits.call(this);
};
