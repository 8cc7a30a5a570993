-- Sends requests with the lines of a file in turn: each line is a header, or a JSON body. Each thread begins at
-- a different line.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  requests = {}
  for line in io.lines(arguments[1]) do
    if line:sub(1, 1) == "{" then
      local headers = { ["Content-Type"] = "application/json" }
      requests[#requests + 1] = wrk.format("POST", nil, headers, line)
    else
      local name, value = line:match("^([^:]+): (.+)$")
      requests[#requests + 1] = wrk.format("GET", nil, name and { [name] = value } or {})
    end
  end
  at = math.floor(number * #requests / 2)
end

function request()
  at = at % #requests + 1
  return requests[at]
end

-- Writes the number of requests, their duration, p50 and p99 (all in microseconds), and the number of responses
-- other than 200.
function done(summary, latency)
  local failed = 0
  for _, number in pairs(summary.errors) do failed = failed + number end
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed))
end
