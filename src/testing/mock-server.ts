// The mock over loopback HTTP, for clients that bring their own fetch.
import type { IncomingMessage, ServerResponse } from 'node:http';

// Not written out, so that bundlers for places without servers leave it alone.
const HTTP = 'node:http';

/** Where to listen. */
export interface MockListenOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default `127.0.0.1`. */
  readonly host?: string;
}

/** A mock that listens on loopback. */
export interface MockServer {
  /** For `baseURL`, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  /** Ends open connections and frees the port. */
  close(): Promise<void>;
}

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export async function listen(fetch: Fetch, { port = 0, host = '127.0.0.1' }: MockListenOptions): Promise<MockServer> {
  const { createServer } = (await import(HTTP)) as typeof import('node:http');
  const server = createServer((request, response) => {
    const { port: bound } = addressOf(server.address());
    void serve(fetch, `http://${host}:${bound}`, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = addressOf(server.address());
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function serve(fetch: Fetch, origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const controller = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  try {
    const { method = 'GET' } = request;
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
    const init = { method, headers, signal: controller.signal };
    const body = chunks.length > 0 ? { body: new Blob(chunks as BlobPart[]) } : {};
    const answer = await fetch(new URL(request.url ?? '/', origin).href, { ...init, ...body });
    await send(answer, response);
  } catch {
    // No answer, or one that broke off: the client sees the connection end.
    response.destroy();
  }
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.flushHeaders();
  const reader = answer.body?.getReader();
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    if (!response.write(read.value)) await drained(response);
  }
  response.end();
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });

function addressOf(address: ReturnType<import('node:net').Server['address']>): { port: number } {
  return typeof address === 'object' && address !== null ? address : { port: 0 };
}
