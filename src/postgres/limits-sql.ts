/**
 * What the rate limiter asks. Locks are taken as for budgets: all of a trip at once, in one order.
 *
 * The tables are logged, but trips do not wait until the log is on disk: a crash of the server may forget the last fraction of a
 * second, which costs no money. Unlogged tables would forget everything, and replicas, hence a failover, would have nothing.
 *
 * Keys begin with w (window), c (concurrency) or p (provider). What is out at a provider has an entry like one for concurrency.
 */
export const limitsSql = (s: string): string => `
-- The engine's clock, unless the backend was given one.
CREATE FUNCTION ${s}.limits_now(given double precision) RETURNS double precision LANGUAGE plpgsql AS $function$
BEGIN
  RETURN coalesce(given, extract(epoch FROM clock_timestamp())::double precision * 1000);
END
$function$;

-- Locks the limits. Makes those that are missing if it is told for how many milliseconds they may be needed.
CREATE FUNCTION ${s}.lock_limits(keys text[], lastings double precision[], now double precision)
RETURNS SETOF ${s}.limits LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  found_rows integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM ${s}.refuse_isolation(); END IF;
  PERFORM set_config('synchronous_commit', 'off', true);
  IF lastings IS NOT NULL AND (SELECT count(*) FROM ${s}.limits t WHERE t.key = ANY(keys)) < cardinality(keys) THEN
    INSERT INTO ${s}.limits (key, idle_day)
    SELECT u.key, ${s}.kept_day(now + u.lasting) FROM unnest(keys, lastings) u(key, lasting) ORDER BY u.key COLLATE "C" ON CONFLICT (key) DO NOTHING;
    PERFORM ${s}.forget_limits(now, cardinality(keys));
  END IF;
  RETURN QUERY SELECT t.* FROM ${s}.limits t WHERE t.key = ANY(keys) ORDER BY t.no FOR UPDATE;
  GET DIAGNOSTICS found_rows = ROW_COUNT;
  IF lastings IS NOT NULL AND found_rows < cardinality(keys) THEN
    RAISE EXCEPTION 'a limit was cleared away meanwhile' USING ERRCODE = 'serialization_failure';
  END IF;
END
$function$;

CREATE FUNCTION ${s}.forget_limits(now double precision, created integer) RETURNS void LANGUAGE plpgsql AS $function$
DECLARE
  gone bigint[] := ARRAY(SELECT t.no FROM ${s}.limits t
    WHERE t.idle_day < floor(now / 86400000) ORDER BY t.idle_day LIMIT 2 * created + 2 FOR UPDATE SKIP LOCKED);
BEGIN
  DELETE FROM ${s}.limits t WHERE t.no = ANY(gone);
  DELETE FROM ${s}.entries t WHERE t.limit_no = ANY(gone);
END
$function$;

-- How long until so much of what counts will have left, if nothing is given back; null if it never will. What has not begun may
-- begin now.
CREATE FUNCTION ${s}.room_in(limit_no bigint, window_ms double precision, excess numeric, now double precision)
RETURNS double precision LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  e record;
  rest numeric := excess;
BEGIN
  FOR e IN SELECT t.leaves_at, t.amount FROM ${s}.entries t WHERE t.limit_no = $1 AND t.leaves_at > now
    AND (window_ms = 0 OR t.state > 0 OR t.lease_ends_at <= now) ORDER BY t.leaves_at
  LOOP
    rest := rest - e.amount;
    IF rest <= 0 THEN RETURN e.leaves_at - now; END IF;
  END LOOP;
  RETURN nullif(window_ms, 0);
END
$function$;

-- How long until a bucket that refills all the time has so much.
CREATE FUNCTION ${s}.bucket_in(amount double precision, window_ms double precision, max double precision, level double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $function$
  SELECT CASE WHEN amount <= 0 THEN 0 WHEN amount > max THEN 'Infinity'
    -- A millionth of a millisecond is rounding, not waiting.
    ELSE greatest(0, ceil((amount - level) * window_ms / max - 1e-6)) END
$function$;

CREATE FUNCTION ${s}.refilled(level double precision, filled_at double precision, now double precision,
  window_ms double precision, max double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS $function$
  SELECT CASE WHEN now <= filled_at THEN level ELSE least(max, level + (now - filled_at) * max / window_ms) END
$function$;

CREATE FUNCTION ${s}.learn(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  doc jsonb := request::jsonb;
  keys text[] := ${s}.short((doc->>'keys')::text[]);
  now double precision := ${s}.limits_now((doc->>'now')::double precision);
  t record; snapshot jsonb; learnt jsonb; j integer; said_at double precision;
  alone boolean; top double precision; rest double precision; level double precision;
BEGIN
  PERFORM ${s}.lock_limits(keys, (doc->>'lastings')::double precision[], now);
  now := ${s}.limits_now((doc->>'now')::double precision);
  FOR snapshot IN SELECT * FROM jsonb_array_elements(doc->'snapshots') LOOP
    SELECT l.* INTO t FROM ${s}.limits l WHERE l.key = keys[(snapshot->>'key')::integer];
    said_at := now - (snapshot->>'ageMs')::double precision;
    alone := NOT EXISTS (SELECT FROM ${s}.entries e WHERE e.limit_no = t.no AND e.leaves_at > now);
    FOR j IN 1 .. cardinality(t.kinds) LOOP
      t.levels[j] := ${s}.refilled(t.levels[j], t.filled_at, now, t.windows[j], t.maxima[j]);
    END LOOP;
    FOR learnt IN SELECT * FROM jsonb_array_elements(snapshot->'limits') LOOP
      top := (learnt->>2)::double precision;
      rest := (learnt->>3)::double precision;
      j := NULL;
      FOR known IN 1 .. cardinality(t.kinds) LOOP
        IF t.kinds[known] = learnt->>0 AND t.windows[known] = (learnt->>1)::double precision THEN j := known; END IF;
      END LOOP;
      IF j IS NULL THEN
        j := cardinality(t.kinds) + 1;
        t.kinds[j] := learnt->>0; t.windows[j] := (learnt->>1)::double precision; t.maxima[j] := top; t.levels[j] := top;
      END IF;
      -- A new maximum leaves what is used as it is.
      t.levels[j] := t.levels[j] + top - t.maxima[j];
      t.maxima[j] := top;
      CONTINUE WHEN rest IS NULL;
      level := least(top, rest + greatest(0, now - said_at) * top / t.windows[j]);
      -- What is out is corrected when it ends; the provider's word on top of that would count the difference twice.
      t.levels[j] := CASE WHEN alone THEN level ELSE least(t.levels[j], level) END;
    END LOOP;
    UPDATE ${s}.limits l SET paused_until = greatest(l.paused_until, said_at + (snapshot->>'pauseMs')::double precision),
      kinds = t.kinds, windows = t.windows, maxima = t.maxima, levels = t.levels, filled_at = greatest(now, t.filled_at),
      idle_day = greatest(l.idle_day, ${s}.kept_day(now + (snapshot->>'lasting')::double precision))
    WHERE l.no = t.no;
  END LOOP;
  RETURN '';
END
$function$;

-- Needs as in take. Answers with used and time to room of each need, and then of the provider's pause and learnt limits.
CREATE FUNCTION ${s}.look(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  doc jsonb := request::jsonb;
  keys text[] := ${s}.short((doc->>'keys')::text[]);
  now double precision := ${s}.limits_now((doc->>'now')::double precision);
  answer jsonb := '[]'; n record; c record; used numeric; room double precision; level double precision;
BEGIN
  FOR n IN SELECT u.k, u.window_ms, u.max, u.amount
    FROM unnest((doc->>'needKeys')::integer[], (doc->>'needWindows')::double precision[], (doc->>'needMaxima')::numeric[],
      (doc->>'needAmounts')::numeric[]) WITH ORDINALITY u(k, window_ms, max, amount, n) ORDER BY u.n
  LOOP
    SELECT t.no, t.used - (SELECT coalesce(sum(e.amount), 0) FROM ${s}.entries e WHERE e.limit_no = t.no AND e.leaves_at <= now)
      AS used INTO c FROM ${s}.limits t WHERE t.key = keys[n.k];
    used := coalesce(c.used, 0);
    IF used + n.amount <= n.max THEN room := 0;
    ELSIF n.amount > n.max THEN room := 'Infinity';
    ELSE room := coalesce(${s}.room_in(c.no, n.window_ms, used + n.amount - n.max, now), 'Infinity'); END IF;
    answer := answer || jsonb_build_array(jsonb_build_array(used, room));
  END LOOP;
  FOR c IN SELECT t.* FROM ${s}.limits t WHERE t.key = keys[(doc->>'provider')::integer] LOOP
    answer := answer || jsonb_build_array(jsonb_build_array(0, greatest(0, c.paused_until - now)));
    FOR j IN 1 .. cardinality(c.kinds) LOOP
      level := ${s}.refilled(c.levels[j], c.filled_at, now, c.windows[j], c.maxima[j]);
      answer := answer || jsonb_build_array(jsonb_build_array(c.maxima[j] - level,
        ${s}.bucket_in((doc->'amounts'->>c.kinds[j])::double precision, c.windows[j], c.maxima[j], level),
        c.kinds[j], c.windows[j], c.maxima[j]));
    END LOOP;
  END LOOP;
  RETURN answer::text;
END
$function$;
`;
