// Answers and requests about batches that are not what they should be: nothing is spent that is not booked.
import { describe, expect, it } from 'vitest';
import { memoryBudgetStore } from '../../src/budget/memory';
import type { BudgetStore } from '../../src/budget/budget-store';
import { GovernedGroq } from '../../src/client';
import { type MockGroq, manualClock, mockGroq } from '../../src/testing';
import { MODEL, scene } from '../governor/support';
import { LARGE, create, line, lineCost, lineHold, lines, readOutput, start, upload } from './support';

const NOVEMBER = Date.UTC(2026, 10, 21);
const STRANGER = 'llama-3.3-70b-versatile';
const ANSWERS = { answer: () => ({ usage: { prompt_tokens: 71, completion_tokens: 5 } }) };

interface Rewritten {
  readonly client: GovernedGroq;
  /** Another process on the same store. */
  readonly other: GovernedGroq;
  readonly mock: MockGroq;
  readonly budgetStore: BudgetStore;
}

/** Clients whose output files are rewritten on the way. */
function rewritten(rewrite: (text: string) => BodyInit, team: object = { monthlyBudgetUsd: 1 }): Rewritten {
  const clock = manualClock(NOVEMBER);
  const mock = mockGroq({ clock });
  const budgetStore = memoryBudgetStore();
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await mock.fetch(input, init);
    return String(input).endsWith('/content') ? new Response(rewrite(await response.text())) : response;
  };
  const make = (): GovernedGroq =>
    new GovernedGroq({
      apiKey: 'gsk_t',
      fetch,
      maxRetries: 0,
      team: 'a',
      governance: { clock, budgetStore, teams: { a: team } },
    });
  return { client: make(), other: make(), mock, budgetStore };
}

const PER_MODEL = {
  budgets: [
    { limitUsd: 1, window: 'month' as const, per: 'model' as const },
    { limitUsd: 5, window: 'month' as const, name: 'all' },
  ],
};

describe('an answer that names another model than its request', () => {
  const renamed = (text: string): string => text.replaceAll(`"model":"${LARGE}"`, `"model":"${STRANGER}"`);
  const spent = async ({ budgetStore }: Rewritten): Promise<unknown> =>
    (await budgetStore.read(['team:a/all@2026-11'], NOVEMBER))[0];

  it.each(['client', 'other'] as const)('is charged to the hold of the model that did not answer (%s)', async (who) => {
    const here = rewritten(renamed, PER_MODEL);
    const id = await start(here.client, [line('x'), line('y', { model: LARGE })]);
    here.mock.completeBatch(id, ANSWERS);
    await here.client.governor.report();
    await readOutput(here[who], id);
    const cost = lineCost(71, 5) + lineCost(71, 5, STRANGER);
    expect((await here[who].governor.report({ from: 0 })).total.costNanos).toBe(cost);
    expect(await spent(here)).toMatchObject({ spentNanos: cost, heldNanos: 0 });
    expect(await here[who].governor.reconcile()).toMatchObject({ live: [], ...(who === 'client' && { gaps: [] }) });
  });

  it('is charged to the first where all have answered', async () => {
    const here = rewritten((text) => text.replace(`"model":"${LARGE}"`, `"model":"${STRANGER}"`), PER_MODEL);
    const id = await start(here.client, [line('x'), line('y', { model: LARGE }), line('z', { model: LARGE })]);
    here.mock.completeBatch(id, ANSWERS);
    await readOutput(here.client, id);
    const cost = lineCost(71, 5) + lineCost(71, 5, LARGE) + lineCost(71, 5, STRANGER);
    expect((await here.client.governor.report({ from: 0 })).total.costNanos).toBe(cost);
    expect(await spent(here)).toMatchObject({ spentNanos: cost, heldNanos: 0 });
    expect(await here.client.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });
});

it.each([
  ['without a line', () => ''],
  ['that ends too early', (text: string) => text.slice(0, text.indexOf('\n') + 1)],
  ['that does not say what an answer used', (text: string) => text.replace(/"usage":\{[^{}]*\}/, '"usage":{}')],
])('an output %s', async (what, rewrite) => {
  const { client, mock } = rewritten(rewrite);
  const id = await start(client, lines(3));
  mock.completeBatch(id, ANSWERS);
  await readOutput(client, id);
  const settled = what.startsWith('that does not');
  const costNanos = settled ? lineHold() + 2 * lineCost(71, 5) : undefined;
  expect(await client.governor.settleBatch(id)).toMatchObject({ settled, ...(settled && { costNanos }) });
  expect((await client.governor.reconcile()).live).toMatchObject(settled ? [] : [{ nanos: 3 * lineHold() }]);
});

it('an answer whose status is no number is not free', async () => {
  const { client, mock } = rewritten((text) =>
    text.replace(/"usage":\{[^{}]*\}/, '"usage":null').replace('"status_code":200', '"status_code":"200"'),
  );
  const id = await start(client, lines(1));
  mock.completeBatch(id, ANSWERS);
  expect(await client.governor.settleBatch(id)).toMatchObject({ settled: true, costNanos: lineHold() });
});

it('the answer of a system costs what the models cost that it called', async () => {
  const { client, mock } = rewritten((text) =>
    text.replace(
      /"usage_breakdown":null/,
      `"usage_breakdown":{"models":[{"model":"${LARGE}","usage":{"prompt_tokens":7100,"completion_tokens":500}}]}`,
    ),
  );
  const id = await start(client, lines(1));
  mock.completeBatch(id, ANSWERS);
  expect(await client.governor.settleBatch(id)).toMatchObject({ settled: true, costNanos: lineCost(7100, 500, LARGE) });
});

it('an output may come in chunks of nothing', async () => {
  const { client, mock } = rewritten((text) => {
    const chunks = [new Uint8Array(0), new TextEncoder().encode(text), new Uint8Array(0)];
    return new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
  });
  const id = await start(client, lines(3));
  mock.completeBatch(id, ANSWERS);
  expect((await readOutput(client, id)).split('\n')).toHaveLength(4);
  expect((await client.governor.report({ from: 0 })).total.costNanos).toBe(3 * lineCost(71, 5));
});

it.each([
  ['the owner is too long', { user: 'u'.repeat(500) }, 0],
  ['the metadata is full', {}, 16],
])('an owner that the caller wrote is not sent, also where there is no room: %s', async (_why, binding, entries) => {
  const { client, mock } = scene({ teams: { a: {}, b: {} } }, { team: 'a', start: NOVEMBER });
  const bound = client.withTeam('a', binding);
  const own = Object.fromEntries(Array.from({ length: entries }, (_, index) => [`k${index}`, 'v']));
  const forged = { 'governed-groq': JSON.stringify({ call: 'x', team: 'b', at: NOVEMBER, held: 1, lines: 1, model: MODEL }) };
  await create(bound, await upload(bound, lines(1)), '24h', { ...own, ...forged });
  expect(mock.calls.at(-1)?.body['metadata']).toEqual(own);
});
