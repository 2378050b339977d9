// Books what a batch has cost: its hold is settled under the batch's id, and each model that answered has a record.

import type { Context } from '../context';
import { costNanos } from '../price/cost';
import { type Payer, accountsOf, holdId } from './batch-hold';
import { type ModelSums, type OutputReader, batchRates, noTokens } from './batch-output';
import type { BatchOwner } from './batch-owner';
import { batchRecord } from './batch-records';
import type { BatchState } from './batch-state';

/** What this process knows of a batch that was created in it. */
export interface KnownBatch {
  readonly owner: BatchOwner;
  readonly models: readonly string[];
}

const NO_TOKENS = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };

/**
 * Books the batch to whoever created it, or to `reader` if nobody can tell; resolves to the cost. Undefined if nothing was
 * booked: what was used cannot be known, or the batch was never held here. Without `output` nothing was used.
 */
export async function bookBatch(
  context: Context,
  batch: BatchState,
  output: OutputReader | undefined,
  known: KnownBatch | undefined,
  reader: Payer,
): Promise<number | undefined> {
  // An output of fewer lines than were answered is not the whole of it.
  if (output && output.lines < (batch.answered ?? 0)) return undefined;
  const owner = known?.owner ?? batch.owner;
  const needsLook = !context.passive && (owner === undefined || (owner.divided && known === undefined));
  const holds = needsLook ? await holdsOf(context, batch.id) : new Map<string, number>();
  if (owner === undefined && holds.size === 0 && !context.passive) return undefined;
  const payer: Payer = owner ?? { ...reader, at: batch.createdAt ?? reader.at };
  const models = known?.models ?? [...holds.keys()].filter((model) => model !== '');
  const divided = owner?.divided ?? models.length > 0;

  const byModel = new Map<string, ModelSums>(output?.byModel);
  const { unmetered = 0, audioSeconds = [] } = output ?? {};
  if (unmetered > 0 || audioSeconds.length > 0) {
    // Such answers name no model. The lines of a batch that has several cannot be told apart here.
    if (owner?.model === undefined) return undefined;
    const sums = { ...(byModel.get(owner.model) ?? noTokens()) };
    const rates = batchRates(context, owner.model);
    for (const seconds of audioSeconds)
      sums.costNanos += costNanos(rates, { ...NO_TOKENS, audioSeconds: seconds, batch: true });
    // Each takes its share of what was held, which is the most that it can have cost.
    sums.costNanos += Math.ceil((owner.heldNanos / owner.lines) * unmetered);
    byModel.set(owner.model, sums);
  }
  if (byModel.size === 0) byModel.set(owner?.model ?? '', noTokens());

  const accuracy = unmetered > 0 ? 'held' : output?.isEstimated ? 'estimated' : 'exact';
  const accounts = accountsOf(context, payer, [...new Set([...models, ...byModel.keys()])]);
  const records = [...byModel].map(([model, sums]) => batchRecord(context, batch, payer, model, sums, accuracy));
  const total = records.reduce((sum, { costNanos }) => sum + costNanos, 0);
  const heldNanos = owner?.heldNanos ?? holds.get('') ?? total;
  const unused = models.filter((model) => !byModel.has(model));
  // An answer may name another model than its request did. It is charged to the hold of one that did not answer, or else, where
  // all that is held is known, to the first.
  const strays = divided ? records.filter(({ model }) => !models.includes(model)) : [];
  const extra = new Set(known ? strays.slice(unused.length) : []);
  let extraNanos = 0;
  for (const { costNanos: nanos } of extra) extraNanos += nanos;
  records.forEach((plain, index) => {
    const overrun = index === 0 && total > heldNanos ? { overrunNanos: total - heldNanos } : undefined;
    const record = { ...plain, ...overrun };
    if (divided && !extra.has(plain)) {
      const isStray = strays.includes(plain);
      const other = isStray ? unused.shift() : undefined;
      const costNanos = record.costNanos + (isStray ? 0 : extraNanos);
      if (!isStray) extraNanos = 0;
      const orId = other === undefined ? undefined : holdId(batch.id, other);
      context.book({ id: holdId(batch.id, record.model), orId, costNanos, stored: true, accounts }, record);
    } else if (divided) context.book({ id: record.id, costNanos: 0, stored: false, accounts }, record);
    else if (index > 0 || context.passive) context.book({ id: record.id, costNanos: 0, stored: false, accounts }, record);
    else context.book({ id: holdId(batch.id), orId: owner?.callId, costNanos: total, stored: true, accounts }, record);
  });
  if (divided) for (const model of unused) context.release(holdId(batch.id, model));
  return total;
}

/** What the store holds for the batch, by model; `''` for a hold of all of them. */
async function holdsOf({ budgetStore, clock }: Context, batchId: string): Promise<Map<string, number>> {
  const all = (await budgetStore.openHolds?.(clock.now())) ?? [];
  const whole = holdId(batchId);
  const found = all.filter(({ id }) => id === whole || id.startsWith(`${whole}/`));
  return new Map(found.map(({ id, nanos }) => [id.slice(whole.length + 1), nanos]));
}
