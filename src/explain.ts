import { hold, holdLines } from './admission';
import { type DecisionStep, Assessment, type GovernedRequest, assess } from './assessment';
import { ruleOf } from './budget/accounts';
import type { BudgetStore } from './budget/budget-store';
import type { Binding, Context } from './context';
import { demandOf } from './demand';
import { BudgetExceededError, StoreError, type GovernanceError, type GovernanceErrorCode, isGovernanceError } from './errors';
import type { LimitState } from './limit/rate-limiter';
import { NANOS_PER_USD } from './money';

/** One budget or rate limit as a call would meet it now. Budgets in USD, the rest in what they count. */
export interface ExplainedLimit {
  /** E.g. `chatbot/month`. */
  readonly name: string;
  readonly kind: 'budget' | LimitState['kind'];
  readonly cap: number;
  readonly used: number;
  /** Set aside for calls in flight; rate limits count those as used. */
  readonly held: number;
  readonly requested: number;
  /** When there would be room again, or for a budget when its window ends; epoch milliseconds. */
  readonly resetsAt: number;
  /** True for the one limit that decides: it refuses, lowers the output, makes the call wait, or has the least room. */
  readonly binding: boolean;
}

/** The decision that a call would get now. */
export interface Explanation {
  readonly allowed: boolean;
  readonly code?: GovernanceErrorCode;
  readonly reason?: string;
  /** The output bound that would be sent; undefined if nothing bounds it. */
  readonly maxCompletionTokens: number | undefined;
  readonly upperCostUsd: number;
  /** How long it would wait for its turn; `Infinity` if it never fits. */
  readonly waitMs: number;
  readonly limits: readonly ExplainedLimit[];
  readonly decisions: readonly DecisionStep[];
}

/** Takes the same way as a real call, with a store that only looks. */
export async function explain(context: Context, binding: Binding, request: GovernedRequest): Promise<Explanation> {
  const now = context.clock.now();
  const assessment = new Assessment('explain', now, binding, request);
  assessment.tracing = true;
  await assess(assessment, context);
  let refusal: GovernanceError | undefined = assessment.refusals[0];
  let nanos = assessment.upperNanos(assessment.outputBound ?? 0);
  let outputTokens = assessment.outputBound;
  if (refusal === undefined) {
    try {
      ({ nanos, outputTokens } = await hold(assessment, context, lookingAt(context.budgetStore)));
      refusal = assessment.refusals[0];
    } catch (error) {
      if (!isGovernanceError(error)) throw error;
      refusal = error;
    }
  }
  const requested = refusal instanceof BudgetExceededError ? refusal.requestedNanos : nanos;
  const budgets = assessment.spends ? await explainBudgets(assessment, context, requested) : [];
  let rates: ExplainedLimit[] = [];
  if (assessment.spends && assessment.rules && !context.passive) {
    try {
      rates = await explainRates(assessment, context);
    } catch (cause) {
      const { events } = context;
      events.emit('store-unavailable', { at: now, store: 'rateLimiter', during: 'read', callId: undefined, error: cause });
      if (context.onStoreFailure === 'deny' && !context.observe)
        refusal ??= new StoreError({ ...assessment.subject, store: 'rateLimiter', cause });
    }
  }
  // A limiter that reads a clock reads it later than `now`.
  const asked = context.clock.now();
  const waitMs = rates.reduce((wait, { resetsAt }) => Math.max(wait, resetsAt - asked), 0);
  refusal ??= waitMs > 0 ? await waitRefusal(assessment, context) : undefined;
  const bounded = assessment.explicitOutput !== undefined || (assessment.rules?.needsBound ?? false);
  return {
    allowed: refusal === undefined,
    ...(refusal && { code: refusal.code, reason: refusal.message }),
    maxCompletionTokens: bounded ? outputTokens : undefined,
    upperCostUsd: requested / NANOS_PER_USD,
    waitMs,
    limits: markBinding([...budgets, ...rates], refusal, asked),
    decisions: assessment.steps,
  };
}

// The limiter itself says whether it would let the call wait. It is asked for a place that is given up at once, so that nothing
// is taken; a call that need not wait is never asked about here.
async function waitRefusal(assessment: Assessment, context: Context): Promise<GovernanceError | undefined> {
  const asking = new AbortController();
  const turn = context.rateLimiter.acquire(demandOf(assessment, context), asking.signal);
  asking.abort();
  try {
    const slot = await turn;
    slot.release();
    return undefined;
  } catch (error) {
    return isGovernanceError(error) ? error : undefined;
  }
}

function lookingAt(store: BudgetStore): Pick<BudgetStore, 'reserve'> {
  return {
    async reserve({ lines, at }) {
      const accounts = lines.map(({ account }) => account);
      const states = await store.read(accounts, at);
      const exceeded = lines.filter(({ account, nanos, limitNanos }) => {
        const state = states.find((each) => each.account === account);
        return (state ? state.spentNanos + state.heldNanos : 0) + nanos > limitNanos;
      });
      return exceeded.length === 0
        ? { ok: true, states }
        : { ok: false, exceeded: exceeded.map(({ account }) => account), states };
    },
  };
}

async function explainBudgets(assessment: Assessment, context: Context, nanos: number): Promise<ExplainedLimit[]> {
  const { all, accounts } = holdLines(assessment, context, nanos);
  const states = await context.budgetStore
    .read(
      accounts.map(({ name }) => name),
      assessment.at,
    )
    // That the store is away has been told as the reason; there is nothing to show of it.
    .catch(() => undefined);
  if (states === undefined) return [];
  return all.map(({ account, window }) => {
    const rule = ruleOf(accounts, account);
    const state = states.find((each) => each.account === account);
    return {
      name: rule?.name ?? account,
      kind: 'budget' as const,
      cap: (rule?.limitNanos ?? 0) / NANOS_PER_USD,
      used: (state?.spentNanos ?? 0) / NANOS_PER_USD,
      held: (state?.heldNanos ?? 0) / NANOS_PER_USD,
      requested: nanos / NANOS_PER_USD,
      resetsAt: typeof window === 'object' && 'resetsAt' in window ? window.resetsAt : (state?.resetsAt ?? assessment.at),
      binding: false,
    };
  });
}

async function explainRates(assessment: Assessment, context: Context): Promise<ExplainedLimit[]> {
  const states = (await context.rateLimiter.peek?.(demandOf(assessment, context))) ?? [];
  return states.map(({ name, kind, cap, used, requested, availableAt }) => ({
    name,
    kind,
    cap,
    used,
    held: 0,
    requested,
    resetsAt: availableAt,
    binding: false,
  }));
}

function markBinding(limits: readonly ExplainedLimit[], refusal: GovernanceError | undefined, now: number): ExplainedLimit[] {
  let binding: ExplainedLimit | undefined;
  if (refusal instanceof BudgetExceededError)
    binding = limits.find(({ kind, name }) => kind === 'budget' && name === refusal.budget);
  else if (refusal === undefined) {
    const waits = limits.filter(({ kind, resetsAt }) => kind !== 'budget' && resetsAt > now);
    binding = waits.length > 0 ? waits.reduce((a, b) => (b.resetsAt > a.resetsAt ? b : a)) : leastRoom(limits);
  }
  return limits.map((limit) => (limit === binding ? { ...limit, binding: true } : limit));
}

// How many more such requests fit.
function leastRoom(limits: readonly ExplainedLimit[]): ExplainedLimit | undefined {
  const room = ({ cap, used, held, requested }: ExplainedLimit): number =>
    requested > 0 ? (cap - used - held) / requested : Infinity;
  return limits.reduce<ExplainedLimit | undefined>(
    (least, limit) => (least === undefined || room(limit) < room(least) ? limit : least),
    undefined,
  );
}
