import { type AlertLogger, Alerts } from './alerts';
import type { GovernedRequest } from './assessment';
import { type BatchSettlement, Batches, type ReadPath } from './batch/batches';
import { Bookkeeper } from './bookkeeper';
import { memoryBudgetStore } from './budget/memory';
import { Call } from './call';
import { systemClock } from './clock';
import { type Binding, type Context, type Parts, contextOf } from './context';
import { type ConfigIssue, GovernanceConfigError, PolicyDeniedError, formatInstant, issueLines } from './errors';
import { Events, type GovernorEvent, type Listener } from './events';
import { type Explanation, explain } from './explain';
import type { AlertSink, BudgetIncrease, Governance } from './governance';
import { type GovernanceEdit, type GovernanceSource, edited, fixedIssues, sourceOf } from './governance-source';
import { idSource } from './id';
import { increasesWithin } from './increases';
import { instantOf } from './instant';
import { type KeyReport, keyReport } from './key-report';
import { KeysInForce } from './keys/keys-option';
import { memoryRateLimiter } from './limit/memory';
import { formatUsd, nanosOfUsd } from './money';
import { defineGovernance } from './options';
import { impatientDuration, impatientLog, impatientStore } from './store-timeout';
import { type Reconciliation, reconcile } from './reconcile';
import { type Report, type ReportQuery, report } from './usage-report';
import { JsonBody } from './sdk/body';
import { Calibration } from './sdk/estimate';
import { operationNamed } from './sdk/operation';
import { budgetNames } from './rule-check';
import { Rulebook } from './rulebook';
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
function copyOf({ teams, organization, policies, increases, ...rest }: Governance): Governance {
  return {
    ...rest,
    ...(increases && { increases: structuredClone(increases) }),
    ...(policies && { policies: [...policies] }),
    ...(teams && { teams: structuredClone(teams) }),
    ...(organization && { organization: structuredClone(organization) }),
  };
}

const DEFAULT_STORE_TIMEOUT_MS = 10_000;
const MAX_LABELS = 1000;

/**
 * Decides, holds, queues and books. One governor may serve many clients, of groq-sdk or not: it knows nothing of them.
 * Throws a `GovernanceConfigError` if the governance is not valid.
 */
export class Governor {
  readonly #alertSinks: readonly AlertSink[];
  readonly #parts: Parts;
  readonly #events: Events = new Events();
  readonly #bookkeeper: Bookkeeper;
  readonly #batches: Batches = new Batches();
  readonly #readers: Map<string, ReadPath> = new Map();
  readonly #increases: BudgetIncrease[] = [];
  readonly #keys: KeysInForce;
  readonly #ownsStores: readonly { close?(): Promise<void> }[];
  readonly #unfollow: (() => void) | undefined;
  /** As given, with what its source says now. */
  #rules: Governance;
  #rulebook: Rulebook;
  /** Calls keep the one that they were opened with, so an edit changes nothing for those under way. */
  #context: Context;
  #logger: AlertLogger | undefined;

  constructor(governance: Governance = {}) {
    Object.defineProperty(this, BRAND, { value: true });
    this.#rules = copyOf(defineGovernance(governance));
    this.#alertSinks = governance.alerts ?? [];
    const clock = governance.clock ?? systemClock;
    const timeoutMs = governance.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS;
    const budgetStore = governance.budgetStore ? impatientStore(governance.budgetStore, timeoutMs) : memoryBudgetStore();
    const rateLimiter = governance.rateLimiter ?? memoryRateLimiter({ clock });
    const usageLog = governance.usageLog ? impatientLog(governance.usageLog, timeoutMs) : memoryUsageLog();
    const { recordsInto } = governance.budgetStore ?? {};
    const recordsTogether = recordsInto !== undefined && recordsInto === governance.usageLog;
    this.#ownsStores = governance.rateLimiter ? [] : [rateLimiter];
    const alerts = new Alerts(this.#events, () => this.#logger);
    for (const sink of this.#alertSinks) this.#events.on('budget-threshold', sink);
    this.#bookkeeper = new Bookkeeper({ clock, budgetStore, usageLog, recordsTogether, events: this.#events, alerts });
    this.#parts = {
      clock,
      events: this.#events,
      budgetStore,
      rateLimiter,
      usageLog,
      calibration: new Calibration(),
      audioDuration: governance.audioDuration && impatientDuration(governance.audioDuration, timeoutMs),
      batches: this.#batches,
      keysInUse: new Map(),
      newId: idSource(),
      noticed: (team, accounts, states, at) => alerts.look(team, accounts, states, at, 0),
      release: (holdId) => this.#bookkeeper.release(holdId),
      book: (charge, record) => this.#bookkeeper.book(charge, record),
    };
    const onProblem = (error: unknown): void =>
      this.#events.emit('store-unavailable', { at: clock.now(), store: 'keys', during: 'key', callId: undefined, error });
    this.#keys = new KeysInForce({ clock, onProblem });
    this.#rulebook = new Rulebook(this.#rules, clock);
    this.#context = contextOf(this.#parts, this.#rules, this.#rulebook, this.#keys.use(governance.keys));
    const source = sourceOf(governance);
    this.#unfollow = source?.follow((edit) => this.#edit(governance, source, edit));
  }

  /** A governance becomes a governor; a governor stays the one it is. */
  static from(governance: Governance | Governor | undefined): Governor {
    return isGovernor(governance) ? governance : new Governor(governance);
  }

  /** The rules in force, as they were written. Not to be changed. */
  get governance(): Readonly<Governance> {
    return this.#rules;
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
    const { name } = this.#rulebook.rulesFor(team) ?? {};
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
    const summed = await report(this.#context, this.#rules.timeZone ?? 'UTC', query);
    const increases = increasesWithin([...(this.#rules.increases ?? []), ...this.#increases], summed);
    return increases.length > 0 ? { ...summed, increases } : summed;
  }

  /**
   * Each key with its use today, from the usage log and so over all processes that share it, and with whether it is safe to
   * delete. Without a key provider, the keys that the log knows.
   */
  async keys(): Promise<readonly KeyReport[]> {
    await this.#settled();
    await this.#context.usageLog.flush?.();
    const inFlight = (keyId: string): number => this.#parts.keysInUse.get(keyId) ?? 0;
    return keyReport(this.#context, inFlight, { timeZone: this.#rules.timeZone });
  }

  /** Live and expired holds, and where the counters and the log disagree, once all that has ended is booked. */
  async reconcile(): Promise<Reconciliation> {
    await this.#settled();
    await this.#context.usageLog.flush?.();
    return reconcile(this.#context, this.#rulebook);
  }

  /**
   * Raises a budget for a time, at once and in this process; in all of them, write it into `governance.increases`, which can be
   * edited in a file that is watched. Told as a `budget-increased` event and in reports. Throws a `GovernanceConfigError`.
   */
  increaseBudget(increase: BudgetIncrease): void {
    const at = this.#parts.clock.now();
    const { budget, byUsd, until, reason } = increase;
    const added = { ...increase, from: increase.from ?? at };
    defineGovernance({ ...this.#rules, increases: [added] });
    if (this.#increases.length >= MAX_LABELS) this.#increases.shift();
    this.#increases.push(added);
    this.#govern(this.#rules);
    const [from, ends, byNanos] = [instantOf(added.from), instantOf(until), nanosOfUsd(byUsd)];
    this.#events.emit('budget-increased', { at, budget, byNanos, from, until: ends, reason });
    const why = reason === undefined ? '' : ` (${reason})`;
    this.#log('warn', `budget "${budget}" is raised by ${formatUsd(byNanos)} until ${formatInstant(ends)}${why}.`);
  }

  /** Resolves when all that has ended is booked and written. Stores that were handed in stay open. */
  async close(): Promise<void> {
    this.#unfollow?.();
    await this.#settled('retries');
    // One that fails must not keep the others from ending.
    const ended = await Promise.allSettled([
      this.#context.usageLog.flush?.(),
      ...this.#alertSinks.map(async (sink) => sink.flush?.()),
      ...this.#ownsStores.map(async (store) => store.close?.()),
    ]);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  }

  async #settled(including?: 'retries'): Promise<void> {
    await this.#batches.idle();
    await this.#bookkeeper.settled(including);
  }

  #edit(given: Governance, source: GovernanceSource, { fields, issues = [] }: GovernanceEdit): void {
    const wrong = fields === undefined ? issues : this.#tryRules(given, source, fields);
    const { name } = source;
    const accepted = wrong.length === 0;
    this.#events.emit('governance-changed', { at: this.#parts.clock.now(), source: name, accepted, issues: wrong });
    if (accepted) this.#log('info', `the rules in ${name} have changed and are in force.`);
    else this.#log('error', `the rules in ${name} cannot be used, so those before stay in force:\n${issueLines(wrong)}`);
  }

  #tryRules(given: Governance, source: GovernanceSource, fields: Governance): readonly ConfigIssue[] {
    try {
      const rules = edited(given, source, fields);
      const fixed = fixedIssues(given, rules);
      if (fixed.length === 0) this.#govern(rules);
      return fixed;
    } catch (error) {
      if (error instanceof GovernanceConfigError) return error.issues;
      return [{ path: source.name, message: 'These rules cannot be used together with those of the program' }];
    }
  }

  // Nothing that a logger does may change what happens.
  #log(level: keyof AlertLogger, message: string): void {
    try {
      this.#logger?.[level](`governed-groq: ${message}`);
    } catch {
      // There is nobody to tell.
    }
  }

  /** What is spent stays spent: it is counted under names that no limit is part of. Throws a `GovernanceConfigError`. */
  #govern(rules: Governance): void {
    const { clock } = this.#parts;
    const names = budgetNames(rules);
    // What is over, or names a budget that an edit has taken away, is only reported.
    const added = this.#increases.filter(({ budget, until }) => instantOf(until) > clock.now() && names.includes(budget));
    const increases = [...(rules.increases ?? []), ...added];
    const inForce = copyOf(defineGovernance(increases.length > 0 ? { ...rules, increases } : rules));
    const rulebook = new Rulebook(inForce, clock, this.#rulebook);
    // The last that can fail, so that rules are taken up as a whole.
    this.#context = contextOf(this.#parts, inForce, rulebook, this.#keys.use(rules.keys));
    this.#rulebook = rulebook;
    this.#rules = rules;
  }
}
