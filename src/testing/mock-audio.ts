// Speech in both directions.
import { hashOf } from './mock-hash';
import { jsonReply } from './mock-rendered';
import type { Rendered } from './mock-rendered';
import type { Incoming } from './mock-request';
import type { MockAnswer } from './mock-script';
import { inputTokens } from './mock-tokens';
import { asArray, asText } from './mock-values';

// 128 kbit/s, if the file does not say how long it plays.
const BYTES_PER_SECOND = 16_000;
const SECONDS_OF_URL = 10;

const WAV_HEADER = 44;
const RIFF = 0x52494646;
const WAVE = 0x57415645;

export function answerAudio(incoming: Incoming, script: MockAnswer, requestId: string): Rendered {
  const { body, operation } = incoming.call;
  const file = incoming.files.get('file');
  const duration = audioSeconds(incoming);
  const text = script.content ?? ` This is what ${file ? file.name : 'the audio behind the address'} says.`;
  const took = { input: 0, output: 0, audioSeconds: Math.ceil(duration) };
  const format = body['response_format'];
  if (format === 'text') {
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    return { status: 200, headers, chunks: [text], ending: 'complete', took };
  }
  if (format !== 'verbose_json') return { ...jsonReply({ text, x_groq: { id: requestId } }), took };
  const verbose = {
    task: operation === 'audio.translations' ? 'translate' : 'transcribe',
    language: typeof body['language'] === 'string' ? body['language'] : 'English',
    duration,
    text,
    segments: [segment(text, duration)],
    ...(asArray(body['timestamp_granularities']).includes('word') ? { words: words(text, duration) } : {}),
    x_groq: { id: requestId },
  };
  return { ...jsonReply(verbose), took };
}

/** How long the audio of a request plays: exact for WAV, else estimated from the size. */
export function audioSeconds({ call, files }: Incoming): number {
  const file = files.get('file');
  if (!file) return call.operation.startsWith('audio.tran') ? SECONDS_OF_URL : 0;
  const { bytes } = file;
  const header = new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, WAV_HEADER));
  const isWav = header.byteLength === WAV_HEADER && header.getUint32(0) === RIFF && header.getUint32(8) === WAVE;
  const bytesPerSecond = isWav ? header.getUint32(28, true) : 0;
  return bytesPerSecond > 0 ? (bytes.length - WAV_HEADER) / bytesPerSecond : bytes.length / BYTES_PER_SECOND;
}

/** A WAV file: silence, 16 bits, mono, longer for a longer text. */
export function speak(body: Readonly<Record<string, unknown>>): Rendered {
  const text = asText(body['input']);
  const rate = Number(body['sample_rate'] ?? 8000);
  // Ten times as fast as people speak, to keep tests small.
  const size = 2 * Math.max(1, Math.round((rate * text.length) / 150));
  const wav = new DataView(new ArrayBuffer(WAV_HEADER + size));
  const ascii = (at: number, value: string): void => {
    for (let index = 0; index < value.length; index++) wav.setUint8(at + index, value.charCodeAt(index));
  };
  ascii(0, 'RIFF');
  wav.setUint32(4, 36 + size, true);
  ascii(8, 'WAVEfmt ');
  wav.setUint32(16, 16, true);
  wav.setUint16(20, 1, true);
  wav.setUint16(22, 1, true);
  wav.setUint32(24, rate, true);
  wav.setUint32(28, 2 * rate, true);
  wav.setUint16(32, 2, true);
  wav.setUint16(34, 16, true);
  ascii(36, 'data');
  wav.setUint32(40, size, true);
  const chunks = [new Uint8Array(wav.buffer)];
  const took = { input: inputTokens(body['input']), output: 0 };
  return { status: 200, headers: { 'content-type': 'audio/wav' }, chunks, ending: 'complete', took };
}

const segment = (text: string, duration: number): object => ({
  id: 0,
  seek: 0,
  start: 0,
  end: duration,
  text,
  tokens: [50365, hashOf(text) % 50_000],
  temperature: 0,
  avg_logprob: -0.12,
  compression_ratio: 1.1,
  no_speech_prob: 0.001,
});

function words(text: string, duration: number): object[] {
  const list = text.trim().split(/\s+/);
  const each = duration / list.length;
  return list.map((word, index) => ({ word, start: index * each, end: (index + 1) * each }));
}
