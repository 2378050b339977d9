// Clients of every kind on the server at hand, on prefixes of their own, and servers that a test may stop.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient, createClientPool } from 'redis';
import type { IoredisClient, RedisClient } from '../../src/redis';
import type { Send } from '../../src/redis/client';
import { REDIS_URL } from '../engine-at-hand';

/** Below this all tests of one run have their prefixes. */
const RUN = `test-${globalThis.crypto.randomUUID().slice(0, 8)}`;
let made = 0;

/** A prefix that nobody has used. */
export function newPrefix(): string {
  return `${RUN}-${++made}`;
}

/** A client of one library, connected. */
export interface Opened {
  readonly client: RedisClient;
  close(): Promise<unknown>;
}

/** Each library's client on a server. */
export const LIBRARIES = {
  async ioredis(url: string = REDIS_URL): Promise<Opened> {
    const client = new Redis(url, { lazyConnect: true });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.quit() };
  },
  async 'node-redis'(url: string = REDIS_URL): Promise<Opened> {
    const client = createClient({ url });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.close() };
  },
  async 'node-redis pool'(url: string = REDIS_URL): Promise<Opened> {
    const client = createClientPool({ url }, { minimum: 2, maximum: 4 });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.close() };
  },
  async iovalkey(url: string = REDIS_URL): Promise<Opened> {
    const client = new Valkey(url, { lazyConnect: true });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.quit() };
  },
} as const;

/** A client that does whatever the function does with a command. */
export function clientThrough(send: Send): IoredisClient {
  return { call: (command, args) => send(command, args, '') };
}

/** A connection for looking at keys and for cleaning up. */
export async function inspector(url: string = REDIS_URL): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  await redis.connect();
  return redis;
}

/** All keys of a prefix. */
export async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const some of redis.scanStream({ match: `{${prefix}}*`, count: 1000 })) {
    if (Array.isArray(some)) keys.push(...some.map(String));
  }
  return keys.sort();
}

/** Removes what this run has left on the server at hand. */
export async function sweep(): Promise<void> {
  const redis = await inspector();
  for await (const keys of redis.scanStream({ match: `{${RUN}-*`, count: 1000 })) {
    if (Array.isArray(keys) && keys.length > 0) await redis.unlink(...keys.map(String));
  }
  await redis.quit();
}

/** A server of the test's own. */
export interface OwnServer {
  readonly port: number;
  readonly url: string;
  /** Ends it at once, as a crash does. */
  stop(): Promise<void>;
  /** On the same port, with nothing in it. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  dispose(): Promise<void>;
}

/** Starts `redis-server` on a free port of this machine, with nothing on disk. */
export async function ownServer(...options: readonly string[]): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
    child = spawn('redis-server', [...args, ...options], { stdio: 'ignore' });
    const redis = new Redis({ port, lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    await redis.connect().catch(() => undefined);
    await redis.ping();
    redis.disconnect();
  };
  const stop = async (): Promise<void> => {
    const running = child;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    async dispose() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    // A cluster's bus takes the port that is 10,000 higher, which must exist.
    server.listen(20_000 + Math.floor(Math.random() * 10_000), '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
