-- Sends the pre-signed requests of a file, each of them once. Arguments: FILE BYTES COUNT THREADS AGAIN: every request is
-- BYTES long; each thread has its own slice of the COUNT; with AGAIN = 1 a thread begins anew where its slice ends.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  bytes = tonumber(args[2])
  slice = math.floor(tonumber(args[3]) / tonumber(args[4]))
  again = args[5] == "1"
  ran_out = false
  file = assert(io.open(args[1], "rb"))
  file:setvbuf("full", 1048576)
  rewind()
end

function rewind()
  file:seek("set", number * slice * bytes)
  left = slice
end

function request()
  if left == 0 then
    if not again then
      ran_out = true
      wrk.thread:stop()
    end
    rewind()
  end
  left = left - 1
  return file:read(bytes)
end

function done(summary, latency, requests)
  local out_of_requests = false
  for _, thread in ipairs(threads) do
    out_of_requests = out_of_requests or thread:get("ran_out")
  end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "micros": %d, "failed": %d, "statuses": %d, "ran_out": %s, "p99": %d}\n',
    summary.requests, summary.duration, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    tostring(out_of_requests), latency:percentile(99)))
end
