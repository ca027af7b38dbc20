-- Says what was measured, as one line of JSON; the other scripts begin with it.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nreport {"requests":%d,"bytes":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout
  ))
end
