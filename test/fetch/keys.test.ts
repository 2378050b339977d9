// A fetch whose key is refused: the request goes out once more, with another key.
import { describe, expect, it } from 'vitest';
import type { KeyProvider } from '../../src/keys/key-provider';
import { settle } from '../governor/support';
import { HEADERS, PARAMS, URL_OF_CHAT, fetchScene } from './support';

const keys: KeyProvider = {
  key: ({ rejectedKeyId }) =>
    rejectedKeyId === undefined ? { id: 'old', secret: 'gsk_SECRET_1' } : { id: 'new', secret: 'gsk_SECRET_2' },
};
const governance = { teams: { a: { monthlyBudgetUsd: 1 } }, keys };
const refused = { status: 401 };

describe('a request whose key is refused', () => {
  it('moves to the other key, once, and is one call', async () => {
    const { chat, mock, records, fetch } = fetchScene(governance);
    mock.reply('chat.completions', [refused, {}]);
    const response = await chat();
    expect(response.status).toBe(200);
    await response.text();
    expect(new Set(mock.calls.map(({ headers }) => headers['authorization'])).size).toBe(2);
    expect(mock.calls.map(({ body }) => body)).toEqual([mock.calls[0]?.body, mock.calls[0]?.body]);
    await settle();
    expect(records).toMatchObject([{ keyId: 'new', attempts: 2, outcome: 'success' }]);
    expect(await fetch.governor.reconcile()).toMatchObject({ live: [], gaps: [] });
  });

  it('ends with the 401 if the other one is refused too', async () => {
    const { chat, mock, records } = fetchScene(governance);
    mock.reply('chat.completions', refused).persist();
    expect((await chat()).status).toBe(401);
    expect(mock.calls).toHaveLength(2);
    await settle();
    expect(records).toMatchObject([{ attempts: 2, outcome: 'error', costNanos: 0 }]);
  });

  it('is sent again also if its body came as a stream, because rules had to read it', async () => {
    const { fetch, mock } = fetchScene(governance);
    mock.reply('chat.completions', [refused, {}]);
    const init = { method: 'POST', headers: HEADERS, body: new Blob([JSON.stringify(PARAMS)]).stream(), duplex: 'half' };
    expect((await fetch(URL_OF_CHAT, init as RequestInit)).status).toBe(200);
    expect(mock.calls[1]?.body).toEqual(mock.calls[0]?.body);
  });

  it('is sent again also as a Request', async () => {
    const { fetch, mock } = fetchScene(governance);
    mock.reply('chat.completions', [refused, {}]);
    const request = new Request(URL_OF_CHAT, { method: 'POST', headers: HEADERS, body: JSON.stringify(PARAMS) });
    expect((await fetch(request)).status).toBe(200);
    expect(mock.calls[1]?.body).toEqual(mock.calls[0]?.body);
  });

  it('stays as it is without a key provider', async () => {
    const { chat, mock } = fetchScene({ teams: { a: {} } });
    mock.reply('chat.completions', refused).persist();
    expect((await chat()).status).toBe(401);
    expect(mock.calls).toHaveLength(1);
  });
});
