import Groq from 'groq-sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { mockGroq } from '../../src/testing/mock-groq';
import type { MockGroq } from '../../src/testing/mock-groq';
import { manualClock } from '../../src/testing/manual-clock';
import { ask, clientOf, failure } from './support';

let mock: MockGroq;
let groq: Groq;
beforeEach(() => {
  mock = mockGroq({ clock: manualClock(1_760_000_000_000) });
  groq = clientOf(mock);
});

const line = (id: string) => ({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body: ask(id) });
const jsonl = (...ids: string[]): File => new File([ids.map((id) => JSON.stringify(line(id))).join('\n')], 'in.jsonl');
const upload = async (file: File): Promise<string> => (await groq.files.create({ file, purpose: 'batch' })).id ?? '';
const start = async (file: File) =>
  groq.batches.create({ input_file_id: await upload(file), endpoint: '/v1/chat/completions', completion_window: '24h' });
const linesOf = async (fileId: string | undefined): Promise<unknown[]> => {
  const text = await (await groq.files.content(fileId ?? '')).text();
  return text
    .trim()
    .split('\n')
    .map((entry) => JSON.parse(entry) as unknown);
};

describe('files', () => {
  it('keep their content until they are deleted', async () => {
    const id = await upload(new File(['{"a":1}\n'], 'a.jsonl'));
    const info = { id, object: 'file', bytes: 8, created_at: 1_760_000_000, filename: 'a.jsonl', purpose: 'batch' };
    expect(await groq.files.info(id)).toEqual(info);
    expect(await groq.files.list()).toEqual({ object: 'list', data: [info] });
    expect(await (await groq.files.content(id)).text()).toBe('{"a":1}\n');
    expect(await groq.files.delete(id)).toEqual({ id, object: 'file', deleted: true });
    expect(await failure(groq.files.info(id))).toBeInstanceOf(Groq.NotFoundError);
    expect(mock.calls.map(({ operation }) => operation)).toEqual([
      'files.create',
      'files.retrieve',
      'files.list',
      'files.content',
      'files.delete',
      'files.retrieve',
    ]);
  });

  it('need a purpose', async () => {
    const promise = groq.files.create({ file: jsonl('a'), purpose: 'other' as 'batch' });
    expect(await failure(promise)).toBeInstanceOf(Groq.BadRequestError);
  });
});

describe('batches', () => {
  it('run until they are completed, and then have one output line per input line', async () => {
    const created = await start(jsonl('a', 'b'));
    expect(created).toMatchObject({ object: 'batch', status: 'validating', completion_window: '24h' });
    expect((created.expires_at ?? 0) - created.created_at).toBe(86_400);
    const running = await groq.batches.retrieve(created.id);
    expect(running).toMatchObject({ status: 'in_progress', request_counts: { total: 2, completed: 0 } });

    mock.completeBatch(created.id);
    const done = await groq.batches.retrieve(created.id);
    expect(done).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } });
    expect(await groq.batches.list()).toMatchObject({ data: [done] });
    const lines = await linesOf(done.output_file_id);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({
      id: expect.stringMatching(/^batch_req_out_/) as string,
      custom_id: 'b',
      response: {
        status_code: 200,
        request_id: expect.stringMatching(/^req_/) as string,
        body: { object: 'chat.completion', usage: { prompt_tokens: 68 } },
      },
      error: null,
    });
  });

  it('can answer line by line, fail lines and expire half way', async () => {
    const { id } = await start(jsonl('a', 'b', 'c'));
    const answer = ({ custom_id: name }: { custom_id: string }) =>
      name === 'a' ? { content: 'yes', usage: { completion_tokens: 7 } } : { error: 'json_validate_failed' as const };
    mock.completeBatch(id, { answer, lines: 2 });
    const done = await groq.batches.retrieve(id);
    expect(done).toMatchObject({ status: 'expired', request_counts: { total: 3, completed: 1, failed: 1 } });
    expect(await linesOf(done.output_file_id)).toMatchObject([
      { custom_id: 'a', response: { body: { choices: [{ message: { content: 'yes' } }], usage: { completion_tokens: 7 } } } },
    ]);
    expect(await linesOf(done.error_file_id)).toMatchObject([
      { custom_id: 'b', response: { status_code: 400, body: { error: { code: 'json_validate_failed' } } } },
    ]);
    expect(() => mock.completeBatch(id)).toThrow(`batch "${id}" is expired`);
  });

  it('can be cancelled while they run', async () => {
    const { id } = await start(jsonl('a'));
    expect(await groq.batches.cancel(id)).toMatchObject({ status: 'cancelling' });
    expect(await groq.batches.retrieve(id)).toMatchObject({ status: 'cancelled', cancelled_at: 1_760_000_000 });
    expect(await failure(groq.batches.cancel(id))).toBeInstanceOf(Groq.BadRequestError);
  });

  it('fail if the file is missing or not JSONL', async () => {
    const promise = groq.batches.create({ input_file_id: 'x', endpoint: '/v1/chat/completions', completion_window: '24h' });
    expect(await failure(promise)).toBeInstanceOf(Groq.NotFoundError);
    const { id } = await start(new File(['{'], 'in.jsonl'));
    expect(await groq.batches.retrieve(id)).toMatchObject({ status: 'failed', errors: { data: [{ code: 'invalid_jsonl' }] } });
    expect(() => mock.completeBatch('nobody')).toThrow('there is no batch "nobody"');
  });
});
