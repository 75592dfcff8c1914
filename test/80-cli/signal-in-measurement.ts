/** For `node --import`: Ctrl-C comes when the results are complete and the devices' limit is about to be measured. */
import { once } from 'node:events';
import { Predictor } from '../../lib/predict/predictor.js';

const measureLimits = Reflect.get(Predictor.prototype, 'measureLimits');

Predictor.prototype.measureLimits = async function (this: Predictor): Promise<void> {
  const arrived = once(process, 'SIGINT');
  process.kill(process.pid, 'SIGINT');
  await arrived;
  await measureLimits.call(this);
};
