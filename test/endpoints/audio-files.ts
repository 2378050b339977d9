// Small sound files, made byte by byte.

const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));
const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 256);

export const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

export const chunk = (kind: string, content: readonly number[], length = content.length): number[] => [
  ...ascii(kind),
  ...little(length, 4),
  ...content,
  ...(length % 2 === 1 && content.length === length ? [0] : []),
];

export interface WavOptions {
  readonly rate?: number;
  readonly channels?: number;
  readonly bits?: number;
  readonly tag?: number;
  readonly bytesPerSecond?: number;
  /** Of the file that an extensible header names. */
  readonly inner?: number;
  readonly before?: readonly number[];
  readonly after?: readonly number[];
  /** What the header says of the sound's size. */
  readonly told?: number;
}

/** A WAV file of silence, by default 8,000 samples a second of 8 bits. */
export function wav(seconds: number, options: WavOptions = {}): File {
  const { rate = 8000, channels = 1, bits = 8, tag = 1, inner, before = [], after = [] } = options;
  const frame = (channels * bits) / 8;
  const { bytesPerSecond = rate * frame } = options;
  const extension = inner === undefined ? [] : [...little(22, 2), ...little(bits, 2), ...little(0, 4), ...little(inner, 2)];
  const format = [
    ...[
      little(tag, 2),
      little(channels, 2),
      little(rate, 4),
      little(bytesPerSecond, 4),
      little(frame, 2),
      little(bits, 2),
    ].flat(),
    ...(inner === undefined ? [] : [...extension, ...zeros(14)]),
  ];
  const size = Math.round(seconds * rate * frame);
  const head = [...chunk('fmt ', format), ...before, ...ascii('data'), ...little(options.told ?? size, 4)];
  const riff = [...ascii('RIFF'), ...little(4 + head.length + size + after.length, 4), ...ascii('WAVE')];
  return new File([Uint8Array.from([...riff, ...head]), new Uint8Array(size), Uint8Array.from(after)], 'sound.wav');
}

/** A FLAC file's header for 16 kHz, mono, 16 bits, and so many bytes after it. */
export function flac(seconds: number, bytes: number, rate = 16_000): File {
  const samples = Math.round(seconds * rate);
  const packed = (BigInt(rate) << 44n) | (15n << 36n) | BigInt(samples);
  const info = new DataView(new ArrayBuffer(34));
  info.setBigUint64(10, packed);
  const head = [...ascii('fLaC'), 0x80, 0, 0, 34];
  return new File([Uint8Array.from(head), new Uint8Array(info.buffer), new Uint8Array(bytes)], 'sound.flac');
}
