/**
 * What the budget store asks. Each function is one transaction and one round trip.
 *
 * Right at "read committed": every account that a trip counts in is locked before it is looked at, and each statement of a
 * function sees what was committed before it began, so a trip that had to wait counts with what the other has left behind. All
 * accounts of a trip are locked at once and in one order (and rows are made before any is locked), so no two trips can each wait
 * for the other. A hold changes only under the locks of its accounts.
 *
 * A trip stops before the first item at whose time some hold has expired, and says how many it did; `expire` has to be called
 * first then.
 */
export const budgetSql = (s: string): string => `
-- Null if an account is not there: to be asked again with is_fresh then, which makes those that are missing.
CREATE FUNCTION ${s}.reserve(
  -- Per hold. full_ids is null if no id is long; twins are the last holds before with the same id, or 0.
  ids text[], full_ids text[], ats double precision[], expiries double precision[], keeps double precision[], twins integer[],
  lasts integer[],
  -- Per share. A rolling window of 0 is a fixed one.
  share_key integer[], share_nanos bigint[], share_limit double precision[], share_rolling double precision[],
  -- Per account; the rest is null unless is_fresh.
  keys text[], key_kept integer[], is_fresh boolean, key_account text[], key_rolling double precision[],
  key_resets double precision[], key_at double precision[],
  prune integer
) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  -- Per account.
  nos bigint[]; rolls boolean[]; spents bigint[]; helds bigint[]; tolds bigint[]; limits double precision[];
  resets double precision[]; rollings double precision[]; edges double precision[];
  dirty boolean[] := array_fill(false, ARRAY[cardinality(keys)]);
  share_no bigint[] := '{}';
  -- Three amounts and one time for each state.
  amounts bigint[] := '{}'; times double precision[] := '{}';
  known text[];
  statuses integer[] := '{}';
  next_due double precision;
  found_keys integer := 0;
  c record;
  k integer; l integer; first integer; final integer := 0; done integer := 0; status integer;
  edge double precision;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM ${s}.refuse_isolation(); END IF;
  IF is_fresh THEN
    INSERT INTO ${s}.counters (key, account, is_rolling, resets_at, rolling_ms, edge, kept_day)
    SELECT u.key, u.account, u.rolling > 0, u.resets_at, u.rolling, u.at - u.rolling, u.kept
    FROM unnest(keys, key_account, key_rolling, key_resets, key_at, key_kept) u(key, account, rolling, resets_at, at, kept)
    WHERE NOT EXISTS (SELECT FROM ${s}.counters t WHERE t.key = u.key)
    ORDER BY u.key COLLATE "C"
    ON CONFLICT (key) DO NOTHING;
    PERFORM ${s}.forget_counters(ats[1], cardinality(keys));
  END IF;
  FOR c IN SELECT t.* FROM ${s}.counters t WHERE t.key = ANY(keys) ORDER BY t.no FOR UPDATE LOOP
    k := array_position(keys, c.key COLLATE "C");
    nos[k] := c.no; rolls[k] := c.is_rolling; spents[k] := c.spent; helds[k] := c.held; tolds[k] := c.told;
    limits[k] := c.limit_nanos; resets[k] := c.resets_at; rollings[k] := c.rolling_ms; edges[k] := c.edge;
    found_keys := found_keys + 1;
  END LOOP;
  IF found_keys < cardinality(keys) THEN RETURN NULL; END IF;
  SELECT coalesce((SELECT min(h.due_at) FROM ${s}.holds h WHERE h.state = 0), 'Infinity'),
    ARRAY(SELECT h.id FROM ${s}.holds h WHERE h.id = ANY(ids)) INTO next_due, known;
  FOR i IN 1 .. cardinality(ids) LOOP
    EXIT WHEN ats[i] >= next_due;
    done := i;
    first := final + 1;
    final := lasts[i];
    -- 1 for one that is to be held, 2 for one that is known, 0 for one that does not fit, less for one that cannot be asked.
    status := CASE WHEN ids[i] = ANY(known) OR twins[i] > 0 AND statuses[twins[i]] > 0 THEN 2 ELSE 1 END;
    FOR l IN first .. final LOOP
      k := share_key[l];
      IF rolls[k] <> (share_rolling[l] > 0) THEN
        status := first - l - 1;
        EXIT;
      END IF;
      IF rolls[k] AND edges[k] <> ats[i] - share_rolling[l] THEN
        edge := ats[i] - share_rolling[l];
        spents[k] := spents[k] + ${s}.rolling_change(nos[k], edges[k], edge);
        edges[k] := edge;
      END IF;
      IF status = 1 AND spents[k] + helds[k] + share_nanos[l] > share_limit[l] THEN status := 0; END IF;
    END LOOP;
    statuses := statuses || status;
    IF status = 1 THEN next_due := least(next_due, expiries[i]); END IF;
    FOR l IN first .. final LOOP
      k := share_key[l];
      share_no := share_no || nos[k];
      IF status < 0 THEN
        amounts := amounts || ARRAY[0, 0, 0];
        times := times || 0::double precision;
        CONTINUE;
      END IF;
      IF status = 1 THEN
        helds[k] := helds[k] + share_nanos[l];
        limits[k] := share_limit[l];
        dirty[k] := true;
      END IF;
      IF rolls[k] THEN
        IF status = 1 THEN rollings[k] := share_rolling[l]; END IF;
        amounts := amounts || ARRAY[spents[k], helds[k], least(tolds[k], spents[k])];
        times := times || (${s}.rolling_resets(nos[k], edges[k], ats[i]) + share_rolling[l]);
      ELSE
        amounts := amounts || ARRAY[spents[k], helds[k], tolds[k]];
        times := times || resets[k];
      END IF;
      IF tolds[k] < spents[k] OR rolls[k] AND tolds[k] <> spents[k] THEN
        tolds[k] := spents[k];
        dirty[k] := true;
      END IF;
    END LOOP;
  END LOOP;

  -- One by one: a join over lists of unknown length may be planned to read the whole table.
  FOR k IN 1 .. cardinality(keys) LOOP
    CONTINUE WHEN NOT dirty[k] OR limits[k] IS NULL;
    UPDATE ${s}.counters t SET spent = spents[k], held = helds[k], told = tolds[k], limit_nanos = limits[k],
      rolling_ms = rollings[k], edge = edges[k], kept_day = greatest(t.kept_day, key_kept[k]) WHERE t.no = nos[k];
  END LOOP;
  INSERT INTO ${s}.holds (id, long_id, at, expires_at, kept_until, state, due_at, counters, nanos)
  SELECT ids[i], nullif(full_ids[i], ids[i]), ats[i], expiries[i], keeps[i], 0,
    expiries[i], share_no[coalesce(lasts[i - 1], 0) + 1 : lasts[i]], share_nanos[coalesce(lasts[i - 1], 0) + 1 : lasts[i]]
  FROM generate_series(1, done) i WHERE statuses[i] = 1 ORDER BY ids[i] COLLATE "C";
  IF is_fresh THEN
    -- A refusal leaves no account behind.
    DELETE FROM ${s}.counters t WHERE t.no = ANY(ARRAY(SELECT u.no FROM unnest(nos, limits) u(no, limit_nanos)
      WHERE u.limit_nanos IS NULL));
  END IF;
  IF prune > 0 THEN PERFORM ${s}.forget_holds(ats[1], prune); END IF;
  RETURN concat_ws(' ', done, statuses, amounts, times);
END
$function$;

-- Usage is for the function record, or null.
CREATE FUNCTION ${s}.settle(ids text[], ats double precision[], costs bigint[], twins integer[], usage text)
RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $function$
DECLARE
  wanted bigint[];
  -- Per account.
  nos bigint[]; accounts text[]; rolls boolean[]; spents bigint[]; helds bigint[]; tolds bigint[]; limits double precision[];
  resets double precision[]; rollings double precision[]; edges double precision[]; counts integer[]; kepts integer[];
  ended text[] := '{}';
  -- How many states each item has, and per state.
  sizes integer[];
  out_accounts integer[] := '{}'; amounts bigint[] := '{}'; times double precision[] := '{}';
  next_due double precision;
  c record; h record; b record;
  k integer; n integer := 0; done integer := 0; moment double precision; edge double precision;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN PERFORM ${s}.refuse_isolation(); END IF;
  wanted := ARRAY(SELECT u.no FROM ${s}.holds t, unnest(t.counters) u(no) WHERE t.id = ANY(ids));
  FOR c IN SELECT t.* FROM ${s}.counters t WHERE t.no = ANY(wanted) ORDER BY t.no FOR UPDATE LOOP
    n := n + 1;
    nos[n] := c.no; accounts[n] := c.account; rolls[n] := c.is_rolling; spents[n] := c.spent; helds[n] := c.held;
    tolds[n] := c.told; limits[n] := c.limit_nanos; resets[n] := c.resets_at; rollings[n] := c.rolling_ms;
    edges[n] := c.edge; counts[n] := c.bookings; kepts[n] := c.kept_day;
  END LOOP;
  next_due := coalesce((SELECT min(t.due_at) FROM ${s}.holds t WHERE t.state = 0), 'Infinity');
  sizes := array_fill(0, ARRAY[cardinality(ids)]);

  FOR i IN 1 .. cardinality(ids) LOOP
    EXIT WHEN ats[i] >= next_due;
    done := i;
    SELECT t.id, t.state, t.expires_at, t.counters, t.nanos INTO h FROM ${s}.holds t WHERE t.id = ids[i];
    CONTINUE WHEN h.id IS NULL OR h.state = 2 OR twins[i] > 0;
    ended := ended || h.id;
    -- In a rolling window a corrected charge keeps its time: the room that it left may have been taken since.
    moment := CASE WHEN h.state = 1 THEN h.expires_at ELSE ats[i] END;
    FOR j IN 1 .. cardinality(h.counters) LOOP
      k := array_position(nos, h.counters[j]);
      -- Cleared away, as its window has long been over; or held since the look that told what to lock.
      IF k IS NULL THEN
        IF EXISTS (SELECT FROM ${s}.counters t WHERE t.no = h.counters[j]) THEN
          RAISE EXCEPTION 'a hold was made meanwhile' USING ERRCODE = 'serialization_failure';
        END IF;
        CONTINUE;
      END IF;
      IF rolls[k] THEN
        edge := ats[i] - rollings[k];
        IF edges[k] <> edge THEN
          spents[k] := spents[k] + ${s}.rolling_change(nos[k], edges[k], edge);
          edges[k] := edge;
        END IF;
        IF h.state = 1 THEN
          b := ${s}.book(nos[k], moment, -h.nanos[j]);
          IF b.booked_at > edge THEN spents[k] := spents[k] - h.nanos[j]; END IF;
          counts[k] := counts[k] + b.added;
        ELSE
          helds[k] := helds[k] - h.nanos[j];
        END IF;
        b := ${s}.book(nos[k], moment, costs[i]);
        IF b.booked_at > edge THEN spents[k] := spents[k] + costs[i]; END IF;
        counts[k] := counts[k] + b.added;
        IF counts[k] > 1024 THEN counts[k] := ${s}.merge_bookings(nos[k], rollings[k], edge); END IF;
        kepts[k] := greatest(kepts[k], ${s}.kept_day(moment + rollings[k] + greatest(rollings[k], 3600000)));
      ELSIF h.state = 1 THEN
        spents[k] := spents[k] + costs[i] - h.nanos[j];
      ELSE
        helds[k] := helds[k] - h.nanos[j];
        spents[k] := spents[k] + costs[i];
      END IF;
    END LOOP;
    FOR j IN 1 .. cardinality(h.counters) LOOP
      k := array_position(nos, h.counters[j]);
      CONTINUE WHEN k IS NULL;
      IF rolls[k] THEN
        amounts := amounts || ARRAY[spents[k], helds[k], least(tolds[k], spents[k] - costs[i])];
        times := times || (${s}.rolling_resets(nos[k], edges[k], ats[i]) + rollings[k]);
      ELSE
        amounts := amounts || ARRAY[spents[k], helds[k], tolds[k]];
        times := times || resets[k];
      END IF;
      IF tolds[k] < spents[k] OR rolls[k] THEN tolds[k] := spents[k]; END IF;
      sizes[i] := sizes[i] + 1;
      out_accounts := out_accounts || k;
    END LOOP;
  END LOOP;

  IF cardinality(ended) > 0 THEN
    FOR k IN 1 .. n LOOP
      UPDATE ${s}.counters t SET spent = spents[k], held = helds[k], told = tolds[k], edge = edges[k], bookings = counts[k],
        kept_day = kepts[k] WHERE t.no = nos[k];
    END LOOP;
    UPDATE ${s}.holds t SET state = 2, due_at = t.expires_at + 86400000, counters = '{}', nanos = '{}' WHERE t.id = ANY(ended);
  END IF;
  IF usage IS NOT NULL THEN PERFORM ${s}.record(usage::jsonb, done); END IF;
  RETURN jsonb_build_array(coalesce(to_jsonb(accounts), '[]'),
    concat_ws(' ', done, sizes, out_accounts, amounts, times, coalesce(limits, '{}')))::text;
END
$function$;
`;
