// Where in a file a path is written.
import { describe, expect, it } from 'vitest';
import { configLines } from '../../src/cli/config-lines';

describe('lines', () => {
  it('are found in YAML of any form', () => {
    const lineOf = configLines(`# first
teams:
  "a.b":
    allowedModels:
      - one
      -
        two
    budgets: [ { limitUsd: 1,
                 window: day }, { limitUsd: 2 } ]
  chat: &chat
    rateLimitRPM: >-
      5
    ? weird key
    : 3
  copy: *chat
  merged:
    <<: *chat
    weight: 2
last: x
`);
    expect(lineOf('teams')).toBe(2);
    expect(lineOf('teams.a.b')).toBe(3);
    expect(lineOf('teams.a.b.allowedModels.0')).toBe(5);
    expect(lineOf('teams.a.b.allowedModels.1')).toBe(7);
    expect(lineOf('teams.a.b.budgets.0.window')).toBe(9);
    expect(lineOf('teams.a.b.budgets.1.limitUsd')).toBe(9);
    expect(lineOf('teams.chat.rateLimitRPM')).toBe(11);
    expect(lineOf('teams.chat.weird key')).toBe(13);
    expect(lineOf('teams.copy')).toBe(15);
    expect(lineOf('teams.merged.weight')).toBe(18);
    expect(lineOf('last')).toBe(19);
  });

  it('of what is missing are those of what it is missing in', () => {
    const lineOf = configLines('teams:\n  a:\n    weight: 1\n');
    expect(lineOf('teams.a.budgets.3.limitUsd')).toBe(2);
    expect(lineOf('teams.b')).toBe(1);
    expect(lineOf('organization.weight')).toBeUndefined();
    expect(lineOf('')).toBeUndefined();
  });

  it('are found in JSON, with tabs, escapes and windows line ends', () => {
    const lineOf = configLines('{\r\n\t"te\\u0061ms": {\r\n\t\t"a\\"b": [1,\r\n\t\t\t{ "x": null }]\r\n\t}\r\n}');
    expect(lineOf('teams')).toBe(2);
    expect(lineOf('teams.a"b')).toBe(3);
    expect(lineOf('teams.a"b.1.x')).toBe(4);
  });

  it.each(['', '{', 'a: [', '5', '- &x *x', '? {a: 1}\n: b\nc: d'])('of %j do no harm', (text) => {
    expect(() => configLines(text)('a.b')).not.toThrow();
  });

  it('of a record as a key are passed over', () => {
    expect(configLines('? {a: 1}\n: b\nc: d')('c')).toBe(3);
  });
});
