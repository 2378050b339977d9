// The models that the provider offers to a key, and the rules' models that are not among them.
import type { Governance } from '../governance';
import { isKey } from '../keys/key-provider';
import { providerOf } from '../keys/keys-option';
import { matcher } from '../settings';
import { ruledBy } from './check-models';
import { Failure, messageOf } from './failure';
import type { Io } from './io';
import type { Problem } from './problem';

const PROVIDER = 'https://api.groq.com';
const PATH = '/openai/v1/models';
const TIMEOUT_MS = 15_000;

/** Where the provider is: the option, else `GROQ_BASE_URL`, else Groq. Throws a `Failure` if it is no address. */
export function providerUrl(option: string | undefined, { env }: Pick<Io, 'env'>): URL {
  const [name, text] =
    option === undefined ? ['GROQ_BASE_URL', env['GROQ_BASE_URL']?.trim() || PROVIDER] : ['--base-url', option];
  let url: URL | undefined;
  try {
    url = new URL(text.replace(/\/+$/, '') + PATH);
  } catch {
    url = undefined;
  }
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Failure('usage', `${name} is no address. Expected one such as ${PROVIDER}`);
  return url;
}

/** The secret to ask with: `GROQ_API_KEY`, else one of the configured keys. */
export async function secretToAskWith({ keys, teams = {} }: Governance, { env, clock }: Io): Promise<string | undefined> {
  const own = env['GROQ_API_KEY']?.trim();
  if (own) return own;
  const provider = keys && providerOf(keys, { clock });
  for (const team of [...Object.keys(teams), 'default']) {
    const key = await provider?.key({ callId: 'check', team, model: '', operation: 'models.list', at: clock.now() });
    if (isKey(key)) return key.secret;
  }
  return undefined;
}

/** The ids of the models that the key may call. Throws a `Failure` if the provider does not tell. */
export async function offeredModels(url: URL, secret: string, { fetch, clock }: Io): Promise<readonly string[]> {
  const giveUp = new AbortController();
  const done = new AbortController();
  void clock.sleep(TIMEOUT_MS, done.signal, true).then(
    () => giveUp.abort(new Error(`no answer within ${TIMEOUT_MS / 1000} seconds`)),
    () => undefined,
  );
  try {
    const response = await fetch(url.href, { headers: { authorization: `Bearer ${secret}` }, signal: giveUp.signal });
    if (!response.ok) throw new Error(saying(response.status));
    return idsOf(await response.json());
  } catch (error) {
    const message = `The models of ${url.origin} could not be asked for: ${messageOf(error)}. Use --offline to leave this out`;
    throw new Failure('outside', message, { cause: error });
  } finally {
    done.abort();
  }
}

const saying = (status: number): string =>
  status === 401 || status === 403 ? `it does not accept the key (${status})` : `it answered ${status}`;

function idsOf(body: unknown): string[] {
  const list: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'data') : undefined;
  if (!Array.isArray(list)) throw new Error('the answer is no list of models');
  return list.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null) return [];
    const { id, active } = each as { readonly id?: unknown; readonly active?: unknown };
    return typeof id === 'string' && active !== false ? [id] : [];
  });
}

/** The models of the rules that the provider does not offer. Those of which `problems` tell already are left out. */
export function notOffered(governance: Governance, offered: readonly string[], problems: readonly Problem[]): Problem[] {
  const told = new Set(problems.filter(({ code }) => code === 'retired-model').map(({ path }) => path));
  return ruledBy(governance).flatMap(({ path, rules }) =>
    (rules.allowedModels ?? []).flatMap((name, index): Problem[] => {
      const at = `${path}.allowedModels.${index}`;
      if (told.has(at) || offered.some(matcher([name]))) return [];
      const what = name.includes('*') ? 'matches none of' : 'is not among';
      const models = offered.length === 1 ? 'model' : 'models';
      const message = `${JSON.stringify(name)} ${what} the ${offered.length} ${models} that the provider offers to this key`;
      return [{ severity: 'error', code: 'not-offered', path: at, message }];
    }),
  );
}
