// Holds what a call may cost, in every budget it counts against, in one step.

import type { Assessment } from './assessment';
import { type Account, ruleOf } from './budget/accounts';
import type { BudgetState, BudgetStore, HoldLine, Reserved } from './budget/budget-store';
import type { Context } from './context';
import { BudgetExceededError, StoreError } from './errors';
import { MAX_NANOS, formatUsd } from './money';
import type { CallBudget } from './policy/policy';
import { LEAST_OUTPUT, outputFields } from './policy/rules';
import type { BudgetRule } from './settings';

/** What is held for a call. */
export interface Held {
  /** The id of the hold: the call's own, unless the call was moved to a key with budgets of its own. */
  readonly id: string;
  /** The key that it counts for. */
  readonly keyId: string | undefined;
  readonly nanos: number;
  /** False if no store holds it: no budget applies, or the store could not be asked. */
  readonly stored: boolean;
  readonly accounts: readonly Account[];
  /** The output bound that the hold counts with. */
  readonly outputTokens: number | undefined;
  /** True if the store could not be asked and the call goes out all the same. */
  readonly ungoverned: boolean;
}

/** True if a budget applies to the call. */
export function needsHold({ rules, spends }: Assessment): boolean {
  return spends && rules !== undefined && rules.budgets.length > 0;
}

/** What is kept in mind for a call that no budget applies to: its upper cost, for estimates. */
export function unheld(assessment: Assessment): Held {
  return unstored(assessment, assessment.upperNanos(assessment.outputBound ?? 0), assessment.outputBound, false);
}

/**
 * Holds the call's upper cost, lowering the output where it may to what the budgets can pay. Throws the refusal. `explain()`
 * passes a store that only looks.
 */
export async function hold(
  assessment: Assessment,
  context: Context,
  store: Pick<BudgetStore, 'reserve'>,
  id: string = assessment.id,
): Promise<Held> {
  const { rules, outputBound } = assessment;
  if (rules === undefined || !needsHold(assessment)) return unheld(assessment);
  let outputTokens = outputBound;
  let nanos = assessment.upperNanos(outputTokens ?? 0);
  const clampable = outputTokens !== undefined && (assessment.explicitOutput === undefined || rules.clampToBudget);
  // Others may take what was seen to be free, so look again; whoever loses three times is refused.
  for (let tries = 0; ; tries++) {
    const lines = holdLines(assessment, context, nanos);
    let reserved: Reserved;
    try {
      reserved = await store.reserve({
        id,
        at: assessment.at,
        expiresAt: assessment.at + context.holdTimeoutMs + waitingMs(context),
        lines: lines.all,
      });
    } catch (error) {
      return storeFailed(assessment, context, store, error, { ...unstored(assessment, nanos, outputTokens, true), id });
    }
    if (store === context.budgetStore) context.noticed(assessment.team, lines.accounts, reserved.states, assessment.at);
    if (reserved.ok) {
      if (context.observe) observeExcess(assessment, lines.accounts, reserved.states, nanos);
      // What was lowered here is what is sent, and what rate limits count.
      assessment.outputBound = outputTokens;
      return { id, keyId: assessment.key?.id, nanos, stored: true, accounts: lines.accounts, outputTokens, ungoverned: false };
    }
    const affordable = clampable && tries < 3 ? affordableOutput(assessment, lines.accounts, reserved.states) : 0;
    if (affordable < Math.min(LEAST_OUTPUT, outputTokens ?? 0) || affordable < 1) {
      const needed = clampable ? assessment.upperNanos(Math.min(LEAST_OUTPUT, outputTokens ?? 0)) : nanos;
      throw exceeded(assessment, lines.accounts, reserved, needed);
    }
    outputTokens = Math.min(affordable, outputTokens ?? affordable);
    nanos = assessment.upperNanos(outputTokens);
  }
}

// A call that waits for its turn for as long as it may has as much time left as any other.
function waitingMs({ queueTimeoutMs }: Context): number {
  return queueTimeoutMs === Infinity ? 0 : queueTimeoutMs;
}

/** The accounts that a call counts in, with what the hold would add to each. */
export function holdLines(
  assessment: Assessment,
  context: Context,
  nanos: number,
): { readonly all: readonly HoldLine[]; readonly accounts: readonly Account[] } {
  const all: HoldLine[] = [];
  const accounts: Account[] = [];
  for (const rule of assessment.rules?.budgets ?? []) {
    const split = rule.per === undefined ? '' : splitOf(rule, assessment, assessment.model, assessment.key?.id);
    const account = context.accountsOf(rule).at(assessment.at, split);
    const limitNanos = rule.soft || context.observe ? MAX_NANOS : rule.limitNanos;
    all.push({ account: account.name, limitNanos, nanos, window: account.window });
    accounts.push(account);
  }
  return { all, accounts };
}

/** How the budgets stand that a call counts in, but for those that count each key apart. */
export async function readBudgets(assessment: Assessment, context: Context): Promise<readonly CallBudget[]> {
  const accounts = holdLines(assessment, context, 0).accounts.filter(({ rule }) => rule.per !== 'key');
  const names = accounts.map(({ name }) => name);
  const states = names.length === 0 ? [] : await context.budgetStore.read(names, assessment.at);
  return accounts.map((account): CallBudget => {
    const { rule } = account;
    const state = states.find((each) => each.account === account.name);
    const [spentNanos, heldNanos] = [state?.spentNanos ?? 0, state?.heldNanos ?? 0];
    const taken = spentNanos + heldNanos;
    return {
      name: rule.name,
      limitNanos: rule.limitNanos,
      spentNanos,
      heldNanos,
      used: taken === 0 ? 0 : taken / rule.limitNanos,
      soft: rule.soft,
      resetsAt: state ? resetOf(accounts, state) : account.resetsAt,
    };
  });
}

/** What a rule's budget is split by, of one call. */
export function splitOf(
  { per }: BudgetRule,
  { team, binding }: Pick<Assessment, 'team' | 'binding'>,
  model: string,
  keyId: string | undefined,
): string {
  switch (per) {
    case undefined:
      return '';
    case 'team':
      return team;
    case 'user':
      return binding.user ?? '';
    case 'key':
      return keyId ?? '';
    case 'model':
      return model;
    default:
      return binding.tags && Object.hasOwn(binding.tags, per.tag) ? (binding.tags[per.tag] ?? '') : '';
  }
}

// How many output tokens the tightest budget can still pay, after the prompt.
function affordableOutput(assessment: Assessment, accounts: readonly Account[], states: readonly BudgetState[]): number {
  let room = Infinity;
  for (const { account, spentNanos, heldNanos } of states) {
    const rule = ruleOf(accounts, account);
    if (rule && !rule.soft) room = Math.min(room, rule.limitNanos - spentNanos - heldNanos);
  }
  const perMillion = assessment.rates?.outputPerMillion ?? 0;
  const forOutput = room - assessment.upperNanos(0);
  if (!(perMillion > 0)) return forOutput >= 0 ? (assessment.outputBound ?? 0) : 0;
  // The prompt's cost is rounded up already, so the sum's one rounding cannot go above the room.
  return Math.min(assessment.outputBound ?? 0, Math.floor((forOutput * 1_000_000) / perMillion));
}

// In observe mode everything is held, and what would have been refused is noted.
function observeExcess(
  assessment: Assessment,
  accounts: readonly Account[],
  states: readonly BudgetState[],
  nanos: number,
): void {
  const before = states.map((state) => ({ ...state, heldNanos: state.heldNanos - nanos }));
  const exceeding = before.filter(({ account, spentNanos, heldNanos }) => {
    const rule = ruleOf(accounts, account);
    return rule !== undefined && !rule.soft && spentNanos + heldNanos + nanos > rule.limitNanos;
  });
  if (exceeding.length > 0)
    assessment.refusals.push(exceeded(assessment, accounts, { states: exceeding, exceeded: [] }, nanos));
}

function exceeded(
  assessment: Assessment,
  accounts: readonly Account[],
  reserved: { readonly states: readonly BudgetState[]; readonly exceeded: readonly string[] },
  requestedNanos: number,
): BudgetExceededError {
  // The one that lacks most is the one to wait for.
  let worst: { state: BudgetState; rule: BudgetRule; missing: number } | undefined;
  for (const state of reserved.states) {
    const rule = ruleOf(accounts, state.account);
    if (!rule || rule.soft) continue;
    const missing = state.spentNanos + state.heldNanos + requestedNanos - rule.limitNanos;
    if (!worst || missing > worst.missing) worst = { state, rule, missing };
  }
  const free = worst ? worst.rule.limitNanos - worst.state.spentNanos - worst.state.heldNanos : 0;
  return new BudgetExceededError({
    ...assessment.subject,
    budget: worst?.rule.name ?? reserved.exceeded.join(', '),
    limitNanos: worst?.rule.limitNanos ?? 0,
    spentNanos: worst?.state.spentNanos ?? 0,
    heldNanos: worst?.state.heldNanos ?? 0,
    requestedNanos,
    resetsAt: worst ? resetOf(accounts, worst.state) : Infinity,
    advice: advice(assessment, free),
  });
}

// A calendar window says itself when it ends; a store that has not seen the account cannot.
function resetOf(accounts: readonly Account[], state: BudgetState): number {
  const account = accounts.find(({ name }) => name === state.account);
  return account && typeof account.rule.period === 'string' ? account.resetsAt : state.resetsAt;
}

function advice(assessment: Assessment, free: number): string | undefined {
  if (assessment.explicitOutput === undefined || outputFields(assessment.operation?.kind).length === 0) return undefined;
  const perMillion = assessment.rates?.outputPerMillion ?? 0;
  const affordable = perMillion > 0 ? Math.floor(((free - assessment.upperNanos(0)) * 1_000_000) / perMillion) : 0;
  if (affordable < LEAST_OUTPUT) return undefined;
  return `Lower max_completion_tokens to ${affordable} or less to fit the ${formatUsd(free)} left, or set clampToBudget.`;
}

const NO_ACCOUNTS: readonly Account[] = [];

const unstored = ({ id, key }: Assessment, nanos: number, outputTokens: number | undefined, ungoverned: boolean): Held => ({
  id,
  keyId: key?.id,
  nanos,
  stored: false,
  accounts: NO_ACCOUNTS,
  outputTokens,
  ungoverned,
});

/** The store could not be asked: throws the refusal, or returns `held` where calls go out all the same. */
export function storeFailed(
  assessment: Assessment,
  context: Context,
  store: Pick<BudgetStore, 'reserve'>,
  error: unknown,
  held: Held,
): Held {
  context.events.emit('store-unavailable', {
    at: assessment.at,
    store: 'budgetStore',
    during: 'reserve',
    callId: assessment.id,
    error,
  });
  // It may have been held although the answer was lost; freeing an unknown id changes nothing.
  if (store === context.budgetStore) context.release(held.id);
  if (context.onStoreFailure === 'allow' || context.observe) return held;
  throw new StoreError({ ...assessment.subject, store: 'budgetStore', cause: error });
}
