import { expect } from 'vitest';
import type { Accuracy, CallOutcome } from '../../src/usage/usage-log';
import { collectGarbage } from '../garbage';
import { MESSAGES, MODEL, type Scene, type SceneOptions, holdOf, scene, until } from './support';

export const PARAMS = { model: MODEL, messages: MESSAGES, max_completion_tokens: 100 };
/** What `PARAMS` is held for. */
export const HELD = holdOf(100);

/** One call at a time, so that a slot that is not released stops the next call. */
export const oneAtATime = (options: SceneOptions = {}): Scene =>
  scene({ teams: { a: { monthlyBudgetUsd: 1, concurrency: 1 } } }, { team: 'a', ...options });

export interface Booked {
  readonly costNanos: number;
  readonly accuracy: Accuracy;
  readonly outcome: CallOutcome;
  readonly attempts?: number;
}

/** The call is booked as expected, once; nothing of it is left; and the next one can go. */
export async function expectBooked({ client, clock, governor, mock, records }: Scene, booked: Booked): Promise<void> {
  await until(() => records.length > 0);
  const { live, expired, gaps } = await governor.reconcile();
  expect(records).toHaveLength(1);
  expect(records[0]).toMatchObject({ ...booked });
  expect({ live, expired, gaps }).toEqual({ live: [], expired: [], gaps: [] });
  mock.reply('chat.completions', {});
  await clock.runUntil(client.chat.completions.create(PARAMS));
  const { total } = await governor.report();
  expect(records).toHaveLength(2);
  expect(total.costNanos).toBe(booked.costNanos + (records[1]?.costNanos ?? NaN));
  expect((await governor.reconcile()).gaps).toEqual([]);
}

/** Collects garbage until the condition holds. */
export async function collectUntil(condition: () => boolean, most = 200): Promise<void> {
  for (let rounds = 0; !condition(); rounds++) {
    if (rounds > most) throw new Error('nothing was collected');
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
