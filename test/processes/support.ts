// Starts worker processes and one mock for them all, which is the judge of what was really served.
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mockGroq } from '../../src/testing/mock-groq';
import { GENEROUS, bundled } from './bundled';
import type { WorkerOrder, WorkerReport, WorkerSetup } from './worker';

/** $0.075 in and $0.30 out per million: 75 and 300 nano-dollars a token. */
export const costOf = (prompt: number, output: number): number => prompt * 75 + output * 300;

export interface Worker {
  readonly pid: number;
  /** Makes calls, and tells what came of them. */
  order(order: WorkerOrder): Promise<WorkerReport>;
  /** The same, for one that may not live to tell. */
  begin(order: WorkerOrder): void;
  kill(): Promise<void>;
  end(): Promise<void>;
}

export interface Workers {
  start(setup: Omit<WorkerSetup, 'baseURL'>): Promise<Worker>;
  /** What the provider has served, in nano-dollars. */
  servedNanos(): number;
  served(): number;
  mostAtOnce(): number;
  close(): Promise<void>;
}

/** `usage` is what each call uses; `latencyMs` how long the mock takes. */
export async function workers(usage: { readonly prompt: number; readonly output: number }, latencyMs = 0): Promise<Workers> {
  const { folder, outfile } = await bundled('worker');

  let served = 0;
  let inFlight = 0;
  let mostAtOnce = 0;
  const mock = mockGroq();
  mock
    .reply('chat.completions', async () => {
      // Whoever asks may be killed before the answer is there, and what was asked for is charged all the same.
      served++;
      mostAtOnce = Math.max(mostAtOnce, ++inFlight);
      await new Promise((done) => setTimeout(done, latencyMs));
      inFlight--;
      return { content: 'x', usage: { prompt_tokens: usage.prompt, completion_tokens: usage.output }, headers: GENEROUS };
    })
    .persist();
  const server = await mock.listen();
  const children = new Set<ChildProcess>();

  return {
    served: () => served,
    mostAtOnce: () => mostAtOnce,
    servedNanos: () => served * costOf(usage.prompt, usage.output),
    async start(setup) {
      const child = fork(outfile, [JSON.stringify({ ...setup, baseURL: server.url } satisfies WorkerSetup)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        execArgv: [],
      });
      children.add(child);
      const exited = new Promise<void>((done) => child.once('exit', () => done()));
      void exited.then(() => children.delete(child));
      const message = <T>(): Promise<T> =>
        new Promise((done, fail) => {
          child.once('message', (value) => done(value as T));
          child.once('exit', (code, signal) => fail(new Error(`the worker ended with ${String(code ?? signal)}`)));
        });
      await message();
      return {
        pid: child.pid ?? 0,
        order(order) {
          const report = message<WorkerReport>();
          child.send(order);
          return report;
        },
        begin: (order) => void child.send(order),
        async kill() {
          child.kill('SIGKILL');
          await exited;
        },
        async end() {
          if (child.connected) child.send('end');
          await exited;
        },
      };
    },
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The most that left in any span of `windowMs`, whichever process it left from. */
export function mostInAnyWindow(departures: readonly number[], windowMs: number): number {
  const sorted = [...departures].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, at] of sorted.entries()) {
    while ((sorted[first] ?? at) <= at - windowMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
