import { describe, expect, it } from 'vitest';
import {
  chunkTokens,
  endTold,
  executedTools,
  generatedTokens,
  isUsageChunk,
  textTokens,
  totalUsage,
  usageBreakdown,
  usageOf,
} from '../../src/sdk/usage';

const NONE = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
// As Groq sends them.
const WHOLE = {
  queue_time: 0.037493756,
  prompt_tokens: 18,
  prompt_time: 0.000680594,
  completion_tokens: 556,
  completion_time: 0.463333333,
  total_tokens: 574,
  total_time: 0.464013927,
  prompt_tokens_details: { cached_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 14 },
};
const COUNTED = { promptTokens: 18, cachedTokens: 8, completionTokens: 556, reasoningTokens: 14 };
const BARE = { prompt_tokens: 75, completion_tokens: 1, total_tokens: 76 };
const BARE_COUNTED = { ...NONE, promptTokens: 75, completionTokens: 1 };
const CHOICE = [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }];
const RESPONSES = {
  input_tokens: 36,
  input_tokens_details: { cached_tokens: 4 },
  output_tokens: 87,
  output_tokens_details: { reasoning_tokens: 40 },
  total_tokens: 123,
};
const RESPONSES_COUNTED = { promptTokens: 36, cachedTokens: 4, completionTokens: 87, reasoningTokens: 40 };

describe('usageOf', () => {
  it.each([
    ['a chat answer', { choices: [], usage: WHOLE, usage_breakdown: null, x_groq: { id: 'req_1', seed: 1 } }, COUNTED],
    ['details that are absent, as they are when zero', { usage: BARE }, BARE_COUNTED],
    [
      'details that are null',
      { usage: { ...BARE, prompt_tokens_details: null, completion_tokens_details: null } },
      BARE_COUNTED,
    ],
    [
      'an answer whose x_groq counts cache hardware',
      { usage: WHOLE, x_groq: { id: 'r', usage: { dram_cached_tokens: 3, sram_cached_tokens: 4 } } },
      COUNTED,
    ],
    ['only cache hardware', { x_groq: { id: 'r', usage: { dram_cached_tokens: 3, sram_cached_tokens: 4 } } }, undefined],
    ['the finish chunk, that carries it twice', { choices: CHOICE, x_groq: { id: 'r', usage: WHOLE }, usage: WHOLE }, COUNTED],
    ['the finish chunk of a stream that did not ask', { choices: CHOICE, x_groq: { id: 'r', usage: WHOLE } }, COUNTED],
    ['the extra chunk', { choices: [], usage: WHOLE, service_tier: 'on_demand' }, COUNTED],
    ['the first chunk', { choices: CHOICE, x_groq: { id: 'r', seed: 1 } }, undefined],
    ['usage: null, as OpenAI’s other chunks have', { choices: CHOICE, usage: null, x_groq: { usage: BARE } }, BARE_COUNTED],
    ['embeddings', { object: 'list', data: [], usage: { prompt_tokens: 5, total_tokens: 5 } }, { ...NONE, promptTokens: 5 }],
    ['a Responses answer', { object: 'response', usage: RESPONSES }, RESPONSES_COUNTED],
    ['the last event of a Responses stream', { type: 'response.completed', response: { usage: RESPONSES } }, RESPONSES_COUNTED],
    ['the first event of a Responses stream', { type: 'response.created', response: { usage: null } }, undefined],
    ['a Responses event of nothing', { response: null }, undefined],
    ['a transcription', { text: 'hi', x_groq: { id: 'r' } }, undefined],
    ['zero', { usage: { prompt_tokens: 0, completion_tokens: 0 } }, NONE],
  ])('%s', (_, value, usage) => {
    expect(usageOf(value)).toEqual(usage);
  });

  it.each([
    undefined,
    null,
    0,
    '',
    'usage',
    true,
    [],
    {},
    { usage: 5 },
    { usage: [] },
    { usage: {} },
    { usage: 'x' },
    { x_groq: 5 },
    { x_groq: null },
    { response: 5 },
  ])('none in %j', (value) => {
    expect(usageOf(value)).toBeUndefined();
  });

  const HOSTILE = [-1, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, '18', null, [18], {}, true, 18n];
  it.each(HOSTILE)('prompt_tokens of %s is as good as none', (prompt_tokens) => {
    expect(usageOf({ usage: { ...BARE, prompt_tokens } })).toBeUndefined();
    expect(usageOf({ usage: { prompt_tokens, completion_tokens: 1 }, x_groq: { usage: WHOLE } })).toEqual(COUNTED);
  });

  it.each(HOSTILE.filter((value) => value !== null))('completion_tokens of %s is as good as none', (completion_tokens) => {
    expect(usageOf({ usage: { ...BARE, completion_tokens } })).toBeUndefined();
  });

  it.each(HOSTILE)('cached_tokens and reasoning_tokens of %s take nothing off', (value) => {
    const usage = {
      ...BARE,
      prompt_tokens_details: { cached_tokens: value },
      completion_tokens_details: { reasoning_tokens: value },
    };
    expect(usageOf({ usage })).toEqual(BARE_COUNTED);
  });

  it('more cached than prompt, or more reasoning than output, is cut to it', () => {
    const usage = {
      ...BARE,
      prompt_tokens_details: { cached_tokens: 1000 },
      completion_tokens_details: { reasoning_tokens: 1000 },
    };
    expect(usageOf({ usage })).toEqual({ promptTokens: 75, cachedTokens: 75, completionTokens: 1, reasoningTokens: 1 });
  });

  it('total_tokens counts for nothing', () => {
    expect(usageOf({ usage: { ...BARE, total_tokens: 1e9 } })).toEqual(BARE_COUNTED);
    expect(usageOf({ usage: { total_tokens: 5 } })).toBeUndefined();
  });
});

describe('isUsageChunk', () => {
  it.each([
    [{ choices: [], usage: WHOLE }, true],
    [{ choices: [], usage: {} }, true],
    [{ choices: [], usage: null }, false],
    [{ choices: [] }, false],
    [{ choices: CHOICE, usage: WHOLE }, false],
    [{ usage: WHOLE }, false],
    [{ choices: [], x_groq: { usage: WHOLE } }, false],
    [null, false],
    ['x', false],
  ])('%j: %s', (chunk, expected) => {
    expect(isUsageChunk(chunk)).toBe(expected);
  });
});

describe('chunkTokens', () => {
  const delta = (...deltas: readonly unknown[]): unknown => ({
    choices: deltas.map((part, index) => ({ index, delta: part })),
  });
  it.each<readonly [string, unknown, number]>([
    ['nothing', delta({ role: 'assistant', content: '' }), 0],
    ['one character', delta({ content: 'x' }), 1],
    ['four', delta({ content: 'xxxx' }), 1],
    ['five', delta({ content: 'xxxxx' }), 2],
    ['reasoning', delta({ reasoning: 'The', channel: 'analysis' }), 1],
    ['both', delta({ reasoning: 'The', content: 'x' }), 2],
    ['several choices', delta({ content: 'x' }, { content: 'y' }), 2],
    ['a tool call', delta({ tool_calls: [{ index: 0, function: { name: 'f', arguments: '{"a":1}' } }] }), 16],
    ['the Responses endpoint', { type: 'response.output_text.delta', delta: 'hello' }, 2],
    ['the last chunk', { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }, 0],
    ['no delta', { choices: [{ index: 0 }, null, 5] }, 0],
    ['a delta of another kind', delta(null, 5, 'x', { content: 5, reasoning: null, tool_calls: {} }), 0],
    ['no choices', {}, 0],
    ['null', null, 0],
    ['text', 'text', 0],
  ])('of %s', (_, chunk, tokens) => {
    expect(chunkTokens(chunk)).toBe(tokens);
  });

  it('never counts a chunk that says something as nothing', () => {
    expect(textTokens('')).toBe(0);
    for (const text of ['x', ' ', '\n', '😀']) expect(textTokens(text)).toBeGreaterThan(0);
  });
});

describe('executedTools', () => {
  const tools = [{ type: 'search', index: 0 }, { type: 'python' }, { type: 'search' }];
  it.each<readonly [string, unknown, readonly string[]]>([
    ['of an answer', { choices: [{ message: { executed_tools: tools } }] }, ['search', 'python', 'search']],
    ['of a chunk', { choices: [{ delta: { executed_tools: tools } }] }, ['search', 'python', 'search']],
    [
      'of several choices',
      { choices: [{ message: { executed_tools: [tools[1]] } }, { message: { executed_tools: [tools[0]] } }] },
      ['python', 'search'],
    ],
    [
      'without a name, which is still a use',
      { choices: [{ message: { executed_tools: [{}, null, { type: 5 }] } }] },
      ['', '', ''],
    ],
    ['none', { choices: [{ message: { executed_tools: [] } }] }, []],
    ['of another kind', { choices: [{ message: { executed_tools: 'x' } }, { message: null }, null, 5, { delta: 5 }] }, []],
    ['of nothing', undefined, []],
    ['of text', 'text', []],
    ['of an object', { choices: {} }, []],
  ])('%s', (_, value, names) => {
    expect(executedTools(value)).toEqual(names);
  });
});

describe('executedTools, told more than once', () => {
  const search = { index: 0, type: 'browser.search', arguments: '{"q":1}' };
  it.each<readonly [string, unknown, readonly string[]]>([
    ['the same use', [search, { ...search, output: 'x' }], ['browser.search']],
    ['another index', [search, { ...search, index: 1 }], ['browser.search', 'browser.search']],
    ['other arguments', [search, { ...search, arguments: '{"q":2}' }], ['browser.search', 'browser.search']],
    ['another tool', [search, { ...search, type: 'python' }], ['browser.search', 'python']],
    [
      'no index',
      [
        { type: 'python', arguments: 'x' },
        { type: 'python', arguments: 'x' },
      ],
      ['python', 'python'],
    ],
  ])('%s', (_, executed, names) => {
    expect(executedTools({ choices: [{ message: { executed_tools: executed } }] })).toEqual(names);
  });

  it.each<readonly [string, unknown, readonly string[]]>([
    [
      'of a Responses answer',
      { output: [{ type: 'code_interpreter_call', id: 'a' }, { type: 'message' }] },
      ['code_interpreter_call'],
    ],
    [
      'of its last event',
      { response: { output: [{ type: 'web_search_call' }, { type: 'web_search_call' }] } },
      ['web_search_call', 'web_search_call'],
    ],
    ['of an item', { type: 'response.output_item.done', item: { type: 'mcp_call', id: 'm' } }, ['mcp_call']],
    ['that the caller runs', { output: [{ type: 'function_call' }, { type: 'custom_tool_call' }] }, []],
    ['of another kind', { output: [null, 5, { type: 5 }], item: 'x' }, []],
  ])('%s', (_, value, names) => {
    expect(executedTools(value)).toEqual(names);
  });
});

describe('usageBreakdown', () => {
  const models = [
    { model: 'a', usage: WHOLE },
    { model: 'b', usage: BARE },
  ];
  const parts = [
    { model: 'a', usage: COUNTED },
    { model: 'b', usage: BARE_COUNTED },
  ];
  it.each<readonly [string, unknown, unknown]>([
    ['an answer', { usage_breakdown: { models } }, parts],
    ['a chunk', { x_groq: { usage_breakdown: { models } } }, parts],
    ['null', { usage_breakdown: null }, undefined],
    ['no models', { usage_breakdown: { models: null } }, undefined],
    ['an empty list', { usage_breakdown: { models: [] } }, undefined],
    [
      'one that cannot be read: all of it counts for nothing',
      { usage_breakdown: { models: [...models, { model: 'c' }] } },
      undefined,
    ],
    ['one without a name', { usage_breakdown: { models: [{ usage: BARE }] } }, undefined],
    ['text', 'text', undefined],
  ])('of %s', (_, value, expected) => {
    expect(usageBreakdown(value)).toEqual(expected);
  });

  it('sums up', () => {
    expect(totalUsage(parts)).toEqual({ promptTokens: 93, cachedTokens: 8, completionTokens: 557, reasoningTokens: 14 });
    expect(totalUsage([])).toEqual(NONE);
  });
});

describe('endTold', () => {
  it.each<readonly [unknown, string | undefined]>([
    [{ choices: CHOICE }, 'success'],
    [{ type: 'response.completed' }, 'success'],
    [{ type: 'response.incomplete' }, 'success'],
    [{ type: 'response.failed' }, 'error'],
    [{ type: 'error', message: 'x' }, 'error'],
    [{ error: { message: 'x' } }, 'error'],
    [{ error: null, choices: CHOICE }, 'success'],
    [{ choices: CHOICE, x_groq: { error: 'x' } }, 'error'],
    [{ choices: [{ delta: {}, finish_reason: null }] }, undefined],
    [{ choices: [] }, undefined],
    [{ type: 'response.created' }, undefined],
    [null, undefined],
    ['x', undefined],
  ])('%j: %s', (chunk, told) => {
    expect(endTold(chunk)).toBe(told);
  });
});

it('a text that failed counts as it is shown, and as all that was allowed if it is not', () => {
  expect(generatedTokens('12345')).toBe(2);
  expect(generatedTokens('')).toBe(Infinity);
});
