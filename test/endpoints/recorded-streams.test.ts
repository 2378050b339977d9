// Recorded streams, byte by byte, through every way of reading: what the caller gets is what plain Groq gives, and what is booked
// is booked once.
import { Groq } from 'groq-sdk';
import { Stream } from 'groq-sdk/core/streaming';
import { describe, expect, it } from 'vitest';
import { mockGroq } from '../../src/testing/mock-groq';
import { MODEL, drain, scene, settle, until } from '../governor/support';
import { RECORDED, type Recorded, pieces } from './recorded';

const MESSAGES = [{ role: 'user', content: 'hi' }];
const bodyOf = (path: string, extra: object = {}): object =>
  path.endsWith('responses')
    ? { model: MODEL, input: 'hi', max_output_tokens: 100, stream: true }
    : { model: MODEL, messages: MESSAGES, max_completion_tokens: 100, stream: true, ...extra };
const promptOf = (path: string): number => (path.endsWith('responses') ? 81 : 88);
const costOf = ({ path, counted, read }: Recorded): number =>
  counted ? 11 * 75 + 64 * 37.5 + 9 * 300 : promptOf(path) * 75 + read * 300;

type Read = (client: Groq, path: string, body: object) => Promise<unknown>;

const plainly = async (chunks: AsyncIterable<unknown>): Promise<object> => {
  const { chunks: all, error } = await drain(chunks);
  return { all, error: error instanceof Error ? `${error.name}: ${error.message}` : error };
};
const streamOf = (client: Groq, path: string, body: object): Promise<Stream<unknown>> =>
  client.post<Stream<unknown>>(path, { body, stream: true });

const READERS: Record<string, Read> = {
  iteration: async (client, path, body) => plainly(await streamOf(client, path, body)),
  'tee(), both': async (client, path, body) => Promise.all((await streamOf(client, path, body)).tee().map(plainly)),
  'toReadableStream()': async (client, path, body) => {
    const stream = (await streamOf(client, path, body)).toReadableStream();
    return new Response(stream).text().catch((error: unknown) => (error instanceof Error ? error.message : error));
  },
  'asResponse()': async (client, path, body) => (await client.post(path, { body, stream: true }).asResponse()).text(),
  'asResponse(), a clone': async (client, path, body) => {
    const response = await client.post(path, { body, stream: true }).asResponse();
    const copy = response.clone();
    return Promise.all([copy.text(), response.text()]);
  },
  'asResponse(), parsed by the SDK': async (client, path, body) => {
    const response = await client.post(path, { body, stream: true }).asResponse();
    return plainly(Stream.fromSSEResponse(response, new AbortController()));
  },
  'withResponse()': async (client, path, body) =>
    plainly((await client.post<Stream<unknown>>(path, { body, stream: true }).withResponse()).data),
  'await of what nobody said is a stream': async (client, path, body) => client.post(path, { body }),
};

const CUTS = [[1_000_000], [1], [7], [64, 3, 1, 200]];
const CASES = RECORDED.flatMap((recorded) => Object.keys(READERS).map((reader) => [recorded.name, reader, recorded] as const));

describe.each([
  ['not asked for', {}],
  ['asked for', { stream_options: { include_usage: true } }],
])('usage %s', (_, extra) => {
  it.each(CASES)('%s: %s', async (_name, reader, recorded) => {
    const read = READERS[reader];
    const isHidden = Object.keys(extra).length === 0 && reader !== 'await of what nobody said is a stream';
    for (const lengths of CUTS) {
      const body = bodyOf(recorded.path, extra);
      const plain = mockGroq();
      plain.reply('*', { raw: pieces(isHidden ? recorded.shown : recorded.text, lengths), contentType: 'text/event-stream' });
      const expected = await read?.(new Groq({ apiKey: 'gsk_test', fetch: plain.fetch }), recorded.path, body);

      const here = scene({ teams: { a: { monthlyBudgetUsd: 1, concurrency: 1 } } }, { team: 'a' });
      here.mock.reply('*', { raw: pieces(recorded.text, lengths), contentType: 'text/event-stream' });
      expect(await read?.(here.client, recorded.path, body)).toEqual(expected);
      await until(() => here.records.length > 0);
      await settle();
      expect(here.records).toMatchObject([
        { costNanos: costOf(recorded), accuracy: recorded.counted ? 'exact' : 'estimated', outcome: recorded.outcome },
      ]);
      expect(await here.governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
    }
  });
});
