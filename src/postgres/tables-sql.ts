/**
 * The tables. Times are epoch milliseconds, amounts nano-dollars. Names are compared byte by byte. What is a state: 0 live,
 * 1 over by time (an expired hold), 2 ended (a settled hold).
 */
export const tablesSql = (s: string): string => `
CREATE TABLE ${s}.counters (
  no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text COLLATE "C" NOT NULL UNIQUE,
  account text COLLATE "C" NOT NULL,
  is_rolling boolean NOT NULL,
  -- Null until a hold was granted; seen by the transaction that made the row alone.
  limit_nanos double precision,
  -- Of a rolling window: of the bookings after edge.
  spent bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0,
  told bigint NOT NULL DEFAULT 0,
  resets_at double precision NOT NULL,
  rolling_ms double precision NOT NULL,
  edge double precision NOT NULL,
  bookings integer NOT NULL DEFAULT 0,
  -- Days since the epoch, so that the index changes once a day at most.
  kept_day integer NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX counters_kept ON ${s}.counters (kept_day);

CREATE TABLE ${s}.bookings (
  counter bigint NOT NULL,
  from_at double precision NOT NULL,
  to_at double precision NOT NULL,
  nanos bigint NOT NULL,
  PRIMARY KEY (counter, to_at)
);

CREATE TABLE ${s}.holds (
  id text COLLATE "C" PRIMARY KEY,
  -- The whole id, if id is a digest.
  long_id text COLLATE "C",
  at double precision NOT NULL,
  expires_at double precision NOT NULL,
  kept_until double precision NOT NULL,
  state smallint NOT NULL,
  -- When something happens to it by itself: it expires if it is live, and else it is deleted.
  due_at double precision NOT NULL,
  counters bigint[] NOT NULL,
  nanos bigint[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX holds_due ON ${s}.holds (state, due_at);

CREATE TABLE ${s}.usage (
  id text COLLATE "C" PRIMARY KEY,
  at double precision NOT NULL,
  team text COLLATE "C" NOT NULL,
  "user" text COLLATE "C",
  key_id text COLLATE "C",
  operation text COLLATE "C" NOT NULL,
  model text COLLATE "C" NOT NULL,
  prompt_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_nanos bigint NOT NULL,
  accuracy text NOT NULL,
  price_version text NOT NULL,
  attempts integer NOT NULL,
  wait_ms double precision NOT NULL,
  latency_ms double precision NOT NULL,
  outcome text NOT NULL,
  code text,
  overrun_nanos bigint,
  ungoverned boolean,
  tags jsonb
);
CREATE INDEX usage_at ON ${s}.usage (at);

CREATE TABLE ${s}.limits (
  no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text COLLATE "C" NOT NULL UNIQUE,
  -- The sum of its entries, also of those that have left and are not deleted yet.
  used numeric NOT NULL DEFAULT 0,
  idle_day integer NOT NULL,
  -- Of a provider: its pause, and one element for each learnt limit.
  paused_until double precision NOT NULL DEFAULT '-Infinity',
  kinds text[] NOT NULL DEFAULT '{}',
  windows double precision[] NOT NULL DEFAULT '{}',
  maxima double precision[] NOT NULL DEFAULT '{}',
  -- What is left, as of filled_at.
  levels double precision[] NOT NULL DEFAULT '{}',
  filled_at double precision NOT NULL DEFAULT '-Infinity'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX limits_idle ON ${s}.limits (idle_day);

CREATE TABLE ${s}.entries (
  limit_no bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  -- 0 taken, 1 begun, 2 released.
  state smallint NOT NULL,
  amount numeric NOT NULL,
  leaves_at double precision NOT NULL,
  lease_ends_at double precision NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX entries_leaving ON ${s}.entries (limit_no, leaves_at);
CREATE INDEX entries_out ON ${s}.entries (id, limit_no) WHERE state < 2;

-- What is too long for an index is known by its digest. No name begins like that: an escape is followed by four hex digits.
-- Not in SQL, like all that is more than an expression: PostgreSQL plans such a function anew in each transaction.
CREATE FUNCTION ${s}.short(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $function$
BEGIN
  IF octet_length(name) <= 1000 THEN RETURN name; END IF;
  RETURN E'\\u001bh' || encode(sha256(convert_to(name, 'UTF8')), 'hex');
END
$function$;

CREATE FUNCTION ${s}.short(names text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $function$
BEGIN
  FOR i IN 1 .. cardinality(names) LOOP
    IF octet_length(names[i]) > 1000 THEN names[i] := ${s}.short(names[i]); END IF;
  END LOOP;
  RETURN names;
END
$function$;

-- A trip that waits for another and then counts with what it saw before would be wrong; a fresh look at each step is right.
CREATE FUNCTION ${s}.refuse_isolation() RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  RAISE EXCEPTION 'governed-groq needs the isolation level "read committed", but this connection has "%"',
    current_setting('transaction_isolation')
    USING ERRCODE = 'feature_not_supported',
      HINT = 'Set default_transaction_isolation to ''read committed'' for the role that governed-groq connects as.';
END
$function$;
`;
