/** The environ of an application: eventlet's tests by their names, and the rows that none of them proves. */
import { type App, type Environ, listen, wrapTls } from "tsgi"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { get, head } from "../utils/requests.js"
import { hello, plain, withServer } from "../utils/serving.js"

/** Answers with what a function makes of the environ, with one byte for each character. */
const tell = (of: (env: Parameters<App>[0]) => string): App => (env, startResponse) => {
  startResponse("200 OK", [])
  return Buffer.from(of(env), "latin1")
}

const headerKeys = tell((env) =>
  Object.keys(env).filter((key) => key.startsWith("HTTP_")).sort().map((key) =>
    `${key}: ${String(Reflect.get(env, key))}\n`
  ).join(
    ""
  )
)

describe("the path", () => {
  it("test_path_info_decoding", () =>
    withServer(tell((env) => `decoded: ${env.PATH_INFO} raw: ${env.RAW_PATH_INFO}`), {}, async ({ ask }) => {
      const response = await ask(get("/a*b@%40%233", "Connection: close"))
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("decoded: /a*b@@#3 raw: /a*b@%40%233")
    }))

  it("test_path_info_latin1", async () => {
    const paths: Array<string> = []
    const app: App = (env, startResponse) => {
      paths.push(env.PATH_INFO)
      return hello(env, startResponse)
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      // these are two Chinese characters in UTF-8, and bytes that are not UTF-8
      for (const path of ["/%E4%BD%A0%E5%A5%BD", "/%BD%A5%E5%A0%BD%E4"]) {
        client.send(get(path))
        expect((await client.response()).status).toBe(200)
      }
      expect(paths).toEqual(["/\xe4\xbd\xa0\xe5\xa5\xbd", "/\xbd\xa5\xe5\xa0\xbd\xe4"])
    })
  })
})

describe("fields", () => {
  it("test_headers_raw", () =>
    withServer(tell((env) => env.headers_raw.map((pair) => pair.join(": ")).join("\n")), {}, async ({ ask }) => {
      const response = await ask(get("/", "x-ANY_k: one", "x-ANY_k: two"))
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("Host: localhost\nx-ANY_k: one\nx-ANY_k: two")
    }))

  it("test_env_headers", () =>
    withServer(headerKeys, {}, async ({ ask }) => {
      const response = await ask(
        get("/", "path-info: foo", "x-ANY_k: one", "http-x-ANY_k: two", "x-any-k: three", "http-x-any-k: four")
      )
      expect(response.body.toString()).toBe(
        "HTTP_HOST: localhost\nHTTP_HTTP_X_ANY_K: four\nHTTP_PATH_INFO: foo\nHTTP_X_ANY_K: three\n"
      )
    }))

  it("test_env_header_stripping", () =>
    withServer(headerKeys, {}, async ({ ask }) => {
      const response = await ask(
        get("/", "spaced:   o   u   t   ", "trailing: tab\t", "trailing-nbsp: \xc2\xa0", "null-set: \xe2\x88\x85")
      )
      expect(response.body.toString("latin1")).toBe(
        "HTTP_HOST: localhost\nHTTP_NULL_SET: \xe2\x88\x85\nHTTP_SPACED: o   u   t\nHTTP_TRAILING: tab\n" +
          "HTTP_TRAILING_NBSP: \xc2\xa0\n"
      )
    }))

  it("test_021_environ_clobbering", async () => {
    const clobbering: App = (env, startResponse) => {
      for (const key of Object.keys(env)) Reflect.set(env, key, null)
      startResponse("200 OK", [["Content-Type", "text/plain"]])
      return []
    }
    await withServer(clobbering, {}, async ({ ask, connect, log }) => {
      const client = await connect()
      client.send(`${get("/", "Connection: close")}\r\n`)
      expect((await client.response()).status).toBe(200)
      await client.whenEnded()
      await ask(get("/second"))
      expect(await log.until(/"GET \/second HTTP\/1\.1" 200 /)).toBeDefined()
      expect(log.access[0]).toMatch(/"GET \/ HTTP\/1\.1" 200 /)
      expect(log.text).not.toContain("failed")
    })
  })
})

/** Answers with some keys as JSON; an absent one is null. */
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

it("what the operator adds to environ is never mixed with what a client sends", async () => {
  const environ = { HTTP_X_TENANT: "operator", HTTP_X_OTHER: "operator", HTTP_X_TWICE: "operator" }
  const app = keys("HTTP_X_TENANT", "HTTP_X_OTHER", "HTTP_X_TWICE")
  await withServer(app, { environ }, async ({ ask }) => {
    const response = await ask(get("/", "X-Tenant: mine", "X-Twice: 1", "X-Twice: 2"))
    expect(JSON.parse(response.body.toString())).toEqual(["mine", "operator", "1, 2"])
  })
})

it("the host of an absolute target is the host, whatever the field says", async () => {
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    return JSON.stringify([env.HTTP_HOST, env.headers_raw[0]])
  }
  const [answer] = await told(app, head("GET http://real.example/p HTTP/1.1", "Host: other"))
  expect(answer).toEqual(["real.example", ["Host", "real.example"]])
})
