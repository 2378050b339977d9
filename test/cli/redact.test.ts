import { describe, expect, it } from 'vitest';
import { redact } from '../../src/cli/redact';

describe('a text without secrets', () => {
  it.each([
    ['redis://:hunter22@h:6379/0', 'redis://…@h:6379/0'],
    ['redis://:p/w0rd@h', 'redis://…@h'],
    ['postgres://u:s3cr@t@h/db', 'postgres://…@h/db'],
    ['postgres://u:s/3@c?r#t@h/db failed', 'postgres://…@h/db failed'],
    ['a rediss://u:p@h and postgres://v:q@i', 'a rediss://…@h and postgres://…@i'],
    ['https://ghp_token@example.org/x', 'https://…@example.org/x'],
    ['teams.chatbot.gsk_abcdefgh.x', 'teams.chatbot.gsk_….x'],
    ['my_gsk_abcdefgh', 'my_gsk_…'],
    ['Authorization: Bearer abc.def-ghi12', 'Authorization: Bearer …'],
  ])('%s', (text, clean) => {
    expect(redact(text, {})).toBe(clean);
  });

  it.each([
    'file:///app/node_modules/@scope/name/index.js:3',
    'https://api.groq.com/openai/v1',
    'write to ops@example.org, see https://example.org/help',
    'redis://127.0.0.1:6379',
  ])('%s is none', (text) => {
    expect(redact(text, {})).toBe(text);
  });

  it('has no value of a variable that is named like a secret', () => {
    expect(redact('opensesame1 and /home/x', { DB_PASSWORD: 'opensesame1', HOME_KEY: '/home/x' })).toBe('… and /home/x');
  });
});
