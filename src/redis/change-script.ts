import { LIMITS } from './limits-script';
import { PRELUDE } from './prelude';
import { Script } from './script';
import { TIMELINE } from './timeline-script';

/**
 * Notes what has become of attempts, one after the other. Given the time, then for each its id, whether it has begun and whether it
 * was released (1 or 0), its needs and its provider. Attempts that are not out, or whose lease is over, change nothing.
 */
export const CHANGE = new Script(
  PRELUDE,
  TIMELINE,
  LIMITS,
  String.raw`
local function begin(a, needs)
  for _, need in ipairs(needs) do
    if need.isWindow then
      local line = window(need.name, need.windowMs)
      timeline().takeBack(line, a.bookedAt, need.amount)
      timeline().add(line, now, need.amount)
    end
  end
  a.bookedAt, a.isBegun = now, true
end

local function release(a, id, needs, p, amounts, actuals)
  for _, need in ipairs(needs) do
    if not need.isWindow then
      call('ZREM', root .. ':k:' .. need.name, id)
    else
      local used = a.isBegun and (need.actual or need.amount) or 0
      timeline().takeBack(window(need.name, need.windowMs), a.bookedAt, need.amount - used)
    end
  end
  if not p then return end
  call('ZREM', p.outKey, id)
  for _, bucket in ipairs(p.buckets) do
    refill(bucket)
    local amount = amounts[bucket.kind] or 0
    local used = a.isBegun and (actuals[bucket.kind] or amount) or 0
    bucket.level = math.min(bucket.max, bucket.level + amount - used)
    p.isChanged = true
  end
end

local arg = 2
while arg <= #ARGV do
  local id, begun, released = ARGV[arg], ARGV[arg + 1] == '1', ARGV[arg + 2] == '1'
  local needs, p, amounts, actuals
  needs, arg = readNeeds(arg + 3)
  p, amounts, actuals, arg = readProvider(arg)
  local a = attempt(id)
  if a then
    if begun and not a.isBegun then begin(a, needs) end
    if released then
      release(a, id, needs, p, amounts, actuals)
      call('DEL', root .. ':a:' .. id)
    else
      call('SET', root .. ':a:' .. id, packAttempt(a), 'KEEPTTL')
    end
  end
end
writeWindows()
writeProviders()
return {}
`,
);

/**
 * Learns about providers' limits. Given the time, then for each snapshot the provider, the pause in ms, and the number of limits;
 * of each limit its kind, window, maximum, and what remains, or ''.
 */
export const LEARN = new Script(
  PRELUDE,
  TIMELINE,
  LIMITS,
  String.raw`
local function learn(p, kind, windowMs, max, remaining)
  local field, bucket = kind .. ':' .. windowMs, nil
  for _, known in ipairs(p.buckets) do
    if known.field == field then bucket = known end
  end
  if not bucket then
    bucket = { field = field, kind = kind, windowMs = tonumber(windowMs), max = max, level = max, at = now }
    p.buckets[#p.buckets + 1] = bucket
  end
  refill(bucket)
  -- A new maximum leaves what is used as it is.
  bucket.level, bucket.max = bucket.level + max - bucket.max, max
  p.keepMs = math.max(p.keepMs, 2 * bucket.windowMs)
  if not remaining then return end
  -- What is out was taken with an estimate and is corrected when it ends; the provider counted something else for it.
  local level, isAlone = math.min(max, remaining), outAt(p.outKey) == 0
  bucket.level = isAlone and level or math.min(bucket.level, level)
end

local arg = 2
while arg <= #ARGV do
  local p, pauseMs, total = provider(ARGV[arg]), tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  p.isChanged, p.keepMs = true, math.max(p.keepMs or DAY, pauseMs)
  if pauseMs > 0 then p.pause = math.max(p.pause, now + pauseMs) end
  for index = 1, total do
    local from = arg + index * 4 - 1
    learn(p, ARGV[from], ARGV[from + 1], tonumber(ARGV[from + 2]), tonumber(ARGV[from + 3]))
  end
  arg = arg + 3 + total * 4
end
writeProviders()
return {}
`,
);
