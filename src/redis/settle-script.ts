import { COUNTERS } from './counters-script';
import { PRELUDE } from './prelude';
import { RECORDS } from './records-script';
import { Script } from './script';
import { TIMELINE } from './timeline-script';

/**
 * Settles holds, one after the other, and writes their records. Given how many records to keep, then for each its id, spent nanos
 * and at, and its record's id, time and JSON, or ''.
 *
 * Answers per settlement with the number of states, and for each its account, limit, what is spent, held and told, and when it
 * resets.
 */
export const SETTLE = new Script(
  PRELUDE,
  TIMELINE,
  COUNTERS,
  RECORDS,
  String.raw`
local out = {}
for arg = 2, #ARGV, 6 do
  local id, spent, at = ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local key, place = root .. ':h:' .. id, #out + 1
  out[place] = 0
  local known = call('SET', key, '', 'XX', 'PX', 2 * HOUR, 'GET')
  local kind = known and known:byte()
  if not known then
    -- Should its reservation be on its way still, it comes too late.
    call('SET', key, '@' .. exact(at), 'PX', HOUR)
  elseif kind == AT then
    call('SET', key, known, 'PX', HOUR)
  elseif kind then
    local hold = kind ~= LONG and cjson.decode(kind == CHARGED and known:sub(2) or known)
    local expiresAt = hold and hold[3] or tonumber(known:sub(2))
    if expiresAt - at > HOUR then
      call('SET', key, '=' .. exact(expiresAt), 'PX', math.ceil(math.min(expiresAt - at + HOUR, 1e13)))
    end
    if kind == CHARGED then call('ZREM', expiredKey, id) elseif hold then ended[#ended + 1] = id end
    for index = SHARES, hold and #hold or 0, SHARE do
      local c, nanos = counter(hold[index]), hold[index + 2]
      chargeIfDue(c, at)
      -- A counter that is gone has been over for long.
      if not c.isNew then
        if kind ~= CHARGED then
          c.held = c.held - nanos
        elseif c.line then
          timeline().takeBack(c.line, expiresAt, nanos)
        else
          c.spent = c.spent - nanos
        end
        -- After its expiry money keeps that time in a rolling window: the room that it left since may have been taken.
        book(c, spent, (kind == CHARGED or expiresAt <= at) and expiresAt or at)
        out[#out + 1] = hold[index + 1] == '' and hold[index] or hold[index + 1]
        out[#out + 1] = answer(c.limit)
        tell(out, c, at, c.line and c.line.windowMs, spent)
        out[#out + 1] = resetsAt(c, at)
        out[place] = out[place] + 1
      end
    end
  end
end
writeCounters()
writeRecords(5, 6, tonumber(ARGV[1]))
return out
`,
);
