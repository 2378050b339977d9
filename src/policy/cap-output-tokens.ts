import { type Policy, allow, amend } from './policy';

/** Lowers the number of output tokens that a chat completion may have to `max`, and sets it where the request names none. */
export function capOutputTokens(max: number): Policy {
  if (!Number.isSafeInteger(max) || max < 1)
    throw new RangeError(`Expected max to be a whole number of 1 or more, got ${String(max)}`);
  return {
    name: 'cap-output-tokens',
    check({ operation, body }) {
      if (operation !== 'chat.completions') return allow();
      const asked = body['max_completion_tokens'] ?? body['max_tokens'];
      if (typeof asked === 'number' && asked <= max) return allow();
      return amend({ max_completion_tokens: max, max_tokens: undefined }, `at most ${max} output tokens`);
    },
  };
}
