import type { BudgetRule } from '../settings';
import type { BudgetWindow } from './window';
import { calendarWindow } from './window';

/** The account that a budget rule counts a call in, now. */
export interface Account {
  readonly rule: BudgetRule;
  /** Scope, budget, what it is split by, and the window: nothing that an edit of the limit would change. */
  readonly name: string;
  /** Which user, key, model, team or tag value it is, if the rule counts them apart; else `''`. */
  readonly split: string;
  readonly window: BudgetWindow;
  /** Epoch milliseconds; for a rolling window, when everything spent now will have left it. */
  readonly resetsAt: number;
}

const MAX_REMEMBERED = 1000;

/** Names the accounts of one budget rule; the current window's are remembered, because nearly every call wants them again. */
export class Accounts {
  readonly #rule: BudgetRule;
  readonly #timeZone: string;
  readonly #current: Map<string, Account> = new Map();
  #startsAt = Infinity;
  #resetsAt = -Infinity;

  constructor(rule: BudgetRule, timeZone: string) {
    this.#rule = rule;
    this.#timeZone = timeZone;
  }

  /** `split` is the user, key, model, team or tag value that the rule counts apart; `''` if it counts all together. */
  at(at: number, split: string): Account {
    if (at >= this.#resetsAt || at < this.#startsAt || this.#current.size > MAX_REMEMBERED) this.#current.clear();
    let account = this.#current.get(split);
    if (account === undefined) {
      account = this.#make(at, split);
      this.#current.set(split, account);
    }
    return account;
  }

  #make(at: number, split: string): Account {
    const { scope, name, period, per } = this.#rule;
    const base = `${escaped(scope)}/${name.replaceAll(/[%@#]/g, coded)}${per === undefined ? '' : `#${escaped(split)}`}`;
    if (typeof period !== 'string') {
      [this.#startsAt, this.#resetsAt] = [-Infinity, Infinity];
      return { rule: this.#rule, name: `${base}@rolling`, split, window: period, resetsAt: at + period.rollingMs };
    }
    const { startsAt, resetsAt, label } = calendarWindow(period, at, this.#timeZone);
    [this.#startsAt, this.#resetsAt] = [startsAt, resetsAt];
    return { rule: this.#rule, name: `${base}@${label}`, split, window: { startsAt, resetsAt }, resetsAt };
  }
}

// `/`, `#` and `@` separate the parts; no name must make its way into another account.
const coded = (sign: string): string => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
const escaped = (part: string): string => part.replaceAll(/[%@#/]/g, coded);

/** The rule that an account belongs to. */
export function ruleOf(accounts: readonly Account[], name: string): BudgetRule | undefined {
  for (const account of accounts) if (account.name === name) return account.rule;
  return undefined;
}
