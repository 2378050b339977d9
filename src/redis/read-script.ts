import { COUNTERS } from './counters-script';
import { PAGES } from './page-script';
import { PRELUDE } from './prelude';
import { Script } from './script';
import { TIMELINE } from './timeline-script';

/**
 * Reads accounts. Given the time, then four names of counters per account, the likeliest first. Answers per account 0 if there
 * is none of them, else 1, its limit, what is spent and held, and when it resets.
 */
export const READ = new Script(
  PRELUDE,
  TIMELINE,
  COUNTERS,
  String.raw`
local out, at = {}, tonumber(ARGV[1])
for arg = 2, #ARGV, 4 do
  local found
  for index = arg, arg + 3 do
    found = found or (not counter(ARGV[index]).isNew and counter(ARGV[index]) or nil)
  end
  local size = #out
  if found then
    chargeIfDue(found, at)
    local spent = found.spent
    if found.line then
      timeline().moveEdge(found.line, at - found.line.windowMs)
      spent = found.line.sum
    end
    out[size + 1], out[size + 2], out[size + 3], out[size + 4] = 1, answer(found.limit), answer(spent), answer(found.held)
    out[size + 5] = resetsAt(found, at)
  else
    out[size + 1] = 0
  end
end
writeCounters()
return out
`,
);

/**
 * Lists up to 1,000 open holds. Given the time, whether to list live or expired ones (`open`, `expired`), from which score on,
 * and the id after which to go on, or ''. Answers with the id and score of the last that was looked at, or nothing if there was
 * none; then for each its id, at, expiresAt, the number of its lines, and account and nanos of each.
 */
export const OPEN_HOLDS = new Script(
  PRELUDE,
  TIMELINE,
  COUNTERS,
  PAGES,
  String.raw`
chargeExpired(tonumber(ARGV[1]))
writeCounters()
local found = page(root .. ':' .. ARGV[2], ARGV[3], ARGV[4])
local out = { found[#found - 1], found[#found] }
for index = 1, #found, 2 do
  local id = found[index]
  local json = call('GET', root .. ':h:' .. id)
  local kind = json and json:byte()
  if kind == LIVE or kind == CHARGED then
    local hold = cjson.decode(kind == CHARGED and json:sub(2) or json)
    local size = #out
    out[size + 1], out[size + 2], out[size + 3], out[size + 4] = id, exact(hold[2]), exact(hold[3]), (#hold - SHARES + 1) / SHARE
    for line = SHARES, #hold, SHARE do
      size = #out
      out[size + 1], out[size + 2] = hold[line + 1] == '' and hold[line] or hold[line + 1], answer(hold[line + 2])
    end
  end
end
return out
`,
);
