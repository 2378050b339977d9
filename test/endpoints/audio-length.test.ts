// How long a sound file is, from its header alone, and who is asked first.
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FormBody, JsonBody } from '../../src/sdk/body';
import { type AudioDuration, type AudioSource, audioSeconds } from '../../src/sdk/audio';
import { chunk, flac, wav, zeros } from './audio-files';

const formOf = (...files: readonly Blob[]): FormBody => {
  const form = new FormData();
  for (const file of files) form.append('file', file);
  return FormBody.of(form);
};
const secondsOf = (file: Blob, ask?: AudioDuration): Promise<number | undefined> => audioSeconds(formOf(file), ask);

describe('a WAV file', () => {
  it.each<readonly [string, File, number]>([
    ['8 bits', wav(3.5), 3.5],
    ['16 bits in stereo', wav(3.5, { rate: 44_100, channels: 2, bits: 16 }), 3.5],
    ['fractions', wav(1, { bits: 32, tag: 3 }), 1],
    ['µ-law', wav(1, { tag: 7 }), 1],
    ['an extensible header', wav(2, { tag: 0xfffe, inner: 1, bits: 24 }), 2],
    ['a list of titles before the sound', wav(2, { before: chunk('LIST', [1, 2, 3]) }), 2],
    ['a size that is not known yet, as in a stream', wav(2, { told: 0xffffffff }), 2],
    ['a size that is smaller than the sound', wav(2, { told: 8 }), 2],
    ['something after the sound: not shorter than it', wav(2, { after: zeros(8000) }), 3],
  ])('with %s', async (_, file, seconds) => {
    expect(await secondsOf(file)).toBe(seconds);
  });

  it.each<readonly [string, File]>([
    ['is compressed', wav(2, { tag: 0x55 })],
    ['is compressed within an extensible header', wav(2, { tag: 0xfffe, inner: 0x55 })],
    ['contradicts itself', wav(2, { bytesPerSecond: 1_000_000 })],
    ['is empty', wav(0)],
    ['has no rate', wav(2, { rate: 0, bytesPerSecond: 0 })],
    ['hides its sound behind much else', wav(2, { before: chunk('LIST', zeros(5000)) })],
  ])('that %s tells nothing', async (_, file) => {
    expect(await secondsOf(file)).toBeUndefined();
  });
});

describe('a FLAC file', () => {
  it.each<readonly [string, File, number | undefined]>([
    ['is as long as it says', flac(45, 100_000), 45],
    ['is no shorter than its bytes', flac(1, 32_000 * 60 - 42), 60],
    ['that does not say', flac(0, 1000), undefined],
    ['that has no rate', flac(0, 1000, 0), undefined],
  ])('%s', async (_, file, seconds) => {
    expect(await secondsOf(file)).toBe(seconds);
  });
});

it('no file makes it fail, or tell of less than nothing', async () => {
  const heads = fc.constantFrom(wav(1), flac(1, 20), new File([], 'x'));
  const bytes = fc.uint8Array({ maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(heads, bytes, fc.nat(80), async (file, spoiled, at) => {
      const whole = new Uint8Array(await file.arrayBuffer());
      whole.set(spoiled.slice(0, Math.max(0, whole.length - at)), Math.min(at, whole.length));
      const seconds = await secondsOf(new File([whole.slice(0, at + spoiled.length)], 'x'));
      if (seconds !== undefined) expect(seconds > 0 && seconds <= 1e9).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it('no more of a file is read than its first 4,096 bytes', async () => {
  const slice = vi.spyOn(Blob.prototype, 'slice');
  const read = vi.spyOn(Blob.prototype, 'arrayBuffer');
  const stream = vi.spyOn(Blob.prototype, 'stream');
  expect(await secondsOf(wav(10))).toBe(10);
  expect(slice.mock.calls[0]).toEqual([0, 4096]);
  const sizes = [...read.mock.contexts, ...stream.mock.contexts].map((blob: unknown) => blob instanceof Blob && blob.size);
  expect(sizes.length).toBeGreaterThan(0);
  // Some platforms read a blob by its stream.
  expect(new Set(sizes)).toEqual(new Set([4096]));
  vi.restoreAllMocks();
});

describe('who is asked', () => {
  it.each<readonly [string, AudioDuration, number]>([
    ['the user’s function first', () => 7, 7],
    ['which may take its time', () => Promise.resolve(7), 7],
    ['then the header: it does not know', () => undefined, 2],
    ['it throws', () => expect.fail(), 2],
    ['it rejects', () => Promise.reject(new Error('x')), 2],
    ...[NaN, Infinity, -1, 0, 2e9].map((told) => [`it says ${told}`, () => told, 2] as const),
  ])('%s', async (_, ask, seconds) => {
    expect(await secondsOf(wav(2), ask)).toBe(seconds);
  });

  it('about one file or one address', async () => {
    const asked: AudioSource[] = [];
    const ask: AudioDuration = (audio) => void asked.push(audio);
    const file = wav(2);
    await audioSeconds(formOf(file), ask);
    await audioSeconds(JsonBody.of({ url: 'https://x.test/a' }), ask);
    expect(asked).toEqual([{ file: expect.any(Blob) as Blob }, { url: 'https://x.test/a' }]);
  });

  it('about nothing else', async () => {
    const both = new FormData();
    both.append('file', wav(1));
    both.append('url', 'https://x.test');
    const none: AudioDuration = () => expect.fail('asked');
    for (const body of [
      formOf(),
      formOf(wav(1), wav(1)),
      FormBody.of(both),
      JsonBody.of({ url: 5 }),
      JsonBody.of({}),
      undefined,
    ])
      expect(await audioSeconds(body, none)).toBeUndefined();
  });
});
