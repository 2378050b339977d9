import { LIMITS } from './limits-script';
import { PRELUDE } from './prelude';
import { Script } from './script';
import { TIMELINE } from './timeline-script';

/**
 * Takes all of a demand, or nothing, one demand after the other. Given the time, then for each its id, leaseMs, needs and provider.
 * Answers per demand -2 if it was granted, else the index of the need without room (-1: the provider), and in how long there may be.
 */
export const TAKE = new Script(
  PRELUDE,
  TIMELINE,
  LIMITS,
  String.raw`
-- The first without room, and in how long it may have some.
local function obstacle(needs, p, amounts)
  for index, need in ipairs(needs) do
    local ms
    if need.isWindow then
      need.line = window(need.name, need.windowMs)
      ms = roomInWindow(need.line, need.amount, need.max)
    else
      need.key = root .. ':k:' .. need.name
      ms = roomInGate(need.key, outAt(need.key), need.max)
    end
    if ms > 0 then return index - 1, ms end
  end
  local ms = 0
  if p then
    if p.pause > now then ms = wholeMs(p.pause - now) end
    for _, bucket in ipairs(p.buckets) do ms = math.max(ms, roomInBucket(bucket, amounts[bucket.kind] or 0)) end
  end
  if ms > 0 then return -1, ms end
end

local function take(id, leaseMs, needs, p, amounts)
  local leaseEndsAt, keepMs = now + leaseMs, leaseMs + MINUTE
  for _, need in ipairs(needs) do
    if need.isWindow then
      timeline().add(need.line, leaseEndsAt, need.amount)
      need.line.keepMs = math.max(need.line.keepMs or 0, need.windowMs + leaseMs)
    else
      goOut(need.key, id, leaseMs)
    end
  end
  if p then
    goOut(p.outKey, id, leaseMs)
    for _, bucket in ipairs(p.buckets) do
      refill(bucket)
      bucket.level = bucket.level - (amounts[bucket.kind] or 0)
      p.isChanged = true
    end
  end
  local packed = packAttempt({ leaseEndsAt = leaseEndsAt, bookedAt = leaseEndsAt })
  call('SET', root .. ':a:' .. id, packed, 'PX', math.ceil(math.min(keepMs, 1e13)))
end

local out, arg = {}, 2
while arg <= #ARGV do
  local id, leaseMs = ARGV[arg], tonumber(ARGV[arg + 1])
  local needs, p, amounts, _
  needs, arg = readNeeds(arg + 2)
  p, amounts, _, arg = readProvider(arg)
  local stop, ms
  local isTaken = attempt(id)
  if not isTaken then stop, ms = obstacle(needs, p, amounts) end
  if stop then
    out[#out + 1] = stop
    out[#out + 1] = exact(ms)
  else
    if not isTaken then take(id, leaseMs, needs, p, amounts) end
    out[#out + 1] = -2
  end
end
writeWindows()
writeProviders()
return out
`,
);

/**
 * Shows how the limits of a demand stand. Given the time, its needs and its provider. Answers for each need what is used and in how
 * long there may be room; then of its provider in how long its pause ends, and for each learnt limit its kind, window, maximum, and
 * the same two.
 */
export const LOOK = new Script(
  PRELUDE,
  TIMELINE,
  LIMITS,
  String.raw`
local out = {}
local function say(...)
  for _, number in ipairs({ ... }) do out[#out + 1] = exact(number) end
end
local needs, arg = readNeeds(2)
for _, need in ipairs(needs) do
  if need.isWindow then
    local line = window(need.name, need.windowMs)
    say(line.sum, roomInWindow(line, need.amount, need.max))
  else
    local key = root .. ':k:' .. need.name
    local used = outAt(key)
    say(used, roomInGate(key, used, need.max))
  end
end
local p, amounts = readProvider(arg)
if p then
  say(p.pause > now and wholeMs(p.pause - now) or 0)
  for _, bucket in ipairs(p.buckets) do
    local ms = roomInBucket(bucket, amounts[bucket.kind] or 0)
    refill(bucket)
    out[#out + 1] = bucket.kind
    say(bucket.windowMs, bucket.max, bucket.max - bucket.level, ms)
  end
end
-- Spans that have left may have been dropped on the way.
writeWindows()
return out
`,
);
