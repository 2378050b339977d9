/** Rolling windows, expiry, reading and clearing away: what the budget's functions have in common, and the smaller ones. */
export const accountsSql = (s: string): string => `
CREATE FUNCTION ${s}.kept_day(until double precision) RETURNS integer LANGUAGE sql IMMUTABLE AS $function$
  SELECT least(ceil(until / 86400000), 2147483647)::integer
$function$;

-- By how much the sum changes when the edge of the window moves. A booking at the edge has left.
CREATE FUNCTION ${s}.rolling_change(counter bigint, old_edge double precision, new_edge double precision)
RETURNS bigint LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN (SELECT coalesce(sum(CASE WHEN $3 > $2 THEN -t.nanos ELSE t.nanos END), 0) FROM ${s}.bookings t
    WHERE t.counter = $1 AND t.to_at > least($2, $3) AND t.to_at <= greatest($2, $3));
END
$function$;

-- When the oldest money in the window was spent.
CREATE FUNCTION ${s}.rolling_resets(counter bigint, edge double precision, at double precision)
RETURNS double precision LANGUAGE plpgsql STABLE AS $function$
BEGIN
  RETURN coalesce((SELECT min(t.to_at) FROM ${s}.bookings t WHERE t.counter = $1 AND t.to_at > $2), $3);
END
$function$;

-- Books money, or takes back what was booked at that time. Says when it counts from, null if that has been forgotten.
CREATE FUNCTION ${s}.book(counter bigint, moment double precision, amount bigint,
  OUT booked_at double precision, OUT added integer) LANGUAGE plpgsql AS $function$
DECLARE
  b record;
BEGIN
  added := 0;
  IF amount = 0 THEN RETURN; END IF;
  SELECT t.from_at, t.to_at, t.nanos INTO b FROM ${s}.bookings t
  WHERE t.counter = $1 AND t.to_at >= moment ORDER BY t.to_at LIMIT 1;
  IF b.from_at <= moment THEN
    booked_at := b.to_at;
    IF b.nanos + amount = 0 THEN
      DELETE FROM ${s}.bookings t WHERE t.counter = $1 AND t.to_at = b.to_at;
      added := -1;
    ELSE
      UPDATE ${s}.bookings t SET nanos = t.nanos + amount WHERE t.counter = $1 AND t.to_at = b.to_at;
    END IF;
  ELSIF amount > 0 THEN
    INSERT INTO ${s}.bookings VALUES ($1, moment, moment, amount);
    booked_at := moment;
    added := 1;
  END IF;
END
$function$;

-- Keeps an account at 1,024 bookings at most: those less than 1/256 of the window apart become one at the later time, so that
-- money may leave that much late, never early. Says how many are left. Nothing that has left may come back.
CREATE FUNCTION ${s}.merge_bookings(account bigint, rolling_ms double precision, edge double precision)
RETURNS integer LANGUAGE plpgsql AS $function$
DECLARE
  latest double precision := (SELECT max(t.to_at) FROM ${s}.bookings t WHERE t.counter = account);
  froms double precision[]; tos double precision[]; sums bigint[];
BEGIN
  DELETE FROM ${s}.bookings t
  WHERE t.counter = account AND t.to_at <= least(edge, latest - rolling_ms - greatest(rolling_ms, 3600000));
  IF (SELECT count(*) FROM ${s}.bookings t WHERE t.counter = account) > 512 THEN
    DELETE FROM ${s}.bookings t WHERE t.counter = account AND t.to_at <= least(edge, latest - 2 * rolling_ms);
    SELECT array_agg(g.from_at), array_agg(g.to_at), array_agg(g.nanos) INTO froms, tos, sums FROM (
      SELECT min(t.from_at) AS from_at, max(t.to_at) AS to_at, sum(t.nanos)::bigint AS nanos FROM ${s}.bookings t
      WHERE t.counter = account GROUP BY floor(t.to_at * 256 / rolling_ms), t.to_at <= edge
    ) g;
    DELETE FROM ${s}.bookings t WHERE t.counter = account;
    INSERT INTO ${s}.bookings SELECT account, u.* FROM unnest(froms, tos, sums) u(from_at, to_at, nanos) WHERE u.nanos <> 0;
  END IF;
  RETURN (SELECT count(*) FROM ${s}.bookings t WHERE t.counter = account);
END
$function$;

-- Charges up to 1,000 holds that have expired by then, and says how many.
CREATE FUNCTION ${s}.expire(request text) RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  until double precision := request;
  due text[] := ARRAY(SELECT t.id FROM ${s}.holds t WHERE t.state = 0 AND t.due_at <= until ORDER BY t.due_at LIMIT 1000);
  nos bigint[];
  h record; b record;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM ${s}.refuse_isolation(); END IF;
  nos := ARRAY(SELECT DISTINCT u.no FROM ${s}.holds t, unnest(t.counters) u(no) WHERE t.id = ANY(due));
  PERFORM 1 FROM ${s}.counters t WHERE t.no = ANY(nos) ORDER BY t.no FOR UPDATE;
  -- Others may have charged or settled some while this one waited.
  due := ARRAY(SELECT t.id FROM ${s}.holds t WHERE t.id = ANY(due) AND t.state = 0 ORDER BY t.id FOR UPDATE);
  UPDATE ${s}.counters t SET held = t.held - u.nanos, spent = t.spent + CASE WHEN t.is_rolling THEN 0 ELSE u.nanos END
  FROM (
    SELECT l.no, sum(l.nanos)::bigint AS nanos FROM ${s}.holds t, unnest(t.counters, t.nanos) l(no, nanos)
    WHERE t.id = ANY(due) GROUP BY l.no
  ) u WHERE t.no = u.no;
  FOR h IN
    SELECT t.expires_at, l.no, l.nanos FROM ${s}.holds t, unnest(t.counters, t.nanos) l(no, nanos), ${s}.counters c
    WHERE t.id = ANY(due) AND c.no = l.no AND c.is_rolling
  LOOP
    b := ${s}.book(h.no, h.expires_at, h.nanos);
    UPDATE ${s}.counters t SET bookings = t.bookings + b.added,
      spent = t.spent + CASE WHEN b.booked_at > t.edge THEN h.nanos ELSE 0 END,
      kept_day = greatest(t.kept_day, ${s}.kept_day(h.expires_at + t.rolling_ms + greatest(t.rolling_ms, 3600000)))
    WHERE t.no = h.no;
  END LOOP;
  UPDATE ${s}.holds t SET state = 1, due_at = t.kept_until WHERE t.id = ANY(due);
  RETURN cardinality(due);
END
$function$;

-- Null if something has to expire first.
CREATE FUNCTION ${s}.read_accounts(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  doc jsonb := request::jsonb;
  now double precision := doc->>'at';
  keys text[] := ${s}.short((doc->>'keys')::text[]);
BEGIN
  IF EXISTS (SELECT FROM ${s}.holds t WHERE t.state = 0 AND t.due_at <= now) THEN RETURN NULL; END IF;
  -- One statement, so that all accounts and their bookings are seen at one instant.
  RETURN (
    SELECT coalesce(jsonb_agg(CASE WHEN c.is_rolling THEN
        jsonb_build_array(u.n, c.limit_nanos, c.spent + ${s}.rolling_change(c.no, c.edge, now - c.rolling_ms), c.held,
          ${s}.rolling_resets(c.no, now - c.rolling_ms, now) + c.rolling_ms)
      ELSE jsonb_build_array(u.n, c.limit_nanos, c.spent, c.held, c.resets_at) END), '[]')
    FROM unnest(keys) WITH ORDINALITY u(key, n) JOIN ${s}.counters c ON c.key = u.key
  );
END
$function$;

-- Null if something has to expire first.
CREATE FUNCTION ${s}.open_holds(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  now double precision := request;
BEGIN
  IF EXISTS (SELECT FROM ${s}.holds t WHERE t.state = 0 AND t.due_at <= now) THEN RETURN NULL; END IF;
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_array(coalesce(t.long_id, t.id), t.at, t.expires_at,
      coalesce((SELECT max(l.nanos) FROM unnest(t.nanos) l(nanos)), 0), t.state = 1,
      ARRAY(SELECT c.account FROM unnest(t.counters) WITH ORDINALITY l(no, n) JOIN ${s}.counters c ON c.no = l.no ORDER BY l.n)
    ) ORDER BY t.at, t.id), '[]')
    FROM ${s}.holds t WHERE t.state IN (0, 1)
  );
END
$function$;

-- Rows that somebody has locked are left for the next time: to wait for them could be to wait for each other.
CREATE FUNCTION ${s}.forget_counters(now double precision, created integer) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  gone bigint[] := ARRAY(SELECT t.no FROM ${s}.counters t WHERE t.kept_day < floor(now / 86400000)
    ORDER BY t.kept_day LIMIT 2 * created + 2 FOR UPDATE SKIP LOCKED);
BEGIN
  DELETE FROM ${s}.counters t WHERE t.no = ANY(gone);
  DELETE FROM ${s}.bookings t WHERE t.counter = ANY(gone);
END
$function$;

CREATE FUNCTION ${s}.forget_holds(now double precision, most integer) RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  FOR ended IN 1 .. 2 LOOP
    DELETE FROM ${s}.holds t WHERE t.id = ANY(ARRAY(SELECT h.id FROM ${s}.holds h WHERE h.state = ended AND h.due_at <= now
      ORDER BY h.due_at LIMIT most FOR UPDATE SKIP LOCKED));
  END LOOP;
END
$function$;
`;
