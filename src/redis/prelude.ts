/**
 * What all scripts begin with. Keys are made from the one that is declared, so that a prefix that the client adds is in all of
 * them, and a cluster has them all in one slot. Functions are few, as each is made anew in each run.
 *
 * Numbers are doubles, in Lua as in JavaScript, and exact up to 2^53. Redis writes one that is the argument of a command with
 * 17 digits, which is exact as well. One in an answer it cuts to an integer, so fractions go as text; and as clients are not exact
 * with the last integers below 2^53, so do those.
 */
export const PRELUDE = String.raw`
local root, call, NEVER = KEYS[1], redis.call, math.huge
local function exact(number) return string.format('%.17g', number) end
local function answer(number) return number < 4e15 and number % 1 == 0 and number or exact(number) end

-- Makes a key live for ms more at least, and for so much longer, so that it need not be told each time.
local function keep(key, ms, slackMs)
  if call('PTTL', key) < ms then call('PEXPIRE', key, math.ceil(math.min(ms + slackMs, 1e13))) end
end
`;
