// Uploads: the form that was checked is the form that is sent.
import { describe, expect, it } from 'vitest';
import { rejection, scene } from './support';

const PATH = '/openai/v1/audio/transcriptions';
const ALLOWED = 'whisper-large-v3-turbo';
const governance = { teams: { a: { allowedModels: [ALLOWED], monthlyBudgetUsd: 10 } } };

function form(...models: readonly string[]): FormData {
  const made = new FormData();
  made.append('file', new File([new Uint8Array(2000)], 'a.mp3'));
  for (const model of models) made.append('model', model);
  return made;
}

describe('a form', () => {
  it.each([
    ['a repeated model', form(ALLOWED, 'whisper-large-v3')],
    ['a repeated model, twice the same', form(ALLOWED, ALLOWED)],
    ['no model', form()],
    ['an empty model', form('')],
  ])('with %s is refused', async (_, body) => {
    const { client, mock, records } = scene(governance, { team: 'a' });
    expect(await rejection(client.post(PATH, { body }))).toMatchObject({ code: 'invalid-request' });
    expect(mock.calls).toHaveLength(0);
    expect(records.map(({ costNanos, outcome }) => [costNanos, outcome])).toEqual([[0, 'denied']]);
  });

  it('whose model is a file is refused', async () => {
    const body = form();
    body.append('model', new File([ALLOWED], 'model'));
    const { client, mock } = scene(governance, { team: 'a' });
    expect(await rejection(client.post(PATH, { body }))).toMatchObject({ code: 'invalid-request' });
    expect(mock.calls).toHaveLength(0);
  });

  it('changed after the call is sent as it was', async () => {
    const { client, mock, governor } = scene(governance, { team: 'a', client: { maxRetries: 1 } });
    const body = form(ALLOWED);
    const call = client.post(PATH, { body });
    await governor.explain({ model: 'x', messages: [] }, { team: 'a' });
    body.set('model', 'whisper-large-v3');
    await call;
    expect(mock.calls.map((each) => each.body['model'])).toEqual([ALLOWED]);
  });

  it('changed between retries is sent as it was', async () => {
    const { client, mock, clock } = scene(governance, { team: 'a', client: { maxRetries: 1 } });
    const body = form(ALLOWED);
    mock.reply('audio.transcriptions', () => {
      body.set('model', 'whisper-large-v3');
      body.append('file', new File([new Uint8Array(1_000_000)], 'b.mp3'));
      return { status: 500 };
    });
    await clock.runUntil(client.post(PATH, { body }));
    expect(mock.calls.map((each) => [each.body['model'], each.body['file']])).toEqual([
      [ALLOWED, { name: 'a.mp3', size: 2000, type: '' }],
      [ALLOWED, { name: 'a.mp3', size: 2000, type: '' }],
    ]);
  });

  it('meets the rules through the resource method too', async () => {
    const { client, mock } = scene(governance, { team: 'a' });
    const file = new File([new Uint8Array(2000)], 'a.mp3');
    await client.audio.transcriptions.create({ file, model: ALLOWED });
    expect(await rejection(client.audio.transcriptions.create({ file, model: 'whisper-large-v3' }))).toMatchObject({
      code: 'model-not-allowed',
    });
    expect(mock.calls).toHaveLength(1);
  });

  it('that names a URL beside a file is held for what the URL may hold', async () => {
    const { client, mock } = scene({ teams: { a: { monthlyBudgetUsd: 0.5 } } }, { team: 'a' });
    const body = form(ALLOWED);
    body.append('url', 'https://files.example/hours.mp3');
    // 100 MB at 8 kbit/s is above a day of audio: more than $1.
    expect(await rejection(client.post(PATH, { body }))).toMatchObject({ code: 'budget-exceeded' });
    expect(mock.calls).toHaveLength(0);
  });
});
