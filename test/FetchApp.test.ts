/** Web-standard handlers: what HTTP allows and the fetch standard does not is the client's affair. */
import { fetchApp, listen, server } from "tsgi"
import { describe, expect, it } from "vitest"
import { connect } from "./utils/sockets.js"

const serve = async (bytes: string) => {
  const lines: Array<string> = []
  const seen: Array<string> = []
  const running = server(
    listen(),
    fetchApp(async (request) => {
      seen.push(request.method)
      return new Response(await request.text())
    }),
    { log: (line) => lines.push(line) }
  )
  const client = await connect(await running.ready)
  client.send(bytes)
  const response = await client.response()
  client.close()
  await running.stop()
  return { response, seen, failures: lines.filter((line) => line.includes("failed")) }
}

describe("fetchApp", () => {
  it.each([
    ["TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
    ["a port that is none", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400],
    ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400]
  ])("refuses %s without calling the handler, or blaming it", async (_, bytes, status) => {
    const { failures, response, seen } = await serve(bytes)
    expect(response.status).toBe(status)
    expect(seen).toEqual([])
    expect(failures).toEqual([])
  })

  it("gives GET no body, however it is written", async () => {
    const { response, seen } = await serve("get / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    expect([response.status, response.body.toString(), seen]).toEqual([200, "", ["GET"]])
  })

  it("streams a body in and out", async () => {
    const { response } = await serve("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    expect([response.status, response.body.toString()]).toEqual([200, "hi"])
  })
})
