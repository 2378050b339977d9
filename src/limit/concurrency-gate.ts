import { Constraint, type Holder } from './constraint';

/** So many at once. Who is not released within its lease no longer counts. */
export class ConcurrencyGate extends Constraint {
  readonly #holders: Set<Holder> = new Set();
  /** No lease ends before this. */
  #soonest = Infinity;

  override get keepMs(): number {
    return 0;
  }

  override used(now: number): number {
    if (now >= this.#soonest) {
      for (const holder of this.#holders) if (holder.leaseEndsAt <= now) holder.lapse();
      this.#soonest = this.roomAt();
    }
    return this.#holders.size;
  }

  protected override hasRoom(amount: number, max: number, now: number): boolean {
    return this.#holders.size + amount <= max || this.used(now) + amount <= max;
  }

  protected override roomAt(): number {
    let first = Infinity;
    for (const holder of this.#holders) first = Math.min(first, holder.leaseEndsAt);
    return first;
  }

  override isCertain(): boolean {
    return false;
  }

  override take(_amount: number, holder: Holder): void {
    this.#holders.add(holder);
    if (holder.leaseEndsAt < this.#soonest) this.#soonest = holder.leaseEndsAt;
  }

  override begin(): number {
    return 0;
  }

  override settle(_amount: number, _actual: number | undefined, _ticket: number | undefined, holder: Holder): void {
    this.#holders.delete(holder);
  }

  override lapse(holder: Holder): void {
    this.#holders.delete(holder);
  }

  override isIdle(): boolean {
    return this.#holders.size === 0 && this.isUnattended;
  }
}
