// Batches spend later: checked and held when they are created, booked at half price when their output is read.
import { describe, expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetStore } from '../../src/budget/budget-store';
import type { Governance } from '../../src/governance';
import { MODEL, type Scene, rejection, scene, spentNanos, sum } from '../governor/support';
import { DAY_MS, LARGE, create, jsonl, line, lineCost, lineHold, lines, readOutput, start, upload } from './support';

const NOVEMBER = Date.UTC(2026, 10, 21);
const TEAMS = { a: { monthlyBudgetUsd: 1, allowedModels: [MODEL, LARGE] }, b: { monthlyBudgetUsd: 1 } };
const at = (governance: Governance = { teams: TEAMS }, team = 'a'): Scene => scene(governance, { team, start: NOVEMBER });

const batchRecords = ({ records }: Scene) => records.filter(({ operation }) => operation === 'batches');
const answering = (prompt: number, completion: number) => ({
  answer: () => ({ usage: { prompt_tokens: prompt, completion_tokens: completion } }),
});

async function state(store: BudgetStore, clock: Scene['clock'], account = 'team:a/a/month@2026-11') {
  const [found] = await store.read([account], clock.now());
  return { spent: found?.spentNanos ?? 0, held: found?.heldNanos ?? 0 };
}

describe('a batch', () => {
  it('of 1,000 lines with one forbidden model is refused, and the line is named', async () => {
    const here = at({ teams: { a: { monthlyBudgetUsd: 100, allowedModels: [MODEL] } } });
    const all = lines(1000, (index) =>
      index === 616 ? { model: LARGE, messages: [{ role: 'user', content: 'SECRET' }] } : {},
    );
    const error = await rejection(upload(here.client, all));
    expect(error).toMatchObject({ code: 'model-not-allowed', line: 617, customId: 'request-617', team: 'a', model: LARGE });
    expect(error.message).toBe(
      'Line 617 (custom_id "request-617"): Model "openai/gpt-oss-120b" is not in allowedModels of a. ' +
        'Use a model from that list, or add this one to it.',
    );
    expect(here.mock.calls).toEqual([]);
    expect(here.records).toMatchObject([
      { operation: 'files.create', outcome: 'denied', code: 'model-not-allowed', costNanos: 0 },
    ]);
  });

  it('that is allowed is held at half price under its own id, settled from its output, and counted', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, mock, clock } = here;
    const id = await start(client, lines(1000));
    await governor.report();
    expect(lineHold()).toBe(Math.ceil((112 * 75 + 10 * 300) / 2));
    const { live } = await governor.reconcile();
    expect(live).toMatchObject([{ id: `batch:${id}`, nanos: 1000 * lineHold(), expiresAt: NOVEMBER + 2 * DAY_MS }]);
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 1000 * lineHold() });

    mock.completeBatch(id, answering(71, 5));
    await readOutput(client, id);
    const report = await governor.report({ from: 0, by: ['team', 'model'] });
    const cost = 1000 * lineCost(71, 5);
    expect(lineCost(71, 5)).toBe(Math.ceil((71 * 75 + 5 * 300) / 2));
    expect(await state(budgetStore, clock)).toEqual({ spent: cost, held: 0 });
    expect(report.total.costNanos).toBe(cost);
    expect(report.rows).toContainEqual(
      expect.objectContaining({ team: 'a', model: MODEL, costNanos: cost, promptTokens: 71_000 }),
    );
    expect(batchRecords(here)).toEqual([
      expect.objectContaining({
        id: `batch:${id}/${MODEL}`,
        at: NOVEMBER,
        team: 'a',
        model: MODEL,
        promptTokens: 71_000,
        completionTokens: 5000,
        costNanos: cost,
        accuracy: 'exact',
        outcome: 'success',
      }),
    ]);
    expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
  });

  it('is charged to whoever created it, and once, whoever reads the output how often', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, mock, clock } = here;
    const id = await start(client.withTeam('a', { user: 'u', tags: { feature: 'x' } }), lines(3));
    mock.completeBatch(id, answering(71, 5));
    const other = client.withTeam('b', { user: 'v' });
    await Promise.all([readOutput(other, id), readOutput(client, id)]);
    await readOutput(other, id);
    await governor.settleBatch(id);
    await governor.report();
    expect(batchRecords(here)).toEqual([expect.objectContaining({ team: 'a', user: 'u', tags: { feature: 'x' } })]);
    expect(await state(budgetStore, clock)).toEqual({ spent: 3 * lineCost(71, 5), held: 0 });
    expect(await state(budgetStore, clock, 'team:b/b/month@2026-11')).toEqual({ spent: 0, held: 0 });
  });

  it('survives a restart: another process books it from its id or its output file alone', async () => {
    for (const how of ['settleBatch', 'content'] as const) {
      const budgetStore = memoryBudgetStore();
      const first = at({ teams: TEAMS, budgetStore });
      const id = await start(first.client.withTeam('a', { user: 'u' }), lines(5));
      await first.governor.report();
      first.mock.completeBatch(id, answering(71, 5));
      // A new governor on the same store, which has seen nothing.
      const second = scene(
        { teams: TEAMS, budgetStore, clock: first.clock },
        { team: 'b', client: { fetch: first.mock.fetch }, start: NOVEMBER },
      );
      const cost = 5 * lineCost(71, 5);
      if (how === 'settleBatch') {
        expect(await second.governor.settleBatch(id)).toEqual({
          batchId: id,
          status: 'completed',
          settled: true,
          costNanos: cost,
        });
      } else {
        const { output_file_id: fileId = '' } = (await first.client.batches.retrieve(id)) as { output_file_id?: string };
        await (await second.client.files.content(fileId)).text();
      }
      await second.governor.report();
      expect(await state(budgetStore, first.clock)).toEqual({ spent: cost, held: 0 });
      expect(batchRecords(second)).toMatchObject([{ team: 'a', user: 'u', costNanos: cost }]);
      // The first process reads it as well: the same record once more, and nothing in the counters.
      await readOutput(first.client, id);
      await first.governor.report();
      expect(await state(budgetStore, first.clock)).toEqual({ spent: cost, held: 0 });
      expect(batchRecords(first).map(({ id: record }) => record)).toEqual(batchRecords(second).map(({ id: record }) => record));
    }
  });

  it('counts in the window in which it was created', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, mock, clock } = here;
    const id = (await create(client, await upload(client, lines(2)), '7d')).id;
    await governor.report();
    await clock.advance(8 * DAY_MS - 1);
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 2 * lineHold() });
    await clock.advance(5 * DAY_MS);
    // Nobody has read it in time: charged in full, and corrected when it is read.
    expect(await state(budgetStore, clock)).toEqual({ spent: 2 * lineHold(), held: 0 });
    mock.completeBatch(id, answering(71, 5));
    await readOutput(client, id);
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 2 * lineCost(71, 5), held: 0 });
    expect(batchRecords(here)).toMatchObject([{ at: NOVEMBER }]);
  });

  it.each([
    ['text()', (response: Response) => response.text()],
    ['arrayBuffer()', (response: Response) => response.arrayBuffer()],
    ['blob()', (response: Response) => response.blob()],
    ['the platform', (response: Response) => Response.prototype.text.call(response)],
    ['a clone', (response: Response) => Promise.all([response.clone().text(), response.text()])],
    [
      'chunks',
      async (response: Response) => {
        for await (const _ of response.body as unknown as AsyncIterable<unknown>);
      },
    ],
  ] as const)('is settled when its output is read through %s', async (_name, read) => {
    for (const form of ['await', 'asResponse', 'withResponse'] as const) {
      const { client, governor, mock } = at();
      const id = await start(client, lines(3));
      mock.completeBatch(id, answering(71, 5));
      const { output_file_id: fileId = '' } = (await client.batches.retrieve(id)) as { output_file_id?: string };
      const promise = client.files.content(fileId);
      await read(
        form === 'await'
          ? await promise
          : form === 'asResponse'
            ? await promise.asResponse()
            : (await promise.withResponse()).data,
      );
      expect(await spentNanos(governor)).toBe(3 * lineCost(71, 5));
      expect((await governor.reconcile()).live).toEqual([]);
    }
  });

  it('is not settled by half of its output', async () => {
    const { client, governor, mock } = at(undefined);
    const id = await start(client, lines(3));
    mock.completeBatch(id, answering(71, 5));
    const { output_file_id: fileId = '' } = (await client.batches.retrieve(id)) as { output_file_id?: string };
    const response = await client.files.content(fileId);
    await response.body?.cancel();
    expect(await spentNanos(governor)).toBe(0);
    expect((await governor.reconcile()).live).toMatchObject([{ id: `batch:${id}` }]);
  });
});

describe('ends', () => {
  it('expired: what was done is booked, the rest released', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const id = await start(here.client, lines(10));
    here.mock.completeBatch(id, { ...answering(71, 5), lines: 4 });
    await readOutput(here.client, id);
    await here.governor.report();
    expect(await state(budgetStore, here.clock)).toEqual({ spent: 4 * lineCost(71, 5), held: 0 });
    expect(batchRecords(here)).toMatchObject([{ outcome: 'timeout' }]);
  });

  it.each(['retrieve', 'list', 'settleBatch'] as const)('cancelled: all is released when %s shows it', async (how) => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, clock } = here;
    const id = await start(client, lines(10));
    await client.batches.cancel(id);
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 10 * lineHold() });
    if (how === 'retrieve') await client.batches.retrieve(id);
    else if (how === 'list') await client.batches.list();
    else expect(await governor.settleBatch(id)).toMatchObject({ status: 'cancelled', settled: true, costNanos: 0 });
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 0 });
    expect(batchRecords(here)).toMatchObject([{ outcome: 'aborted', costNanos: 0 }]);
  });

  it('failed lines cost nothing, and a batch of them alone is released', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, mock, clock } = here;
    const id = await start(client, lines(4));
    const answer = ({ custom_id: name }: { custom_id: string }) =>
      name === 'request-1'
        ? { usage: { prompt_tokens: 71, completion_tokens: 5 } }
        : { error: 'json_validate_failed' as const };
    mock.completeBatch(id, { answer });
    await readOutput(client, id);
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: lineCost(71, 5), held: 0 });

    const none = await start(client, lines(4));
    mock.completeBatch(none, { answer: () => ({ status: 400 }) });
    await client.batches.retrieve(none);
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: lineCost(71, 5), held: 0 });
  });

  it('running: nothing is booked yet', async () => {
    const { client, governor } = at();
    const id = await start(client, lines(2));
    expect(await governor.settleBatch(id)).toEqual({
      batchId: id,
      status: 'in_progress',
      settled: false,
      costNanos: undefined,
    });
    expect(await spentNanos(governor)).toBe(0);
  });

  it('refused by the provider, or never sent: nothing stays held', async () => {
    for (const reply of [{ status: 400 }, { status: 500 }, { networkError: 'ECONNREFUSED' }]) {
      const { client, governor, mock } = at();
      const file = await upload(client, lines(2));
      mock.reply('batches.create', reply);
      await rejection(create(client, file));
      expect((await governor.reconcile()).live).toEqual([]);
    }
  });

  it('not known: what may have been created stays held, and is charged if nobody finds it', async () => {
    const budgetStore = memoryBudgetStore();
    const { client, governor, mock, clock } = at({ teams: TEAMS, budgetStore });
    const file = await upload(client, lines(2));
    mock.reply('batches.create', { networkError: 'ECONNRESET' });
    await rejection(create(client, file));
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 2 * lineHold() });
    await clock.advance(2 * DAY_MS);
    expect(await state(budgetStore, clock)).toEqual({ spent: 2 * lineHold(), held: 0 });
  });

  it('answered and lost on the way: the batch is found by its metadata, and booked from the hold of the call', async () => {
    const budgetStore = memoryBudgetStore();
    const here = at({ teams: TEAMS, budgetStore });
    const { client, governor, mock, clock } = here;
    const file = await upload(client, lines(2));
    const cut = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
      await mock.fetch(input, init);
      return new Response('{"id": "batch_', { headers: { 'content-type': 'application/json' } });
    };
    await rejection(create(client.withOptions({ fetch: cut }), file));
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 0, held: 2 * lineHold() });
    const [lost] = (await client.batches.list()).data;
    mock.completeBatch(lost?.id ?? '', answering(71, 5));
    await readOutput(client, lost?.id ?? '');
    await governor.report();
    expect(await state(budgetStore, clock)).toEqual({ spent: 2 * lineCost(71, 5), held: 0 });
    expect(batchRecords(here)).toMatchObject([{ team: 'a', costNanos: 2 * lineCost(71, 5) }]);
  });
});

describe('the hold', () => {
  it('is refused where a budget has no room, with what it needs', async () => {
    const here = at({ teams: { a: { monthlyBudgetUsd: (5 * lineHold() - 1) / 1e9 } } });
    const file = await upload(here.client, lines(5));
    const error = await rejection(create(here.client, file));
    expect(error).toMatchObject({ code: 'budget-exceeded', budget: 'a/month', requestedNanos: 5 * lineHold(), heldNanos: 0 });
    expect(here.mock.calls).toHaveLength(1);
    expect((await here.governor.reconcile()).live).toEqual([]);
  });

  it('may take the whole budget: the move to its own id is not refused', async () => {
    const here = at({ teams: { a: { monthlyBudgetUsd: (5 * lineHold()) / 1e9 } } });
    const id = await start(here.client, lines(5));
    await here.governor.report();
    expect((await here.governor.reconcile()).live).toMatchObject([{ id: `batch:${id}`, nanos: 5 * lineHold() }]);
    // One more call of one token is refused.
    const ask = { model: MODEL, messages: [{ role: 'user' as const, content: 'hi' }], max_completion_tokens: 1 };
    expect(await rejection(here.client.chat.completions.create(ask))).toMatchObject({ code: 'budget-exceeded' });
  });

  it('counts a line without a bound with the longest answer of its model', async () => {
    const here = at();
    const id = await start(here.client, [line('x', { max_completion_tokens: undefined })]);
    await here.governor.report();
    expect((await here.governor.reconcile()).live).toMatchObject([{ id: `batch:${id}`, nanos: lineHold(65_536) }]);
  });

  it('is in every budget, and of each model and user in its own', async () => {
    const budgetStore = memoryBudgetStore();
    const governance: Governance = {
      budgetStore,
      teams: {
        a: {
          monthlyBudgetUsd: 1,
          budgets: [
            { limitUsd: 1, window: 'day', per: 'model' },
            { limitUsd: 1, window: 'month', per: 'user' },
            { limitUsd: 1, window: 'month', per: { tag: 'feature' } },
          ],
        },
      },
      organization: { monthlyBudgetUsd: 2 },
    };
    const here = at(governance);
    const { client, governor, mock, clock } = here;
    const id = await start(
      client.withTeam('a', { user: 'u', tags: { feature: 'x' } }),
      lines(6, (index) => ({ model: index < 2 ? LARGE : MODEL })),
    );
    await governor.report();
    const large = 2 * lineHold(10, LARGE);
    const small = 4 * lineHold(10, MODEL);
    const { live } = await governor.reconcile();
    expect(live.map(({ id: hold, nanos }) => [hold, nanos] as const).sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      [`batch:${id}/${LARGE}`, large],
      [`batch:${id}/${MODEL}`, small],
    ]);
    const accounts = [...new Set(live.flatMap((hold) => hold.accounts))].sort();
    const names = (account: string): string => decodeURIComponent(account);
    const read = async () =>
      Object.fromEntries(
        (await budgetStore.read(accounts, clock.now())).map(({ account, spentNanos: spent, heldNanos }) => [
          names(account),
          [spent, heldNanos],
        ]),
      );
    expect(await read()).toEqual({
      'organization/organization/month@2026-11': [0, large + small],
      'team:a/a/month@2026-11': [0, large + small],
      [`team:a/a/model/day#${MODEL}@2026-11-21`]: [0, small],
      [`team:a/a/model/day#${LARGE}@2026-11-21`]: [0, large],
      'team:a/a/user/month#u@2026-11': [0, large + small],
      'team:a/a/tag feature/month#x@2026-11': [0, large + small],
    });

    // Another process settles it; only the large model has answered.
    const second = scene({ ...governance, clock }, { team: 'a', client: { fetch: mock.fetch }, start: NOVEMBER });
    mock.completeBatch(id, { ...answering(71, 5), lines: 2 });
    await second.governor.settleBatch(id);
    const cost = 2 * lineCost(71, 5, LARGE);
    expect(await read()).toEqual({
      'organization/organization/month@2026-11': [cost, 0],
      'team:a/a/month@2026-11': [cost, 0],
      [`team:a/a/model/day#${MODEL}@2026-11-21`]: [0, 0],
      [`team:a/a/model/day#${LARGE}@2026-11-21`]: [cost, 0],
      'team:a/a/user/month#u@2026-11': [cost, 0],
      'team:a/a/tag feature/month#x@2026-11': [cost, 0],
    });
  });

  it('names the account of the model that has no room', async () => {
    const limit = 4 * lineHold(10, MODEL);
    const here = at({ teams: { a: { budgets: [{ limitUsd: limit / 1e9, window: 'day', per: 'model' }] } } });
    const fits = lines(5, (index) => ({ model: index === 0 ? LARGE : MODEL }));
    await start(here.client, fits);
    await here.governor.report();
    const error = await rejection(start(here.client, [line('one more')]));
    expect(error).toMatchObject({ code: 'budget-exceeded', requestedNanos: lineHold(), heldNanos: limit, limitNanos: limit });
  });
});

describe('records', () => {
  it('are one per model, so that reports by model are right', async () => {
    const here = at();
    const id = await start(
      here.client,
      lines(5, (index) => ({ model: index < 2 ? LARGE : MODEL })),
    );
    here.mock.completeBatch(id, answering(71, 5));
    await readOutput(here.client, id);
    const { rows, total } = await here.governor.report({ from: 0, by: ['model'] });
    const costs = [2 * lineCost(71, 5, LARGE), 3 * lineCost(71, 5)];
    expect(rows.filter(({ costNanos }) => costNanos > 0).map(({ model, costNanos }) => [model, costNanos])).toEqual([
      [LARGE, costs[0]],
      [MODEL, costs[1]],
    ]);
    expect(total.costNanos).toBe(sum(costs));
    expect((await here.governor.reconcile()).gaps).toEqual([]);
  });

  it('alert when a batch passes a level', async () => {
    const here = at({ teams: { a: { monthlyBudgetUsd: (10 * lineHold()) / 1e9, alertsAt: [0.5] } } });
    const alerts: number[] = [];
    here.governor.on('budget-threshold', ({ level }) => void alerts.push(level));
    const id = await start(here.client, lines(10));
    here.mock.completeBatch(id, answering(112, 10));
    await readOutput(here.client, id);
    await readOutput(here.client, id);
    await here.governor.report();
    expect(alerts).toEqual([0.5]);
  });

  it('say by how much a batch cost more than was held', async () => {
    const here = at();
    const id = await start(here.client, lines(2));
    here.mock.completeBatch(id, answering(1000, 10));
    await readOutput(here.client, id);
    await here.governor.report();
    expect(batchRecords(here)).toMatchObject([
      { costNanos: 2 * lineCost(1000, 10), overrunNanos: 2 * (lineCost(1000, 10) - lineHold()) },
    ]);
  });
});

it('of audio is booked by the second where answers tell their length, else at its share of the hold', async () => {
  const SPEECH = 'whisper-large-v3-turbo';
  const url = '/v1/audio/transcriptions';
  const all = ['a', 'b', 'c'].map((id) => ({
    ...line(id),
    url,
    body: { model: SPEECH, url: `https://x.example/${id}.wav` },
  }));
  const here = at({ teams: { a: { monthlyBudgetUsd: 100 } } });
  const fileId = await upload(here.client, all);
  const { id } = await here.client.post<{ id: string }>('/openai/v1/batches', {
    body: { input_file_id: fileId, endpoint: url, completion_window: '24h' },
  });
  // 100 MB at 1,000 bytes a second, at $0.04 an hour, halved.
  const share = Math.ceil((100_000 * 40_000_000) / 3600 / 2);
  await here.governor.report();
  expect((await here.governor.reconcile()).live).toMatchObject([{ nanos: 3 * share }]);
  const text = [3600, 5, undefined]
    .map((duration, index) => ({
      custom_id: `${index}`,
      response: { status_code: 200, body: { text: 'x', duration } },
      error: null,
    }))
    .map((entry) => JSON.stringify(entry))
    .join('\n');
  here.mock.completeBatch(id);
  const fetch = async (): Promise<Response> => new Response(text);
  const { output_file_id: outputId = '' } = (await here.client.batches.retrieve(id)) as { output_file_id?: string };
  await (await here.client.withOptions({ fetch }).files.content(outputId)).text();
  await here.governor.report();
  const hour = 20_000_000;
  expect(batchRecords(here)).toMatchObject([
    { model: SPEECH, accuracy: 'held', costNanos: hour + Math.ceil((hour * 10) / 3600) + share },
  ]);
});

describe('metadata', () => {
  it('carries who pays beside what the caller wrote, and no secret', async () => {
    const here = at();
    const file = await upload(here.client, lines(1));
    await create(here.client.withTeam('a', { user: 'u' }), file, '24h', { mine: 'x' });
    const sent = here.mock.calls.at(-1)?.body['metadata'] as Record<string, string>;
    expect(Object.keys(sent)).toEqual(['mine', 'governed-groq']);
    expect(JSON.parse(sent['governed-groq'] ?? '')).toMatchObject({
      team: 'a',
      user: 'u',
      at: NOVEMBER,
      lines: 1,
      held: lineHold(),
    });
    expect(JSON.stringify(sent)).not.toContain('gsk_');
  });

  it('is left alone where there is no room; then this process still knows', async () => {
    const here = at();
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`k${index}`, 'v']));
    const { id } = await create(here.client, await upload(here.client, lines(1)), '24h', metadata);
    expect(here.mock.calls.at(-1)?.body['metadata']).toEqual(metadata);
    here.mock.completeBatch(id, answering(71, 5));
    await readOutput(here.client.withTeam('b'), id);
    await here.governor.report();
    expect(batchRecords(here)).toMatchObject([{ team: 'a', costNanos: lineCost(71, 5) }]);
  });

  it('cannot name somebody else', async () => {
    const here = at();
    const forged = { 'governed-groq': JSON.stringify({ call: 'x', team: 'b', at: 1, held: 1, lines: 1 }) };
    const { id } = await create(here.client, await upload(here.client, lines(1)), '24h', forged);
    here.mock.completeBatch(id, answering(71, 5));
    await readOutput(here.client, id);
    await here.governor.report();
    expect(batchRecords(here)).toMatchObject([{ team: 'a' }]);
  });
});

it('a plain client knows nothing of batches, and settleBatch records what one has cost', async () => {
  const here = scene({}, { start: NOVEMBER });
  const file = await here.client.files.create({ file: new File([jsonl(lines(2))], 'in.jsonl'), purpose: 'batch' });
  const { id } = await create(here.client, file.id ?? '');
  expect(here.mock.calls.at(-1)?.body).not.toHaveProperty('metadata');
  here.mock.completeBatch(id, answering(71, 5));
  expect(await here.governor.settleBatch(id)).toMatchObject({ settled: true, costNanos: 2 * lineCost(71, 5) });
  expect((await here.governor.report({ from: 0 })).total.costNanos).toBe(2 * lineCost(71, 5));
});
