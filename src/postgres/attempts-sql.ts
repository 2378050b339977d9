/** Taking what an attempt needs of the limits, and what becomes of it. */
export const attemptsSql = (s: string): string => `
CREATE FUNCTION ${s}.take(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  doc jsonb := request::jsonb;
  keys text[] := ${s}.short((doc->>'keys')::text[]);
  lastings double precision[] := (doc->>'lastings')::double precision[];
  -- Per demand; a provider is a key's index, or 0.
  ids text[] := ${s}.short((doc->>'ids')::text[]);
  leases double precision[] := (doc->>'leases')::double precision[];
  providers integer[] := (doc->>'providers')::integer[];
  lasts integer[] := (doc->>'lasts')::integer[];
  twins integer[] := (doc->>'twins')::integer[];
  -- Per need; a window of 0 is concurrency.
  need_key integer[] := (doc->>'needKeys')::integer[];
  need_window double precision[] := (doc->>'needWindows')::double precision[];
  need_max numeric[] := (doc->>'needMaxima')::numeric[];
  need_amount numeric[] := (doc->>'needAmounts')::numeric[];
  -- Per key.
  nos bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(keys)]);
  sums numeric[] := array_fill(0::numeric, ARRAY[cardinality(keys)]);
  paused double precision[] := array_fill('-Infinity'::double precision, ARRAY[cardinality(keys)]);
  dirty boolean[] := array_fill(false, ARRAY[cardinality(keys)]);
  -- Per learnt limit.
  b_key integer[] := '{}'; b_kind text[] := '{}'; b_window double precision[] := '{}'; b_max double precision[] := '{}';
  b_level double precision[] := '{}'; b_filled double precision[] := '{}';
  -- Per new entry.
  e_key integer[] := '{}'; e_id text[] := '{}'; e_amount numeric[] := '{}'; e_leaves double precision[] := '{}';
  e_lease double precision[] := '{}';
  statuses integer[] := array_fill(0, ARRAY[cardinality(ids)]);
  retries double precision[] := array_fill(0::double precision, ARRAY[cardinality(ids)]);
  now double precision := ${s}.limits_now((doc->>'now')::double precision);
  known text[]; c record; k integer; first integer; final integer := 0;
  status integer; retry double precision; lease double precision; asked double precision;
BEGIN
  FOR c IN SELECT t.* FROM ${s}.lock_limits(keys, lastings, now) t LOOP
    k := array_position(keys, c.key::text COLLATE "default");
    nos[k] := c.no; sums[k] := c.used; paused[k] := c.paused_until;
    FOR j IN 1 .. cardinality(c.kinds) LOOP
      b_key := b_key || k; b_kind := b_kind || c.kinds[j]; b_window := b_window || c.windows[j]; b_max := b_max || c.maxima[j];
      b_level := b_level || c.levels[j]; b_filled := b_filled || c.filled_at;
    END LOOP;
  END LOOP;
  -- After the locks: time must not stand still while a trip waits.
  now := ${s}.limits_now((doc->>'now')::double precision);
  FOR c IN
    WITH gone AS (DELETE FROM ${s}.entries t WHERE t.limit_no = ANY(nos) AND t.leaves_at <= now RETURNING t.limit_no, t.amount)
    SELECT g.limit_no, sum(g.amount) AS amount FROM gone g GROUP BY g.limit_no
  LOOP
    k := array_position(nos, c.limit_no);
    sums[k] := sums[k] - c.amount;
    dirty[k] := true;
  END LOOP;
  FOR j IN 1 .. cardinality(b_key) LOOP
    b_level[j] := ${s}.refilled(b_level[j], b_filled[j], now, b_window[j], b_max[j]);
  END LOOP;
  known := ARRAY(SELECT DISTINCT t.id FROM ${s}.entries t WHERE t.id = ANY(ids) AND t.state < 2 AND t.lease_ends_at > now);

  FOR i IN 1 .. cardinality(ids) LOOP
    first := final + 1;
    final := lasts[i];
    CONTINUE WHEN ids[i] = ANY(known) OR twins[i] > 0 AND statuses[twins[i]] = 0;
    status := 0;
    FOR l IN first .. final LOOP
      k := need_key[l];
      CONTINUE WHEN sums[k] + need_amount[l] <= need_max[l];
      status := l - first + 1;
      retry := NULL;
      IF need_amount[l] <= need_max[l] THEN
        retry := coalesce(${s}.room_in(nos[k], need_window[l], sums[k] + need_amount[l] - need_max[l], now),
          -- Those of this trip have no entries yet.
          (SELECT min(u.lease) - now FROM unnest(e_key, e_lease) u(key, lease) WHERE u.key = need_key[l]));
      END IF;
      EXIT;
    END LOOP;
    IF status = 0 AND providers[i] > 0 THEN
      k := providers[i];
      retry := greatest(0, paused[k] - now);
      FOR j IN 1 .. cardinality(b_key) LOOP
        CONTINUE WHEN b_key[j] <> k;
        asked := (doc->'amounts'->(i - 1)->>b_kind[j])::double precision;
        retry := greatest(retry, ${s}.bucket_in(asked, b_window[j], b_max[j], b_level[j]));
      END LOOP;
      IF retry > 0 THEN status := -1; END IF;
    END IF;
    statuses[i] := status;
    IF status <> 0 THEN
      retries[i] := coalesce(retry, 'Infinity');
      CONTINUE;
    END IF;
    lease := now + leases[i];
    FOR l IN first .. final LOOP
      k := need_key[l];
      sums[k] := sums[k] + need_amount[l];
      dirty[k] := true;
      e_key := e_key || k; e_id := e_id || ids[i]; e_amount := e_amount || need_amount[l];
      e_leaves := e_leaves || (lease + need_window[l]); e_lease := e_lease || lease;
    END LOOP;
    IF providers[i] > 0 THEN
      k := providers[i];
      sums[k] := sums[k] + 1;
      dirty[k] := true;
      e_key := e_key || k; e_id := e_id || ids[i]; e_amount := e_amount || 1::numeric;
      e_leaves := e_leaves || lease; e_lease := e_lease || lease;
      FOR j IN 1 .. cardinality(b_key) LOOP
        IF b_key[j] = k THEN b_level[j] := b_level[j] - (doc->'amounts'->(i - 1)->>b_kind[j])::double precision; END IF;
      END LOOP;
    END IF;
  END LOOP;

  INSERT INTO ${s}.entries (limit_no, id, state, amount, leaves_at, lease_ends_at)
  SELECT nos[e_key[u.n]], e_id[u.n], 0, e_amount[u.n], e_leaves[u.n], e_lease[u.n]
  FROM generate_series(1, cardinality(e_key)) u(n);
  FOR k IN 1 .. cardinality(keys) LOOP
    CONTINUE WHEN NOT dirty[k];
    UPDATE ${s}.limits t SET used = sums[k], idle_day = greatest(t.idle_day, ${s}.kept_day(now + lastings[k]))
    WHERE t.no = nos[k];
    CONTINUE WHEN NOT k = ANY(b_key);
    UPDATE ${s}.limits t SET filled_at = greatest(now, t.filled_at), levels = ARRAY(
      SELECT u.level FROM unnest(b_key, b_level) WITH ORDINALITY u(key, level, n) WHERE u.key = k ORDER BY u.n)
    WHERE t.no = nos[k];
  END LOOP;
  RETURN concat_ws(' ', statuses, retries);
END
$function$;

CREATE FUNCTION ${s}.change(request text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  doc jsonb := request::jsonb;
  keys text[] := ${s}.short((doc->>'keys')::text[]);
  ids text[] := ${s}.short((doc->>'ids')::text[]);
  begun boolean[] := (doc->>'begun')::boolean[];
  released boolean[] := (doc->>'released')::boolean[];
  providers integer[] := (doc->>'providers')::integer[];
  lasts integer[] := (doc->>'lasts')::integer[];
  need_key integer[] := (doc->>'needKeys')::integer[];
  need_window double precision[] := (doc->>'needWindows')::double precision[];
  -- What it took in the end; null if that was right.
  need_actual numeric[] := (doc->>'needActuals')::numeric[];
  nos bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(keys)]);
  now double precision := ${s}.limits_now((doc->>'now')::double precision);
  c record; e record; k integer; actual numeric; first integer; final integer := 0;
BEGIN
  FOR c IN SELECT t.no, t.key FROM ${s}.lock_limits(keys, NULL, now) t LOOP
    nos[array_position(keys, c.key::text COLLATE "default")] := c.no;
  END LOOP;
  now := ${s}.limits_now((doc->>'now')::double precision);
  FOR i IN 1 .. cardinality(ids) LOOP
    first := final + 1;
    final := lasts[i];
    IF begun[i] THEN
      FOR l IN first .. final LOOP
        CONTINUE WHEN need_window[l] = 0;
        UPDATE ${s}.entries t SET state = 1, leaves_at = now + need_window[l]
        WHERE t.id = ids[i] AND t.limit_no = nos[need_key[l]] AND t.state = 0 AND t.lease_ends_at > now;
      END LOOP;
      IF providers[i] > 0 THEN
        UPDATE ${s}.entries t SET state = 1
        WHERE t.id = ids[i] AND t.limit_no = nos[providers[i]] AND t.state = 0 AND t.lease_ends_at > now;
      END IF;
    END IF;
    CONTINUE WHEN NOT released[i];
    FOR l IN first .. final LOOP
      k := need_key[l];
      SELECT t.amount, t.state INTO e FROM ${s}.entries t
      WHERE t.id = ids[i] AND t.limit_no = nos[k] AND t.state < 2 AND t.lease_ends_at > now;
      CONTINUE WHEN NOT FOUND;
      -- Concurrency never begins, so it is given back whole.
      actual := CASE WHEN e.state = 0 THEN 0 ELSE coalesce(need_actual[l], e.amount) END;
      IF actual = 0 THEN
        DELETE FROM ${s}.entries t WHERE t.id = ids[i] AND t.limit_no = nos[k] AND t.state < 2 AND t.lease_ends_at > now;
      ELSE
        UPDATE ${s}.entries t SET state = 2, amount = actual
        WHERE t.id = ids[i] AND t.limit_no = nos[k] AND t.state < 2 AND t.lease_ends_at > now;
      END IF;
      IF actual <> e.amount THEN UPDATE ${s}.limits t SET used = t.used + actual - e.amount WHERE t.no = nos[k]; END IF;
    END LOOP;
    CONTINUE WHEN providers[i] = 0;
    k := providers[i];
    FOR e IN DELETE FROM ${s}.entries t WHERE t.id = ids[i] AND t.limit_no = nos[k] AND t.state < 2
      AND t.lease_ends_at > now RETURNING t.state
    LOOP
      UPDATE ${s}.limits t SET used = t.used - 1, filled_at = greatest(now, t.filled_at),
        levels = ARRAY(
          SELECT least(t.maxima[j], ${s}.refilled(t.levels[j], t.filled_at, now, t.windows[j], t.maxima[j])
            + (doc->'amounts'->(i - 1)->>t.kinds[j])::double precision
            - CASE WHEN e.state = 0 THEN 0 ELSE coalesce(doc->'actuals'->(i - 1)->>t.kinds[j],
                doc->'amounts'->(i - 1)->>t.kinds[j])::double precision END)
          FROM generate_subscripts(t.kinds, 1) j ORDER BY j)
      WHERE t.no = nos[k];
    END LOOP;
  END LOOP;
  RETURN '';
END
$function$;
`;
