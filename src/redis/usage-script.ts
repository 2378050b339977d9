import { PAGES } from './page-script';
import { PRELUDE } from './prelude';
import { RECORDS } from './records-script';
import { Script } from './script';

/** Writes records that are not there yet. Given how many to keep, then for each its id, time and JSON. */
export const RECORD = new Script(
  PRELUDE,
  RECORDS,
  String.raw`
writeRecords(2, 3, tonumber(ARGV[1]))
return {}
`,
);

/**
 * Reads up to 1,000 records by time. Given the score to begin with, the first time that is too late, and the id after which to go
 * on, or ''. Answers with the id and time of the last that was looked at and JSON of each, or with nothing at the end.
 */
export const RECORDS_PAGE = new Script(
  PRELUDE,
  RECORDS,
  PAGES,
  String.raw`
local found, ids, to = page(timesKey, ARGV[1], ARGV[3]), {}, tonumber(ARGV[2])
for index = 1, #found, 2 do
  if tonumber(found[index + 1]) >= to then break end
  ids[#ids + 1] = found[index]
end
if #ids == 0 then return {} end
local out = { found[#ids * 2 - 1], found[#ids * 2] }
for _, json in ipairs(call('HMGET', usageKey, unpack(ids))) do
  out[#out + 1] = json or ''
end
return out
`,
);
