/**
 * The counters of budgets, for the scripts of the budget store. Keys, all below the root:
 *
 * - `c:<counter>`, a string: a counter, as the packed numbers spent, held, told, limit asked last, when it may go, end of the window,
 *   and a time before which none of its holds expires; for a rolling window followed by its packed timeline, which has what is
 *   spent. It outlives its window by another one, and its holds.
 * - `b:<counter>`, a sorted set: the bookings of a rolling window.
 * - `h:<id>`, a string: a hold, as the JSON that was asked for; with a `!` before it, one that has expired and was charged. Empty
 *   for two hours once it is settled, or `=<expiresAt>` for an hour after it would have expired, if it would have lived longer: no
 *   caller tries again for as long, and settling what is forgotten changes nothing. `@<at>` for an hour if it was settled then and
 *   had never been there.
 * - `open`, a sorted set: ids of live holds by `expiresAt`; `expired`: ids of those that were charged, by when to forget them.
 *
 * A hold's JSON is the array of its id, at, expiresAt, for how long and until when to keep it, then for each share its counter,
 * account ('' if it is called the same), nanos, limit, rolling window (false for a fixed one), the window's end, and until when to
 * keep the counter.
 *
 * Counters are read once per trip and written at its end. A trip is never done by half: what Redis refuses, for lack of memory or
 * as a replica, it refuses at a script's first write, and later ones pass.
 */
export const COUNTERS = String.raw`
local HOUR = 3600000
local CHARGED, LONG, AT, LIVE = 33, 61, 64, 91
local SHARES, SHARE = 6, 7
local openKey, expiredKey = root .. ':open', root .. ':expired'
local counters, order = {}, {}
-- What becomes of the set of live holds, written together: scores and ids to add, and ids to remove.
local opened, ended = {}, {}

local function counter(name)
  local c = counters[name]
  if c then return c end
  local key = root .. ':c:' .. name
  local packed = call('GET', key)
  c = {
    key = key, name = name, isNew = not packed, isChanged = false, isFirst = false, keepMs = false, line = false,
    spent = 0, held = 0, told = 0, limit = 0, keptUntil = 0, resetsAt = 0, soonest = NEVER,
  }
  if packed then
    c.spent, c.held, c.told, c.limit, c.keptUntil, c.resetsAt, c.soonest = struct.unpack('>ddddddd', packed)
    if #packed > 56 then c.line = timeline().load(root .. ':b:' .. name, packed:sub(57)) end
  end
  counters[name], order[#order + 1] = c, c
  return c
end

-- In a rolling window money counts from the time on.
local function book(c, nanos, time)
  if c.line then timeline().add(c.line, time, nanos) else c.spent = c.spent + nanos end
  c.isChanged = true
end

-- What an answer tells: spent, held, and what was told before, to the end of out. So much of it was booked in this step.
local function tell(out, c, at, windowMs, booked)
  local spent, told = c.spent, c.told
  if c.line then
    timeline().moveEdge(c.line, at - windowMs)
    spent = c.line.sum
    -- What has left a rolling window may come back, and is told again then.
    told = math.min(told, spent - booked)
  end
  if spent > told or c.line and spent ~= c.told then c.told, c.isChanged = spent, true end
  local size = #out
  out[size + 1], out[size + 2], out[size + 3] = answer(spent), answer(c.held), answer(told)
end

local function resetsAt(c, at)
  return answer(c.line and (c.line.first < NEVER and c.line.first or at) + c.line.windowMs or c.resetsAt)
end

local function writeOpen()
  if #opened > 0 then call('ZADD', openKey, unpack(opened)) end
  if #ended > 0 then call('ZREM', openKey, unpack(ended)) end
end

local function writeCounters()
  writeOpen()
  for index = 1, #order do
    local c, line = order[index], order[index].line
    -- A new one was only asked about.
    if not c.isNew and (c.isChanged or line and line.isChanged) then
      local packed = struct.pack('>ddddddd', c.spent, c.held, c.told, c.limit, c.keptUntil, c.resetsAt, c.soonest)
      if line then packed = packed .. timeline().pack(line) end
      local keepMs = c.keepMs
      if keepMs and not c.isFirst then keepMs = call('PTTL', c.key) < keepMs and keepMs end
      if not keepMs then
        call('SET', c.key, packed, 'KEEPTTL')
      elseif keepMs + HOUR < 1e13 then
        call('SET', c.key, packed, 'PX', math.ceil(keepMs + HOUR))
      else
        call('SET', c.key, packed)
      end
      if line and (keepMs or line.isNewKey) then keep(line.key, call('PTTL', c.key), 0) end
    end
  end
end

-- Charges each hold that has expired, at its own expiry. Answers with a time before which no other does.
local function chargeExpired(at)
  writeOpen()
  opened, ended = {}, {}
  while true do
    local ids = call('ZRANGEBYSCORE', openKey, '-inf', at, 'LIMIT', 0, 100)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local key = root .. ':h:' .. id
      local json = call('GET', key)
      if json and json:byte() == LIVE then
        local hold = cjson.decode(json)
        call('SET', key, '!' .. json, 'KEEPTTL')
        call('ZADD', expiredKey, hold[5], id)
        for index = SHARES, #hold, SHARE do
          -- A counter that is gone has been over for long.
          local c, nanos = counter(hold[index]), hold[index + 2]
          if not c.isNew then
            c.held = c.held - nanos
            book(c, nanos, hold[3])
          end
        end
      end
    end
    call('ZREM', openKey, unpack(ids))
  end
  call('ZREMRANGEBYSCORE', expiredKey, '-inf', at)
  local first = call('ZRANGE', openKey, 0, 0, 'WITHSCORES')
  return tonumber(first[2] or NEVER)
end

-- To be called for each counter before it is looked at.
local function chargeIfDue(c, at)
  if c.soonest <= at then c.soonest, c.isChanged = chargeExpired(at), true end
end
`;
