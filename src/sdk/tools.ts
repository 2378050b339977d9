import { toolNanos } from '../price/cost';
import { toolPrices } from '../price/groq-prices';
import type { BodyFields } from './body';

const NONE: readonly string[] = Object.freeze([]);

// How much of a built-in tool one call is held for. The provider sets no bound, so more than this is booked as overrun.
const HELD_USES = 10;
const HELD_SECONDS = 60;

/** A tool that a request offers: its type and, for a function, its name. */
export interface OfferedTool {
  readonly type: string;
  readonly name: string | undefined;
}

/** The tools that a request offers, in the new form and the old one, or undefined if one of the lists is none. */
export function offeredTools(body: BodyFields): readonly OfferedTool[] | undefined {
  return toolsIn(body.get('tools'), body.get('functions'));
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

/** The types of the built-in tools that a request offers. */
export function builtInTools(body: BodyFields | undefined): readonly string[] {
  if (body === undefined || body.get('tools') === undefined) return NONE;
  const tools = offeredTools(body) ?? [];
  return tools.filter(({ type }) => type !== 'function').map(({ type }) => type);
}

/** What a call that offers these tools is held for, in nano-dollars. */
export function heldToolNanos(tools: readonly string[]): number {
  let nanos = 0;
  for (const type of tools) {
    // A search leads to pages being opened.
    for (const name of type === 'browser_search' ? [type, 'browser.open'] : [type]) {
      const price = toolPrices.tools.get(name);
      if (price) nanos += toolNanos(price, { uses: HELD_USES, seconds: HELD_SECONDS });
    }
  }
  return nanos;
}

/** What the tools that ran cost, as far as the response tells: uses exactly, running time at what is held for it. */
export function usedToolNanos(executed: readonly string[]): number {
  const uses = new Map<string, number>();
  for (const name of executed) uses.set(name, (uses.get(name) ?? 0) + 1);
  let nanos = 0;
  for (const [name, count] of uses) {
    const price = toolPrices.tools.get(name);
    if (price) nanos += toolNanos(price, { uses: count, seconds: HELD_SECONDS * count });
  }
  return nanos;
}
