import { COUNTERS } from './counters-script';
import { PRELUDE } from './prelude';
import { Script } from './script';
import { TIMELINE } from './timeline-script';

/**
 * Takes holds, one after the other, each given as its JSON.
 *
 * Answers per hold: 1 if it was granted or is known, 0 if refused, and for each share what is spent, held and told, in a rolling
 * window also when it resets; or -1, the share, and whether its counter's window is a rolling one, if that is not what was asked.
 */
export const RESERVE = new Script(
  PRELUDE,
  TIMELINE,
  COUNTERS,
  String.raw`
local out = {}
for item = 1, #ARGV do
  local json = ARGV[item]
  local hold = cjson.decode(json)
  local id, at, expiresAt, keptMs, last = hold[1], hold[2], hold[3], hold[4], #hold

  -- Whether all shares have room; or one whose window is of another kind than its counter's.
  local fits, other = true, nil
  for from = SHARES, last, SHARE do
    local c, windowMs = counter(hold[from]), hold[from + 4]
    chargeIfDue(c, at)
    local spent = c.spent
    if c.isNew then
      c.line, c.resetsAt = windowMs and timeline().create(root .. ':b:' .. c.name, windowMs), tonumber(hold[from + 5])
    elseif not c.line ~= not windowMs then
      other = other or from
    elseif windowMs then
      timeline().moveEdge(c.line, at - windowMs)
      spent = c.line.sum
    end
    if spent + c.held + hold[from + 2] > hold[from + 3] then fits = false end
  end

  local isTaken, key = false, root .. ':h:' .. id
  if other then
    local size = #out
    out[size + 1], out[size + 2], out[size + 3] = -1, (other - SHARES) / SHARE, counters[hold[other]].line and 1 or 0
  else
    isTaken = fits and call('SET', key, json, 'NX', 'PX', keptMs)
    local known = not isTaken and call('GET', key)
    -- It was settled before it came, because its caller had given up; but one that was made since is new.
    if known and known:byte() == AT and at >= tonumber(known:sub(2)) then
      known, isTaken = false, fits and call('SET', key, json, 'PX', keptMs)
    end
    if isTaken then
      local size = #opened
      opened[size + 1], opened[size + 2] = expiresAt, id
    end
    out[#out + 1] = (isTaken or known) and 1 or 0
  end

  for from = SHARES, other and 0 or last, SHARE do
    local c, windowMs = counters[hold[from]], hold[from + 4]
    if isTaken then
      local untilTime = tonumber(hold[from + 6])
      c.held, c.limit, c.isChanged = c.held + hold[from + 2], hold[from + 3], true
      if expiresAt < c.soonest then c.soonest = expiresAt end
      if windowMs then c.line.windowMs = windowMs end
      if c.isNew then c.isNew, c.isFirst = false, true end
      -- Far beyond what is needed is what a caller said whose clock was wrong, or who holds for long.
      if not (c.keptUntil >= untilTime and c.keptUntil <= untilTime + 2 * HOUR) then
        c.keptUntil = untilTime + HOUR
        c.keepMs = math.max(c.keepMs or 0, untilTime - at)
      end
    end
    tell(out, c, at, windowMs, 0)
    if windowMs then out[#out + 1] = answer((c.line.first < NEVER and c.line.first or at) + windowMs) end
  end
end
writeCounters()
return out
`,
);
