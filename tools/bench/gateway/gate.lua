-- What one would write for nginx: verifies the sign, the timestamp and the cooldown, enqueues, answers the envelope. It does
-- not look up whose card it is, keeps no history and no state of a refresh: what is left out speaks for the gateway.

local cjson = require "cjson.safe"
local redis = require "nginx.redis"
local ffi = require "ffi"

ffi.cdef [[ unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len); ]]

local WINDOW, COOLDOWN = 300, 300

-- Cooldown and queue change together or not at all. The same sign again is answered alike.
local ACCEPT = [[
local held = redis.call('GET', KEYS[1])
if held then
  if string.sub(held, 1, 40) == ARGV[1] then
    return {0, string.sub(held, 42)}
  end
  return {redis.call('TTL', KEYS[1])}
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
redis.call('LPUSH', KEYS[2], ARGV[2] .. ' ' .. ARGV[4])
return {0, ARGV[2]}
]]

local M = {}
local server, secrets, accept_sha
local digest = ffi.new("unsigned char[40]")
local count = 0

function M.start(redis_server, app_secrets)
  server, secrets = redis_server, app_secrets
  ffi.C.ngx_hex_dump(digest, ngx.sha1_bin(ACCEPT), 20)
  accept_sha = ffi.string(digest, 40)
end

local function written(value)
  if value == true then return "1" end
  if value == false then return "0" end
  if type(value) == "table" then return cjson.encode(value) end
  return tostring(value)
end

local function sign_of(body, secret)
  local names = {}
  for name, value in pairs(body) do
    if name ~= "sign" and value ~= "" and value ~= cjson.null then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for at, name in ipairs(names) do
    names[at] = name .. "=" .. written(body[name])
  end
  names[#names + 1] = "secret=" .. secret
  ffi.C.ngx_hex_dump(digest, ngx.sha1_bin(table.concat(names, "&")), 20)
  return string.upper(ffi.string(digest, 40))
end

local function answer(code, message, data)
  ngx.print(cjson.encode { code = code, message = message, data = data })
end

local function take(card, sign, id)
  local connection = redis:new()
  connection:set_timeout(5000)
  local good, problem = connection:connect(server)
  if not good then return nil, problem end
  local reply
  reply, problem = connection:evalsha(accept_sha, 2, "cooldown:" .. card, "queue", sign, id, COOLDOWN, card)
  if not reply and problem and string.find(problem, "NOSCRIPT", 1, true) then
    reply, problem = connection:eval(ACCEPT, 2, "cooldown:" .. card, "queue", sign, id, COOLDOWN, card)
  end
  connection:set_keepalive(60000, 256)
  return reply, problem
end

function M.refresh()
  ngx.req.read_body()
  local body = cjson.decode(ngx.req.get_body_data() or "")
  if type(body) ~= "table" then return answer("400", "the body must be a JSON object") end
  local card, nonce, sent = body.iccid, tonumber(body.nonce), body.sign
  local timestamp = tonumber(body.timestamp)
  if type(card) ~= "string" or not string.find(card, "^%w+$") then return answer("400", "iccid") end
  if not timestamp then return answer("400", "timestamp") end
  if not nonce or nonce < 10000 or nonce > 99999 then return answer("400", "nonce") end
  if type(sent) ~= "string" then return answer("400", "sign") end
  local secret = secrets[body.appkey]
  local sign = sign_of(body, secret or "nobody's")
  if not secret or sign ~= string.upper(sent) then return answer("401", "wrong sign") end
  local now = ngx.time()
  if math.abs(now - timestamp) > WINDOW then return answer("401", "timestamp") end
  count = count + 1
  local id = string.format("%011x%05x%010x", ngx.now() * 1000, ngx.worker.pid(), count)
  local reply, problem = take(card, sign, id)
  if not reply then
    ngx.log(ngx.ERR, "redis: ", problem)
    return answer("500", "our fault")
  end
  if not reply[2] then
    ngx.header["Retry-After"] = reply[1]
    return answer("429", "cooling down", { retryAfterSeconds = reply[1], nextRefreshAt = now + reply[1] })
  end
  answer("200", "操作成功", {
    refreshId = reply[2], state = "queued", acceptedAt = now, nextRefreshAt = now + COOLDOWN,
  })
end

return M
