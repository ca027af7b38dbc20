/**
 * Each misuse is an error of its own type, with a message that says what to do. Errors of the operator are thrown by the call or
 * reject `ready`; errors of the application are answered 500, logged by name and given to the hooks.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import {
  type App,
  bind,
  BindError,
  type Environ,
  fetchApp,
  handleSignals,
  InterimError,
  listen,
  type Listener,
  OptionError,
  type Outcome,
  ResponseError,
  server,
  type ServerOptions,
  type StartResponse,
  sumMetrics,
  wrapTls
} from "tsgi"
import { request, type WireClient } from "tsgi/testing"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { expectReleased, holdings } from "../utils/holdings.js"
import { examples } from "../utils/made.js"
import { Program } from "../utils/processes.js"
import { get } from "../utils/requests.js"
import { withServer } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"

const hello: App = (_, startResponse) => {
  startResponse("200 OK", [])
  return "hello"
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

describe("what cannot be listened on", () => {
  const failing = async (listener: Listener): Promise<BindError> => {
    const before = holdings()
    const running = server(listener, hello, { logOutput: false })
    const error: unknown = await running.ready.catch((error: unknown) => error)
    // it is no mistake to stop a server that has never started
    expect(await running.stop()).toEqual(await running.closed)
    await expectReleased(before)
    if (!(error instanceof BindError)) throw error
    // where nobody awaits it, Node prints the frames, and a line of the source for the first of them
    expect([error.stack, error.cause instanceof Error ? error.cause.stack : ""].join("\n")).not.toMatch(/\n +at /)
    return error
  }

  it("a port in use", async () => {
    const other = net.createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const address = other.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const error = await failing(listen(port))
    expect(error.reason).toBe("AddressInUse")
    expect(error.message).toContain(`cannot listen on http://127.0.0.1:${port}: another process listens there already`)
    expect(error.message).toContain("stop it or choose another port")

    await using example = new Program(process.execPath, [path.join(await examples(), "hello.mjs")], {
      cwd: path.resolve(import.meta.dirname, "../.."),
      env: { PORT: String(port) }
    })
    const { code, stderr, stdout } = await example.ended
    expect([code, stdout, stderr]).toEqual([1, [], [error.message]])
    await new Promise((resolve) => other.close(resolve))
  })

  it("a port in use by a server of this process, until that has stopped", async () => {
    const first = server(listen(), hello, { logOutput: false })
    const address = await first.ready
    const port = address._tag === "Tcp" ? address.port : 0
    expect((await failing(listen(port))).reason).toBe("AddressInUse")
    await first.stop()
    const second = server(listen(port), hello, { logOutput: false })
    expect(await second.ready).toEqual(address)
    await second.stop()
  })

  it("an address that this machine does not have", async () => {
    const error = await failing(listen({ host: "192.0.2.1", port: 8090 }))
    expect(error.reason).toBe("AddressNotAvailable")
    expect(error.message).toContain("cannot listen on http://192.0.2.1:8090: this machine has no such address")
  })

  it("a name that there is not", async () => {
    const error = await failing(listen({ host: "nowhere.invalid" }))
    expect(error.reason).toBe("AddressNotAvailable")
    expect(error.message).toMatch(
      /^cannot listen on http:\/\/nowhere.invalid:0: the name cannot be resolved \(.*nowhere.invalid.*\)$/
    )
  })

  it.skipIf(process.getuid?.() === 0)("a privileged port", async () => {
    const error = await failing(listen(1))
    expect(error.reason).toBe("PermissionDenied")
    expect(error.message).toContain("permission denied: use a port from 1024 up")
  })

  it("a unix socket in a folder that there is not", async () => {
    const error = await failing(listen({ path: path.join(folder, "none", "a.sock") }))
    expect(error.reason).toBe("AddressNotAvailable")
    expect(error.message).toContain(`cannot listen on unix:${folder}/none/a.sock: `)
    expect(error.message).toContain("no such folder")
  })

  it("a unix socket with too long a path", async () => {
    const error = await failing(listen({ path: path.join(folder, "x".repeat(200)) }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("too long")
  })

  it("a path where something else is", async () => {
    const file = path.join(folder, "file")
    fs.writeFileSync(file, "precious")
    const error = await failing(listen({ path: file }))
    expect(error.reason).toBe("AddressInUse")
    expect(fs.readFileSync(file, "utf8")).toBe("precious")
  })

  it("a unix socket with a mode that is none", async () => {
    const file = path.join(folder, "mode.sock")
    const error = await failing(listen({ path: file, mode: -1 }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("mode")
  })

  it("a unix socket with a mode that was meant to be octal", async () => {
    const error = await failing(listen({ path: path.join(folder, "mode.sock"), mode: 660 }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("a number from 0 to 0o777, such as 0o660; it is 660")
  })

  it("a folder, where another path is needed and no other port", async () => {
    const error = await failing(listen({ path: folder }))
    expect(error.reason).toBe("AddressInUse")
    expect(error.message).toMatch(/another file is there already; choose another path \(no socket: /)
  })

  it("proxies that may connect, where no PROXY header is read: anybody could", async () => {
    const error = await failing(listen({ proxyFrom: ["192.0.2.1"] }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("proxyFrom goes with proxy")
  })

  it("a descriptor that is none", async () => {
    const error = await failing(listen({ fd: 9_999 }))
    expect(error.message).toMatch(
      /^cannot listen on descriptor 9999: it is no stream socket that has been inherited and can listen \(listen E\w+: /
    )
  })

  it("two places at once", async () => {
    const error = await failing(listen({ port: 0, path: path.join(folder, "two.sock") }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("give only one of port, path, fd and socket")
  })

  it("a shared port that is not named", async () => {
    const error = await failing(listen({ reusePort: true }))
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toContain("reusePort needs an explicit port")
  })

  describe("TLS", () => {
    let good: { readonly key: string; readonly cert: string }
    let other: typeof good
    beforeAll(async () => {
      good = await makeCertificate("localhost")
      other = await makeCertificate("other")
    })

    it.each([
      ["a certificate that is none", () => ({ ...good, cert: "none" })],
      ["a key that is none", () => ({ ...good, key: "none" })],
      ["a key of another certificate", () => ({ ...good, key: other.key })],
      ["a key without a certificate", () => ({ key: good.key })],
      ["a certificate without a key", () => ({ cert: good.cert })],
      ["nothing", () => ({})]
    ])("%s", async (_, options) => {
      const error = await failing(wrapTls(listen(), options()))
      expect(error.reason).toBe("InvalidOptions")
      expect(error.message).toMatch(/^cannot listen: .*[^)]$/)
    })
  })
})

describe("what is no option", () => {
  const cases: ReadonlyArray<readonly [name: string, options: unknown, option: string, message: RegExp]> = [
    ["a name of eventlet's", { max_size: 5 }, "max_size", /^there is no such option; did you mean maxSize\?/],
    ["a limit that is not among them", { body: 5 }, "body", /^there is no such option; did you mean limits\.body\?/],
    [
      "a deadline that is not among them",
      { idle: 5 },
      "idle",
      /^there is no such option; did you mean timeouts\.idle\?/
    ],
    [
      "a limit among the deadlines",
      { timeouts: { parsedBody: 5 } },
      "timeouts.parsedBody",
      /^there is no such option; did you mean limits\.parsedBody\?/
    ],
    [
      "a limit that is misspelt",
      { limits: { feildCount: 5 } },
      "limits.feildCount",
      /^there is no such option; did you mean limits\.fieldCount\?/
    ],
    [
      "a name that is near to none",
      { compression: true },
      "compression",
      /^there is no such option; known options are log/
    ],
    [
      "one limit under two names",
      { maxSize: 5, limits: { connections: 6 } },
      "maxSize",
      /the same option as limits\.connections/
    ],
    [
      "one length under two names",
      { urlLengthLimit: 5, limits: { requestLine: 6 } },
      "urlLengthLimit",
      /the same option as limits\.requestLine/
    ],
    [
      "an unknown name",
      { keepAlive: true },
      "keepAlive",
      /^there is no such option; did you mean keepalive\? Known options are log, environ, .*keepalive/
    ],
    ["an unknown limit", { limits: { url: 1 } }, "limits.url", /no such option; known options are .*requestLine/],
    ["an unknown deadline", { timeouts: { header: 1 } }, "timeouts.header", /no such option; known options are .*head/],
    ["an unknown leniency", { parser: { lax: true } }, "parser.lax", /no such option; known options are /],
    ["options of a wrong type", 8090, "options", /an object/],
    ["options that are null", null, "options", /an object/],
    ["a switch of a wrong type", { debug: "yes" }, "debug", /must be true or false; it is "yes"/],
    [
      "a number of a wrong type",
      { maxSize: "5" },
      "maxSize",
      /must be a whole number, 1 or more, or Infinity; it is "5"/
    ],
    ["a null", { limits: null }, "limits", /must be an object; it is null/],
    ["a log that is null", { log: null }, "log", /must be a logger with info and debug.*; it is null/],
    ["an array for an object", { limits: [] }, "limits", /must be an object/],
    ["no connections", { maxSize: 0 }, "maxSize", /1 or more, or Infinity; it is 0/],
    ["not a number", { maxSize: NaN }, "maxSize", /1 or more, or Infinity; it is NaN/],
    ["a negative chunk size", { minimumChunkSize: -1 }, "minimumChunkSize", /bytes, 0 or more, or Infinity; it is -1/],
    ["a negative keepalive", { keepalive: -1 }, "keepalive", /above 0; it is -1/],
    ["a keepalive that is no number", { keepalive: NaN }, "keepalive", /above 0; it is NaN/],
    ["a socketTimeout of 0", { socketTimeout: 0 }, "socketTimeout", /seconds above 0, or Infinity; it is 0/],
    ["a negative limit", { limits: { body: -1 } }, "limits.body", /0 or more, or Infinity; it is -1/],
    [
      "a deadline of a wrong type",
      { timeouts: { idle: "5s" } },
      "timeouts.idle",
      /must be a number of milliseconds.*it is "5s"/
    ],
    [
      "a leniency of a wrong type",
      { parser: { requireHost: "no" } },
      "parser.requireHost",
      /must be true or false; it is "no"/
    ],
    ["an unknown version", { maxHttpVersion: "2" }, "maxHttpVersion", /must be "HTTP\/1.1", .*; it is "2"/],
    ["an unknown answer", { halfClose: "close" }, "halfClose", /must be "answer" or "abort"; it is "close"/],
    [
      "an unknown log field",
      { logFormat: "%(status)s" },
      "logFormat",
      /no field status; known fields are client_ip, .*status_code/
    ],
    [
      "another case of json",
      { logFormat: "JSON" },
      "logFormat",
      /^"JSON" has no field, .*; for lines of JSON give "json"/
    ],
    ["a format of another server", { logFormat: "combined" }, "logFormat", /^"combined" has no field/],
    ["an empty format", { logFormat: "" }, "logFormat", /^"" has no field, such as %\(request_line\)s/],
    ["a format of gunicorn", { logFormat: "%(h)s" }, "logFormat", /no field h/],
    ["a format of C", { logFormat: "%s" }, "logFormat", /^"%s" has no field/],
    [
      "a log field without its kind",
      { logFormat: "%(client_ip)s %(request_line)" },
      "logFormat",
      /^%\(request_line\) needs a kind behind it: s, d or f/
    ],
    ["a log field that does not end", { logFormat: "%(client_ip)s %(x" }, "logFormat", /^%\(x needs a kind behind it/],
    ["what others call log", { logger: true }, "logger", /^is called log here/],
    ["a name that is not near enough", { loggers: true }, "loggers", /^there is no such option/],
    [
      "what node:http calls timeouts.idle",
      { keepAliveTimeout: 5 },
      "keepAliveTimeout",
      /^is called timeouts.idle here/
    ],
    ["what node:http calls timeouts.head", { headersTimeout: 5 }, "headersTimeout", /^is called timeouts.head here/],
    [
      "what node:http calls timeouts.request",
      { requestTimeout: 5 },
      "requestTimeout",
      /^is called timeouts.request here/
    ],
    ["what Fastify calls limits.body", { bodyLimit: 5 }, "bodyLimit", /^is called limits.body here/],
    [
      "what Fastify calls trustedProxies",
      { trustProxy: true },
      "trustProxy",
      /^is called trustedProxies here, with forwarded/
    ],
    ["a limit of formidable", { forms: { maxFileSize: 5 } }, "forms.maxFileSize", /^there is no such option/],
    ["a descriptor that is broken", { log: 5.5 }, "log", /a path or a descriptor, or false; it is 5.5/],
    ["a descriptor below 0", { errorLog: -1 }, "errorLog", /a path or a descriptor; it is -1/],
    ["a log that is a class", { log: class {} }, "log", /must be a logger/],
    ["a format that is a class", { logFormat: class {} }, "logFormat", /must be a template, "json" or a function/],
    ["forwarded fields that nobody is believed", { forwarded: "x-forwarded" }, "forwarded", /^needs trustedProxies/],
    ["any forwarded fields that nobody is believed", { forwarded: true }, "forwarded", /^needs trustedProxies/],
    [
      "a Map for an object",
      { environ: new Map([["a.b", 1]]) },
      "environ",
      /must be an object with names for keys; it is/
    ],
    ["an idle time without end", { timeouts: { idle: NaN } }, "timeouts.idle", /must be a number of milliseconds/],
    ["a proxy that is no address", { trustedProxies: ["proxy"] }, "trustedProxies", /proxy is not an address/],
    ["a proxy range that is none", { trustedProxies: ["10.0.0.0/99"] }, "trustedProxies", /10\.0\.0\.0\/99 is no/],
    ["a proxy that is no text", { trustedProxies: [5] }, "trustedProxies", /5 is not an address/],
    ["proxies in one text", { trustedProxies: "10.0.0.1" }, "trustedProxies", /must be a list of addresses; it is "10/],
    [
      "forwarded fields of another name",
      { forwarded: ["x-real-ip"] },
      "forwarded",
      /a list of forwarded, x-forwarded-for/
    ],
    [
      "forwarded fields of no name",
      { forwarded: "x-forwarded-for" },
      "forwarded",
      /must be true, false, "x-forwarded"/
    ],
    [
      "a number of forwarded hops",
      { forwarded: 1 },
      "forwarded",
      /must be true, false, "x-forwarded", .* a list of .*; it is 1/
    ],
    ["a log that is none", { log: {} }, "log", /logger with info and debug/],
    ["a log file that cannot be", { log: "/dev/null/log" }, "log", /cannot be opened for writing/]
  ]
  it.each(cases)("%s", (_, options, option, message) => {
    const before = process.listenerCount("exit")
    let thrown: unknown
    try {
      server(listen(), hello, options as ServerOptions)
    } catch (error) {
      thrown = error
    }
    if (!(thrown instanceof OptionError)) throw new Error(`thrown: ${String(thrown)}`)
    expect(thrown.option).toBe(option)
    expect(thrown.description).toMatch(message)
    expect(thrown.message).toBe(`${option}: ${thrown.description}`)
    expect(process.listenerCount("exit")).toBe(before)
  })

  const listening: ReadonlyArray<readonly [name: string, options: unknown, option: string, message: RegExp]> = [
    [
      "an unknown name",
      { prot: 1 },
      "prot",
      /^listen has no such option; did you mean port\? Known options are port, host/
    ],
    ["another case", { Port: 1 }, "Port", /^listen has no such option; did you mean port\?/],
    ["a port that is no number", { port: "http" }, "port", /whole number from 0 to 65535; it is "http"/],
    ["a port that is empty text", { port: "" }, "port", /whole number from 0 to 65535/],
    ["a port that is text and too high", "65536", "port", /whole number from 0 to 65535; it is "65536"/],
    ["a port in other digits", "0x50", "port", /whole number from 0 to 65535; it is "0x50"/],
    ["a path", "/run/app.sock", "port", /^must be a port; it is ".*": use listen\(\{ path: "\/run\/app.sock" \}\)/],
    [
      "a path as a URL",
      "unix:/run/app.sock",
      "port",
      /^must be a port; it is ".*": use listen\(\{ path: "\/run\/app.sock" \}\)/
    ],
    [
      "host and port",
      "0.0.0.0:80",
      "port",
      /^must be a port; it is ".*": use listen\(\{ host: "0\.0\.0\.0", port: 80 \}\)/
    ],
    [
      "an IPv6 host and port",
      "[::1]:80",
      "port",
      /^must be a port; it is ".*": use listen\(\{ host: "::1", port: 80 \}\)/
    ],
    [
      "a URL",
      "http://localhost:80/",
      "port",
      /^must be a port; it is ".*": use listen\(\{ host: "localhost", port: 80 \}\)/
    ],
    ["a port with a blank", "8090 ", "port", /it is "8090 "$/],
    ["a port with an exponent", "1e3", "port", /it is "1e3"$/],
    [
      "a host with a port",
      { host: "127.0.0.1:80" },
      "host",
      /an address or a name, .*without scheme, brackets and port/
    ],
    ["a host with a scheme", { host: "http://127.0.0.1" }, "host", /it is "http:\/\/127\.0\.0\.1"$/],
    ["a host in brackets", { host: "[::1]" }, "host", /without scheme, brackets and port; it is "\[::1\]"$/],
    ["a host with a blank", { host: "local host" }, "host", /an address or a name/],
    ["what others call the host", { hostname: "127.0.0.1" }, "hostname", /^is called host here$/],
    ["what others call the host or path", { address: "127.0.0.1" }, "address", /^is called host here, or path/],
    ["what net calls a mode", { path: "a.sock", writableAll: true }, "writableAll", /^is a part of mode here, as in/],
    ["net's exclusive", { port: 80, exclusive: true }, "exclusive", /^is no option here: leave it out; only workers/],
    ["net's signal", { port: 80, signal: AbortSignal.abort() }, "signal", /^is no option here: the listener is closed/],
    ["TLS", { port: 443, tls: {} }, "tls", /^TLS is wrapTls's/],
    ["a certificate", { port: 443, cert: "", key: "" }, "cert", /^TLS is wrapTls's/],
    ["a port that is too high", 65_536, "port", /whole number from 0 to 65535; it is 65536/],
    ["a port that is broken", 80.5, "port", /whole number/],
    ["an array", [8090], "options", /^must be a port or an object; it is \[8090\]$/],
    ["null", null, "options", /^must be a port or an object; it is null$/]
  ]
  it.each(listening)("listen: %s", (_, options, option, message) => {
    let thrown: unknown
    try {
      listen(options as number)
    } catch (error) {
      thrown = error
    }
    if (!(thrown instanceof OptionError)) throw new Error(`thrown: ${String(thrown)}`)
    expect(thrown.option).toBe(option)
    expect(thrown.description).toMatch(message)
  })

  it.each([
    ["a port", 8090],
    ["nothing", undefined],
    ["a node server", net.createServer()],
    ["its options", { port: 8090 }]
  ])("for a listener: %s", (_, listener) => {
    const act = (): unknown => server(listener as never, hello)
    expect(act).toThrow(OptionError)
    expect(act).toThrow("listener: give what listen() or wrapTls(listen(), ...) returns")
    expect(() => wrapTls(listener as never, {})).toThrow(OptionError)
  })

  class Application {
    handle = hello
  }
  const expressMembers = { handle: (): void => undefined, listen: (): void => undefined }
  const needsNode = "one that listens itself needs node:http, see src/wsgi/MIGRATING.md of the package"
  it.each([
    ["nothing", undefined, "undefined"],
    ["an object", { app: hello }, "an object"],
    ["a text", "app", "the text \"app\""],
    ["a class", Application, "a class"],
    ["a promise of one", Promise.resolve(hello), "a Promise; await it"],
    ["a module", { default: hello }, "an object; for a module, give its default export"],
    ["a Fastify server", { listen: (): void => undefined, inject: (): void => undefined }, `an object; ${needsNode}`],
    [
      "an Express app",
      Object.assign(() => undefined, expressMembers),
      `a function that is an app of Express; ${needsNode}`
    ]
  ])("for an app: %s", async (_, app, what) => {
    const message = `app: must be a function (env, startResponse), not ${what}`
    expect(() => server(listen(), app as never)).toThrow(message)
    await expect(request(app as never, "/")).rejects.toMatchObject({ _tag: "OptionError", message })
  })

  it("for a listener and an app that have changed places, and for what listen was to be given", () => {
    const act = (...args: ReadonlyArray<unknown>) => (): unknown => Reflect.apply(server, undefined, args)
    expect(act(hello, listen()))
      .toThrow(
        "app: must be a function (env, startResponse), not a listener; the listener comes first: server(listen(), app)"
      )
    expect(act(hello)).toThrow("the listener comes first: server(listen(), app)")
    for (const port of [8090, "8090"]) {
      expect(() => server(port as never, hello)).toThrow(`returns, such as listen(${JSON.stringify(port)})`)
    }
  })

  it.each([
    ["port", "listen's", "port: is an option of listen, as in listen({ port: ... })"],
    ["host", "listen's", "host: is an option of listen, as in listen({ host: ... })"],
    ["tls", "wrapTls's", "tls: TLS is wrapTls's, as in wrapTls(listen(), { cert, key })"]
  ])("for a server: %s, which is the %s", (option, _, message) => {
    expect(() => server(listen(), hello, { [option]: 1 })).toThrow(message)
  })

  it.each([["nothing", undefined, "undefined"], ["a promise", Promise.resolve(), "a Promise"], [
    "a port",
    80,
    "the number 80"
  ]])(
    "for what signals are to stop: %s",
    (_, running, what) => {
      const before = process.listenerCount("SIGTERM")
      expect(() => handleSignals(running as never)).toThrow(`running: give what server() returns, not ${what}`)
      expect(process.listenerCount("SIGTERM")).toBe(before)
    }
  )

  it.each([
    ["no path", [], "input: must be a path, such as \"/\", or a URL; it is undefined"],
    ["half a path", ["x"], "input: must be a path, such as \"/\", or a URL; it is the text \"x\""],
    [
      "a Request",
      [new Request("http://a/")],
      "input: must be a path, such as \"/\", or a URL; it is a Request: give its url, and method, headers and body in init"
    ],
    [
      "a method in place of what fetch takes",
      ["/", "POST"],
      "init: must be an object, such as { method: \"POST\" }; it is"
    ],
    ["what fetch does not take", ["/", { methd: "POST" }], "methd: there is no such option; did you mean method?"],
    [
      "an option of the server beside those of fetch",
      ["/", { log: false }],
      "log: is an option of server, as in { server: { log: ... } }"
    ],
    [
      "options of the server behind those of fetch",
      ["/", {}, {}],
      "init: request takes three arguments: app, input and init"
    ]
  ])("for a request in a test: %s", async (_, args, message) => {
    await expect(Reflect.apply(request, undefined, [hello, ...args])).rejects.toThrow(message)
  })

  it.each([
    ["servers", [{ metrics: () => undefined }], "an object"],
    ["a server", { metrics: () => undefined }, "an object"],
    ["their functions", [() => undefined], "a function"]
  ])("for the sum of metrics: %s", (_, given, what) => {
    expect(() => sumMetrics(given as never)).toThrow(`metrics: must be a list of what metrics() returns; it is ${what}`)
  })

  it("for an app: what has fetch", () => {
    const app = { fetch: () => new Response("hello") }
    expect(() => server(listen(), app as never)).toThrow("for one that has fetch, give fetchApp(app.fetch)")
    expect(() => fetchApp(app as never)).toThrow(OptionError)
    expect(() => fetchApp(app as never)).toThrow(
      "handler: give the function, not the object: fetchApp(app.fetch), or fetchApp((request, env) => app.fetch(request, env))"
    )
    expect(() => fetchApp(undefined as never)).toThrow("handler: must be a function (request, env)")
    class Handler {
      answer = () => new Response("")
    }
    expect(() => fetchApp(Handler as never)).toThrow("that returns a Response, not a class")
  })

  const surplus: ReadonlyArray<readonly [name: string, act: () => unknown, message: string]> = [
    [
      "a host behind a port",
      (): unknown => Reflect.apply(listen, undefined, [8090, "0.0.0.0"]),
      "options: listen takes one argument: listen({ port: 8090, host: \"0.0.0.0\" })"
    ],
    [
      "a callback behind options",
      (): unknown => Reflect.apply(listen, undefined, [{ port: 8090 }, () => undefined]),
      "options: listen takes one argument, a port or an object"
    ],
    [
      "options of TLS in two parts",
      (): unknown => Reflect.apply(wrapTls, undefined, [listen(), {}, {}]),
      "options: wrapTls takes two arguments, a listener and TLS options"
    ],
    [
      "options of a server in two parts",
      (): unknown => Reflect.apply(server, undefined, [listen(), hello, {}, {}]),
      "options: server takes three arguments"
    ],
    [
      "options of a handler",
      (): unknown => Reflect.apply(fetchApp, undefined, [() => new Response(""), {}]),
      "handler: fetchApp takes one argument"
    ]
  ]
  it.each(surplus)("for an argument too many: %s", (_, act, message) => {
    expect(act).toThrow(OptionError)
    expect(act).toThrow(message)
  })

  it.each<[string, ReadonlyArray<unknown>, RegExp]>([
    [
      "a host behind a port",
      [0, "0.0.0.0"],
      /options: bind takes one argument: bind\(\{ port: 0, host: "0.0.0.0" \}\)/
    ],
    ["what listen takes: fd", [{ fd: 3 }], /fd: is an option of listen, as in listen\(\{ fd: ... \}\)/],
    ["what listen takes: proxy", [{ proxy: "v1" }], /proxy: is an option of listen, as in listen\(\{ proxy: ... \}\)/],
    ["what listen takes: socket", [{ socket: 1 }], /socket: is an option of listen/],
    ["an array", [[8090]], /options: must be a port or an object; it is \[8090\]/],
    [
      "a path",
      ["/run/app.sock"],
      /port: must be a port; it is "\/run\/app.sock": use bind\(\{ path: "\/run\/app.sock" \}\)/
    ]
  ])("for bind: %s", async (_, args, message) => {
    const error: unknown = await (Reflect.apply(bind, undefined, args) as Promise<unknown>).catch((error: unknown) =>
      error
    )
    if (!(error instanceof BindError)) throw new Error(`not a BindError: ${String(error)}`)
    expect(error.reason).toBe("InvalidOptions")
    expect(error.message).toMatch(message)
  })

  it("but not for a port alone, nor for its text", async () => {
    for (const port of [0, "0", undefined]) {
      using socket = await bind(port)
      expect(socket.address._tag).toBe("Tcp")
    }
  })

  it("for a stop", async () => {
    const running = server(listen(), hello, { logOutput: false })
    await expect(running.stop({ timeout: 5 } as never)).rejects.toThrow(
      "timeout: there is no such option; known options are grace, settle"
    )
    await expect(running.stop({ grade: 5 } as never)).rejects.toThrow(
      "grade: there is no such option; did you mean grace?"
    )
    for (const option of ["settle", "spread"]) {
      await expect(running.stop({ [option]: Infinity })).rejects.toThrow(
        `${option}: must be a number of milliseconds, 0 or more, and finite; it is Infinity`
      )
    }
    await expect(running.stop(5 as never)).rejects.toThrow("options: must be an object")
    await running.stop()
  })

  const locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----\n"
  const oldLocked = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMII\n"
  const tls: ReadonlyArray<readonly [name: string, options: unknown, message: RegExp]> = [
    ["nothing", undefined, /^tls: give the options of TLS, such as \{ cert: .*; it is undefined$/],
    ["a text", "cert.pem", /^tls: give the options of TLS, .*; it is "cert\.pem"$/],
    [
      "the path of a certificate",
      { cert: "/etc/ssl/site.pem" },
      /^cert: takes the contents of the file, .*readFileSync\("\/etc\/ssl\/site.pem"\)$/
    ],
    ["a path beside", { cert: "./cert" }, /^cert: takes the contents of the file/],
    ["the name of a key", { key: "key.pem" }, /^key: takes the contents of the file/],
    [
      "the path of a key with a passphrase",
      { key: [{ pem: "keys/site.key", passphrase: "a" }] },
      /^key: takes the contents of/
    ],
    ["paths of authorities", { ca: ["ca.crt"] }, /^ca: takes the contents of the file/],
    ["the path of both", { pfx: "C:\\site.p12" }, /^pfx: takes the contents of the file/],
    [
      "a switch that is misspelt",
      { requestCerts: true },
      /^requestCerts: TLS has no such option; did you mean requestCert\?/
    ],
    [
      "a British one",
      { rejectUnauthorised: true },
      /^rejectUnauthorised: TLS has no such option; did you mean rejectUnauthorized\?/
    ],
    ["what is the listener's", { noDelay: false }, /^noDelay: is the listener's own/],
    // each of these would listen, and fail every handshake
    [
      "an empty text, such as that of an unset variable",
      { cert: "", key: "" },
      /^cert: is empty: give the contents of the/
    ],
    ["empty lines", { key: " \n" }, /^key: is empty/],
    ["an empty file", { cert: Buffer.alloc(0) }, /^cert: is empty/],
    ["an empty list of authorities", { ca: [""] }, /^ca: is empty/],
    ["null", { cert: null, key: null }, /^cert: takes the contents of the file, text or bytes, not null$/],
    ["a callback that is none", { SNICallback: "a" }, /^SNICallback: must be a function; it is "a"$/],
    [
      "HTTP/2",
      { ALPNProtocols: ["h2", "http/1.1"] },
      /^ALPNProtocols: must be a list with "http\/1.1" and without "h2"/
    ],
    ["HTTP/2 alone", { ALPNProtocols: ["h2"] }, /^ALPNProtocols: must be a list with/],
    ["a number", { cert: 5 }, /^cert: takes the contents of the file, text or bytes, not the number 5/],
    ["a URL", { key: new URL("file:///k.pem") }, /^key: takes the contents of the file, text or bytes, not a URL/],
    ["a promise", { cert: Promise.resolve("") }, /^cert: takes .*, not a Promise: await it/],
    ["a path without an ending", { key: "certs/server/key" }, /^key: takes the contents of the file, not its path/],
    [
      "base64 of PEM",
      { cert: Buffer.from("-----BEGIN CERT").toString("base64") },
      /^cert: is PEM in base64: give Buffer/
    ],
    [
      "PEM in one line, as from a variable",
      { key: "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----\\n" },
      /^key: has \\n in place of its line ends: give text\.replaceAll\("\\\\n", "\\n"\)$/
    ],
    [
      "a key for a certificate",
      { cert: "-----BEGIN PRIVATE KEY-----\nMII\n" },
      /^cert: has a PRIVATE KEY and no CERTIFICATE: key and cert may be swapped/
    ],
    [
      "a certificate for a key",
      { key: "-----BEGIN CERTIFICATE-----\nMII\n" },
      /^key: has a CERTIFICATE and no PRIVATE KEY: key and cert may be swapped/
    ],
    ["an encrypted key", { key: locked }, /^key: is encrypted: give its passphrase/],
    ["an encrypted key in bytes", { key: Buffer.from(locked) }, /^key: is encrypted/],
    ["one of several keys", { key: [{ pem: locked, passphrase: "a" }, { pem: locked }] }, /^key: is encrypted/],
    ["an encrypted key of the old kind", { key: oldLocked }, /^key: is encrypted/],
    ["a switch that is text", { requestCert: "false" }, /^requestCert: must be true or false; it is "false"/]
  ]
  it("for TLS but not for a key whose passphrase is there, or was before a reload", () => {
    expect(() => wrapTls(listen(), { key: locked, passphrase: "a" })).not.toThrow()
    expect(() => wrapTls(listen(), { key: { pem: locked, passphrase: "a" } as never })).not.toThrow()
    expect(() => wrapTls(listen(), { passphrase: "a" }).reload({ key: locked })).not.toThrow("is encrypted")
  })

  it.each(tls)("for TLS: %s", (_, options, message) => {
    expect(() => wrapTls(listen(), options as never)).toThrow(OptionError)
    expect(() => wrapTls(listen(), options as never)).toThrow(message)
    const listener = wrapTls(listen(), {})
    expect(() => listener.reload(options as never)).toThrow(message)
  })

  it.each([["certfile", "cert"], ["keyfile", "key"], ["certFile", "cert"], ["keyFile", "key"], ["ca_certs", "ca"]])(
    "for TLS: %s, as eventlet and others have it",
    (given, option) => {
      expect(() => wrapTls(listen(), { [given]: "cert.pem" })).toThrow(
        `${given}: is called ${option} here, and takes the contents of the file: ${option}: readFileSync(path)`
      )
    }
  )

  it("for TLS over TLS", () => {
    expect(() => wrapTls(wrapTls(listen(), {}), {})).toThrow("listener: has TLS already")
  })
})

// ---------------------------------------------------------------------------------------------------------------------

type Misuse = (env: Environ, startResponse: StartResponse) => ReturnType<App>

class Application {}

/** Answers 500, logs the error by its name and reason, and tells the hooks. */
const expectFailure = (
  app: Misuse,
  expected: (error: unknown) => void,
  { message, status = 500 }: { readonly message: RegExp; readonly status?: number }
): Promise<void> => {
  const outcomes: Array<Outcome | undefined> = []
  return withServer(
    (env, startResponse) => {
      env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => void outcomes.push(outcome)])
      return app(env, startResponse)
    },
    { memory: true, noteAccess: true },
    async ({ connect, journal, log }) => {
      const client = await connect()
      const { lines } = log
      client.send(get())
      const response = await client.response()
      expect([response.status, response.body.toString(), response.get("connection")]).toEqual([status, "", "close"])
      expect(await journal.first(1)).toEqual([`access ${status}`])
      await client.whenEnded()
      expect(outcomes).toHaveLength(1)
      const [outcome] = outcomes
      if (outcome?._tag !== "Failed") throw new Error(`the outcome is ${outcome?._tag}`)
      expect(outcome.status).toBe(status)
      expected(outcome.error)
      const text = lines.join("\n")
      expect(text).toContain("the application failed")
      expect(text).toMatch(message)
    }
  )
}

const isResponseError = (reason: ResponseError["reason"]) => (error: unknown): void => {
  expect(error).toBeInstanceOf(ResponseError)
  if (error instanceof ResponseError) expect(error.reason).toBe(reason)
}

const ok = (startResponse: StartResponse): void => void startResponse("200 OK", [])
const badHeaders = (headers: unknown): Misuse => (_, startResponse) => {
  startResponse("200 OK", headers as never)
  return "body"
}
const badStatus = (status: unknown): Misuse => (_, startResponse) => {
  startResponse(status as string, [])
  return "body"
}
const badBody = (body: unknown): Misuse => (_, startResponse) => {
  ok(startResponse)
  return body as string
}

describe("an application that breaks the protocol", () => {
  const cases: ReadonlyArray<
    readonly [name: string, app: Misuse, reason: ResponseError["reason"], message: RegExp]
  > = [
    [
      "a second startResponse",
      (_, startResponse) => {
        ok(startResponse)
        ok(startResponse)
        return "body"
      },
      "HeadAlreadySet",
      /pass errorInfo to replace what it set/
    ],
    ["text before startResponse", () => "body", "HeadNotSet", /call startResponse before the first byte/],
    ["empty text without startResponse", () => "", "HeadNotSet", /call startResponse before/],
    ["bytes before startResponse", () => Buffer.from("body"), "HeadNotSet", /call startResponse before/],
    ["an array before startResponse", () => ["body", "more"], "HeadNotSet", /call startResponse before/],
    ["an empty array without startResponse", () => [], "HeadNotSet", /call startResponse before/],
    [
      "an iterator before startResponse",
      () => ["body"].values(),
      "HeadNotSet",
      /call startResponse before/
    ],
    [
      "an async iterator before startResponse",
      async function*() {
        yield await Promise.resolve("body")
      },
      "HeadNotSet",
      /call startResponse before/
    ],
    ["a promise of text before startResponse", () => Promise.resolve("body"), "HeadNotSet", /call startResponse/],

    ["CR and LF in a field value", badHeaders([["X-A", "a\r\nSet-Cookie: b"]]), "InvalidFieldValue", /X-A/],
    ["LF in a field value", badHeaders([["X-A", "a\nb"]]), "InvalidFieldValue", /X-A/],
    ["NUL in a field value", badHeaders([["X-A", "a\0"]]), "InvalidFieldValue", /X-A/],
    ["a wide character in a field value", badHeaders([["X-A", "\u2713"]]), "InvalidFieldValue", /X-A/],
    [
      "a number as a field value",
      badHeaders([["X-A", 5]]),
      "InvalidFieldValue",
      /X-A must be text, not the number 5: give "5"/
    ],
    [
      "a switch as a field value",
      badHeaders([["X-A", true]]),
      "InvalidFieldValue",
      /X-A must be text, not the boolean true/
    ],
    [
      "nothing as a field value",
      badHeaders([["X-A", undefined]]),
      "InvalidFieldValue",
      /X-A must be text, not undefined: leave/
    ],
    [
      "a date as a field value",
      badHeaders([["X-A", new Date()]]),
      "InvalidFieldValue",
      /X-A must be text, not a Date: give its toUTCString\(\)/
    ],
    ["an object as a field value", badHeaders([["X-A", {}]]), "InvalidFieldValue", /X-A must be text, not an object/],
    [
      "a URL as a field value",
      badHeaders([["Location", new URL("http://a/")]]),
      "InvalidFieldValue",
      /not a URL: give its href/
    ],
    ["a big number as a field name", badHeaders([[5n, "a"]]), "InvalidFieldName", /the bigint 5 is not a field name/],
    ["a number in place of headers", badHeaders(5), "InvalidFields", /pairs of name and value, .*, not the number 5/],
    ["null as a field value", badHeaders([["X-A", null]]), "InvalidFieldValue", /X-A must be text, not null: leave/],
    [
      "bytes as a field value",
      badHeaders([["X-A", Buffer.from("a")]]),
      "InvalidFieldValue",
      /X-A must be text, not bytes: give Buffer.from\(bytes\).toString\("latin1"\)/
    ],
    [
      "two values of a field",
      badHeaders([["X-A", "a", "b"]]),
      "InvalidFields",
      /an entry of X-A has 3 parts: give a pair of name and value for each value/
    ],
    ["a name alone", badHeaders([["X-A"]]), "InvalidFieldValue", /X-A must be text, not undefined/],
    [
      "values as a field value",
      badHeaders([["X-A", ["a"]]]),
      "InvalidFieldValue",
      /not an array: give a pair for each/
    ],
    ["CR and LF in a field name", badHeaders([["X\r\nA", "a"]]), "InvalidFieldName", /is not a field name/],
    ["a colon in a field name", badHeaders([["X:", "a"]]), "InvalidFieldName", /is not a field name/],
    ["an empty field name", badHeaders([["", "a"]]), "InvalidFieldName", /is not a field name/],
    ["a number as a field name", badHeaders([[5, "a"]]), "InvalidFieldName", /is not a field name/],
    ["an object as headers", badHeaders({ "X-A": "a" }), "InvalidFields", /pairs of name and value/],
    ["no headers", badHeaders(undefined), "InvalidFields", /pairs of name and value/],
    ["headers that are no pairs", badHeaders([null]), "InvalidFields", /pairs of name and value/],
    ["headers as lines", badHeaders(["X-A: a"]), "InvalidFields", /pairs of name and value/],

    [
      "CR and LF in a reason phrase",
      badStatus("200 OK\r\nX: a"),
      "InvalidReason",
      /"OK\\r\\nX: a" has characters that no reason phrase may have: leave it out, or use Latin-1/
    ],
    ["a wide reason phrase", badStatus("200 \u2713"), "InvalidReason", /"\u2713" has characters that no reason/],
    ["a status of letters", badStatus("abc"), "InvalidStatus", /is not a status; use a code and a reason/],
    ["a status of two digits", badStatus("99 X"), "InvalidStatus", /is not a status/],
    ["a status of four digits", badStatus("1000 X"), "InvalidStatus", /is not a status/],
    ["an empty status", badStatus(""), "InvalidStatus", /is not a status/],
    ["no status", badStatus(undefined), "InvalidStatus", /is not a status/],
    ["a status that is a number", badStatus(200), "InvalidStatus", /the number 200 is not a status; use a code and a/],
    ["a status that is a big number", badStatus(200n), "InvalidStatus", /a bigint is not a status; use a code/],
    ["an interim status", badStatus("103 Early Hints"), "InvalidStatus", /not a final status: use 200 to 999/],
    ["a switch of protocols", badStatus("101 Switching Protocols"), "InvalidStatus", /not a final status/],
    ["a status below all", badStatus("099 X"), "InvalidStatus", /not a final status/],

    [
      "a number as a body",
      badBody(5),
      "InvalidBody",
      /text, bytes or an iterable of these, not the number 5: give "5"/
    ],
    ["null as a body", badBody(null), "InvalidBody", /not null: return "" where there is none/],
    ["nothing as a body", badBody(undefined), "InvalidBody", /not undefined: return "" where there is none/],
    ["an object as a body", badBody({}), "InvalidBody", /not an object: give it as text, such as JSON/],
    ["a date as a body", badBody(new Date()), "InvalidBody", /not a Date: give it as text/],
    ["an error as a body", badBody(new TypeError("no")), "InvalidBody", /not a TypeError: throw it/],
    [
      "a buffer that is no bytes",
      badBody(new ArrayBuffer(1)),
      "InvalidBody",
      /not an ArrayBuffer: give new Uint8Array/
    ],
    ["a shared buffer", badBody(new SharedArrayBuffer(1)), "InvalidBody", /not a SharedArrayBuffer: give new Uint8Arr/],
    ["a view of numbers", badBody(new Uint16Array(1)), "InvalidBody", /not a Uint16Array: give its bytes/],
    ["an empty view of numbers", badBody(new Float64Array(0)), "InvalidBody", /not a Float64Array: give its bytes/],
    ["a DataView", badBody(new DataView(new ArrayBuffer(1))), "InvalidBody", /not a DataView: give its bytes/],
    ["a Map", badBody(new Map([["a", "b"]])), "InvalidBody", /not a Map: give it as text, such as JSON/],
    ["an empty Map", badBody(new Map()), "InvalidBody", /not a Map: give it as text/],
    ["parameters", badBody(new URLSearchParams()), "InvalidBody", /not an? URLSearchParams: give its toString\(\)/],
    ["a form", badBody(new FormData()), "InvalidBody", /not a FormData: give the body of new Response\(form\)/],
    ["fields", badBody(new Headers({ a: "b" })), "InvalidBody", /not a Headers: give it as text/],
    ["a URL as a body", badBody(new URL("http://a/")), "InvalidBody", /not an? URL: give its toString\(\)/],
    ["a request as a body", badBody(new Request("http://a/")), "InvalidBody", /not a Request: give its body/],
    [
      "a TransformStream",
      badBody(new TransformStream()),
      "InvalidBody",
      /not a TransformStream: give its readable/
    ],
    ["a function as a body", badBody(() => "a"), "InvalidBody", /not a function: call it/],
    ["a class as a body", badBody(class Body {}), "InvalidBody", /not a class/],
    ["an array in an array", badBody([["a"]]), "InvalidBody", /not an array: its parts are text or bytes/],
    ["a Blob as a body", badBody(new Blob(["a"])), "InvalidBody", /not a Blob: give its stream\(\)/],
    [
      "a Response as a body",
      badBody(new Response("a")),
      "InvalidBody",
      /not a Response: serve .* by fetchApp\(handler\)/
    ],
    ["a Response without a head", () => new Response("a") as never, "InvalidBody", /not a Response: serve/],
    [
      "a promise of a Response",
      () => Promise.resolve(new Response("a")) as never,
      "InvalidBody",
      /not a Response: serve/
    ],
    [
      "a handler that answers with text",
      fetchApp(() => "a" as never),
      "InvalidBody",
      /a Response, .* not the text "a"/
    ],
    ["a handler that answers with an object", fetchApp(() => ({ a: 1 }) as never), "InvalidBody", /not an object/],
    ["a handler that answers with nothing", fetchApp(() => undefined as never), "InvalidBody", /not undefined/],
    ["a handler that answers with null", fetchApp(() => null as never), "InvalidBody", /not null/],
    ["a handler that answers with a number", fetchApp(() => 404 as never), "InvalidBody", /not the number 404/],
    [
      "a handler that answers with its request",
      fetchApp((request) => request as never),
      "InvalidBody",
      /not a \w*Request/
    ],
    ["a promise of a number", badBody(Promise.resolve(5)), "InvalidBody", /not the number 5/],
    ["numbers in an array", badBody(["a", 5]), "InvalidBody", /not the number 5/],
    ["numbers from an iterator", badBody([5].values()), "InvalidBody", /not the number 5/],
    [
      "a number that is written",
      (_, startResponse) => {
        void startResponse("200 OK", [])(5 as never)
        return "body"
      },
      "InvalidBody",
      /not the number/
    ],

    ["a Content-Length that is no number", badHeaders([["Content-Length", "ten"]]), "InvalidContentLength", /ten/],
    ["a negative Content-Length", badHeaders([["Content-Length", "-1"]]), "InvalidContentLength", /-1/],
    ["a broken Content-Length", badHeaders([["Content-Length", "4.0"]]), "InvalidContentLength", /4\.0/],
    [
      "two Content-Lengths",
      badHeaders([["Content-Length", "4"], ["content-length", "5"]]),
      "InvalidContentLength",
      /two Content-Length fields differ: 4 and 5/
    ],
    [
      "an error of the network",
      fetchApp(() => Response.error()),
      "InvalidStatus",
      /Response.error\(\) has no status: give/
    ],
    [
      "an application where a handler belongs",
      fetchApp(hello as never),
      "InvalidBody",
      /fetchApp was given an application \(env, startResponse\): give it to server itself/
    ],
    ["a Content-Length above the body", badHeaders([["Content-Length", "5"]]), "BodyTooShort", /4 of the 5 bytes/],
    [
      "a Transfer-Encoding",
      badHeaders([["Transfer-Encoding", "gzip, chunked"]]),
      "InvalidTransferEncoding",
      /the server frames the body itself/
    ]
  ]
  it.each(cases)(
    "%s",
    (_, app, reason, message) =>
      expectFailure(app, isResponseError(reason), { message: new RegExp(`${reason}: .*${message.source}`) })
  )

  it("an interim response with a status that is text", () =>
    expectFailure(
      (env, startResponse) => {
        env["tsgi.interim"]("103" as never)
        return hello(env, startResponse)
      },
      (error) => expect(error).toBeInstanceOf(InterimError),
      { message: /the text "103" is not an interim status: use a number, 100, or 102 to 199/ }
    ))

  it.each([101, 200, 99, NaN])("an interim response with status %d", (status) =>
    expectFailure(
      (env, startResponse) => {
        env["tsgi.interim"](status)
        return hello(env, startResponse)
      },
      (error) => expect(error).toBeInstanceOf(InterimError),
      { message: /InvalidHeader: .* is not an interim status: use 100, or 102 to 199/ }
    ))

  it("an interim response with CR and LF in a field", () =>
    expectFailure(
      (env, startResponse) => {
        env["tsgi.interim"](103, [["Link", "a\r\nb"]])
        return hello(env, startResponse)
      },
      (error) => expect(error).toBeInstanceOf(InterimError),
      { message: /InvalidHeader: the value of Link has characters that no field value may have/ }
    ))

  it.each([
    ["an error", new Error("of the application"), /Error: of the application/],
    ["a text", "of the application", /of the application/],
    ["nothing", undefined, /undefined was thrown/],
    ["a Response", new Response(null, { status: 404 }), /a Response \(404\) was thrown: return it/],
    ["an object of a class", new Application(), /an Application was thrown, which has no message/],
    ["an empty object", {}, /an object was thrown, which has no message/],
    ["a Map", new Map(), /a Map was thrown, which has no message/]
  ])("throws %s", async (_, thrown: unknown, message) => {
    const told = (error: unknown): void => expect(error).toBe(thrown)
    await expectFailure(
      () => {
        throw thrown
      },
      told,
      { message }
    )
    await expectFailure(() => Promise.reject(thrown), told, { message })
  })

  const asRequest: ReadonlyArray<readonly [name: string, read: (request: Request) => unknown]> = [
    ["url", ({ url }) => url.indexOf("/")],
    ["method", ({ method }) => method.toLowerCase()],
    ["headers", ({ headers }) => headers.get("host")]
  ]
  it.each(asRequest)("takes its environ for a Request: %s", (_, read) =>
    expectFailure(
      (request) => String(read(request as never)),
      (error) => expect(error).toBeInstanceOf(TypeError),
      { message: /TypeError: this is an environ and no Request: serve a handler of Requests by fetchApp\(handler\)/ }
    ))

  it.each([[new Error("a"), "an Error: give its stack"], [5, "the number 5"], [undefined, "undefined"]])(
    "writes what is no text to wsgi.errors: %s",
    (given, what) =>
      expectFailure(
        (env) => {
          env["wsgi.errors"].write(given as never)
          return ""
        },
        (error) => expect(error).toBeInstanceOf(TypeError),
        { message: new RegExp(`TypeError: wsgi.errors takes text, not ${what}`) }
      )
  )

  it("does no harm when it catches what it is told", () => {
    const outcomes: Array<Outcome | undefined> = []
    return withServer(
      (env, startResponse) => {
        env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => void outcomes.push(outcome)])
        for (const headers of [[["X-A", "a\r\n"]], undefined, [["Content-Length", "ten"]]]) {
          expect(() => startResponse("200 OK", headers as never)).toThrow(ResponseError)
        }
        startResponse("200 OK", [["X-A", "a"]])
        expect(() => startResponse("404 Not Found", [])).toThrow(ResponseError)
        expect(() => env["tsgi.interim"](200)).toThrow(InterimError)
        return "hello"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal, log }) => {
        const client = await connect()
        const { lines } = log
        client.send(get())
        const response = await client.response()
        expect([response.status, response.get("x-a"), response.body.toString()]).toEqual([200, "a", "hello"])
        expect(response.get("connection")).toBeUndefined()
        expect(await journal.first(1)).toEqual(["access 200"])
        expect(outcomes.map((outcome) => outcome?._tag)).toEqual(["Sent"])
        expect(lines.join("\n")).not.toContain("failed")
      }
    )
  })

  it("may name the chunked coding that the server adds anyway", () =>
    withServer(
      (_, startResponse) => {
        startResponse("200 OK", [["Transfer-Encoding", "chunked"]])
        return ["hello"].values()
      },
      { memory: true, noteAccess: true },
      async ({ connect }) => {
        const client = await connect()
        client.send(get())
        const response = await client.response()
        expect([response.all("transfer-encoding"), response.body.toString()]).toEqual([["chunked"], "hello"])
      }
    ))
})

describe("an application that breaks the protocol when the head is out", () => {
  const lying = (
    app: Misuse,
    check: (client: WireClient, outcome: Outcome, log: string) => Promise<void> | void
  ): Promise<void> => {
    const outcomes: Array<Outcome> = []
    return withServer(
      (env, startResponse) => {
        env["eventlet.minimum_write_chunk_size"] = 0
        env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => {
          if (outcome !== undefined) outcomes.push(outcome)
        }])
        return app(env, startResponse)
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal, log }) => {
        const client = await connect()
        const { lines } = log
        client.send(get())
        await journal.first(1)
        expect(outcomes).toHaveLength(1)
        await check(client, outcomes[0], lines.join("\n"))
      }
    )
  }

  it("and gives less than it declared: the connection is cut", () =>
    lying((_, startResponse) => {
      startResponse("200 OK", [["Content-Length", "10"]])
      return ["hello"].values()
    }, async (client, outcome, log) => {
      const received = (await client.all()).toString()
      expect(received).toContain("Content-Length: 10")
      expect(received).toMatch(/\r\n\r\nhello$/)
      expect(outcome).toMatchObject({ _tag: "Failed", status: 200, bodyBytes: 5 })
      expect(log).toMatch(/BodyTooShort: the application gave 5 of the 10 bytes that it declared in Content-Length/)
    }))

  for (
    const [shape, body] of [["iterator", () => ["hello", "world"].values()], [
      "array",
      () => ["hello", "world"]
    ]] as const
  ) {
    it(`and gives more than it declared from an ${shape}: the body is cut, the connection closed`, () =>
      lying((_, startResponse) => {
        startResponse("200 OK", [["Content-Length", "7"]])
        return body()
      }, async (client, outcome, log) => {
        expect((await client.response()).body.toString()).toBe("hellowo")
        expect((await client.all()).toString()).toBe("")
        expect(outcome).toMatchObject({ status: 200, bodyBytes: 7 })
        expect(log).toMatch(
          /BodyTooLong: the application gave more than the 7 bytes that it declared in Content-Length/
        )
      }))
  }

  it("and gives what is no part: the connection is cut", () =>
    lying((_, startResponse) => {
      ok(startResponse)
      return ["hello", 5 as never].values()
    }, async (client, outcome, log) => {
      expect((await client.all()).toString()).toMatch(/\r\n5\r\nhello\r\n$/)
      expect(outcome).toMatchObject({ _tag: "Failed", status: 200, bodyBytes: 5 })
      expect(log).toMatch(/InvalidBody: .* not the number/)
    }))

  it("and replaces it: what was passed as errorInfo is thrown", () => {
    const failure = new Error("too late")
    return lying((_, startResponse) => {
      void startResponse("200 OK", [])("hello")
      startResponse("500 Internal Server Error", [], failure)
      return "never"
    }, (_, outcome, log) => {
      expect(outcome).toMatchObject({ _tag: "Failed", status: 200, error: failure })
      expect(log).toContain("Error: too late")
    })
  })

  it("and sets another without errorInfo: errorInfo would not help", () =>
    lying((_, startResponse) => {
      void startResponse("200 OK", [])("a".repeat(5000))
      startResponse("500 Internal Server Error", [])
      return "never"
    }, (_, outcome, log) => {
      expect(outcome).toMatchObject({ _tag: "Failed", status: 200, error: { reason: "HeadAlreadySent" } })
      expect(log).toContain(
        "ResponseError: HeadAlreadySent: startResponse was called before, and its head has been sent"
      )
    }))

  it("and sends an interim response: silence", () =>
    lying((env, startResponse) => {
      const write = startResponse("200 OK", [])
      void write("hello")
      env["tsgi.interim"](103)
      return ""
    }, async (client, outcome) => {
      const response = await client.response()
      expect([response.interim, response.body.toString()]).toEqual([[], "hello"])
      expect(outcome).toMatchObject({ _tag: "Sent", interimResponses: 0 })
    }))
})

it("keeps on serving after all that", async () => {
  let calls = 0
  const running = server(listen(), (_, startResponse) => {
    if (++calls % 2 === 1) throw new Error("every other time")
    startResponse("200 OK", [])
    return "hello"
  }, { log: () => undefined })
  const address = await running.ready
  const statuses: Array<number> = []
  for (let i = 0; i < 10; i++) {
    await using client = await connect(address)
    client.send(get())
    statuses.push((await client.response()).status)
  }
  expect(statuses).toEqual([500, 200, 500, 200, 500, 200, 500, 200, 500, 200])
  await running.stop()
})
