import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, shortened, textWidth } from '../../src/report/names';
import { anyName } from './arbitrary';

const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe('printable', () => {
  it.each([
    ['openai/gpt-oss-20b', 'openai/gpt-oss-20b'],
    ['\u001b[31mred', '␛[31mred'],
    ['a\nb\tc\u007f', 'a␊b␉c␡'],
    ['\u009b2J', '\ufffd2J'],
    ['\u202eevil', '\ufffdevil'],
    ['ad\u200bmin', 'ad\ufffdmin'],
    ['\u3164', '\ufffd'],
    ['half\ud800', 'half\ufffd'],
    ['line\u2028end', 'line\ufffdend'],
    ['👩‍👩‍👧', '👩👩👧'],
    ['👍🏽', '👍'],
    ['❤\ufe0f', '❤'],
    ['\u0301x', '\u25cc\u0301x'],
    ['cafe\u0301', 'caf\u00e9'],
  ])('%j is shown as %j', (name, text) => {
    expect(printable(name)).toBe(text);
  });

  it('is never anything that a terminal obeys, and stays as it is', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const text = printable(name);
        expect(text).not.toMatch(NOT_PRINTABLE);
        expect(printable(text)).toBe(text);
      }),
    );
  });

  it('leaves no pile of marks', () => {
    expect(printable(`x${'\u0338'.repeat(50)}`)).toBe(`x${'\u0338'.repeat(3)}`);
  });
});

it.each([
  ['', 0],
  ['abc', 3],
  ['日本語', 6],
  ['한국어', 6],
  ['ｶﾀｶﾅ', 4],
  ['ＡＢ', 4],
  ['🫠', 2],
  ['🇩🇪', 2],
  ['❤', 1],
  ['e\u0338', 1],
  ['—…█', 3],
  // A vowel sign with a width of its own.
  ['का', 2],
])('%j is %d columns wide', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

describe('shortened', () => {
  it.each([
    ['chatbot', 7, 'chatbot'],
    ['chatbot', 6, 'cha…ot'],
    ['chatbot', 5, 'ch…ot'],
    ['chatbot', 2, 'c…'],
    ['chatbot', 1, '…'],
    ['chatbot', 0, ''],
    ['日本語', 5, '日…語'],
    ['日本語', 4, '日…'],
    ['日本語', 2, '…'],
    ['ab\u0338cde', 3, 'a…e'],
  ])('%j in %d columns is %j', (text, width, expected) => {
    expect(shortened(text, width)).toBe(expected);
  });

  it('is never wider than it may be', () => {
    fc.assert(
      fc.property(anyName.map(printable), fc.nat({ max: 40 }), (text, width) => {
        const short = shortened(text, width);
        expect(textWidth(short)).toBeLessThanOrEqual(width);
        if (textWidth(text) <= width) expect(short).toBe(text);
      }),
    );
  });
});
