import { toolNanos } from '../price/cost';
import { type ToolPrice, groqPrices, toolPrices } from '../price/groq-prices';
import type { PriceRow } from '../price/price-book';
import type { BodyFields } from './body';

const NONE: readonly string[] = Object.freeze([]);

/** How much of built-in tools one call is held for. The provider sets no bound, so more than this is booked as overrun. */
export interface Allowance {
  /** Of each tool. */
  readonly uses: number;
  /** Of a tool that is charged by the hour; how long it really ran is nowhere told. */
  readonly secondsPerUse: number;
}

/** What is held where nothing else was declared. */
export const USUAL_ALLOWANCE: Allowance = Object.freeze({ uses: 10, secondsPerUse: 60 });

/** A tool that a request offers: its type and, for a function, its name. */
export interface OfferedTool {
  readonly type: string;
  readonly name: string | undefined;
}

/**
 * The tools that a request offers, in the new form and the old one, or undefined if one of the lists is none. A system offers
 * its own without being told: those that the request enables, or all.
 */
export function offeredTools(body: BodyFields, isSystem = false): readonly OfferedTool[] | undefined {
  const listed = toolsIn(body.get('tools'), body.get('functions'));
  return isSystem && listed ? [...listed, ...systemTools(body.get('compound_custom'))] : listed;
}

/** The same for lists that are at hand; absent ones are empty. */
export function toolsIn(...lists: readonly unknown[]): readonly OfferedTool[] | undefined {
  const tools: OfferedTool[] = [];
  for (const listed of lists) {
    if (listed === undefined || listed === null) continue;
    if (!Array.isArray(listed)) return undefined;
    for (const tool of listed as readonly unknown[]) {
      if (typeof tool !== 'object' || tool === null) return undefined;
      const {
        type = 'function',
        name,
        function: details,
      } = tool as { type?: unknown; name?: unknown; function?: { name?: unknown } | null };
      const called = details?.name ?? name;
      if (typeof type !== 'string') return undefined;
      tools.push({ type, name: typeof called === 'string' ? called : undefined });
    }
  }
  return tools;
}

/** True for a model that calls other models and built-in tools by itself. */
export function isSystem(model: string, row: PriceRow | undefined): boolean {
  return row?.kind === 'system' || groqPrices.facts?.(model)?.kind === 'system';
}

const SYSTEM_TOOLS = ['web_search', 'visit_website', 'code_interpreter', 'browser_automation', 'wolfram_alpha'] as const;

/** The tools of a system that is set up so: those that are enabled, or all. */
export function systemTools(setup: unknown): readonly OfferedTool[] {
  const custom = setup as { tools?: { enabled_tools?: unknown } | null } | null | undefined;
  const enabled = custom?.tools?.enabled_tools;
  // What is no list of names may enable anything.
  const names = Array.isArray(enabled) && enabled.every((name) => typeof name === 'string') ? enabled : SYSTEM_TOOLS;
  return names.map((type) => ({ type, name: undefined }));
}

const MAX_MODEL_LENGTH = 200;

/** The models that a system is set up to call; what is no name stands for its type. */
export function chosenModels(setup: unknown): readonly string[] {
  const models = (setup as { models?: unknown } | null | undefined)?.models;
  const chosen: readonly unknown[] = typeof models === 'object' && models !== null ? Object.values(models) : [models];
  return chosen
    .filter((model) => model !== undefined && model !== null)
    .map((model) => (typeof model === 'string' && model.length <= MAX_MODEL_LENGTH ? model : typeof model));
}

/** The types of the built-in tools that a request offers. */
export function builtInTools(body: BodyFields | undefined, system = false): readonly string[] {
  if (body === undefined || (!system && body.get('tools') === undefined)) return NONE;
  // The caller may list anything; what is offered twice is used no more.
  const types = new Set((offeredTools(body, system) ?? []).map(({ type }) => type));
  types.delete('function');
  return [...types];
}

/** What a call that offers these tools is held for, in nano-dollars. */
export function heldToolNanos(tools: readonly string[], allowance: Allowance = USUAL_ALLOWANCE): number {
  let nanos = 0;
  for (const type of tools) {
    // A search leads to pages being opened.
    for (const name of type === 'browser_search' ? [type, 'browser.open'] : [type])
      nanos += nanosOf(name, allowance.uses, allowance);
  }
  return nanos;
}

/** What the tools that ran cost, as far as the response tells: uses exactly, running time at what is held for it. */
export function usedToolNanos(executed: readonly string[], allowance: Allowance = USUAL_ALLOWANCE): number {
  if (executed.length === 0) return 0;
  const uses = new Map<string, number>();
  for (const name of executed) uses.set(name, (uses.get(name) ?? 0) + 1);
  let nanos = 0;
  for (const [name, count] of uses) nanos += nanosOf(name, count, allowance);
  return nanos;
}

/** True if the price of these uses is certain: none is charged by the hour, or has two prices, or a name that nobody has heard of. */
export function arePricedExactly(executed: readonly string[]): boolean {
  return executed.every((name) => {
    const price = priceOf(name);
    return price !== undefined && price !== WEB_SEARCH && price.perHourUsd === undefined;
  });
}

const FREE: ToolPrice = {};
// Has two prices, and responses do not tell which.
const WEB_SEARCH = toolPrices.tools.get('web_search');

// Names under which responses report tools that the price list knows by another, and tools that the provider takes nothing for.
const REPORTED: ReadonlyMap<string, ToolPrice | undefined> = new Map([
  ['search', WEB_SEARCH],
  ['visit', toolPrices.tools.get('visit_website')],
  ['code_interpreter_call', toolPrices.tools.get('python')],
  ['browser.find', FREE],
  ['wolfram', FREE],
  ['wolfram_alpha', FREE],
  ['function', FREE],
  ['mcp', FREE],
  ['mcp_call', FREE],
  ['mcp_list_tools', FREE],
]);

// A tool that nobody has heard of is not free: it costs what the dearest does.
const DEAREST: ToolPrice = {
  perThousandUsesUsd: Math.max(...[...toolPrices.tools.values()].map(({ perThousandUsesUsd = 0 }) => perThousandUsesUsd)),
};

const priceOf = (name: string): ToolPrice | undefined => toolPrices.tools.get(name) ?? REPORTED.get(name);

function nanosOf(name: string, uses: number, { secondsPerUse }: Allowance): number {
  return toolNanos(priceOf(name) ?? DEAREST, { uses, seconds: secondsPerUse * uses });
}
