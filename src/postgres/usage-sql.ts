/**
 * Writes records, each once by its id: in the order of their ids, so that no two trips can each wait for the other. Of a trip
 * that stopped early, those of its first items.
 */
export const usageSql = (s: string): string => `
CREATE FUNCTION ${s}.record(records jsonb, done integer) RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  INSERT INTO ${s}.usage
  SELECT ${s}.short(r->>1), (r->>2)::double precision, r->>3, r->>4, r->>5, r->>6, r->>7, (r->>8)::bigint, (r->>9)::bigint,
    (r->>10)::bigint, (r->>11)::bigint, (r->>12)::bigint, r->>13, r->>14, (r->>15)::integer, (r->>16)::double precision,
    (r->>17)::double precision, r->>18, r->>19, (r->>20)::bigint, (r->>21)::boolean, nullif(r->22, 'null')
  FROM jsonb_array_elements(records) r WHERE (r->>0)::integer <= done
  ORDER BY 1, (r->>0)::integer
  ON CONFLICT (id) DO NOTHING;
END
$function$;

CREATE FUNCTION ${s}.record_all(records text) RETURNS text LANGUAGE plpgsql AS $function$
BEGIN
  PERFORM ${s}.record(records::jsonb, jsonb_array_length(records::jsonb));
  RETURN '';
END
$function$;
`;
