-- tests/bench/figures.lua: wrk prints its figures as one line of JSON. Loaded by the other scripts of this folder.

local figures = [[{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}]]

function done(summary, latency)
  local errors = summary.errors
  print(figures:format(summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
