// Processes that go through a rotation together, and a provider that knows which key is valid when.
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mockGroq } from '../../src/testing/mock-groq';
import { keyFingerprint } from '../../src/testing/mock-hash';
import { GENEROUS, bundled } from './bundled';
import type { RotationOrder, RotationReport, RotationSetup } from './rotation-worker';

/** A request as the provider saw it. */
export interface Seen {
  readonly at: number;
  readonly process: string;
  readonly secret: string;
  readonly prompt: string;
  readonly status: number;
}

export interface Stage {
  /** A folder for secrets in files. */
  readonly folder: string;
  /** What the clocks of all show. */
  now: number;
  /** Until when each secret is valid; others are not. */
  readonly validUntil: Map<string, number>;
  readonly seen: readonly Seen[];
  /** Requests with this prompt wait until `release()`, and are judged then. */
  readonly held: string;
  release(): void;
  /** Resolves when so many requests wait. */
  holding(count: number): Promise<void>;
  start(setup: Omit<RotationSetup, 'baseURL' | 'startAt'>): Promise<Process>;
  close(): Promise<void>;
}

export interface Process {
  order(order: Omit<RotationOrder, 'at'>): Promise<RotationReport>;
  end(): Promise<void>;
}

const HELD = 'hold';

export async function stage(now: number): Promise<Stage> {
  const { folder, outfile } = await bundled('rotation-worker');

  const seen: Seen[] = [];
  const children = new Set<ChildProcess>();
  const waiting: (() => void)[] = [];
  let isHolding = true;
  const mock = mockGroq();
  mock
    .reply('chat.completions', async ({ headers, body }) => {
      const [{ content: prompt }] = body['messages'] as [{ content: string }];
      if (prompt === HELD && isHolding) await new Promise<void>((go) => void waiting.push(go));
      // Long enough that calls of one order overlap.
      else await new Promise((go) => setTimeout(go, 2));
      const secret = [...here.validUntil.keys()].find((each) => keyFingerprint(each) === headers['authorization']) ?? 'unknown';
      const isValid = here.now < (here.validUntil.get(secret) ?? -Infinity);
      seen.push({ at: here.now, process: String(body['user']), secret, prompt, status: isValid ? 200 : 401 });
      return isValid ? { content: 'x', headers: GENEROUS } : { status: 401 };
    })
    .persist();
  const server = await mock.listen();

  const here: Stage = {
    folder,
    now,
    validUntil: new Map(),
    seen,
    held: HELD,
    release() {
      // Those that are moved to another key come again.
      isHolding = false;
      waiting.splice(0).forEach((go) => go());
    },
    async holding(count) {
      while (waiting.length < count) await new Promise((go) => setTimeout(go, 2));
    },
    async start(setup) {
      const full: RotationSetup = { ...setup, baseURL: server.url, startAt: now };
      const child = fork(outfile, [JSON.stringify(full)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
      children.add(child);
      const exited = new Promise<void>((done) => child.once('exit', () => done()));
      const message = <T>(): Promise<T> =>
        new Promise((done, fail) => {
          const failed = (code: unknown): void => fail(new Error(`the process ended with ${String(code)}`));
          child.once('exit', failed);
          child.once('message', (value) => {
            child.off('exit', failed);
            done(value as T);
          });
        });
      await message();
      return {
        order(order) {
          const report = message<RotationReport>();
          child.send({ ...order, at: here.now } satisfies RotationOrder);
          return report;
        },
        async end() {
          if (child.connected) child.send('end');
          await exited;
        },
      };
    },
    async close() {
      here.release();
      for (const child of children) child.kill('SIGKILL');
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return here;
}
