-- Stores what a gateway reports, and gives what the others reported.
-- KEYS[1] shares: hash, by gateway "<when it reported, ms since 1970>:<usage>"
-- ARGV[1] gateway   ARGV[2] usage   ARGV[3] how old others' may be, ms
-- Returns {gateway, usage, …}; older ones are removed, those from a time that is yet to come, and garbage.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reported = redis.call('HGETALL', KEYS[1])
local others = {}
for i = 1, #reported, 2 do
  local at, usage = string.match(reported[i + 1], '^(%d+):(.*)$')
  if not at or math.abs(now - at) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], reported[i])
  elseif reported[i] ~= ARGV[1] then
    others[#others + 1] = reported[i]
    others[#others + 1] = usage
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ':' .. ARGV[2])
return others
