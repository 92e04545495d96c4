-- Forgets the messages that the leader has finished, and gives it the next, the oldest first.
-- KEYS[1] lease: hash {holder, token}   KEYS[2] messages: stream {m: message}
-- ARGV[1] token   ARGV[2] messages given at most   ARGV[3…] ids of those that are finished
-- Returns entries; the error LEASELOST.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return redis.error_reply('LEASELOST this token is not in force')
end
for i = 3, #ARGV do
  redis.call('XDEL', KEYS[2], ARGV[i])
end
return redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[2])
