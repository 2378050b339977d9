// Which files may be run: each line is checked as the call that it stands for.
import { describe, expect, it } from 'vitest';
import type { Governance } from '../../src/governance';
import { allow, amend, deny } from '../../src/policy/policy';
import { capOutputTokens } from '../../src/policy/cap-output-tokens';
import { batchLine } from '../../src/batch/batch-line';
import { LineSplitter } from '../../src/batch/jsonl';
import { hasTwinNames } from '../../src/batch/twin-names';
import { MODEL, rejection, scene, spentNanos } from '../governor/support';
import { LARGE, URL, create, fileOf, jsonl, line, lineHold, lines, readOutput, start, upload } from './support';

const NOVEMBER = Date.UTC(2026, 10, 21);
const at = (team: object, governance: Governance = {}) =>
  scene({ teams: { a: team, b: { monthlyBudgetUsd: 1 } }, ...governance }, { team: 'a', start: NOVEMBER });
const SECRET = 'the-prompt-is-secret';

describe('a line is refused at the upload', () => {
  it.each([
    ['a model that is denied', { deniedModels: ['*-20b'] }, {}, 'model-not-allowed'],
    ['more output than a request may have', { maxTokensPerRequest: 9 }, {}, 'max-tokens-exceeded'],
    [
      'no bound, where requests have one',
      { maxTokensPerRequest: 512 },
      { max_completion_tokens: undefined },
      'max-tokens-exceeded',
    ],
    ['a bound that is none', {}, { max_completion_tokens: -1 }, 'invalid-request'],
    ['two bounds', {}, { max_tokens: 11 }, 'invalid-request'],
    ['two choices', {}, { n: 2 }, 'invalid-request'],
    ['a tool that is not allowed', { allowedTools: ['function'] }, { tools: [{ type: 'browser_search' }] }, 'tool-not-allowed'],
    ['a service tier that is not allowed', { allowedServiceTiers: ['on_demand'] }, { service_tier: 'flex' }, 'policy-denied'],
    ['a model without a price', {}, { model: 'nobody/knows' }, 'unpriced-model'],
    ['no model', {}, { model: undefined }, 'invalid-request'],
  ])('%s', async (_name, team, body, code) => {
    const here = at({ monthlyBudgetUsd: 100, ...team });
    const messages = [{ role: 'user', content: SECRET }];
    const error = await rejection(
      upload(here.client, [...[1, 2].map((n) => good(`${n}`, team)), line('odd', { ...body, messages })]),
    );
    expect(error).toMatchObject({ code, line: 3, customId: 'odd', team: 'a' });
    expect(error.message).toMatch(/^Line 3 \(custom_id "odd"\): /);
    expect(error.message).not.toContain(SECRET);
    expect(here.mock.calls).toEqual([]);
  });

  const good = (id: string, team: object) =>
    'deniedModels' in team ? line(id, { model: LARGE }) : line(id, { max_completion_tokens: 5 });

  it('a policy of the user’s own', async () => {
    const seen: string[] = [];
    const policy = {
      name: 'mine',
      check: ({ operation, model, body }: { operation: string; model: string; body: Readonly<Record<string, unknown>> }) => {
        seen.push(`${operation} ${model}`);
        return body['seed'] === 1 ? deny('no seeds') : allow();
      },
    };
    const { client } = at({}, { policies: [policy] });
    const error = await rejection(upload(client, [line('x'), line('y', { seed: 1 })]));
    expect(error.message).toBe('Line 2 (custom_id "y"): Policy "mine" denied the call: no seeds');
    expect(seen).toEqual(['files.create ', `chat.completions ${MODEL}`, `chat.completions ${MODEL}`]);
  });

  it('a change that a policy would make: the file stays as it is', async () => {
    const { client } = at({}, { policies: [capOutputTokens(8)] });
    const error = await rejection(upload(client, [line('x', { max_completion_tokens: 8 }), line('y')]));
    expect(error).toMatchObject({ code: 'policy-denied', rule: 'cap-output-tokens', line: 2 });
    expect(error.message).toContain('at most 8 output tokens. Write it into the line.');
    const same = { name: 'same', check: () => amend({ temperature: 1 }, 'always') };
    await upload(at({}, { policies: [same] }).client, [line('x', { temperature: 1 })]);
  });
});

describe('a file that is not one of requests is refused when it is to be run', () => {
  it.each([
    ['no JSON', [line('a'), `{"x": "${SECRET}`], /^Line 2: It is not JSON/],
    ['a list', ['[1]'], /^Line 1: Expected an object, got a list/],
    ['no custom_id', [{ ...line('a'), custom_id: undefined }], /^Line 1: Expected custom_id/],
    ['the same custom_id twice', [line('a'), line('b'), line('a')], /^Line 3 \(custom_id "a"\): Line 1 has the same custom_id/],
    ['another method', [{ ...line('a'), method: 'GET' }], /^Line 1 \(custom_id "a"\): Expected method to be "POST"/],
    ['no endpoint', [{ ...line('a'), url: '/v1/files' }], /^Line 1 \(custom_id "a"\): Expected url/],
    [
      'another endpoint than the lines before',
      [line('a'), { ...line('b'), url: '/v1/embeddings' }],
      /^Line 2 .*Its url is not that/,
    ],
    [
      'another endpoint than the batch',
      [{ ...line('a', {}), url: '/v1/responses', body: RESPONSE }],
      /^The lines of the file are for \/v1\/responses/,
    ],
    ['no body', [{ ...line('a'), body: 'text' }], /^Line 1 \(custom_id "a"\): Expected body/],
    [
      'a name twice',
      ['{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"x","model":"y"}}'],
      /^Line 1: It has the same name twice/,
    ],
    ['nothing', ['', '  '], /^The batch file has no lines/],
    ['too many lines', TOO_MANY, /^Line 50001: A batch has at most 50000 lines/],
  ])(
    '%s',
    async (_name, all, message) => {
      const here = at({ monthlyBudgetUsd: 100 });
      const fileId = await upload(here.client, all);
      const error = await rejection(create(here.client, fileId));
      expect(error).toMatchObject({ code: 'invalid-request', name: 'PolicyDeniedError' });
      expect(error.message).toMatch(message);
      expect(error.message).not.toContain(SECRET);
      expect(here.mock.calls.map(({ operation }) => operation)).toEqual(
        ['files.create', 'files.content'].slice(0, here.mock.calls.length),
      );
      expect((await here.governor.reconcile()).live).toEqual([]);
    },
    60_000,
  );
});

const RESPONSE = { model: MODEL, input: 'x', max_output_tokens: 5 };
const TOO_MANY = Array.from({ length: 50_001 }, (_, index) => ({
  ...line(`${index}`),
  url: '/v1/embeddings',
  body: { model: MODEL },
}));

describe('a file that was uploaded elsewhere', () => {
  it('is downloaded and checked before the batch is created', async () => {
    const here = at({ monthlyBudgetUsd: 100, allowedModels: [MODEL] });
    const elsewhere = scene({}, { client: { fetch: here.mock.fetch } }).client;
    const bad = await upload(elsewhere, [line('x'), line('y', { model: LARGE })]);
    const error = await rejection(create(here.client, bad));
    expect(error).toMatchObject({ code: 'model-not-allowed', line: 2, customId: 'y' });
    const good = await upload(elsewhere, lines(3));
    await create(here.client, good);
    await here.governor.report();
    expect((await here.governor.reconcile()).live).toMatchObject([{ nanos: 3 * lineHold() }]);
    // Once is enough.
    await create(here.client, good);
    expect(here.mock.calls.map(({ operation }) => operation)).toEqual([
      'files.create',
      'files.content',
      'files.create',
      'files.content',
      'batches.create',
      'batches.create',
    ]);
    expect(new Set(here.mock.calls.slice(1, 2).map(({ headers }) => headers['authorization']))).toEqual(
      new Set(here.mock.calls.slice(-1).map(({ headers }) => headers['authorization'])),
    );
  });

  it('by another team is checked by the rules of the team that runs it', async () => {
    const here = at({ monthlyBudgetUsd: 100, allowedModels: [MODEL] });
    const fileId = await upload(here.client.withTeam('b'), [line('x', { model: LARGE })]);
    expect(await rejection(create(here.client, fileId))).toMatchObject({ code: 'model-not-allowed', line: 1, team: 'a' });
    await create(here.client.withTeam('b'), fileId);
  });

  it('long ago is checked again', async () => {
    const here = at({ monthlyBudgetUsd: 100 });
    const fileId = await upload(here.client, lines(1));
    await here.clock.advance(3_600_000);
    await create(here.client, fileId);
    expect(here.mock.calls.map(({ operation }) => operation)).toEqual(['files.create', 'files.content', 'batches.create']);
  });

  it('and cannot be read is not run', async () => {
    const here = at({ monthlyBudgetUsd: 100 });
    const error = await rejection(create(here.client, 'file_nobody'));
    expect(error).toMatchObject({ code: 'invalid-request', team: 'a' });
    expect(error.message).toBe(
      'The file of the batch could not be read (HTTP 404). Upload it through this client with ' +
        "files.create({ file, purpose: 'batch' }), so that its lines can be checked.",
    );
    expect(here.mock.calls.map(({ operation }) => operation)).toEqual(['files.content']);
  });

  it('has no way round: bodies that cannot be read are refused', async () => {
    const here = at({ monthlyBudgetUsd: 100 });
    const fileId = await upload(here.client, lines(1));
    const body = { input_file_id: fileId, endpoint: URL, completion_window: '24h' };
    for (const given of [new Blob([JSON.stringify(body)]), [body], 'text', undefined]) {
      expect(await rejection(here.client.post('/openai/v1/batches', { body: given }))).toMatchObject({
        code: 'invalid-request',
      });
    }
    await here.client.post('/openai/v1/batches', {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    await here.governor.report();
    expect((await here.governor.reconcile()).live).toMatchObject([{ nanos: lineHold() }]);
  });
});

it('every form of a file is read', async () => {
  const text = jsonl([line('x', { model: 'nobody/knows' })]);
  for (const file of [fileOf([line('x', { model: 'nobody/knows' })]), new Response(text)]) {
    const { client } = at({ monthlyBudgetUsd: 1 });
    expect(await rejection(client.files.create({ file, purpose: 'batch' }))).toMatchObject({ code: 'unpriced-model', line: 1 });
  }
});

it('observe mode refuses nothing, and says what it would have refused', async () => {
  const here = at({ monthlyBudgetUsd: lineHold() / 1e9, allowedModels: [MODEL] }, { mode: 'observe' });
  const denied: string[] = [];
  here.governor.on('call-denied', ({ code, observed }) => void denied.push(`${code} ${observed}`));
  const id = await start(here.client, [line('x'), line('y', { model: LARGE })]);
  expect(denied).toEqual(['model-not-allowed true', 'budget-exceeded true']);
  expect(here.mock.calls.map(({ operation }) => operation)).toEqual(['files.create', 'batches.create']);
  expect(here.mock.calls[1]?.body).not.toHaveProperty('metadata');
  here.mock.completeBatch(id);
  await readOutput(here.client, id);
  expect(await spentNanos(here.governor)).toBeGreaterThan(0);
  expect((await here.governor.reconcile()).live).toEqual([]);
});

describe('lines', () => {
  it('are cut at line breaks, wherever the pieces end', () => {
    const bytes = new TextEncoder().encode('\uFEFFä\nbb\r\n\nlast €');
    for (let size = 1; size <= bytes.length; size++) {
      const splitter = new LineSplitter();
      const cut: string[] = [];
      for (let from = 0; from < bytes.length; from += size) cut.push(...splitter.push(bytes.slice(from, from + size)));
      expect([...cut, ...splitter.end()]).toEqual(['ä', 'bb\r', '', 'last €']);
    }
  });

  it('never quote what cannot be read', () => {
    for (const text of [SECRET, `{"${SECRET}":1}`, `"${SECRET}"`])
      expect(JSON.stringify(batchLine(text))).not.toContain(SECRET);
  });

  it.each([
    ['{"a":1,"b":{"a":2}}', false],
    ['{"a":1,"\\u0061":2}', true],
    ['[{"a":1},{"a":1}]', false],
    ['{"x":[{"a":1,"b":2,"a":3}]}', true],
    ['{"a":"\\\\","b":"a","c" : "\\"a\\":"}', false],
    ['{"a":"x", "a" :1}', true],
  ])('%s has a name twice: %s', (text, expected) => {
    expect(JSON.parse(text)).toBeDefined();
    expect(hasTwinNames(text)).toBe(expected);
  });
});
