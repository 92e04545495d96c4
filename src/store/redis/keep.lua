-- Keeps parts of a pool's past, and forgets others.
-- KEYS[1] lease: hash {holder, token}   KEYS[2] past: hash of parts by name
-- ARGV[1] token   ARGV[2] how many are kept, n   ARGV[3 …] n names and parts in turn, then the names of those to forget
-- Returns nothing; the error LEASELOST.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return redis.error_reply('LEASELOST this token is not in force')
end
local forgotten = 3 + 2 * tonumber(ARGV[2])
for i = 3, forgotten - 1, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
for i = forgotten, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[i])
end
