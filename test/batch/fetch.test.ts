// Batches through governedFetch: the same rules, holds and bookings as through the client.
import { expect, it } from 'vitest';
import { governedFetch } from '../../src/fetch';
import { Governor } from '../../src/governor';
import { manualClock } from '../../src/testing/manual-clock';
import { mockGroq } from '../../src/testing/mock-groq';
import { MODEL } from '../governor/support';
import { LARGE, jsonl, lineCost, lineHold, lines } from './support';

const BASE = 'https://api.groq.com/openai/v1';
const headers = { authorization: 'Bearer gsk_test' };

function setUp() {
  const clock = manualClock(Date.UTC(2026, 10, 21));
  const mock = mockGroq({ clock });
  const governor = new Governor({ teams: { a: { monthlyBudgetUsd: 1, allowedModels: [MODEL] } }, clock });
  const fetch = governedFetch({ governance: governor, team: 'a', fetch: mock.fetch });
  const upload = (text: string, by: (url: string, init: RequestInit) => Promise<Response> = fetch): Promise<Response> => {
    const body = new FormData();
    body.set('purpose', 'batch');
    body.set('file', new File([text], 'batch.jsonl'));
    return by(`${BASE}/files`, { method: 'POST', headers, body });
  };
  const create = (fileId: string): Promise<Response> =>
    fetch(`${BASE}/batches`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' }),
    });
  return { mock, governor, fetch, upload, create };
}
const idOf = async (response: Response): Promise<string> => ((await response.json()) as { id: string }).id;

it('holds at half price when it is created, and books when its output is read', async () => {
  const { mock, governor, fetch, upload, create } = setUp();
  const id = await idOf(await create(await idOf(await upload(jsonl(lines(10))))));
  expect((await governor.reconcile()).live).toMatchObject([{ id: `batch:${id}`, nanos: 10 * lineHold() }]);
  mock.completeBatch(id, { answer: () => ({ usage: { prompt_tokens: 71, completion_tokens: 5 } }) });
  const batch = (await (await fetch(`${BASE}/batches/${id}`, { headers })).json()) as { output_file_id: string };
  await (await fetch(`${BASE}/files/${batch.output_file_id}/content`, { headers })).text();
  expect((await governor.report({ from: 0 })).total.costNanos).toBe(10 * lineCost(71, 5));
  expect(await governor.reconcile()).toMatchObject({ live: [], expired: [], gaps: [] });
});

it('refuses a file with a line that is not allowed, also one that somebody else has uploaded', async () => {
  const { mock, governor, upload, create } = setUp();
  const bad = jsonl(lines(3, (index) => (index === 1 ? { model: LARGE } : {})));
  const refused = await upload(bad);
  expect([refused.status, await refused.json()]).toMatchObject([403, { error: { code: 'model-not-allowed' } }]);
  expect(mock.calls).toEqual([]);
  const elsewhere = await idOf(await upload(bad, mock.fetch));
  const batch = await create(elsewhere);
  expect([batch.status, await batch.json()]).toMatchObject([403, { error: { code: 'model-not-allowed' } }]);
  const good = await idOf(await upload(jsonl(lines(3)), mock.fetch));
  expect((await create(good)).status).toBe(200);
  expect((await governor.reconcile()).live).toMatchObject([{ nanos: 3 * lineHold() }]);
});
