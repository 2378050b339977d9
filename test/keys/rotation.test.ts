// Which key a call gets while one replaces another.
import { describe, expect, it } from 'vitest';
import { type KeyRegistry, keyRegistry } from '../../src/keys/key-registry';
import { manualClock } from '../../src/testing/manual-clock';
import { DAY, HOUR, MINUTE, SECOND, T0, ask, askLater, states } from './support';

const OLD = { name: 'chatbot-prod-2026-04', secret: 'gsk_old' };
const NEW = { name: 'chatbot-prod-2026-11', secret: 'gsk_new', notBefore: T0 };
const [old, fresh] = [OLD.name, NEW.name];

/** Only the old one has been used. */
function pair(): KeyRegistry {
  const registry = keyRegistry([OLD, NEW]);
  ask(registry, { at: T0 - 1 }).answered(200);
  return registry;
}

describe('a single key', () => {
  it('is used by every call, proved or not', () => {
    const registry = keyRegistry([OLD]);
    expect([ask(registry), ask(registry), ask(registry)].map(({ id }) => id)).toEqual([old, old, old]);
  });

  it('is none before its time and from its end on', () => {
    const registry = keyRegistry([{ ...OLD, notBefore: T0, retireAfter: T0 + HOUR }]);
    const ids = [T0 - 1, T0, T0 + HOUR - 1, T0 + HOUR].map((at) => ask(registry, { at }).id);
    expect(ids).toEqual([undefined, old, old, undefined]);
    expect([T0 - 1, T0, T0 + HOUR].map((at) => states(registry, at)[old])).toEqual(['waiting', 'proving', 'retired']);
  });
});

describe('a new key', () => {
  it('is tried by one call at a time, until one is answered', () => {
    const registry = pair();
    const first = ask(registry);
    expect([first, ask(registry), ask(registry)].map(({ id }) => id)).toEqual([fresh, old, old]);
    expect(states(registry)).toEqual({ [old]: 'active', [fresh]: 'proving' });
    first.answered(200);
    expect([ask(registry), ask(registry)].map(({ id }) => id)).toEqual([fresh, fresh]);
    expect(states(registry)).toEqual({ [old]: 'standby', [fresh]: 'active' });
  });

  it.each([200, 400, 404, 413, 422])('is proved by an answer with status %i', (status) => {
    const registry = pair();
    ask(registry).answered(status);
    expect([ask(registry), ask(registry)].map(({ id }) => id)).toEqual([fresh, fresh]);
  });

  it.each([429, 500, 503, undefined])('is neither proved nor refused by status %s, and tried again', (status) => {
    const registry = pair();
    ask(registry).answered(status);
    expect([ask(registry), ask(registry)].map(({ id }) => id)).toEqual([fresh, old]);
    expect(states(registry)).toEqual({ [old]: 'active', [fresh]: 'proving' });
  });

  it('rests for 10 minutes after a 403, which may be its project or the network', () => {
    const registry = pair();
    ask(registry).answered(403);
    expect([T0, T0 + 10 * MINUTE - 1].map((at) => ask(registry, { at }).id)).toEqual([old, old]);
    expect([ask(registry, { at: T0 + 10 * MINUTE }), ask(registry, { at: T0 + 10 * MINUTE })].map(({ id }) => id)).toEqual([
      fresh,
      old,
    ]);
  });

  it('is tried by another call if the first says nothing for 60 seconds', () => {
    const registry = pair();
    expect([T0, T0 + MINUTE - 1, T0 + MINUTE, T0 + MINUTE].map((at) => ask(registry, { at }).id)).toEqual([
      fresh,
      old,
      fresh,
      old,
    ]);
  });

  it('stays with the call that tries it if that asks again', () => {
    const registry = pair();
    const { callId } = ask(registry);
    expect(ask(registry, { callId }).id).toBe(fresh);
    expect(ask(registry).id).toBe(old);
  });

  it('is not given up by the report of another call', () => {
    const registry = pair();
    const earlier = ask(registry, { at: T0 - 1 });
    ask(registry);
    earlier.answered(200);
    expect(ask(registry).id).toBe(old);
  });

  it('that is refused leaves the calls with the old one', () => {
    const registry = pair();
    const first = ask(registry);
    first.answered(401);
    expect(ask(registry, { callId: first.callId, rejectedKeyId: fresh }).id).toBe(old);
    expect([ask(registry), ask(registry)].map(({ id }) => id)).toEqual([old, old]);
    expect(states(registry)).toEqual({ [old]: 'active', [fresh]: 'quarantined' });
  });

  it('that was refused is tried again after 10 minutes, by one call at a time', () => {
    const registry = pair();
    ask(registry).answered(401);
    const at = T0 + 10 * MINUTE;
    expect(ask(registry, { at: at - 1 }).id).toBe(old);
    const again = ask(registry, { at });
    expect([again, ask(registry, { at })].map(({ id }) => id)).toEqual([fresh, old]);
    again.answered(401, at);
    expect(ask(registry, { at: at + MINUTE }).id).toBe(old);
    const last = ask(registry, { at: at + 10 * MINUTE });
    last.answered(200);
    expect(ask(registry, { at: at + 10 * MINUTE }).id).toBe(fresh);
  });

  it('is not touched by a question about what would be', () => {
    const registry = pair();
    expect(ask(registry, { dryRun: true }).id).toBe(fresh);
    expect([ask(registry), ask(registry, { dryRun: true }), ask(registry)].map(({ id }) => id)).toEqual([fresh, old, old]);
  });
});

describe('where none has been used', () => {
  it('one call tries the newest and the others go to the oldest', () => {
    const registry = keyRegistry([OLD, { ...NEW, name: 'chatbot-prod-between' }, { ...NEW, notBefore: T0 }]);
    const all = [ask(registry), ask(registry), ask(registry)];
    expect(all.map(({ id }) => id)).toEqual([fresh, old, old]);
    all[1]?.answered(200);
    expect(ask(registry).id).toBe(old);
    all[0]?.answered(200);
    expect(ask(registry).id).toBe(fresh);
  });

  it('the later notBefore is the newer, then the later in the list', () => {
    const name = (number: number): string => `chatbot-prod-${number}`;
    const entry = (number: number, notBefore?: number) => ({ name: name(number), secret: `gsk_${number}`, notBefore });
    const newest = (...entries: ReturnType<typeof entry>[]): string | undefined => ask(keyRegistry(entries)).id;
    expect(newest(entry(1), entry(2))).toBe(name(2));
    expect(newest(entry(1, T0), entry(2))).toBe(name(1));
    expect(newest(entry(1, T0), entry(2, T0 - 1), entry(3, T0))).toBe(name(3));
  });
});

describe('after the switch', () => {
  function switched(): KeyRegistry {
    const registry = pair();
    ask(registry).answered(200);
    return registry;
  }

  it('calls in flight on the old key change nothing', () => {
    const registry = pair();
    const flying = ask(registry, { at: T0 - 1 });
    ask(registry).answered(200);
    flying.answered(200);
    expect(ask(registry).id).toBe(fresh);
  });

  it('a 401 on the new one goes back to the old one', () => {
    const registry = switched();
    const call = ask(registry);
    call.answered(401);
    expect(ask(registry, { callId: call.callId, rejectedKeyId: fresh }).id).toBe(old);
    expect(states(registry)).toEqual({ [old]: 'active', [fresh]: 'quarantined' });
  });

  it('a 401 on the old one changes nothing', () => {
    const registry = pair();
    const flying = ask(registry, { at: T0 - 1 });
    ask(registry).answered(200);
    flying.answered(401);
    expect(ask(registry, { callId: flying.callId, rejectedKeyId: old }).id).toBe(fresh);
    expect(states(registry)).toEqual({ [old]: 'quarantined', [fresh]: 'active' });
    // It is not tried again: there is a newer one that works.
    expect(ask(registry, { at: T0 + DAY }).id).toBe(fresh);
  });

  it('the old one that was revoked before the new one was proved is not used either', () => {
    const registry = pair();
    const flying = [ask(registry, { at: T0 - 1 }), ask(registry, { at: T0 - 1 })];
    const first = ask(registry);
    const second = ask(registry);
    for (const call of [...flying, second]) call.answered(401);
    const moved = [...flying, second].map(({ callId }) => ask(registry, { callId, rejectedKeyId: old }).id);
    expect(moved).toEqual([fresh, fresh, fresh]);
    first.answered(200);
    expect(ask(registry).id).toBe(fresh);
  });

  it('one that was replaced a day ago is a last resort, as it may have been deleted', () => {
    const third = 'chatbot-prod-2026-12';
    const registry = switched();
    for (const hours of [0, 20, 26]) ask(registry, { at: T0 + hours * HOUR }).answered(200);
    const at = T0 + 30 * HOUR;
    const flying = [ask(registry, { at }), ask(registry, { at }), ask(registry, { at })];
    registry.add({ name: third, secret: 'gsk_third', notBefore: at });
    for (const call of flying) call.answered(401, at);
    const moved = flying.map(({ callId }) => ask(registry, { callId, at, rejectedKeyId: fresh }));
    expect(moved.map(({ id }) => id)).toEqual([third, third, third]);
    moved[0]?.answered(401, at);
    expect(ask(registry, { callId: moved[0]?.callId ?? '', at, rejectedKeyId: third }).id).toBe(old);
  });

  it('the day begins anew for one that was used again', () => {
    const registry = switched();
    const call = ask(registry);
    call.answered(401);
    ask(registry).answered(200);
    const back = T0 + 2 * HOUR;
    ask(registry, { at: back }).answered(200, back);
    ask(registry, { at: back }).answered(401, back + 23 * HOUR);
    registry.add({ name: 'chatbot-prod-2026-12', secret: 'gsk_third', notBefore: back });
    const at = back + 23 * HOUR;
    expect([ask(registry, { at }), ask(registry, { at })].map(({ id }) => id)).toEqual(['chatbot-prod-2026-12', old]);
  });

  it('a call that was refused goes to one that is proved, not to one that nobody has tried', () => {
    const registry = switched();
    ask(registry).answered(200);
    const at = T0 + HOUR;
    const flying = [ask(registry, { at }), ask(registry, { at })];
    registry.add({ name: 'chatbot-prod-2026-12', secret: 'gsk_third', notBefore: at });
    for (const call of flying) call.answered(401, at);
    const moved = flying.map(({ callId }) => ask(registry, { callId, at, rejectedKeyId: fresh }).id);
    expect(moved).toEqual([old, old]);
    expect([ask(registry, { at }), ask(registry, { at })].map(({ id }) => id)).toEqual(['chatbot-prod-2026-12', old]);
  });
});

describe('when every key has been refused', () => {
  it('one call every 10 seconds tries one, and the others get none', () => {
    const registry = keyRegistry([OLD]);
    const call = ask(registry);
    call.answered(401);
    expect(ask(registry, { callId: call.callId, rejectedKeyId: old }).id).toBeUndefined();
    expect(ask(registry, { at: T0 + 10 * SECOND - 1 }).id).toBeUndefined();
    const again = ask(registry, { at: T0 + 10 * SECOND });
    expect([again, ask(registry, { at: T0 + 10 * SECOND })].map(({ id }) => id)).toEqual([old, undefined]);
    again.answered(200);
    expect([ask(registry), ask(registry)].map(({ id }) => id)).toEqual([old, old]);
    expect(states(registry)).toEqual({ [old]: 'active' });
  });

  it('a late answer to a call that left before brings none back', () => {
    const registry = keyRegistry([OLD]);
    const [flying, call] = [ask(registry), ask(registry)];
    call.answered(401);
    flying.answered(200);
    expect(ask(registry).id).toBeUndefined();
    expect(states(registry)).toEqual({ [old]: 'quarantined' });
  });
});

describe('teams', () => {
  const registry = () =>
    keyRegistry([
      { name: 'shared', secret: 'gsk_shared', team: '*' },
      { name: 'chatbot', secret: 'gsk_chatbot' },
      { name: 'analytics-prod-web', secret: 'gsk_analytics' },
      { name: 'prod-everyone', secret: 'gsk_everyone', notBefore: T0 + HOUR },
    ]);

  it('have their own keys first, then those of every team', () => {
    const keys = registry();
    expect(['chatbot', 'analytics', 'nobody'].map((team) => ask(keys, { team }).id)).toEqual([
      'chatbot',
      'analytics-prod-web',
      'shared',
    ]);
    ask(keys).answered(401);
    expect(ask(keys).id).toBe('shared');
    expect(ask(keys, { team: 'nobody', at: T0 + HOUR }).id).toBe('prod-everyone');
  });

  it('have keys in use side by side', () => {
    const keys = registry();
    for (const team of ['chatbot', 'analytics', 'nobody']) ask(keys, { team }).answered(200);
    expect(states(keys)).toMatchObject({ chatbot: 'active', 'analytics-prod-web': 'active', shared: 'active' });
  });

  it('may be bound to keys by name, whoever’s they are', () => {
    expect(ask(registry(), { among: ['analytics-prod-web'] }).id).toBe('analytics-prod-web');
    expect(ask(registry(), { among: ['nothing'] }).id).toBeUndefined();
    expect(ask(registry(), { team: '__proto__' }).id).toBe('shared');
  });

  it('get no key that is not for the model', () => {
    const entries = [
      { name: 'chatbot-prod-big', secret: 'gsk_big', allowedModels: ['openai/gpt-oss-120b'] },
      { name: 'chatbot-prod-whisper', secret: 'gsk_whisper', allowedModels: ['whisper-*'] },
    ];
    const keys = keyRegistry(entries);
    const models = ['openai/gpt-oss-120b', 'whisper-large-v3', 'openai/gpt-oss-20b'];
    expect(models.map((model) => ask(keys, { model }).id)).toEqual(['chatbot-prod-big', 'chatbot-prod-whisper', undefined]);
    // Files and batches have no model.
    expect(ask(keyRegistry(entries), { model: '', operation: 'files.list' }).id).toBe('chatbot-prod-whisper');
  });

  it('whose keys are for different models use both', () => {
    const keys = keyRegistry([
      { name: 'chatbot-prod-all', secret: 'gsk_all' },
      { name: 'chatbot-prod-big', secret: 'gsk_big', allowedModels: ['openai/gpt-oss-120b'] },
    ]);
    ask(keys, { model: 'openai/gpt-oss-120b' }).answered(200);
    ask(keys).answered(200);
    expect(states(keys)).toEqual({ 'chatbot-prod-all': 'active', 'chatbot-prod-big': 'active' });
    expect(['openai/gpt-oss-120b', 'openai/gpt-oss-20b'].map((model) => ask(keys, { model }).id)).toEqual([
      'chatbot-prod-big',
      'chatbot-prod-all',
    ]);
  });
});

describe('without a restart', () => {
  it('a key can be added, which twice is once', () => {
    const registry = keyRegistry([OLD]);
    ask(registry).answered(200);
    for (let times = 0; times < 2; times++) registry.add({ ...NEW, rateLimitRPM: 5 });
    const first = ask(registry);
    expect(first.id).toBe(fresh);
    registry.add({ ...NEW, rateLimitRPM: 5 });
    expect(ask(registry).id).toBe(old);
    first.answered(200);
    const { key } = ask(registry);
    registry.add({ ...NEW, rateLimitRPM: 5 });
    expect(ask(registry).key).toBe(key);
    expect(registry.list(T0)).toHaveLength(2);
  });

  it('a key can be given another secret, which has to prove itself', () => {
    const registry = keyRegistry([OLD]);
    ask(registry).answered(200);
    registry.add({ ...OLD, secret: 'gsk_other' });
    const first = ask(registry);
    expect([first, ask(registry), ask(registry)].map(({ secret }) => secret)).toEqual(['gsk_other', 'gsk_old', 'gsk_old']);
    expect(states(registry)).toEqual({ [old]: 'active' });
    first.answered(200);
    const calls = [ask(registry), ask(registry)];
    expect(calls.map(({ secret }) => secret)).toEqual(['gsk_other', 'gsk_other']);
    // The one before is forgotten then: it may be gone.
    calls[0]?.answered(401);
    expect(ask(registry).secret).toBeUndefined();
  });

  it('a secret that is taken back leaves no trace', () => {
    const registry = keyRegistry([OLD]);
    ask(registry).answered(200);
    registry.add({ ...OLD, secret: 'gsk_other' });
    ask(registry).answered(401);
    registry.add(OLD);
    expect([ask(registry), ask(registry)].map(({ secret }) => secret)).toEqual(['gsk_old', 'gsk_old']);
    expect(registry.list(T0)).toMatchObject([{ state: 'active' }]);
    expect(registry.list(T0)[0]).not.toHaveProperty('nextFingerprint');
  });

  it('other rules of a key count from the next call on', () => {
    const registry = keyRegistry([{ ...OLD, rateLimitRPM: 5 }]);
    const before = ask(registry);
    registry.add({ ...OLD, rateLimitRPM: 6 });
    expect([before.key?.rules, ask(registry).key?.rules]).toEqual([{ rateLimitRPM: 5 }, { rateLimitRPM: 6 }]);
    before.answered(200);
    expect(states(registry)).toEqual({ [old]: 'active' });
  });

  it('a key can be retired, which twice is once', () => {
    const clock = manualClock(T0);
    const registry = keyRegistry([OLD, NEW], { clock });
    registry.retire(fresh, new Date(T0 + HOUR));
    registry.retire(old);
    clock.set(T0 + 5);
    registry.retire(old);
    expect(registry.list().map(({ retireAfter }) => retireAfter)).toEqual([T0, T0 + HOUR]);
    expect([T0, T0 + HOUR].map((at) => ask(registry, { at }).id)).toEqual([fresh, undefined]);
  });

  it('a key can be removed; what is reported of it afterwards changes nothing', () => {
    const registry = pair();
    const flying = ask(registry);
    expect([registry.remove(fresh), registry.remove(fresh)]).toEqual([true, false]);
    flying.answered(200);
    expect(ask(registry).id).toBe(old);
    expect(states(registry)).toEqual({ [old]: 'active' });
  });

  it('a name that is unknown cannot be retired', () => {
    expect(() => keyRegistry([OLD]).retire('gsk_mine')).toThrow('There is no key "(name)"');
    expect(() => keyRegistry([OLD]).retire(old, 'tomorrow')).toThrow('retire.at: Expected epoch milliseconds');
  });

  it('a registry can begin empty', async () => {
    const registry = keyRegistry([]);
    expect(ask(registry).id).toBeUndefined();
    registry.add(OLD);
    expect((await askLater(registry)).id).toBe(old);
  });
});

it('rules are the same object for every call', () => {
  const registry = keyRegistry([{ ...OLD, rateLimitRPM: 60, monthlyBudgetUsd: 5 }]);
  const [one, other] = [ask(registry), ask(registry)];
  expect(one.key?.rules).toEqual({ rateLimitRPM: 60, monthlyBudgetUsd: 5 });
  expect(one.key?.rules).toBe(other.key?.rules);
  expect(ask(keyRegistry([OLD])).key?.rules).toBeUndefined();
});

it('what is reported of a secret that is not in use changes nothing', () => {
  const registry = pair();
  const { callId } = ask(registry);
  for (const id of [fresh, 'unknown'])
    for (const result of ['unauthorized', 'ok'] as const)
      registry.attempted({ callId, at: T0, key: { id, secret: 'gsk_before' }, result, status: 200 });
  expect(states(registry)).toEqual({ [old]: 'active', [fresh]: 'proving' });
});
