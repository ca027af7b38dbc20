/** A4: rows about the environ that no name of eventlet's proves. */
import { type App, type Environ, listen, wrapTls } from "tsgi"
import { expect, it } from "vitest"
import { makeCertificate } from "../../utils/certificate.js"
import { get, head } from "../../utils/requests.js"
import { withServer } from "../../utils/serving.js"

/** Answers with some keys, as JSON; what is absent is null. */
const keys = (...names: ReadonlyArray<string>): App => (env, startResponse) => {
  startResponse("200 OK", [])
  return JSON.stringify(names.map((name): unknown => Reflect.get(env, name) ?? null))
}

const told = async (app: App, ...requests: ReadonlyArray<string>): Promise<ReadonlyArray<unknown>> => {
  const answers: Array<unknown> = []
  await withServer(app, {}, async ({ ask }) => {
    for (const request of requests) answers.push(JSON.parse((await ask(request)).body.toString()))
  })
  return answers
}

it("row 50: no query and an empty one are two things", async () => {
  expect(
    await told(
      keys("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"),
      get("/a"),
      get("/a?"),
      get("/a?b=%20?c"),
      head("PATCH / HTTP/1.1", "Host: a")
    )
  ).toEqual([["GET", "", "/a", null], ["GET", "", "/a", ""], ["GET", "", "/a", "b=%20?c"], ["PATCH", "", "/", null]])
})

it("row 52: type and length are there when they were sent", async () => {
  expect(
    await told(
      keys("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"),
      get("/"),
      get("/", "content-type: a/b", "content-length: 0")
    )
  ).toEqual([[null, null, null, null], ["a/b", "0", null, null]])
})

it("row 53: the protocol is the request's", async () => {
  expect(await told(keys("SERVER_PROTOCOL"), get("/"), head("GET / HTTP/1.0"))).toEqual([["HTTP/1.1"], ["HTTP/1.0"]])
})

it("row 54: names and ports are those of the connection", () =>
  withServer(
    keys("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT"),
    {},
    async ({ address, ask, log }) => {
      const [name, port, remote, remotePort] = JSON.parse((await ask(get("/", "Host-: x"))).body.toString()) as Array<
        string
      >
      expect([name, remote]).toEqual(["127.0.0.1", "127.0.0.1"])
      expect(port).toBe(address._tag === "Tcp" ? String(address.port) : "")
      expect(await log.untilDebug(/accepted/)).toContain(`127.0.0.1:${remotePort}`)
    }
  ))

it("row 55: the keys that PEP 3333 asks for", async () => {
  const app: App = (env, startResponse) => {
    env["wsgi.errors"].write("told to the log\n")
    return keys(
      "GATEWAY_INTERFACE",
      "wsgi.version",
      "wsgi.multithread",
      "wsgi.multiprocess",
      "wsgi.run_once",
      "wsgi.url_scheme",
      "HTTPS"
    )(env, startResponse)
  }
  await withServer(app, {}, async ({ ask, log }) => {
    expect(JSON.parse((await ask(get("/"))).body.toString())).toEqual([
      "CGI/1.1",
      [1, 0],
      true,
      false,
      false,
      "http",
      null
    ])
    expect(log.lines).toContain("told to the log")
  })
})

it("row 56: TLS is seen in the scheme", async () => {
  const listener = wrapTls(listen(), await makeCertificate("localhost"))
  await withServer(keys("wsgi.url_scheme", "HTTPS", "tsgi.tls"), { listener }, async ({ connectTls }) => {
    const client = await connectTls({ servername: "localhost", ALPNProtocols: ["http/1.1"] })
    client.send(get("/"))
    const [scheme, https, tls] = JSON.parse((await client.response()).body.toString()) as Array<unknown>
    expect([scheme, https]).toEqual(["https", "on"])
    expect(tls).toMatchObject({ serverName: "localhost", alpnProtocol: "http/1.1", authorized: false })
  })
})

it("row 60: repeated fields are joined, cookies as cookies are", async () => {
  expect(
    await told(
      keys("HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_X_EMPTY"),
      get("/", "Accept: a", "Cookie: a=1", "accept: b", "cookie: b=2", "x-empty:")
    )
  ).toEqual([["a, b", "a=1; b=2", ""]])
})

it("row 60: a field that there can be only one of is refused when it comes twice", () =>
  withServer(keys(), {}, async ({ ask }) => {
    for (const field of ["Host: b", "Content-Type: a/b"]) {
      expect((await ask(get("/", "Content-Type: a/b", field))).status).toBe(400)
    }
  }))

it("row 61: what an application replaces is replaced for itself only", () => {
  const app: App = async (env, startResponse) => {
    const input = env["eventlet.input"]
    Object.assign(env, { "wsgi.input": null, "eventlet.input": null, "eventlet.set_idle": null, "tsgi.interim": null })
    const body = await input.read()
    startResponse("200 OK", [])
    return body
  }
  return withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    for (const body of ["abc", "de"]) {
      client.send(head("POST / HTTP/1.1", "Host: a", `Content-Length: ${body.length}`) + body)
      expect((await client.response()).body.toString()).toBe(body)
    }
  })
})

it("row 62: eventlet's own keys", async () => {
  const of = (env: Environ): ReadonlyArray<unknown> => [
    env["eventlet.input"] === env["wsgi.input"],
    Array.isArray(env["eventlet.posthooks"]) && env["eventlet.posthooks"].length,
    typeof env["eventlet.set_idle"],
    typeof env["tsgi.interim"],
    env["tsgi.signal"].aborted
  ]
  const app: App = (env, startResponse) => {
    startResponse("200 OK", [])
    return JSON.stringify(of(env))
  }
  expect(await told(app, get("/"))).toEqual([[true, 0, "function", "function", false]])
})
