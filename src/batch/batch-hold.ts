// Holds what a batch may cost: in one step under the call's id before it is created, and under the batch's own id afterwards,
// which is all that anybody needs to know to settle it, in any process.

import type { Held } from '../admission';
import { splitOf, storeFailed } from '../admission';
import type { Assessment } from '../assessment';
import type { Account } from '../budget/accounts';
import type { BudgetState, HoldLine } from '../budget/budget-store';
import type { Context } from '../context';
import { BudgetExceededError } from '../errors';
import { MAX_NANOS } from '../money';
import type { BudgetRule } from '../settings';
import type { BatchPlan } from './batch-plan';

/** What a batch takes of one account. */
interface Share {
  readonly account: Account;
  readonly nanos: number;
}

const DAY_MS = 86_400_000;
const LONGEST_WINDOW_MS = 7 * DAY_MS;
/** How long after the batch's last day its output may still be read before its hold is charged. */
const MARGIN_MS = DAY_MS;

/** When the hold of a batch that is created now is charged, if nobody settles it. */
export function holdUntil(at: number, completionWindow: unknown): number {
  const [, count, unit] = /^(\d{1,4})([hd])$/.exec(typeof completionWindow === 'string' ? completionWindow : '') ?? [];
  const windowMs = count === undefined ? LONGEST_WINDOW_MS : Number(count) * (unit === 'd' ? DAY_MS : DAY_MS / 24);
  return at + windowMs + MARGIN_MS;
}

/** The id of the hold, and with `model` that of the part that a model has of a divided one. */
export const holdId = (batchId: string, model?: string): string =>
  model === undefined ? `batch:${batchId}` : `batch:${batchId}/${model}`;

/** True if the models of a batch count in accounts of their own, so that each needs a hold of its own. */
export const isDivided = ({ rules }: Assessment, { byModel }: BatchPlan): boolean =>
  byModel.size > 1 && (rules?.budgets ?? []).some(({ per }) => per === 'model');

/** Holds the whole plan under the call's id, in every budget, or throws the refusal. */
export async function holdBatch(
  assessment: Assessment,
  context: Context,
  { nanos, byModel }: BatchPlan,
  expiresAt: number,
): Promise<Held> {
  const { id, at, team, key } = assessment;
  const shares = sharesOf(assessment, context, byModel);
  const accounts = shares.map(({ account }) => account);
  const held: Held = { id, keyId: key?.id, nanos, stored: false, accounts, outputTokens: undefined, ungoverned: false };
  if (shares.length === 0) return held;
  const lines = linesOf(shares, ({ soft, limitNanos }) => (soft || context.observe ? MAX_NANOS : limitNanos));
  const reserved = await context.budgetStore.reserve({ id, at, expiresAt, lines }).catch((error: unknown) => {
    return storeFailed(assessment, context, context.budgetStore, error, { ...held, ungoverned: true });
  });
  if ('stored' in reserved) return reserved;
  context.noticed(team, accounts, reserved.states, at);
  if (!reserved.ok) throw exceeded(assessment, shares, reserved.states, nanos);
  if (context.observe) {
    const before = reserved.states.map((state) => ({ ...state, heldNanos: state.heldNanos - neededIn(shares, state, nanos) }));
    if (before.some((state) => missing(state, shares, nanos) > 0)) {
      assessment.refusals.push(exceeded(assessment, shares, before, nanos));
    }
  }
  return { ...held, stored: true };
}

/**
 * Holds the same once more under the batch's id; the caller then frees the first hold. Nothing can refuse it: the room is taken
 * already. For a moment the money is held twice, so that there is none in which it is not held. Rejects as the store does.
 */
export async function moveHold(
  assessment: Assessment,
  context: Context,
  { byModel }: BatchPlan,
  batchId: string,
  expiresAt: number,
  divided: boolean,
): Promise<void> {
  const parts = divided ? [...byModel].map(([model, nanos]) => new Map([[model, nanos]])) : [byModel];
  await Promise.all(
    parts.map(async (part) => {
      const [model] = part.keys();
      const lines = linesOf(sharesOf(assessment, context, part), () => MAX_NANOS);
      const id = holdId(batchId, divided ? model : undefined);
      const { ok } = await context.budgetStore.reserve({ id, at: assessment.at, expiresAt, lines });
      if (!ok) throw new RangeError(`The account of batch ${batchId} cannot count any further.`);
    }),
  );
}

/** Whom a batch is charged to. */
export interface Payer {
  readonly team: string;
  readonly user?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly keyId?: string | undefined;
  /** When it was admitted, epoch milliseconds. */
  readonly at: number;
}

/** The accounts that a payer's batch counts in, as the rules are now. */
export function accountsOf(context: Context, { team, user, tags, keyId, at }: Payer, models: readonly string[]): Account[] {
  const accounts = new Map<string, Account>();
  for (const rule of context.rulesFor(team)?.budgets ?? []) {
    for (const model of rule.per === 'model' ? models : ['']) {
      const account = context.accountsOf(rule).at(at, splitOf(rule, { team, binding: { user, tags } }, model, keyId));
      accounts.set(account.name, account);
    }
  }
  return [...accounts.values()];
}

function sharesOf(assessment: Assessment, context: Context, byModel: ReadonlyMap<string, number>): Share[] {
  const { at, key, rules } = assessment;
  let total = 0;
  for (const nanos of byModel.values()) total += nanos;
  return (rules?.budgets ?? []).flatMap((rule) =>
    (rule.per === 'model' ? [...byModel] : [['', total] as const]).map(([model, nanos]) => ({
      account: context.accountsOf(rule).at(at, splitOf(rule, assessment, model, key?.id)),
      nanos,
    })),
  );
}

const linesOf = (shares: readonly Share[], limitOf: (rule: BudgetRule) => number): HoldLine[] =>
  shares.map(({ account: { name, window, rule }, nanos }) => ({
    account: name,
    limitNanos: limitOf(rule),
    nanos,
    window,
  }));

const shareIn = (shares: readonly Share[], name: string): Share | undefined =>
  shares.find(({ account }) => account.name === name);

const neededIn = (shares: readonly Share[], { account }: BudgetState, otherwise: number): number =>
  shareIn(shares, account)?.nanos ?? otherwise;

function missing(state: BudgetState, shares: readonly Share[], nanos: number): number {
  const rule = shareIn(shares, state.account)?.account.rule;
  if (!rule || rule.soft) return -Infinity;
  return state.spentNanos + state.heldNanos + neededIn(shares, state, nanos) - rule.limitNanos;
}

function exceeded(
  assessment: Assessment,
  shares: readonly Share[],
  states: readonly BudgetState[],
  nanos: number,
): BudgetExceededError {
  let worst = states[0];
  for (const state of states) {
    // The one that lacks most is the one to wait for.
    if (worst === undefined || missing(state, shares, nanos) > missing(worst, shares, nanos)) worst = state;
  }
  const share = worst && shareIn(shares, worst.account);
  const rule = share?.account.rule;
  return new BudgetExceededError({
    ...assessment.subject,
    budget: rule?.name ?? '',
    limitNanos: rule?.limitNanos ?? 0,
    spentNanos: worst?.spentNanos ?? 0,
    heldNanos: worst?.heldNanos ?? 0,
    requestedNanos: share?.nanos ?? nanos,
    resetsAt: (typeof rule?.period === 'string' ? share?.account.resetsAt : worst?.resetsAt) ?? Infinity,
    advice: 'Set max_completion_tokens in the lines to what their answers need, or split the file.',
  });
}
