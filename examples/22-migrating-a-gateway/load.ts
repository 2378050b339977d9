// What both gateways are put under. Its seconds take no time: the clock is moved by hand.

import { manualClock, mockGroq } from '../../src/testing';

export const clock = manualClock(Date.UTC(2026, 10, 20));
export const mock = mockGroq({ clock, latencyMs: 300 });
// $4.80 by the prices of this example.
const answer = { content: 'word '.repeat(112), usage: { prompt_tokens: 80, completion_tokens: 140 } };
mock.reply('chat.completions', answer).persist();

const TEAMS = ['chatbot', 'analytics', 'research'] as const;
export const request = {
  model: 'openai/gpt-oss-20b' as const,
  messages: [{ role: 'user' as const, content: 'Hi' }],
  max_completion_tokens: 200,
};

/** 10 streams that are left after three chunks. */
export async function leaveStreams(open: () => PromiseLike<AsyncIterable<unknown>>): Promise<void> {
  const leave = async (): Promise<void> => {
    let chunks = 0;
    for await (const _chunk of await open()) if (++chunks === 3) return;
  };
  await clock.runUntil(Promise.all(Array.from({ length: 10 }, leave)));
}

/** 5 bursts of 75 calls. Resolves to how many were answered. */
export async function burst(call: (team: (typeof TEAMS)[number]) => PromiseLike<unknown>): Promise<number> {
  let answered = 0;
  for (let round = 1; round <= 5; round++) {
    const calls = Array.from({ length: 25 }, () => TEAMS.map(call)).flat();
    const ends = await clock.runUntil(Promise.allSettled(calls));
    answered += ends.filter(({ status }) => status === 'fulfilled').length;
  }
  return answered;
}
