import { describe, expect, it } from 'vitest';
import { limitOfError } from '../../src/sdk/limit-error';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const reached = (rest: string): string =>
  `Rate limit reached for model \`llama-3.3-70b-versatile\` in organization \`org_x\` service tier \`on_demand\` ${rest}` +
  ' Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing';

describe('limitOfError', () => {
  it.each([
    [
      'TPD',
      reached('on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s.'),
      { kind: 'tokens', windowMs: DAY, max: 100000, remaining: 2950, used: 97050, requested: 3619 },
      578_016,
    ],
    [
      'TPM',
      reached('on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443. Please try again in 4.77s.'),
      { kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 966, used: 5034, requested: 1443 },
      4770,
    ],
    [
      'RPM',
      reached('on requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s.'),
      { kind: 'requests', windowMs: MINUTE, max: 30, remaining: 0, used: 30, requested: 1 },
      2000,
    ],
    [
      'RPD',
      reached('on requests per day (RPD): Limit 1000, Used 1001, Requested 1. Please try again in 2m52.8s.'),
      { kind: 'requests', windowMs: DAY, max: 1000, remaining: 0, used: 1001, requested: 1 },
      172_800,
    ],
    [
      'ASH',
      reached('on seconds of audio per hour (ASH): Limit 7200, Used 7100, Requested 480. Please try again in 3m10s.'),
      { kind: 'audioSeconds', windowMs: HOUR, max: 7200, remaining: 100, used: 7100, requested: 480 },
      190_000,
    ],
    [
      'ASD',
      reached('on seconds of audio per day (ASD): Limit 28800, Used 28800, Requested 10.5. Please try again in 31.5s.'),
      { kind: 'audioSeconds', windowMs: DAY, max: 28800, remaining: 0, used: 28800, requested: 10.5 },
      31_500,
    ],
    [
      'OTPM',
      reached('on output tokens per minute (OTPM): Limit 1000, Used 997, Requested 192. Please try again in 11.34s.'),
      { kind: 'outputTokens', windowMs: MINUTE, max: 1000, remaining: 3, used: 997, requested: 192 },
      11_340,
    ],
    [
      'ITPM',
      reached('on input tokens per minute (ITPM): Limit 7000, Used 6000, Requested 2000. Please try again in 570ms.'),
      { kind: 'inputTokens', windowMs: MINUTE, max: 7000, remaining: 1000, used: 6000, requested: 2000 },
      570,
    ],
    [
      'the text of 2024',
      'Rate limit reached for model `llama3-70b-8192` in organization `org_x` on tokens per minute (TPM): Limit 6000, Used 0, Requested ' +
        '6100. Please try again in 1.000s. Visit https://console.groq.com/docs/rate-limits for more information.',
      { kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 6000, used: 0, requested: 6100 },
      1000,
    ],
    [
      'a dimension without its letters',
      reached('on tokens per minute: Limit 6000, Used 1, Requested 6000. Please try again in 10ms.'),
      { kind: 'tokens', windowMs: MINUTE, max: 6000, remaining: 5999, used: 1, requested: 6000 },
      10,
    ],
    [
      'no dimension at all',
      reached('on : Limit 500000, Used 500010, Requested 990. Please try again in 2m52.8s.'),
      undefined,
      172_800,
    ],
    [
      'a dimension that is new',
      reached('on moons per year (MPY): Limit 5, Used 5, Requested 1. Please try again in 3s.'),
      undefined,
      3000,
    ],
  ])('reads %s', (_name, text, limit, retryAfterMs) => {
    const told = limitOfError(text);
    expect(told?.limit).toEqual(limit);
    expect(told?.retryAfterMs).toBeCloseTo(retryAfterMs, 6);
    expect(told?.tooLarge).toBe(false);
  });

  it.each([
    [
      'OTPM',
      'Request too large for model `qwen/qwen3.8-27b` in organization `org_x` service tier `on_demand` on output tokens per minute (OTPM): ' +
        "Limit 1000, Requested 1333. The request's expected output tokens exceed the enforced limit; reduce max_tokens (or the request's " +
        'expected output) and try again.',
      { kind: 'outputTokens', windowMs: MINUTE, max: 1000, requested: 1333 },
    ],
    [
      'TPM',
      'Request too large for model llama-3.1-8b-instant in organization org_x service tier on_demand on tokens per minute (TPM): Limit 6000, ' +
        'Requested 12328, please reduce your message size and try again. Need more tokens? Upgrade to Dev Tier today at https://…/billing',
      { kind: 'tokens', windowMs: MINUTE, max: 6000, requested: 12328 },
    ],
    [
      'ITPM',
      'Request too large for model `qwen/qwen3.8-27b` in organization `org_x` service tier `on_demand` on input tokens per minute (ITPM): ' +
        'Limit 7000, Requested 8278, please reduce your message size and try again.',
      { kind: 'inputTokens', windowMs: MINUTE, max: 7000, requested: 8278 },
    ],
  ])('knows a request that is too large: %s', (_name, text, limit) => {
    expect(limitOfError(text)).toEqual({ limit, retryAfterMs: undefined, tooLarge: true });
  });

  it.each([
    ['', 'an empty text'],
    [
      'Organization has blocked API access because a spend alert threshold was met. Please visit https://console.groq.com/settings/billing',
      'a spend block',
    ],
    ['The model `x` does not exist or you do not have access to it.', 'another error'],
    ['You asked: "Rate limit reached for model `x` on tokens per day (TPD): Limit 5"', 'a quotation'],
    [reached('on tokens per day (TPD): Limit 5. ').repeat(50), 'an endless text'],
  ])('says nothing about %j', (text) => {
    expect(limitOfError(text)).toBeUndefined();
  });

  it('stays fast on texts that are made to be slow', () => {
    const start = performance.now();
    for (const filling of [
      'on '.repeat(1200),
      'on a'.repeat(900),
      'try again in 1'.repeat(250),
      'try again in 1m'.repeat(230),
      '9'.repeat(3900),
    ]) {
      limitOfError(`Rate limit reached for model ${filling}`);
    }
    expect(performance.now() - start).toBeLessThan(500);
  });

  it('is not fooled by names that every object has', () => {
    expect(
      limitOfError(reached('on constructor per toString (CONSTRUCTOR): Limit 5, Used 5, Requested 1.'))?.limit,
    ).toBeUndefined();
  });
});
