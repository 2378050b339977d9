// What the story needs besides the library: its requests, a Groq that answers without a key, a fast clock, and lines that fit.

import { readFileSync } from 'node:fs';
import { type Clock, type UsageRecord, systemClock } from '../../src/index';
import { type MockCall, type MockGroq, mockGroq } from '../../src/testing';

/** One request of `workload.json`. */
export interface Item {
  readonly scene?: 'morning' | 'refused' | 'left';
  readonly team: string;
  readonly user: string;
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  readonly priority: number;
}

export const workload = JSON.parse(readFileSync(new URL('workload.json', import.meta.url), 'utf8')) as readonly Item[];

const SPEED = 60;
const MORNING = Date.UTC(2026, 10, 2, 8);

/** A Monday at 8:00, and a minute passes in a second. Everything in the library that knows the time knows it from its clock. */
export const fastClock: Clock = {
  now: () => MORNING + performance.now() * SPEED,
  sleep: (ms, signal) => systemClock.sleep(ms / SPEED, signal),
};

/** Groq's own limits are on, so a 429 would be the real one. */
export const groqOnThisMachine: MockGroq = mockGroq({
  clock: fastClock,
  latencyMs: 600,
  chunkChars: 24,
  limits: { rpm: 1000, tpm: 250_000 },
});
groqOnThisMachine.reply('chat.completions', ({ body }: MockCall) => ({ content: answerTo(body) })).persist();

const SENTENCES = [
  'Begin with whatever is cheapest to check.',
  'Most of the time it is dirt, a loose bolt or an old habit.',
  'Write down what you see before you change anything.',
  'If the numbers contradict each other, trust the ones you measured twice.',
  'There is one exception, and it concerns wet weather.',
  'Ask for the figures of last year as well.',
  'A second opinion costs ten minutes and saves an afternoon.',
  'Do the dull part first; the interesting one will still be there.',
  'Whoever promises more than that has not tried it on a hill.',
  'In short: measure, change one thing, measure again.',
];

// An answer that takes between a third and nine tenths of what it may, the same one every time.
function answerTo({ messages, max_completion_tokens: most }: Readonly<Record<string, unknown>>): string {
  const prompt = new TextEncoder().encode(JSON.stringify(messages));
  const seed = prompt.reduce((hash, byte) => (hash * 31 + byte) % 9973, 7);
  const characters = Math.floor(Number(most) * 4 * (0.33 + (seed % 57) / 100));
  let text = '';
  for (let next = seed; text.length < characters; next++) text += `${SENTENCES[next % SENTENCES.length]} `;
  return text.slice(0, characters).trim();
}

export const usd = (nanos: number): string => `$${(nanos / 1e9).toFixed(9)}`;

export const sum = (records: readonly UsageRecord[]): number => records.reduce((total, { costNanos }) => total + costNanos, 0);

export const short = (text: string, length: number): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
};

let scenes = 0;
export const scene = (title: string): void => console.log(`\n${++scenes}. ${title}\n`);

/** Prints text after a label, broken to lines. */
export function say(label: string, text: string): void {
  const lines: string[] = [''];
  for (const word of text.split(/\s+/)) {
    if (`${lines.at(-1)} ${word}`.length > 78) lines.push('');
    lines.push(`${lines.pop()} ${word}`);
  }
  console.log(lines.map((line, index) => `   ${(index === 0 ? label : '').padEnd(10)}${line}`).join('\n'));
}

/** Prints rows of cells, numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? String(cell).padEnd(widths[0] ?? 0) : String(cell).padStart(widths[column] ?? 0),
    );
    console.log(`   ${cells.join('  ')}`);
  }
}
