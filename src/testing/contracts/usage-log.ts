import type { UsageLog, UsageQuery, UsageRecord } from '../../usage/usage-log';
import type { TestRunner } from './runner';
import { describeFigures } from './usage-log-figures';
import { type Expect, MINUTE, NOON, record, recordAll, summaries, type Test } from './usage-log-fixtures';

/**
 * What every `UsageLog` must do, as tests. `makeLog` is called once per test and returns an empty log, which is closed at
 * the end if it has `close`. `summarize` must see what was recorded before it, also without a `flush`. What is optional in a
 * summary may be left out, but not be wrong.
 */
export function describeUsageLog(runner: TestRunner, makeLog: () => UsageLog | Promise<UsageLog>): void {
  const expect: Expect = (value) => runner.expect(value);
  runner.describe('UsageLog', () => {
    const test: Test = (name, body) =>
      runner.it(name, async () => {
        const log = await makeLog();
        try {
          await body(log);
        } finally {
          await log.close?.();
        }
      });
    describeSums(expect, test);
    describeFigures(expect, test);
    describeGroups(expect, test);
    describeDays(expect, test);
    describeOrder(expect, test);
    describeNames(expect, test);
  });
}

/** Records with costs of 1, 10, 100, …, so that a sum tells which ones are in it. */
function recordTens(log: UsageLog, calls: readonly Partial<UsageRecord>[]): Promise<void> {
  return recordAll(
    log,
    calls.map((fields, index) => record({ ...fields, costNanos: 10 ** index })),
  );
}

/** Group values and cost of each summary, in order. */
async function costs(log: UsageLog, query: Partial<UsageQuery>): Promise<(string | number)[][]> {
  return (await summaries(log, query)).map(({ group, costNanos }) => [...group, costNanos]);
}

function describeSums(expect: Expect, test: Test): void {
  test('has no summaries when nothing was recorded', async (log) => {
    expect(await summaries(log)).toEqual([]);
    expect(await summaries(log, { groupBy: ['team', 'day'] })).toEqual([]);
  });

  test('sums every figure', async (log) => {
    await recordAll(log, [
      record(),
      record({ promptTokens: 1, cachedTokens: 0, costNanos: 7 }),
      record({ outcome: 'timeout' }),
    ]);
    const expected = {
      group: [],
      calls: 3,
      denied: 0,
      promptTokens: 21,
      cachedTokens: 8,
      completionTokens: 15,
      reasoningTokens: 6,
      costNanos: 2_007,
      topModel: 'openai/gpt-oss-20b',
    };
    const [sum, ...others] = await summaries(log);
    // What is optional besides is not looked at here.
    expect(sum && Object.fromEntries(Object.entries(sum).filter(([name]) => name in expected))).toEqual(expected);
    expect(others).toEqual([]);
  });

  test('counts a denied call as denied only', async (log) => {
    const denied = record({ outcome: 'denied', code: 'budget-exceeded', model: 'openai/gpt-oss-120b' });
    await recordAll(log, [denied, record({ team: 'other' })]);
    const figures = (await summaries(log, { groupBy: ['team'] })).map((sum) => [
      sum.group[0],
      sum.calls,
      sum.denied,
      sum.topModel,
    ]);
    expect(figures).toEqual([
      ['other', 1, 0, 'openai/gpt-oss-20b'],
      ['chatbot', 0, 1, ''],
    ]);
    const [first] = await summaries(log, { groupBy: ['model'], from: NOON, to: NOON + MINUTE });
    expect([first?.promptTokens, first?.costNanos]).toEqual([10, 1_000]);
  });

  test('takes in records from `from` until before `to`', async (log) => {
    const from = NOON;
    const to = NOON + 60 * MINUTE;
    await recordTens(log, [{ at: from - 1 }, { at: from }, { at: to - 1 }, { at: to }]);
    expect(await costs(log, { from, to })).toEqual([[110]]);
    expect(await costs(log, { from: to, to: from })).toEqual([]);
  });

  test('counts a record with a known id once, whatever the second one says', async (log) => {
    const first = record({ id: 'same' });
    await recordAll(log, [first, first, record({ id: 'same', at: NOON + MINUTE, team: 'other', costNanos: 5 }), record()]);
    expect(await costs(log, { groupBy: ['team'] })).toEqual([['chatbot', 2_000]]);
    expect(await costs(log, { from: NOON + MINUTE, to: NOON + 2 * MINUTE })).toEqual([]);
  });

  test('counts an id once if it is recorded twice at the same time', async (log) => {
    const same = record();
    await Promise.all([log.record(same), log.record({ ...same }), log.record(record())]);
    expect(await costs(log, {})).toEqual([[2_000]]);
  });

  test('sums large amounts exactly', async (log) => {
    const large = 2 ** 52 - 1;
    await recordAll(log, [
      record({ costNanos: large }),
      record({ costNanos: large, promptTokens: large }),
      record({ costNanos: 1 }),
    ]);
    const [sum] = await summaries(log);
    expect(sum?.costNanos).toBe(2 ** 53 - 1);
    expect(sum?.promptTokens).toBe(large + 20);
  });

  test('sums many records exactly', async (log) => {
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) => log.record(record({ at: NOON + index, costNanos: index }))),
    );
    await log.flush?.();
    const [sum] = await summaries(log);
    expect([sum?.calls, sum?.costNanos]).toEqual([500, 124_750]);
  });
}

function describeGroups(expect: Expect, test: Test): void {
  const calls: readonly Partial<UsageRecord>[] = [
    { team: 'a', user: 'ada', keyId: 'k1', model: 'm1', operation: 'chat.completions', tags: { feature: 'x', env: 'prod' } },
    { team: 'b', keyId: 'k2', model: 'm1', operation: 'audio.speech', tags: { env: 'test' } },
    { team: 'a', user: 'bob', model: 'm2', operation: 'chat.completions' },
  ];
  const groupings: readonly [UsageQuery['groupBy'], readonly string[]][] = [
    [['team'], ['a=101', 'b=10']],
    [['user'], ['bob=100', '=10', 'ada=1']],
    [['key'], ['=100', 'k2=10', 'k1=1']],
    [['model'], ['m2=100', 'm1=11']],
    [['operation'], ['chat.completions=101', 'audio.speech=10']],
    [['day'], ['2026-10-20=111']],
    [[{ tag: 'feature' }], ['=110', 'x=1']],
    [[{ tag: 'toString' }], ['=111']],
    [
      ['model', { tag: 'env' }, 'team'],
      ['m2,,a=100', 'm1,test,b=10', 'm1,prod,a=1'],
    ],
  ];
  for (const [groupBy, expected] of groupings) {
    test(`groups by ${JSON.stringify(groupBy)}`, async (log) => {
      await recordTens(log, calls);
      const rows = await summaries(log, { groupBy });
      expect(rows.map(({ group, costNanos }) => `${group.join(',')}=${costNanos}`)).toEqual(expected);
    });
  }
}

function describeDays(expect: Expect, test: Test): void {
  const days: readonly [string, string, readonly string[]][] = [
    ['UTC', '2026-10-20', ['2026-10-20T00:00:00.000Z', '2026-10-20T23:59:59.999Z']],
    ['Asia/Kolkata', '2026-10-21', ['2026-10-20T18:30:00.000Z', '2026-10-21T18:29:59.999Z']],
    ['Asia/Kathmandu', '2026-10-21', ['2026-10-20T18:15:00.000Z', '2026-10-21T18:14:59.999Z']],
    // The day on which the clock is set back has 25 hours, the one on which it is set forward 23.
    ['Europe/Berlin', '2026-10-25', ['2026-10-24T22:00:00.000Z', '2026-10-25T22:59:59.999Z']],
    ['America/New_York', '2026-03-08', ['2026-03-08T05:00:00.000Z', '2026-03-09T03:59:59.999Z']],
  ];
  for (const [timeZone, day, [first = '', last = '']] of days) {
    test(`begins and ends ${day} where ${timeZone} does`, async (log) => {
      const [start, end] = [Date.parse(first), Date.parse(last)];
      await recordTens(log, [{ at: start - 1 }, { at: start }, { at: end }, { at: end + 1 }]);
      const rows = await costs(log, { groupBy: ['day'], timeZone });
      expect(rows.find(([name]) => name === day)).toEqual([day, 110]);
      expect(rows.length).toBe(3);
    });
  }
}

function describeOrder(expect: Expect, test: Test): void {
  test('puts the highest cost first, then orders by group', async (log) => {
    const teams = ['b', 'Z', 'ä', 'a', 'c'];
    await recordAll(
      log,
      teams.map((team) => record({ team, costNanos: team === 'c' ? 9 : 5 })),
    );
    expect((await summaries(log, { groupBy: ['team'] })).map(({ group }) => group[0])).toEqual(['c', 'Z', 'a', 'b', 'ä']);
  });

  test('names the model that cost most, then the one called most', async (log) => {
    await recordAll(log, [
      ...['cheap', 'cheap', 'cheap'].map((model) => record({ model, costNanos: 5 })),
      record({ model: 'dear', costNanos: 16 }),
      ...['once', 'twice', 'twice'].map((model) => record({ team: 'ties', model, costNanos: model === 'once' ? 4 : 2 })),
      record({ team: 'files', operation: 'files', model: '', costNanos: 0 }),
      ...['', 'some'].map((model) => record({ team: 'mixed', model, costNanos: model === '' ? 3 : 1 })),
    ]);
    const rows = await summaries(log, { groupBy: ['team'] });
    expect(rows.map(({ group, topModel }) => [group[0], topModel])).toEqual([
      ['chatbot', 'dear'],
      ['ties', 'twice'],
      ['mixed', 'some'],
      ['files', ''],
    ]);
  });
}

const hostile: readonly string[] = [
  '__proto__',
  'constructor',
  `'; DROP TABLE usage; --`,
  '"quoted", and\\escaped',
  'line\nbreak\r\nand\u2028more',
  'tab\tnull\u0000end',
  '{}:*?[]%_',
  'x'.repeat(1_000),
  'Größe 🚀 日本語',
];

function describeNames(expect: Expect, test: Test): void {
  test('keeps any name as it is', async (log) => {
    // Postgres cannot hold a NUL, so a log may replace it; all else must come back.
    const names = hostile.filter((name) => !name.includes('\u0000'));
    const tagged = (name: string): Record<string, string> => Object.fromEntries([[name, name]]);
    await recordAll(
      log,
      names.map((name, index) =>
        record({ team: name, user: name, keyId: name, model: name, tags: tagged(name), costNanos: 2 ** index }),
      ),
    );
    const expected = names.map((name, index) => [name, 2 ** index]).reverse();
    for (const by of ['team', 'user', 'key', 'model'] as const) expect(await costs(log, { groupBy: [by] })).toEqual(expected);
    for (const [index, name] of names.entries()) {
      const rows = await costs(log, { groupBy: [{ tag: name }] });
      expect(rows.find(([value]) => value === name)).toEqual([name, 2 ** index]);
    }
  });

  test('survives a NUL in a name', async (log) => {
    await recordAll(log, [record({ team: hostile[5] ?? '' })]);
    expect(await costs(log, {})).toEqual([[1_000]]);
  });

  test('does not mix up groups whose names run together', async (log) => {
    await recordAll(log, [
      record({ team: 'a', user: 'bc' }),
      record({ team: 'ab', user: 'c' }),
      record({ team: 'a","b', user: 'c' }),
      record({ team: 'a', user: 'b","c' }),
    ]);
    expect((await summaries(log, { groupBy: ['team', 'user'] })).length).toBe(4);
  });
}
