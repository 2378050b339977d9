// How long audio is, before it is sent: by the user's own means, else by a header that says it for certain.

import { type BodyFields, FormBody } from './body';

/** What is to be transcribed or translated: a file, or an address from which the provider fetches one. */
export interface AudioSource {
  readonly file?: Blob | undefined;
  readonly url?: string | undefined;
}

/** Tells how long the audio is, in seconds; undefined if it does not know. What it throws counts as not knowing. */
export type AudioDuration = (audio: AudioSource) => number | undefined | Promise<number | undefined>;

/** The length of a request's audio in seconds, or undefined if nobody can tell. Reads no more of a file than its header. */
export async function audioSeconds(body: BodyFields | undefined, ask: AudioDuration | undefined): Promise<number | undefined> {
  const audio = body && sourceOf(body);
  if (audio === undefined) return undefined;
  try {
    const told: unknown = await ask?.({ ...audio });
    if (typeof told === 'number' && told > 0 && told <= LONGEST_SECONDS) return told;
  } catch {
    // The header may still tell.
  }
  try {
    return audio.file && (await headerSeconds(audio.file));
  } catch {
    // A file that cannot be read cannot be sent either, which is the transport's to say.
    return undefined;
  }
}

const LONGEST_SECONDS = 1e9;

// One file or one address: of several, nobody knows which is heard.
function sourceOf(body: BodyFields): AudioSource | undefined {
  const url = body.get('url');
  const file = body instanceof FormBody ? body.onlyFile() : undefined;
  if (url === undefined) return file && { file };
  return typeof url === 'string' && !(body instanceof FormBody && body.fileBytes() !== undefined) ? { url } : undefined;
}

// Room for a list of titles before the sound, which some programs write.
const HEADER_BYTES = 4096;

async function headerSeconds(file: Blob): Promise<number | undefined> {
  const head = new DataView(await file.slice(0, HEADER_BYTES).arrayBuffer());
  const seconds = wavSeconds(head, file.size) ?? flacSeconds(head, file.size);
  return seconds !== undefined && seconds > 0 && seconds <= LONGEST_SECONDS ? seconds : undefined;
}

const RIFF = 0x52494646;
const WAVE = 0x57415645;
const FORMAT = 0x666d7420;
const DATA = 0x64617461;

// To the end of the file, whatever the header says of the sound's size: never shorter than what is heard.
function wavSeconds(head: DataView, size: number): number | undefined {
  if (head.byteLength < 44 || head.getUint32(0) !== RIFF || head.getUint32(8) !== WAVE) return undefined;
  let bytesPerSecond: number | undefined;
  for (let at = 12; at + 8 <= head.byteLength;) {
    const [kind, length, start] = [head.getUint32(at), head.getUint32(at + 4, true), at + 8];
    if (kind === DATA) return bytesPerSecond && (size - start) / bytesPerSecond;
    if (kind === FORMAT && start + length <= head.byteLength) bytesPerSecond ??= pcmRate(head, start, length);
    at = start + length + (length % 2);
  }
  return undefined;
}

const EXTENSIBLE = 0xfffe;
// Whole numbers, fractions, A-law, µ-law: each sample has its fixed place.
const UNCOMPRESSED: ReadonlySet<number> = new Set([1, 3, 6, 7]);

// Undefined if it is compressed, or if its numbers contradict each other.
function pcmRate(head: DataView, at: number, length: number): number | undefined {
  if (length < 16) return undefined;
  const tag = head.getUint16(at, true);
  const format = tag === EXTENSIBLE && length >= 40 ? head.getUint16(at + 24, true) : tag;
  const channels = head.getUint16(at + 2, true);
  const [samples, rate] = [head.getUint32(at + 4, true), head.getUint32(at + 8, true)];
  const [frame, bits] = [head.getUint16(at + 12, true), head.getUint16(at + 14, true)];
  const isConsistent = frame * 8 === channels * bits && rate === samples * frame;
  return UNCOMPRESSED.has(format) && isConsistent && rate > 0 ? rate : undefined;
}

const FLAC = 0x664c6143;

// As long as it says, and no shorter than its bytes would be uncompressed.
function flacSeconds(head: DataView, size: number): number | undefined {
  if (head.byteLength < 42 || head.getUint32(0) !== FLAC || (head.getUint8(4) & 0x7f) !== 0) return undefined;
  const packed = head.getUint32(18);
  const samplesPerSecond = packed >>> 12;
  const bytesPerSample = ((((packed >>> 9) & 7) + 1) * (((packed >>> 4) & 31) + 1)) / 8;
  const samples = (packed & 15) * 2 ** 32 + head.getUint32(22);
  if (samplesPerSecond === 0 || samples === 0) return undefined;
  return Math.max(samples, size / bytesPerSample) / samplesPerSecond;
}
