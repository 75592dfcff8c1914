/**
 * An HTTP service. POST FASTA or FASTQ to /predict, compressed or not; every contig comes back as one line of JSON, as
 * soon as it is known:
 *
 *     node dist/examples/http-service.js 8080
 *     curl --data-binary @examples/contigs.fa localhost:8080/predict
 *
 * All requests share the batches of one predictor. A client that hangs up ends its run; one that reads slowly is read
 * slowly. On SIGTERM the service finishes the requests at hand, then ends.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { open, VirnucproError } from 'virnucpro';
import type { ContigResult } from 'virnucpro';

const LIMITS = { maxInputBytes: 100_000_000, maxRecordLength: 10_000_000 };

const predictor = await open({ model: process.env['MODEL'] ?? 'virnucpro-mini', maxDelay: 5 });
const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.argv[2] ?? 8080));
await once(server, 'listening');
console.log(`listening on port ${(server.address() as AddressInfo).port}`);

process.once('SIGTERM', () => {
  server.close(() => void predictor.close());
  server.closeIdleConnections();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/predict') {
    response.writeHead(404).end();
    return;
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.setHeader('content-type', 'application/x-ndjson');
  try {
    for await (const result of predictor.predictStream(request, { ...LIMITS, signal: gone.signal })) {
      if (result.kind === 'window') continue;
      if (!response.write(lineOf(result))) await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    if (!gone.signal.aborted) refuse(response, error);
  }
}

function lineOf({ contig, verdict, meanVirusScore, windows, status, reason }: ContigResult<undefined>): string {
  return `${JSON.stringify({ contig, verdict, score: meanVirusScore ?? null, windows, status, reason })}\n`;
}

/** Lines that are sent already stay; the error comes after them. */
function refuse(response: ServerResponse, error: unknown): void {
  const known = error instanceof VirnucproError;
  const isClientsFault = known && error.code.startsWith('VNP_INPUT');
  if (!response.headersSent) response.statusCode = isClientsFault ? 400 : 500;
  response.end(`${JSON.stringify({ error: known ? error.code : 'INTERNAL', message: String(error) })}\n`);
}
