// A parser of sound files as `audioDuration`, as the README shows it.
import { expect, it } from 'vitest';
import type { AudioDuration } from '../../src/sdk/audio';
import { scene } from '../governor/support';
import { wav } from './audio-files';

interface Parser {
  parseBlob(file: Blob, options: object): Promise<{ readonly format: { readonly duration?: number | undefined } }>;
}

const name = 'music-metadata';
const parser = await import(name).then(
  (module: Parser) => module,
  () => undefined,
);

/** Silence in MPEG-1 layer III, 44.1 kHz, 128 kbit/s: frames of 417 bytes and 1,152 samples. */
function mp3(frames: number): File {
  const frame = new Uint8Array(417);
  frame.set([0xff, 0xfb, 0x90, 0xc4]);
  return new File(
    Array.from({ length: frames }, () => frame),
    'sound.mp3',
    { type: 'audio/mpeg' },
  );
}

it.skipIf(parser === undefined)('music-metadata measures an MP3 file (skipped where it is not installed)', async () => {
  const audioDuration: AudioDuration = async ({ file }) =>
    file && (await parser?.parseBlob(file, { duration: true }))?.format.duration;
  const { client, records, governor } = scene({ teams: { a: { monthlyBudgetUsd: 1 } }, audioDuration }, { team: 'a' });
  await client.audio.transcriptions.create({ model: 'whisper-large-v3', file: mp3(1000) });
  await client.audio.transcriptions.create({ model: 'whisper-large-v3', file: wav(30) });
  await governor.close();
  const seconds = (1000 * 1152) / 44_100;
  expect(records[0]?.costNanos).toBeGreaterThan((0.95 * seconds * 111_000_000) / 3600);
  expect(records[0]?.costNanos).toBeLessThan((1.05 * seconds * 111_000_000) / 3600);
  expect(records[1]).toMatchObject({ costNanos: 925_000, accuracy: 'estimated' });
});
