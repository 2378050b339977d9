// The texts of options, and what is left of secrets.
import { describe, expect, it } from 'vitest';
import { groups } from '../../src/cli/report-options';
import { suggestion, tag, wholeNumber } from '../../src/cli/option-values';
import { redact } from '../../src/cli/redact';

describe('values', () => {
  it('are whole numbers', () => {
    expect(['0', '7', '007', '9007199254740991'].map(wholeNumber(0))).toEqual([0, 7, 7, Number.MAX_SAFE_INTEGER]);
    for (const text of ['', '-1', '1.5', '1e3', ' 1', '0x10', 'NaN', '9007199254740993'])
      expect(() => wholeNumber(0)(text), text).toThrow('Expected a whole number of 0 or more.');
  });

  it('are tags, of which a later one replaces', () => {
    expect(tag('b=2', tag('a=x=y'))).toEqual({ a: 'x=y', b: '2' });
    expect(tag('a=2', { a: '1' })).toEqual({ a: '2' });
    expect(Object.keys(tag('__proto__=1'))).toEqual(['__proto__']);
    for (const text of ['a', '=a', '']) expect(() => tag(text), text).toThrow('Expected name=value.');
  });

  it('are groups', () => {
    expect(groups('team, tag:a:b', ['day'])).toEqual(['day', 'team', { tag: 'a:b' }]);
    for (const text of ['', 'team,,day', 'tag:', 'Team']) expect(() => groups(text), text).toThrow(/^Expected team, /);
  });

  it('that are misspelt are guessed, if they are near', () => {
    expect(suggestion('chatbto', ['search', 'chatbot'])).toBe(' Did you mean chatbot?');
    expect(suggestion('ENDPOINTS', ['endpoint'])).toBe(' Did you mean endpoint?');
    expect(suggestion('nothing', ['search', 'chatbot'])).toBe('');
    expect(suggestion('x'.repeat(1e6), ['chatbot'])).toBe('');
  });
});

describe('secrets', () => {
  it('are taken out of texts', () => {
    const env = {
      MY_API_KEY: 'topsecret1',
      DB_PASSWORD: 'short',
      PATH_TOKEN: './file/of/token',
      HOME: 'visiblehome',
      PUBLIC: 'publicvalue',
    };
    expect(redact('topsecret1 short ./file/of/token visiblehome publicvalue', env)).toBe(
      '… short ./file/of/token visiblehome publicvalue',
    );
    expect(redact('key gsk_aB3dEf-9 in https://user:pa%40ss@host:5/x and Authorization: Bearer abcdefgh.ijk', {})).toBe(
      'key gsk_… in https://…@host:5/x and Authorization: Bearer …',
    );
    expect(redact('the gsk_ prefix, user@host, http://host/a:b@c', {})).toBe('the gsk_ prefix, user@host, http://host/a:b@c');
  });
});
