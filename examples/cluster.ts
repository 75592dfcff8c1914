/**
 * One process for every GPU, or for every two cores of a machine without one, behind one port. A process that dies
 * is replaced; SIGTERM ends all of them:
 *
 *     node dist/examples/cluster.js 8080
 *     curl --data-binary ACGT... localhost:8080
 *
 * One process drives all GPUs of a machine by itself. Take several where one must not end the others.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import { open } from 'virnucpro';
import { devices } from 'virnucpro/diagnostics';

const port = Number(process.argv[2] ?? 8080);
if (cluster.isPrimary) await supervise();
else await serve(process.env['DEVICE']!, Number(process.env['THREADS']));

async function supervise(): Promise<void> {
  const gpus = (await devices()).devices.filter(({ id, usable }) => id !== 'cpu' && usable);
  const processes = Math.max(1, gpus.length || Math.floor(availableParallelism() / 2));
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  let isEnding = false;
  const start = (number: number): void => {
    const worker = cluster.fork({ DEVICE: gpus[number]?.id ?? 'cpu', THREADS: threads });
    let hasServed = false;
    worker.on('listening', () => (hasServed = true));
    worker.on('exit', (code) => {
      // One that never served, such as for want of a model, would fail again.
      if (!hasServed) process.exitCode = code;
      else if (!isEnding) start(number);
    });
  };
  for (let number = 0; number < processes; number++) start(number);
  process.once('SIGTERM', () => {
    isEnding = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  });
}

async function serve(device: string, threads: number): Promise<void> {
  const predictor = await open({ model: process.env['MODEL'] ?? 'virnucpro-mini', devices: [device], threads });
  const server = createServer((request, response) => {
    text(request)
      .then((sequence) => predictor.predictOne(sequence, { maxRecordLength: 1_000_000 }))
      .then(
        ({ contig: { verdict, meanVirusScore: score } }) =>
          response.end(`${JSON.stringify({ verdict, score: score ?? null, process: process.pid })}\n`),
        (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
      );
  });
  server.listen(port);
  await once(server, 'listening');
  console.log(`process ${process.pid} listens on ${device}`);
  process.once('SIGTERM', () => {
    server.close(() => void predictor.close().then(() => process.exit()));
    server.closeIdleConnections();
  });
}
