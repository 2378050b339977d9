// What an HTTP attempt came to, told apart without the SDK: why it failed, and whether that costs.

import { isGovernanceError } from '../errors';

/** The text in which the provider says why it refused. Rejects if its body is no JSON. The response can still be read. */
export async function errorMessage(response: Response): Promise<string> {
  const message: unknown = detailsOf(await errorBody(response))?.message;
  return typeof message === 'string' ? message : '';
}

/** The JSON of an error. Rejects if it is none, or too long to be one. The response can still be read. */
export async function errorBody(response: Response): Promise<unknown> {
  return JSON.parse(await shortText(response.clone())) as unknown;
}

// Text was generated, and whether Groq charges for it is not published.
const GENERATED: ReadonlySet<unknown> = new Set(['json_validate_failed', 'tool_use_failed']);

/** The text that an error's body says was generated, as far as it shows it; undefined if none was. */
export function billedText(body: unknown): string | undefined {
  const details = detailsOf(body);
  if (!details || !GENERATED.has(details.code)) return undefined;
  return typeof details.failed_generation === 'string' ? details.failed_generation : '';
}

function detailsOf(body: unknown): { message?: unknown; code?: unknown; failed_generation?: unknown } | undefined {
  const details: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'error') : undefined;
  return typeof details === 'object' && details !== null ? details : undefined;
}

const LONGEST_ERROR_BYTES = 65_536;

async function shortText({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let size = 0; reader && size <= LONGEST_ERROR_BYTES;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    text += decoder.decode(value, { stream: true });
  }
  // Whatever this is, it does not name a limit.
  await reader?.cancel();
  return '';
}

/** The same response with other headers. */
export function withHeaders(response: Response, changes: Readonly<Record<string, string>>): Response {
  // Another implementation's response cannot be rebuilt; then the SDK does as it always does.
  if (!(response instanceof Response)) return response;
  const headers = new Headers(response.headers);
  // The SDK prefers retry-after over a wait of 0.
  if ('retry-after-ms' in changes) headers.delete('retry-after');
  for (const [name, value] of Object.entries(changes)) headers.set(name, value);
  const { body, status, statusText, url } = response;
  const copy = new Response(body, { status, statusText, headers });
  Object.defineProperty(copy, 'url', { value: url, configurable: true });
  return copy;
}

const NEVER_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);

/** Only where no connection came about is it certain that nobody was charged. */
export function neverSent(error: unknown): boolean {
  // The transport may be governed itself.
  if (isGovernanceError(error)) return true;
  for (let cause: unknown = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 5; depth++) {
    const { code, cause: next } = cause as { code?: unknown; cause?: unknown };
    if (NEVER_SENT.has(code)) return true;
    cause = next;
  }
  return false;
}
