// Answers in one piece, and what is booked for them.
import { describe, expect, it, vi } from 'vitest';
import { HELD, PARAMS, collectUntil, expectBooked, oneAtATime } from './endings-support';
import { CHAT, PROMPT_ESTIMATE, type Scene, costOf, rejection, usage } from './support';

// Garbage is collected when the engine sees fit.
vi.setConfig({ testTimeout: 30_000 });

const COST = costOf(70, 10);
const exact = { costNanos: COST, accuracy: 'exact', outcome: 'success', attempts: 1 } as const;
const unknown = { costNanos: HELD, accuracy: 'held', outcome: 'unknown', attempts: 1 } as const;
const answered = (): Scene => {
  const here = oneAtATime();
  here.mock.reply('chat.completions', { content: 'Hello', usage: usage(70, 10) });
  return here;
};

describe('an answer that is read', () => {
  it.each<[string, (here: Scene) => Promise<unknown>]>([
    ['await', async ({ client }) => client.chat.completions.create(PARAMS)],
    ['withResponse()', ({ client }) => client.chat.completions.create(PARAMS).withResponse()],
    ['asResponse().json()', async ({ client }) => (await client.chat.completions.create(PARAMS).asResponse()).json()],
    ['asResponse().text()', async ({ client }) => (await client.chat.completions.create(PARAMS).asResponse()).text()],
    [
      'asResponse().clone().json()',
      async ({ client }) => {
        const response = await client.chat.completions.create(PARAMS).asResponse();
        return Promise.all([response.clone().json(), response.json()]);
      },
    ],
    [
      'asResponse() and await',
      async ({ client }) => {
        const call = client.chat.completions.create(PARAMS);
        const response = await call.asResponse();
        await response.json();
        return call.then(null, () => undefined);
      },
    ],
    [
      'awaited twice',
      async ({ client }) => {
        const call = client.chat.completions.create(PARAMS);
        return Promise.all([call, call, call.then((value) => value)]);
      },
    ],
    ['post()', async ({ client }) => client.post(CHAT, { body: PARAMS })],
    ['request()', async ({ client }) => client.request({ method: 'post', path: CHAT, body: PARAMS })],
    [
      '__binaryResponse',
      async ({ client }) => {
        const response = await client.post<Response>(CHAT, { body: PARAMS, __binaryResponse: true });
        return response.json();
      },
    ],
  ])('%s: at its usage', async (_, read) => {
    const here = answered();
    await read(here);
    await expectBooked(here, exact);
  });
});

it('stream: true asked of the SDK alone is refused, or never booked below its usage', async () => {
  const here = oneAtATime();
  here.mock.reply('chat.completions', { content: 'x'.repeat(400), usage: usage(70, 100) });
  const read = async (): Promise<void> => {
    const stream = await here.client.post<AsyncIterable<unknown>>(CHAT, { body: PARAMS, stream: true });
    for await (const _ of stream);
  };
  await read().catch(() => {});
  await here.governor.close();
  const sent = here.mock.calls.length > 0;
  expect(here.records[0]?.costNanos).toBeGreaterThanOrEqual(sent ? costOf(70, 100) : 0);
});

describe('an answer that nobody reads', () => {
  it.each<[string, (here: Scene) => Promise<unknown>]>([
    ['asResponse()', async ({ client }) => void (await client.chat.completions.create(PARAMS).asResponse())],
    [
      'never awaited',
      async ({ client, mock }) => {
        void client.chat.completions.create(PARAMS).asResponse;
        for (let turns = 0; mock.calls[0]?.status === undefined && turns < 1000; turns++)
          await new Promise((resolve) => setImmediate(resolve));
      },
    ],
    ['__binaryResponse', async ({ client }) => void (await client.post(CHAT, { body: PARAMS, __binaryResponse: true }))],
  ])('%s: at its hold, when it is collected', async (_, start) => {
    const here = answered();
    await start(here);
    await collectUntil(() => here.records.length > 0);
    await expectBooked(here, unknown);
  });

  it('asResponse(), cancelled: never $0', async () => {
    const here = answered();
    const response = await here.client.chat.completions.create(PARAMS).asResponse();
    await response.body?.cancel();
    await here.governor.close();
    expect(here.records).toHaveLength(1);
    expect(here.records[0]?.costNanos).toBeGreaterThanOrEqual(costOf(PROMPT_ESTIMATE, 0));
    expect(here.records[0]?.accuracy).not.toBe('exact');
  });
});

it('a raw response that was read is not kept', async () => {
  const here = answered();
  let collected = false;
  const registry = new FinalizationRegistry(() => (collected = true));
  await (async () => {
    const response = await here.client.chat.completions.create(PARAMS).asResponse();
    registry.register(response, undefined);
    await response.json();
  })();
  await collectUntil(() => collected, 20);
  expect(here.records).toMatchObject([exact]);
});

describe('an answer that cannot be used', () => {
  it.each<[string, object]>([
    ['is no JSON', { raw: '{"choices":', contentType: 'application/json' }],
    ['breaks off', { raw: ['{"choices":[]', ',"usage":{}}'], contentType: 'application/json', cutAfter: 1 }],
    [
      'fails in mid-body',
      { raw: ['{"choices":[]', ',"usage":{}}'], contentType: 'application/json', cutAfter: 1, how: 'reset' },
    ],
  ])('it %s: at its hold', async (_, script) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', script as never);
    await rejection(here.client.chat.completions.create(PARAMS));
    await expectBooked(here, { costNanos: HELD, accuracy: 'held', outcome: 'error', attempts: 1 });
  });

  it('aborted while the body is read: at its hold', async () => {
    const here = oneAtATime();
    const abort = new AbortController();
    here.mock.reply('chat.completions', { raw: ['{"choices":[]', '}'], contentType: 'application/json', stallAfter: 1 });
    const call = rejection(here.client.chat.completions.create(PARAMS, { signal: abort.signal }));
    for (let turns = 0; here.mock.calls[0]?.status === undefined && turns < 1000; turns++)
      await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await call;
    await expectBooked(here, { costNanos: HELD, accuracy: 'held', outcome: 'aborted', attempts: 1 });
  });
});

describe('usage that is none', () => {
  const choices = [{ index: 0, message: { role: 'assistant', content: 'x'.repeat(40) }, finish_reason: 'stop' }];

  it.each<[string, unknown]>([
    ['absent', undefined],
    ['null', null],
    ['negative', usage(-5, 10)],
    ['negative output', usage(70, -10)],
    ['NaN (as JSON has it)', { prompt_tokens: null, completion_tokens: null }],
    ['text', { prompt_tokens: '70', completion_tokens: '10' }],
    ['a fraction', usage(70.5, 10)],
    ['too large to count', usage(1e300, 10)],
    ['a list', [70, 10]],
    ['hardware only', { dram_cached_tokens: 1, sram_cached_tokens: 2 }],
  ])('%s: an estimate, above $0 and within the hold', async (_, reported) => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', { json: { id: 'x', object: 'chat.completion', choices, usage: reported } });
    await here.client.chat.completions.create(PARAMS);
    await here.governor.close();
    const [record] = here.records;
    expect(record).toMatchObject({ accuracy: 'estimated', outcome: 'success' });
    expect(record?.costNanos).toBeGreaterThanOrEqual(costOf(PROMPT_ESTIMATE, 10));
    expect(record?.costNanos).toBeLessThanOrEqual(HELD);
  });

  it('absent from an answer whose JSON is long: within the hold, as the output bound is known', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', { json: { id: 'x', object: 'chat.completion', choices, padding: 'x'.repeat(10_000) } });
    await here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 10 });
    await here.governor.close();
    expect(here.records[0]?.costNanos).toBeLessThanOrEqual(costOf(112, 10));
    expect(here.records[0]).not.toHaveProperty('overrunNanos');
  });

  it('beyond what can be priced is booked at the hold', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', {
      json: { id: 'x', object: 'chat.completion', choices, usage: usage(2 ** 52, 2 ** 52) },
    });
    await here.client.chat.completions.create(PARAMS);
    await expectBooked(here, { costNanos: HELD, accuracy: 'held', outcome: 'success', attempts: 1 });
  });

  it('above the hold is booked in full, and its overrun told', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', { content: 'x', usage: usage(1000, 200) });
    await here.client.chat.completions.create(PARAMS);
    expect(here.records[0]).toMatchObject({
      costNanos: costOf(1000, 200),
      overrunNanos: costOf(1000, 200) - HELD,
      accuracy: 'exact',
    });
  });
});

describe('failed_generation', () => {
  it('is not booked above the output that was asked for', async () => {
    const here = oneAtATime();
    here.mock.reply('chat.completions', {
      status: 400,
      error: { code: 'tool_use_failed', failed_generation: 'x'.repeat(10_000) },
    });
    await rejection(here.client.chat.completions.create({ ...PARAMS, max_completion_tokens: 10 }));
    await here.governor.close();
    expect(here.records[0]?.costNanos).toBeLessThanOrEqual(costOf(112, 10));
  });
});
