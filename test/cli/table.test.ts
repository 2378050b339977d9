// Tables that fit, whatever is in them.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { styleOf } from '../../src/cli/style';
import { type Column, tableLines } from '../../src/cli/table';
import { paragraph, wrapped } from '../../src/cli/wrap';
import { textWidth } from '../../src/report/names';

const COLUMNS: readonly Column[] = [
  { head: 'name', shrinkTo: 6 },
  { head: 'count', align: 'right' },
  { head: 'less', rank: 1 },
  { head: 'least', rank: 2, shrinkTo: 5 },
];
const style = styleOf(false);

describe('a table', () => {
  it('is as wide as it has to be where there is room', () => {
    expect(
      tableLines(
        COLUMNS,
        [
          ['a name', '5', 'x', 'whatever this is'],
          ['b', '1,000', 'yes', ''],
        ],
        { width: undefined, style },
      ),
    ).toEqual([
      'name    count  less  least',
      '──────  ─────  ────  ────────────────',
      'a name      5  x     whatever this is',
      'b       1,000  yes',
    ]);
  });

  it('shortens, then leaves columns out, the least first', () => {
    const rows = [['openai/gpt-oss-120b', '5', 'abcd', 'whatever this is']];
    const at = (width: number): string[] => tableLines(COLUMNS, rows, { width, style }).filter((_, index) => index !== 1);
    expect([48, 30, 24, 18].map(at)).toMatchInlineSnapshot(`
      [
        [
          "name               count  less  least",
          "openai/g…oss-120b      5  abcd  whatever this is",
        ],
        [
          "name     count  less  least",
          "ope…20b      5  abcd  what… is",
        ],
        [
          "name         count  less",
          "opena…-120b      5  abcd",
        ],
        [
          "name         count",
          "opena…-120b      5",
        ],
      ]
    `);
  });

  it('leaves out a column without a text', () => {
    expect(tableLines(COLUMNS, [['a', '1', '', 'z']], { width: undefined, style })[0]).toBe('name  count  least');
  });

  it('never breaks its lines, and shows what would draw on the terminal', () => {
    const [, , line = '', ...more] = tableLines(COLUMNS, [['a\nb\u001B[31m', '1', 'x', '\u0007']], { width: 60, style });
    expect(more).toEqual([]);
    expect(line).toBe('a␊b␛[31m      1  x     ␇');
  });

  it('fits any width from 13 on, in straight columns', () => {
    const name = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('日本語の名前', 'é', 'team-with-a-long-name-indeed'));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.nat(9999).map(String), fc.constant('yes'), name), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 13, max: 120 }),
        (rows, width) => {
          const lines = tableLines(COLUMNS, rows, { width, style: styleOf(true) });
          expect(lines).toHaveLength(rows.length + 2);
          // oxlint-disable-next-line no-control-regex -- the colours are not seen
          const seen = lines.map((line) => line.replaceAll(/\u001B\[\d+m/g, ''));
          for (const line of seen) expect(textWidth(line)).toBeLessThanOrEqual(width);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a paragraph', () => {
  it('breaks between words', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('extraordinarily long', 5)).toEqual(['extraordinarily', 'long']);
    expect(wrapped('日本 語語 ab', 9)).toEqual(['日本 語語', 'ab']);
    expect(paragraph('one two three four five', 24, '  ✗ ')).toEqual(['  ✗ one two three four', '    five']);
  });
});
