import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config-text';
import { GovernanceConfigError } from '../src/errors';

/** What is wrong with a text. */
function told(text: string, path: string): string {
  try {
    parseConfig(text, path);
  } catch (error) {
    expect(error).toBeInstanceOf(GovernanceConfigError);
    return (error as GovernanceConfigError).issues.map(({ message }) => message).join('\n');
  }
  return 'fine';
}

describe('JSON', () => {
  it.each([
    ['{\n  "teams": {,}\n}', 'line 2, column 13'],
    ['{\n "a": [1,]\n}', 'line 2, column 10: a comma too many'],
    ['{ "a": 1, }', 'line 1, column 11: a comma too many'],
    ['{ "a": 1', 'line 1, column 9: a [ or { is not closed'],
    ['[1, 2', 'line 1, column 6: a [ or { is not closed'],
    ['{ "a"', 'line 1, column 6: a colon is missing after a key'],
    ['{ "a": ', 'line 1, column 8: it ends too early'],
    ['{\n  // why\n  "a": 1 }', 'line 2, column 3: JSON has no comments'],
    ["{ 'a': 1 }", 'line 1, column 3: JSON has double quotation marks only'],
    ['{ "a: 1\n}', 'line 1, column 8: a quotation mark is not closed'],
    ['{ "a": "x', 'line 1, column 10: a quotation mark is not closed'],
    ['{ "a": "\\x" }', 'line 1, column 9: an escape that is none, after a backslash'],
    ['{ "a": "\t" }', 'line 1, column 9: a control character'],
    ['{ "a": 01 }', 'line 1, column 8'],
    ['{ "a": tru }', 'line 1, column 8'],
    ['{ "a" 1 }', 'line 1, column 7: a colon is missing after a key'],
    ['{ "a": 1 "b": 2 }', 'line 1, column 10'],
    ['{}\n{}', 'line 2, column 1: something stands after the end'],
    ['{ "a": 1 ]', 'line 1, column 10'],
  ])('%j cannot be read, with the place', (text, where) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(told(text, 'a.json')).toBe(`Expected JSON, but it cannot be read at ${where}`);
  });

  it.each([
    ['{ "a": 1,\n  "a": 2 }', 'line 2, column 3'],
    ['{ "teams": { "x": { "monthlyBudgetUsd": 5 }, "y": {}, "x": {} } }', 'line 1, column 55'],
    ['[{ "a": [] , "b": {"a": 1, "c": [{"a": 1}]}, "\\u0061": 1 }]', 'line 1, column 46'],
    ['{ "__proto__": 1, "__proto__": 2 }', 'line 1, column 19'],
  ])('%j has a key twice, of which one would be lost', (text, where) => {
    expect(told(text, 'a.json')).toBe(`Expected JSON, but it cannot be read at ${where}: this key is there already`);
  });

  it('is read as JSON.parse reads it', () => {
    expect(parseConfig('\uFEFF{"a": [1, {"b": -0.5e+3}], "c": {"a": null}}', 'a.JSON')).toEqual({
      a: [1, { b: -500 }],
      c: { a: null },
    });
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), undefined, indent);
        expect(parseConfig(text, 'a.json')).toEqual(JSON.parse(text));
      }),
    );
    const deep = 50_000;
    expect(told('['.repeat(deep), 'a.json')).toContain(`column ${deep + 1}: it ends too early`);
  });

  it('that is broken anywhere is refused with a place', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, extra) => {
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + extra + json.slice(place + 1);
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (text.trim() !== '' && !isJson) expect(told(text, 'a.json')).toMatch(/ at line \d+, column \d+/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('YAML', () => {
  it.each([
    ['a: 1\na: 2', ' at line 2, column 1: this key is there already'],
    ['a:\n\tb: 1', ' at line 2, column 1: tabs cannot indent; use spaces'],
    ['a: 1\n---\nb: 2', ': it holds several documents (---) where one is expected'],
    ['a: [', ' at line 1, column 5: a [ or { is not closed'],
    ['a: "x', ' at line 1, column 6: a quotation mark is not closed'],
    ['a: gsk_x\nb', ' at line 2, column 2: a colon is missing after a key'],
    // These reasons quote the text, or the name of a tag.
    ['a: *gsk_secret', ' at line 1, column 5'],
    ['a: !gsk_secret 1', ' at line 1, column 4'],
  ])('%j cannot be read, with the place and the reason', (text, where) => {
    expect(told(text, 'a.yaml')).toBe(`Expected YAML, but it cannot be read${where}`);
  });

  it('never has a word of the text in its reasons', () => {
    fc.assert(
      fc.property(fc.constantFrom('*', '!', '%', '&', '@', '"', '{', '- ', '? ', '|', 'a: ', '\t'), (mark) => {
        for (const text of [`${mark}sesame`, `a: ${mark}sesame`, `a:\n  ${mark}sesame\n b`])
          expect(told(text, 'a.yml')).not.toContain('sesame');
      }),
    );
  });
});

it.each(['a.json', 'a.yaml'])('says that %s is empty', (path) => {
  expect(told(' \n', path)).toBe('The file is empty');
});
