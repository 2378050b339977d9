// A Groq on this machine, until it is interrupted.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import Groq from 'groq-sdk';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock';
import type { Io } from '../../src/cli/io';
import { main } from '../../src/cli/main';
import { folder } from './support';

interface Serving {
  readonly out: () => string;
  readonly url: string;
  interrupt(signal?: string): void;
  readonly ended: Promise<{ readonly code: number; readonly err: string }>;
}

/** Starts the command and waits until it says where it is. */
async function serve(...args: readonly string[]): Promise<Serving> {
  const interruption = new AbortController();
  let [out, err] = ['', ''];
  let listening = (_url: string): void => undefined;
  const url = new Promise<string>((resolve) => (listening = resolve));
  const io: Io = {
    stdout: {
      write(text) {
        out += text;
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(out)?.[0];
        if (found !== undefined) listening(found);
      },
    },
    stderr: { write: (text) => void (err += text) },
    readStdin: () => Promise.resolve(''),
    env: {},
    cwd: '/',
    columns: undefined,
    isTTY: false,
    stderrIsTTY: false,
    clock: systemClock,
    nodePath: process.execPath,
    unguarded: (work) => work(),
    decided: () => undefined,
    fetch,
    interrupted: interruption.signal,
    version: '1.2.3',
    programPath: '/',
    importsTypeScript: false,
  };
  const ended = main(['mock', ...args], io).then((code) => ({ code, err }));
  return {
    url: await Promise.race([url, ended.then(({ err: told }) => Promise.reject(new Error(told)))]),
    out: () => out,
    interrupt: (signal = 'SIGINT') => interruption.abort(signal),
    ended,
  };
}

const ask = (baseURL: string): Promise<unknown> =>
  new Groq({ baseURL, apiKey: 'gsk_mock', maxRetries: 0 }).chat.completions.create({
    model: 'openai/gpt-oss-20b',
    messages: [{ role: 'user', content: 'hi' }],
  });

describe('mock', () => {
  it('serves groq-sdk, and says how to point it there', async () => {
    const serving = await serve('--port', '0');
    expect(await ask(serving.url)).toMatchObject({ object: 'chat.completion' });
    expect(serving.out()).toBe(`A mock of Groq is at ${serving.url}
Limits of each model: none.

Point groq-sdk to it by the environment:
  GROQ_BASE_URL=${serving.url} GROQ_API_KEY=gsk_mock node app.js
or in the program:
  new GovernedGroq({ baseURL: '${serving.url}', apiKey: 'gsk_mock' })

Ctrl-C ends it.
`);
    serving.interrupt();
    expect(await serving.ended).toEqual({ code: 0, err: 'Served 1 requests; the limits refused 0 of them.\n' });
    await expect(ask(serving.url)).rejects.toThrow('Connection error');
  });

  it('has the limits that it is given', async () => {
    const serving = await serve(
      '--port=0',
      '--rpm',
      '1',
      '--tpm',
      '5000',
      '--unknown-model',
      'a',
      '--unknown-model',
      'openai/gpt-oss-120b',
    );
    expect(serving.out()).toContain('Limits of each model: 1 requests per minute, 5,000 tokens per minute.\n');
    await ask(serving.url);
    await expect(ask(serving.url)).rejects.toMatchObject({ status: 429 });
    const missing = await fetch(`${serving.url}/openai/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
      body: '{"model":"openai/gpt-oss-120b","messages":[{"role":"user","content":"x"}]}',
    });
    expect(missing.status).toBe(404);
    serving.interrupt('SIGTERM');
    expect(await serving.ended).toEqual({ code: 0, err: 'Served 3 requests; the limits refused 1 of them.\n' });
  });

  it('says where it is in one line of JSON', async () => {
    const serving = await serve('--port', '0', '--json', '--itpm', '7');
    expect(JSON.parse(serving.out())).toEqual({
      url: serving.url,
      port: Number(new URL(serving.url).port),
      limits: { itpm: 7 },
    });
    expect(serving.out().trimEnd()).not.toContain('\n');
    serving.interrupt();
    expect(await serving.ended).toEqual({ code: 0, err: '' });
  });

  it('is for this machine only', async () => {
    const serving = await serve('--port', '0');
    expect(new URL(serving.url).hostname).toBe('127.0.0.1');
    serving.interrupt();
    await serving.ended;
  });

  it('does not take a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const { code, out, err } = await folder().run(`mock --port ${port}`, { clock: systemClock });
      expect({ code, out }).toEqual({ code: 3, out: '' });
      expect(err).toBe(`error: Port ${port} is taken. Name another with --port, or 0 for any free one.\n`);
    } finally {
      other.close();
    }
  });

  it('that is interrupted before it begins does not begin', async () => {
    const { code } = await folder().run('mock --port 0', { clock: systemClock, interrupted: AbortSignal.abort('SIGINT') });
    expect(code).toBe(130);
  });
});
