/**
 * The log in a file, with access lines in a format of your own.
 *
 *   npx tsx examples/log.ts
 *   curl http://127.0.0.1:8090/                                  Hello, World!
 *   curl http://127.0.0.1:8090/ -H "X-Forwarded-For: 192.0.2.7"  Hello, World!
 *   curl http://127.0.0.1:8090/ -H "Host:"                       MissingHost: ...
 *   cat access.log          among other lines of the server:
 *       127.0.0.1 "GET / HTTP/1.1" 200 14 bytes in 0.002 s, Sent
 *       192.0.2.7,127.0.0.1 "GET / HTTP/1.1" 200 14 bytes in 0.001 s, Sent
 *       127.0.0.1 "GET / HTTP/1.1" 400 43 bytes in 0.000 s, Refused
 *   JSON=1 npx tsx examples/log.ts                               lines of JSON instead
 *
 * `LOG` chooses another file.
 */
import { type AccessRecord, listen, server } from "tsgi"
import { port, run } from "./serve.js"

// A template of fields, as in eventlet, or a function of a record.
const template =
  "%(client_ip)s \"%(request_line)s\" %(status_code)d %(body_bytes)d bytes in %(wall_seconds).3f s, %(outcome)s"

const json = (record: AccessRecord): string =>
  JSON.stringify({
    time: new Date(record.endTime).toISOString(),
    client: record.remote._tag === "Tcp" ? record.remote.host : "unix",
    request: record.requestLine,
    status: record.status,
    bytes: record.bodyBytes,
    milliseconds: Math.round(record.endTime - record.startTime),
    outcome: record.outcome?._tag ?? "Refused",
    reason: record.refused?.reason
  })

const running = server(listen(port), (_, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return "Hello, World!\n"
}, {
  log: process.env.LOG ?? "access.log",
  logFormat: process.env.JSON === undefined ? template : json,
  // peers whose X-Forwarded-For is believed: others could forge the log with it
  trustedProxies: ["127.0.0.1", "::1"]
})

run(running)
