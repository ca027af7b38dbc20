/** `request` of `tsgi/testing`: requests to an application without a port, and their results. */
import { type App, fetchApp, OptionError } from "tsgi"
import { request } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { expectReleased, holdings } from "../utils/holdings.js"

const echo: App = async (env, startResponse) => {
  const body = await env["wsgi.input"].read()
  startResponse("201 Made", [["Content-Type", "text/plain"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]])
  return `${env.REQUEST_METHOD} ${env.REQUEST_URI} ${env.HTTP_HOST} ${env.CONTENT_LENGTH} ${env.HTTP_X_A} ${body}`
}

describe("request", () => {
  it("answers what fetch does, and tells how it ended", async () => {
    const before = holdings()
    const response = await request(echo, "/path?a=1", { method: "POST", body: "hello", headers: { "X-A": "1" } })
    expect(response).toBeInstanceOf(Response)
    expect([response.status, response.statusText, response.ok, response.url]).toEqual([
      201,
      "Made",
      true,
      "http://localhost/path?a=1"
    ])
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"])
    expect(await response.text()).toBe("POST /path?a=1 localhost 5 1 hello")
    expect(response.interim).toEqual([])
    expect(Array.from(await response.trailers)).toEqual([])
    expect(await response.outcome).toMatchObject({ _tag: "Sent", status: 201, bodyBytes: 34 })
    await expectReleased(before)
  })

  it.each([
    ["a path", "//x/%2e", "//x/%2e localhost"],
    ["a URL in text", "http://a:81/x?y", "/x?y a:81"],
    ["a URL", new URL("http://b/x"), "/x b"]
  ])("takes %s", async (_, input, expected) => {
    expect(await (await request(echo, input)).text()).toContain(`GET ${expected} `)
  })

  it("sends bodies of every kind that fetch does", async () => {
    const read: App = async (env, startResponse) => {
      startResponse("200 OK", [])
      return `${env.CONTENT_TYPE} ${env.CONTENT_LENGTH} ${env.HTTP_TRANSFER_ENCODING} ${await env["wsgi.input"].read()}`
    }
    const send = async (body: NonNullable<RequestInit["body"]>) =>
      (await request(read, "/", { method: "POST", body })).text()
    expect(await send("a")).toBe("text/plain;charset=UTF-8 1 undefined a")
    expect(await send(new URLSearchParams({ a: "b" })))
      .toBe("application/x-www-form-urlencoded;charset=UTF-8 3 undefined a=b")
    expect(await send(new Uint8Array([97]))).toBe("undefined 1 undefined a")
    const form = new FormData()
    form.set("a", "b")
    expect(await send(form)).toMatch(/^multipart\/form-data; boundary=.* \d+ undefined [^]*name="a"/)
    expect(await send(new Blob(["ab"]).stream())).toBe("undefined undefined chunked ab")
  })

  it("sends trailers", async () => {
    const app: App = async (env, startResponse) => {
      await env["wsgi.input"].read()
      startResponse("200 OK", [])
      return JSON.stringify(env["wsgi.input"].trailers)
    }
    const response = await request(app, "/", { method: "POST", body: "a", trailers: [["X-Sum", "1"]] })
    expect(await response.json()).toEqual([["X-Sum", "1"]])
  })

  it("has the interim responses, and sends a body that is asked for when it is", async () => {
    const seen: Array<string> = []
    const app: App = async (env, startResponse) => {
      env["tsgi.interim"](103, [["Link", "</a.css>"]])
      env["wsgi.input"].setHundredContinueResponseHeaders([["Upload-Limit", "9"]])
      seen.push((await env["wsgi.input"].read()).toString())
      startResponse("200 OK", [])
      return ""
    }
    const init = { method: "PUT", body: "hello", headers: [["Expect", "100-continue"]] as const }
    const response = await request(app, "/", init)
    expect(response.interim.map(({ headers, status }) => [status, ...headers])).toEqual([
      [103, ["link", "</a.css>"]],
      [100, ["upload-limit", "9"]]
    ])
    expect(seen).toEqual(["hello"])
    const refusing: App = (_, startResponse) => {
      startResponse("417 Expectation Failed", [])
      return ""
    }
    const refused = await request(refusing, "/", init)
    expect([refused.status, refused.interim]).toEqual([417, []])
    expect(await refused.outcome).toMatchObject({ _tag: "Sent", interimResponses: 0 })
  })

  it("has no body where there is none", async () => {
    for (
      const [method, status] of [["HEAD", "200 OK"], ["GET", "204 No Content"], ["GET", "304 Not Modified"]] as const
    ) {
      const response = await request(
        (_, startResponse) => {
          startResponse(status, [])
          return ""
        },
        "/",
        { method }
      )
      expect([response.status, response.body]).toEqual([Number(status.slice(0, 3)), null])
      expect(await response.outcome).toMatchObject({ _tag: "Sent" })
    }
  })

  it("gives a body as it comes, and leaves when its reader cancels it", async () => {
    const before = holdings()
    const events = async function*() {
      for (let i = 0;; i++) {
        yield `data: ${i}\n\n`
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const app: App = (_, startResponse) => {
      startResponse("200 OK", [["Content-Type", "text/event-stream"]])
      return events()
    }
    const response = await request(app, "/")
    const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toMatch(/^data: 0\n\n/)
    await reader?.cancel()
    expect(await response.outcome).toMatchObject({ _tag: "Aborted", reason: "ClientGone" })
    await expectReleased(before)
  })

  it("leaves when its signal says so", async () => {
    const leaving = new AbortController()
    let aborted = false
    const asking = request(
      (env) => {
        env["tsgi.signal"].addEventListener("abort", () => aborted = true)
        setImmediate(() => leaving.abort(new Error("enough")))
        return new Promise(() => undefined)
      },
      "/",
      { signal: leaving.signal, server: { timeouts: { interrupt: 1 } } }
    )
    await expect(asking).rejects.toThrow("enough")
    expect(aborted).toBe(true)
    await expect(request(echo, "/", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before")
  })

  it("tells what an application fails with, and logs where it is told to", async () => {
    const lines: Array<string> = []
    const failing = (): never => {
      throw new Error("no luck")
    }
    const response = await request(failing, "/", { server: { log: (line) => lines.push(line) } })
    expect([response.status, await response.text()]).toEqual([500, ""])
    expect(await response.outcome).toMatchObject({ _tag: "Failed", error: { message: "no luck" } })
    expect(lines.join("\n")).toContain("no luck")
  })

  it("rejects a body that is cut, and has no outcome of what no application has seen", async () => {
    const cut: App = (_, startResponse) => {
      startResponse("200 OK", [["Content-Length", "9000"]])
      return ["a".repeat(5000), "b"].values()
    }
    const response = await request(cut, "/")
    await expect(response.text()).rejects.toMatchObject({ name: "WireEnded", cause: { reason: "BodyTooShort" } })
    expect(await response.outcome).toMatchObject({ _tag: "Failed" })
    const failing: App = (_, startResponse) => {
      startResponse("200 OK", [])
      return (function*() {
        yield "a".repeat(5000)
        throw new Error("no luck")
      })()
    }
    const half = await request(failing, "/")
    await expect(half.text()).rejects.toMatchObject({ name: "WireEnded", cause: { message: "no luck" } })
    const refused = await request(echo, "/", { headers: { "X-A": "x".repeat(10_000) } })
    expect([refused.status, await refused.outcome]).toEqual([431, undefined])
  })

  it("looks like any connection that is asked for", async () => {
    const app: App = (env, startResponse) => {
      startResponse("200 OK", [])
      return `${env.REMOTE_ADDR} ${env["wsgi.url_scheme"]}`
    }
    const tls = {
      protocol: "TLSv1.3",
      cipher: "a",
      serverName: undefined,
      alpnProtocol: undefined,
      authorized: false,
      peerCertificate: undefined
    }
    const remote = { _tag: "Tcp", host: "192.0.2.1", port: 1 } as const
    const response = await request(app, "/", { connection: { remote, tls, deliverAtMost: 1 } })
    expect([response.url, await response.text()]).toEqual(["https://localhost/", "192.0.2.1 https"])
  })

  it("asks web-standard handlers", async () => {
    const response = await request(fetchApp(({ url }) => Response.json({ url })), "/a")
    expect(await response.json()).toEqual({ url: "http://localhost/a" })
  })

  it("takes no app that is none", () => expect(request({} as never, "/")).rejects.toBeInstanceOf(OptionError))
})
