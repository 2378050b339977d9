import { describe, expect, it } from 'vitest';
import { classify, classifyExact, operationNamed } from '../../src/sdk/operation';

const V1 = '/openai/v1';
const EXACT = [
  ['post', `${V1}/chat/completions`, 'chat.completions', 'chat'],
  ['post', `${V1}/responses`, 'responses', 'responses'],
  ['post', `${V1}/embeddings`, 'embeddings', 'embeddings'],
  ['post', `${V1}/audio/transcriptions`, 'audio.transcriptions', 'audio'],
  ['post', `${V1}/audio/translations`, 'audio.translations', 'audio'],
  ['post', `${V1}/audio/speech`, 'audio.speech', 'speech'],
  ['post', `${V1}/batches`, 'batches.create', 'free'],
  ['post', `${V1}/files`, 'files.create', 'free'],
  ['get', `${V1}/models`, 'models.list', 'free'],
  ['get', `${V1}/batches`, 'batches.list', 'free'],
  ['get', `${V1}/files`, 'files.list', 'free'],
] as const;
const PATTERNS = [
  ['get', `${V1}/models/llama-3.1-8b-instant`, 'models.retrieve'],
  ['get', `${V1}/models/openai/gpt-oss-20b`, 'models.retrieve'],
  ['get', `${V1}/models/openai%2Fgpt-oss-20b`, 'models.retrieve'],
  ['delete', `${V1}/models/ft-1`, 'models.delete'],
  ['delete', `${V1}/models/openai/gpt-oss-20b`, 'models.delete'],
  ['get', `${V1}/batches/b1`, 'batches.retrieve'],
  ['post', `${V1}/batches/b1/cancel`, 'batches.cancel'],
  ['get', `${V1}/files/f1`, 'files.retrieve'],
  ['delete', `${V1}/files/f1`, 'files.delete'],
  ['get', `${V1}/files/f1/content`, 'files.content'],
] as const;

describe('every endpoint', () => {
  it.each(EXACT)('%s %s is %s', (method, path, name, kind) => {
    expect(classify(method, path)).toEqual({ name, kind });
    expect(classifyExact(method, path)).toBe(classify(method, path));
    expect(operationNamed(name)).toBe(classify(method, path));
    expect(Object.isFrozen(classify(method, path))).toBe(true);
  });

  it.each(PATTERNS)('%s %s is %s, and free', (method, path, name) => {
    expect(classify(method, path)).toEqual({ name, kind: 'free' });
    expect(classifyExact(method, path)).toBeUndefined();
  });
});

const spellings = (path: string): string[] => [
  `${path}/`,
  `/${path}`,
  `${path}?x=1`,
  `${path}#x`,
  `${path}%20`,
  `${path} `,
  `${path}\n`,
  `${path}/x`,
  `${path}x`,
  path.toUpperCase(),
  path.replace('openai', 'Openai'),
  path.replace('/v1/', '/v2/'),
  path.replace('/v1/', '/v1//'),
  path.replace('/v1/', '/v1/./'),
  path.replace('/v1/', '/v1/../v1/'),
  path.replace('/v1/', '%2Fv1/'),
  path.replace('openai/', ''),
  path.slice(1),
  `/proxy${path}`,
];

describe('look-alikes', () => {
  it.each(EXACT.filter(([method]) => method === 'post'))('of %s %s are unknown', (method, path) => {
    for (const spelling of spellings(path)) expect(classify(method, spelling), spelling).toBeUndefined();
    for (const other of ['POST', 'Post', 'put', 'patch', 'delete', '', ' post', 'query', '__proto__']) {
      expect(classify(other, path), other).toBeUndefined();
    }
  });

  it.each(PATTERNS.filter(([method]) => method !== 'get'))('of %s %s are unknown', (method, path) => {
    const cancel = path.endsWith('/cancel');
    for (const spelling of spellings(path)) {
      // What stands for an id may be anything but a slash.
      const changed = cancel || /[/]$|[/]x$|^(?!\/openai\/v1\/\w)/.test(spelling) || spelling.includes('/v1/.');
      if (changed && !spelling.startsWith('/openai/v1/models/')) expect(classify(method, spelling), spelling).toBeUndefined();
    }
    for (const other of ['put', 'patch', method.toUpperCase(), method === 'post' ? 'delete' : 'post']) {
      expect(classify(other, path), other).toBeUndefined();
    }
  });

  it.each([
    ['post', `${V1}/fine_tunings`],
    ['post', `${V1}/moderations`],
    ['post', `${V1}/completions`],
    ['post', `${V1}/images/generations`],
    ['post', `${V1}/models/openai/gpt-oss-20b`],
    ['post', `${V1}/files/f1`],
    ['post', `${V1}/files/f1/content`],
    ['post', `${V1}/batches/b1`],
    ['post', `${V1}/batches//cancel`],
    ['post', `${V1}/batches/a/b/cancel`],
    ['delete', `${V1}/batches/b1`],
    ['delete', `${V1}/files`],
    ['delete', `${V1}/models/a/b/c`],
    ['patch', `${V1}/files/f1`],
    ['put', `${V1}/chat/completions`],
    ['post', ''],
    ['post', '/'],
    ['post', 'constructor'],
  ])('%s %s may spend, so it is unknown', (method, path) => {
    expect(classify(method, path)).toBeUndefined();
  });

  it.each([
    ['get', `${V1}/novel`],
    ['get', `${V1}/chat/completions`],
    ['get', `${V1}/models/a/b/c`],
    ['get', `${V1}/files/f1/content/x`],
    ['head', `${V1}/models`],
    ['options', `${V1}/chat/completions`],
    ['get', ''],
  ])('%s %s only reads', (method, path) => {
    expect(classify(method, path)).toEqual({ name: 'read', kind: 'free' });
  });
});

it.each(['', 'chat', 'chat.completion', 'CHAT.COMPLETIONS', 'constructor', '__proto__', 'read'])(
  'no operation has the name %j',
  (name) => {
    expect(operationNamed(name)).toBeUndefined();
  },
);
