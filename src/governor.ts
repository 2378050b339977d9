import { type AlertLogger, Alerts } from './alerts';
import type { GovernedRequest } from './assessment';
import { type BatchSettlement, Batches, type ReadPath } from './batch/batches';
import { Bookkeeper } from './bookkeeper';
import { Accounts } from './budget/accounts';
import { memoryBudgetStore } from './budget/memory';
import { Call } from './call';
import { systemClock } from './clock';
import type { Binding, Context } from './context';
import { PolicyDeniedError } from './errors';
import { Events, type GovernorEvent, type Listener } from './events';
import { type Explanation, explain } from './explain';
import type { Governance } from './governance';
import { idSource } from './id';
import { memoryRateLimiter } from './limit/memory';
import { defineGovernance } from './options';
import { impatientDuration, impatientLog, impatientStore } from './patience';
import { groqPrices } from './price/groq-prices';
import { type Reconciliation, reconcile } from './reconcile';
import { type Report, type ReportQuery, report } from './usage-report';
import { JsonBody } from './sdk/body';
import { Calibration } from './sdk/estimate';
import { USUAL_ALLOWANCE } from './sdk/tools';
import { operationNamed } from './sdk/operation';
import { type BudgetRule, type TeamRules, teamRules } from './settings';
import { memoryUsageLog } from './usage/memory';

// A process may hold an ESM and a CommonJS copy of this package, so `instanceof` alone cannot tell.
const BRAND = Symbol.for('governed-groq.governor');

function isGovernor(value: Governance | Governor | undefined): value is Governor {
  return typeof value === 'object' && BRAND in value;
}

/** Whom `explain()` asks for, and what about. */
export interface ExplainOptions {
  readonly team?: string;
  readonly user?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Default `chat.completions`. */
  readonly operation?: string;
}

// What is changed in the caller's object afterwards changes no rule.
function copyOf({ teams, organization, policies, ...rest }: Governance): Governance {
  return {
    ...rest,
    ...(policies && { policies: [...policies] }),
    ...(teams && { teams: structuredClone(teams) }),
    ...(organization && { organization: structuredClone(organization) }),
  };
}

const DEFAULT_HOLD_TIMEOUT_MS = 15 * 60_000;
const DEFAULT_MAX_RETRY_AFTER_MS = 60_000;
const DEFAULT_STORE_TIMEOUT_MS = 10_000;
const MAX_LABELS = 1000;
// Without any of these there is nothing to govern by.
const RESTRICTING = [
  'teams',
  'organization',
  'policies',
  'keys',
  'unpricedModels',
  'allowOperations',
  'defaultTeam',
  'rateLimiter',
  'queueTimeoutMs',
  'maxQueueSize',
  'maxRetryAfterMs',
] as const;

/**
 * Decides, holds, queues and books. One governor may serve many clients, of groq-sdk or not: it knows nothing of them.
 * Throws a `GovernanceConfigError` if the governance is not valid.
 */
export class Governor {
  readonly #governance: Governance;
  readonly #context: Context;
  readonly #events: Events = new Events();
  readonly #bookkeeper: Bookkeeper;
  readonly #batches: Batches = new Batches();
  readonly #readers: Map<string, ReadPath> = new Map();
  readonly #rules: Map<string, TeamRules> = new Map();
  readonly #accounts: WeakMap<BudgetRule, Accounts> = new WeakMap();
  readonly #ownsStores: readonly { close?(): Promise<void> }[];
  #logger: AlertLogger | undefined;

  constructor(governance: Governance = {}) {
    Object.defineProperty(this, BRAND, { value: true });
    this.#governance = copyOf(defineGovernance(governance));
    const clock = governance.clock ?? systemClock;
    const timeoutMs = governance.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS;
    const budgetStore = governance.budgetStore ? impatientStore(governance.budgetStore, timeoutMs) : memoryBudgetStore();
    const rateLimiter = governance.rateLimiter ?? memoryRateLimiter({ clock });
    const usageLog = governance.usageLog ? impatientLog(governance.usageLog, timeoutMs) : memoryUsageLog();
    const { recordsInto } = governance.budgetStore ?? {};
    const recordsTogether = recordsInto !== undefined && recordsInto === governance.usageLog;
    this.#ownsStores = governance.rateLimiter ? [] : [rateLimiter];
    const alerts = new Alerts(this.#events, () => this.#logger);
    this.#bookkeeper = new Bookkeeper({ clock, budgetStore, usageLog, recordsTogether, events: this.#events, alerts });
    const { teams, policies, keys, unpricedModels, allowOperations } = this.#governance;
    this.#context = {
      clock,
      events: this.#events,
      budgetStore,
      rateLimiter,
      usageLog,
      prices: governance.prices ?? groqPrices,
      unpriced: typeof unpricedModels === 'object' ? unpricedModels : undefined,
      keys,
      policies: policies ?? [],
      allowedOperations: new Set(allowOperations),
      calibration: new Calibration(),
      audioDuration: governance.audioDuration && impatientDuration(governance.audioDuration, timeoutMs),
      toolAllowance: { ...USUAL_ALLOWANCE, ...governance.toolAllowance },
      batches: this.#batches,
      passive: RESTRICTING.every((option) => governance[option] === undefined),
      observe: governance.mode === 'observe',
      onStoreFailure: governance.onStoreFailure ?? 'deny',
      knownTeams: teams ? Object.keys(teams).length : 0,
      holdTimeoutMs: governance.holdTimeoutMs ?? DEFAULT_HOLD_TIMEOUT_MS,
      queueTimeoutMs: governance.queueTimeoutMs ?? Infinity,
      maxQueueSize: governance.maxQueueSize ?? Infinity,
      maxRetryAfterMs: governance.maxRetryAfterMs ?? DEFAULT_MAX_RETRY_AFTER_MS,
      newId: idSource(),
      rulesFor: (team) => this.#rulesFor(team),
      accountsOf: (rule) => this.#accountsOf(rule),
      noticed: (team, accounts, states, at) => alerts.look(team, accounts, states, at, 0),
      release: (holdId) => this.#bookkeeper.release(holdId),
      book: (charge, record) => this.#bookkeeper.book(charge, record),
    };
    for (const team of Object.keys(teams ?? {})) this.#rulesFor(team);
  }

  /** A governance becomes a governor; a governor stays the one it is. */
  static from(governance: Governance | Governor | undefined): Governor {
    return isGovernor(governance) ? governance : new Governor(governance);
  }

  /** True if nothing is configured: every call passes as it is, and its cost is recorded. */
  get passive(): boolean {
    return this.#context.passive;
  }

  /** True if a key provider supplies the keys, so that the client needs none of its own. */
  get suppliesKeys(): boolean {
    return this.#context.keys !== undefined;
  }

  /**
   * Opens a call for an adapter such as `GovernedGroq`. Nothing is decided yet. `read` is for the files of batches: without it
   * only those that were uploaded through this governor can be run.
   */
  open(binding: Binding, read?: ReadPath): Call {
    return new Call(this.#context, binding, read);
  }

  /** How a team's client reads what `settleBatch()` has to read; the first one of each team is taken. */
  useReader(team: string | undefined, read: ReadPath): void {
    const { name } = this.#rulesFor(team) ?? {};
    if (name !== undefined && !this.#readers.has(name) && this.#readers.size < MAX_LABELS) this.#readers.set(name, read);
  }

  /** Where alerts are written when they have no logger yet; the first client's is taken. */
  useLogger(logger: AlertLogger): void {
    this.#logger ??= logger;
  }

  /** Calls the listener on every such event, until the returned function is called. What a listener throws is ignored. */
  on<E extends GovernorEvent>(event: E, listener: Listener<E>): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * The decision that a request would get now, by the code that would decide it. Writes nothing. `params` are those of
   * `chat.completions.create`, or of the operation named.
   */
  async explain(params: object, { operation = 'chat.completions', ...binding }: ExplainOptions = {}): Promise<Explanation> {
    const known = operationNamed(operation);
    if (!known)
      throw new PolicyDeniedError({
        code: 'invalid-request',
        rule: 'operation',
        reason: `Unknown operation ${JSON.stringify(operation)}.`,
      });
    const request: GovernedRequest = {
      method: 'post',
      path: '',
      url: undefined,
      operation: known,
      foreign: false,
      body: JsonBody.of(params),
    };
    return explain(this.#context, binding, request);
  }

  /**
   * Books what a batch has cost, if it has ended: reads its output file through one of this governor's clients. Reading the
   * file through a client does the same. A batch that is booked already is not booked again. Rejects with the provider's
   * error, or a refusal.
   */
  async settleBatch(batchId: string): Promise<BatchSettlement> {
    const [first] = this.#readers;
    if (first === undefined) {
      throw new PolicyDeniedError({
        code: 'invalid-request',
        rule: 'batch',
        reason: 'There is no client to read the batch with. Bind one to a team: client.withTeam(name).',
      });
    }
    const [team, read] = first;
    const settlement = await this.#batches.settle(this.#context, batchId, read, { team, at: this.#context.clock.now() });
    await this.#settled();
    return settlement;
  }

  /** Sums over the calls of a period, once all that has ended is booked. */
  async report(query: ReportQuery = {}): Promise<Report> {
    await this.#settled();
    await this.#context.usageLog.flush?.();
    return report(this.#context, this.#governance.timeZone ?? 'UTC', query);
  }

  /** Live and expired holds, and where the counters and the log disagree, once all that has ended is booked. */
  async reconcile(): Promise<Reconciliation> {
    await this.#settled();
    await this.#context.usageLog.flush?.();
    return reconcile(this.#context, [...this.#rules.values()]);
  }

  /** Resolves when all that has ended is booked and written. Stores that were handed in stay open. */
  async close(): Promise<void> {
    await this.#settled('retries');
    await this.#context.usageLog.flush?.();
    for (const store of this.#ownsStores) await store.close?.();
  }

  async #settled(including?: 'retries'): Promise<void> {
    await this.#batches.idle();
    await this.#bookkeeper.settled(including);
  }

  #rulesFor(team: string | undefined): TeamRules | undefined {
    const { teams, defaultTeam } = this.#governance;
    const name = team ?? defaultTeam ?? (teams ? undefined : 'default');
    if (name === undefined) return undefined;
    let rules = this.#rules.get(name);
    if (rules === undefined) {
      if (teams && !Object.hasOwn(teams, name)) return undefined;
      // Without a list of teams a name is a label, and has no rules of its own.
      rules = teamRules(name, teams?.[name] ?? { concurrency: Infinity }, this.#governance);
      if (this.#rules.size < MAX_LABELS || teams) this.#rules.set(name, rules);
    }
    return rules;
  }

  #accountsOf(rule: BudgetRule): Accounts {
    let accounts = this.#accounts.get(rule);
    if (accounts === undefined) {
      accounts = new Accounts(rule, this.#governance.timeZone ?? 'UTC');
      this.#accounts.set(rule, accounts);
    }
    return accounts;
  }
}
