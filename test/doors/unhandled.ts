/**
 * Objects of the application fail without a handler, in a process that would end for that. It prints a line for each scenario,
 * with the failures that escaped and the lines of the log.
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Readable, Writable } from "node:stream"
import * as Tls from "node:tls"
import { type App, listen, type LogTarget, type ServerOptions, wrapTls } from "tsgi"
import { AccessLog, Posthooks } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { nothingSeen, open } from "../platform/scene.js"
import { makeCertificate } from "../utils/certificate.js"
import { turns } from "../utils/Journal.js"
import { get, postOf, upgrade } from "../utils/requests.js"
import { withServer } from "../utils/serving.js"

/** The result of one scenario. */
export interface Came {
  readonly name: string
  /** The failures without a handler. */
  readonly escaped: ReadonlyArray<string>
  /** The lines of the log, and the warnings of the process. */
  readonly lines: ReadonlyArray<string>
  /** The status of a later request. */
  readonly status: number
}

const failure = (): Error => new Error("on purpose")
const rejected = (): Promise<never> => Promise.reject(failure())
/** A promise that only has `then`. */
const thenable = (): PromiseLike<never> => {
  const promise = rejected()
  return { then: (kept, broken) => promise.then(kept, broken) }
}
// this stands for code that forgets that a function of type `() => void` should return nothing
const untyped = <A>(given: unknown): A => given as A

// both ends of every connection are in this process: what is on its way arrives in a few turns
const later = (): Promise<void> => turns(50)
/** Longer than `leave` takes. */
const muchLater = Effect.promise(() => turns(300))

const hello: App = (_env, startResponse) => {
  startResponse("200 OK", [])
  return "hello"
}

/** Fails as a stream whose file is lost while it is closed. */
const failingWhenClosed = (): Readable =>
  new Readable({ read: () => undefined, destroy: (_error, done) => void setImmediate(() => done(failure())) })

const once = (app: App): App => {
  let first = true
  return (env, startResponse) => {
    if (!first) return hello(env, startResponse)
    first = false
    return app(env, startResponse)
  }
}

interface PlainScene {
  readonly app?: App
  readonly log?: (lines: Array<string>) => LogTarget
  readonly options?: ServerOptions
  readonly use?: (client: WireClient) => unknown
}

const plain = ({ app = hello, log, options, use = (client) => client.response() }: PlainScene) =>
async (
  lines: Array<string>
): Promise<number> => {
  const target = log?.(lines) ?? ((line: string) => void lines.push(line))
  let status = 0
  await withServer(once(app), { timeouts: { interrupt: 50 }, ...options, log: target }, async (served) => {
    const client = await served.connect()
    client.send(get())
    await use(client)
    client.close()
    await later()
    status = (await served.ask(get())).status
    await served.running.stop({ grace: 100 })
  })
  return status
}

/** Lets the client leave when it was told that the application works. */
const leave = async (client: WireClient): Promise<void> => {
  await later()
  client.close()
  await later()
  await later()
}

const hooked = (hook: () => unknown, detached = false): App => (env, startResponse) => {
  env["eventlet.posthooks"].push([untyped(hook), [], undefined, { detached }])
  return hello(env, startResponse)
}

const answeringWith = (body: () => unknown): App => (_env, startResponse) => {
  startResponse("200 OK", [])
  return untyped(body())
}

interface EffectDoor {
  readonly app: HttpApp.Default<unknown, HttpServerRequest.HttpServerRequest>
  readonly log?: Layer.Layer<AccessLog.AccessLog>
  readonly bytes?: Uint8Array | string
  readonly use?: (client: WireClient) => unknown
}

const effect = (
  { app, bytes = get(), log = AccessLog.layerNone, use = (client) => client.response() }: EffectDoor
) =>
async (
  lines: Array<string>
): Promise<number> => {
  let first = true
  const both = Effect.suspend(() => {
    if (!first) return HttpServerResponse.text("hello")
    first = false
    return app
  })
  await using scene = await open(HttpServer.serve(both), nothingSeen(), {
    config: { timeouts: { grace: 100 } },
    services: log,
    around: Logger.add(Logger.make(({ cause, message }) => void lines.push(`${String(message)} ${cause.toString()}`)))
  })
  {
    await using client = await scene.connect()
    client.send(bytes)
    await use(client)
  }
  await later()
  await using client = await scene.connect()
  client.send(get())
  return (await client.response()).status
}

/** Frames that a client must not send (RFC 6455, 5.1): they are not masked. */
const badFrames = Buffer.from([0x81, 0x01, 0x61, 0xff, 0x01, 0x61])

const socket = Effect.flatMap(HttpServerRequest.upgrade, (socket) => socket.runRaw(() => undefined)).pipe(
  Effect.as(HttpServerResponse.empty())
)

const withPsk: Tls.ConnectionOptions = {
  pskCallback: () => ({ psk: Buffer.alloc(16), identity: "a" }),
  ciphers: "PSK",
  checkServerIdentity: () => undefined
}

/** A handshake in which the server's callback fails. */
const handshake =
  (options: Tls.TlsOptions, client: Tls.ConnectionOptions) => async (lines: Array<string>): Promise<number> => {
    const listener = wrapTls(listen(), { ...await makeCertificate("localhost"), ...options })
    const log = (line: string): void => void lines.push(line)
    let good = 0
    await withServer(hello, { listener, log }, async ({ address, running }) => {
      if (address._tag !== "Tcp") return
      const status = (given: Tls.ConnectionOptions): Promise<number> =>
        new Promise((resolve) => {
          const secured = Tls.connect({ host: address.host, port: address.port, rejectUnauthorized: false, ...given })
          secured.setEncoding("latin1")
          secured.once("data", (text: string) => {
            secured.destroy()
            resolve(Number(text.slice(9, 12)))
          })
          secured.on("error", () => resolve(0))
          secured.on("close", () => resolve(0))
          secured.write(get())
        })
      await status(client)
      await later()
      good = await status({})
      await running.stop({ grace: 100 })
    })
    return good
  }

const scenarios: Readonly<Record<string, (lines: Array<string>) => Promise<number>>> = {
  "log: a function that rejects": plain({ log: () => untyped(rejected) }),
  "log: a function that returns a thenable": plain({ log: () => untyped(thenable) }),
  "log: write rejects": plain({ log: () => ({ write: rejected }) }),
  "log: info rejects": plain({ log: () => ({ info: untyped(rejected), debug: untyped(rejected) }) }),
  "log: a stream that fails": plain({
    log: () => new Writable({ write: (_chunk, _encoding, done) => done(failure()) })
  }),
  "logFormat: rejects": plain({ options: { logFormat: untyped(rejected) } }),
  "body: an array of promises": plain({ app: answeringWith(() => [rejected(), rejected()]) }),
  "body: an array with a promise behind a part": plain({ app: answeringWith(() => ["a", rejected()]) }),
  "body: an iterator of promises": plain({ app: answeringWith(() => [rejected()].values()) }),
  "body: a sync iterator whose next is async": plain({
    app: answeringWith(() => ({ [Symbol.iterator]: () => ({ next: rejected }) }))
  }),
  "body: an async iterator of functions that reject when ended": plain({
    app: answeringWith(() => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: rejected })
    })),
    use: leave
  }),
  "body: a stream that fails after its client has left": plain({
    app: async (_env, startResponse) => {
      startResponse("200 OK", [])
      await later()
      await later()
      return failingWhenClosed()
    },
    use: leave
  }),
  "body: a stream that fails when it is let go": plain({ app: answeringWith(failingWhenClosed), use: leave }),
  "body: a stream that fails when its end was sent": plain({
    app: answeringWith(() => {
      const body = failingWhenClosed()
      body.push("hello")
      body.push(null)
      return body
    }),
    use: leave
  }),
  "hook: rejects": plain({ app: hooked(rejected) }),
  "hook: returns a thenable": plain({ app: hooked(thenable) }),
  "hook: detached, rejects": plain({ app: hooked(rejected, true) }),
  "hook: late, rejects": plain({
    app: (env, startResponse) => {
      void later().then(() => env["eventlet.posthooks"].push([untyped(rejected)]))
      return hello(env, startResponse)
    }
  }),
  "input: a read that nobody awaits": plain({
    app: (env, startResponse) => {
      void env["wsgi.input"].read()
      void env["wsgi.input"][Symbol.asyncIterator]().next()
      startResponse("200 OK", [])
      return new Promise(() => undefined)
    },
    use: async (client) => {
      client.send(postOf(9, "ab"))
      await leave(client)
    }
  }),
  "socket: destroyed with an error": plain({
    app: (env) => {
      const taken = env["wsgi.input"].getSocket()
      setImmediate(() => taken.destroy(failure()))
      return ""
    },
    use: (client) => client.whenEnded()
  }),
  "socket: an error that does not close it": plain({
    app: (env) => {
      const taken = env["wsgi.input"].getSocket()
      setImmediate(() => taken.emit("error", failure()))
      return ""
    },
    use: (client) => client.whenEnded()
  }),
  "SNICallback: throws": handshake({
    SNICallback: () => {
      throw failure()
    }
  }, { servername: "a.example" }),
  "SNICallback: rejects": handshake({ SNICallback: untyped(rejected) }, { servername: "a.example" }),
  "ALPNCallback: throws": handshake({
    ALPNCallback: () => {
      throw failure()
    }
  }, { ALPNProtocols: ["http/1.1"] }),
  "ALPNCallback: rejects": handshake({ ALPNCallback: untyped(rejected) }, { ALPNProtocols: ["http/1.1"] }),
  "pskCallback: throws": handshake({
    pskCallback: () => {
      throw failure()
    },
    ciphers: "PSK+HIGH:HIGH"
  }, withPsk),
  "pskCallback: rejects": handshake({ pskCallback: untyped(rejected), ciphers: "PSK+HIGH:HIGH" }, withPsk),
  "Effect: an access log that rejects": effect({
    app: HttpServerResponse.text("hello"),
    log: AccessLog.layerFunction(untyped(rejected))
  }),
  "Effect: lines that reject": effect({
    app: HttpServerResponse.text("hello"),
    log: AccessLog.layerLines(() => "", untyped(rejected))
  }),
  "Effect: a format that rejects": effect({
    app: HttpServerResponse.text("hello"),
    log: AccessLog.layerLines(untyped(rejected), () => undefined)
  }),
  "Effect: a hook that rejects": effect({
    app: Effect.as(Posthooks.add(untyped(rejected)), HttpServerResponse.text("hello"))
  }),
  "Effect: a hook that is a step which rejects": effect({
    app: Effect.as(Posthooks.add(() => Effect.sync(rejected)), HttpServerResponse.text("hello"))
  }),
  "Effect: a stream that fails when it is let go": effect({
    app: Effect.suspend(() => HttpServerResponse.raw(failingWhenClosed())),
    use: leave
  }),
  "Effect: a stream that fails after its client has left": effect({
    app: Effect.uninterruptible(
      Effect.zipRight(muchLater, Effect.suspend(() => HttpServerResponse.raw(failingWhenClosed())))
    ),
    use: leave
  }),
  "Effect: frames that are none, with the handshake": effect({
    app: socket,
    bytes: Buffer.concat([Buffer.from(upgrade()), badFrames]),
    use: (client) => client.whenEnded()
  }),
  "Effect: frames that are none, while the handler does something else": effect({
    app: Effect.as(
      Effect.scoped(Effect.flatMap(HttpServerRequest.upgrade, (socket) =>
        Effect.zipRight(
          Effect.forkScoped(socket.runRaw(() => muchLater)),
          muchLater
        ))),
      HttpServerResponse.empty()
    ),
    bytes: upgrade(),
    use: async (client) => {
      await later()
      client.send(badFrames)
      client.send(badFrames)
      await leave(client)
    }
  })
}

export const names: ReadonlyArray<string> = Object.keys(scenarios)

const seen: Array<string> = []
const note = (kind: string) => (error: unknown): void =>
  void seen.push(`${kind}: ${error instanceof Error ? error.message : String(error)}`)

const run = async (only: ReadonlyArray<string>): Promise<void> => {
  process.on("unhandledRejection", note("rejection"))
  process.on("uncaughtException", note("exception"))
  const warnings: Array<string> = []
  process.on("warning", ({ message }) => void warnings.push(message))
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (only.length > 0 && !only.includes(name)) continue
    seen.length = 0
    warnings.length = 0
    const lines: Array<string> = []
    const status = await Promise.race([
      scenario(lines),
      new Promise<number>((resolve) => setTimeout(resolve, 3000, -1))
    ])
      .catch((error: unknown) => {
        note("scenario")(error)
        return -1
      })
    await later()
    const came: Came = { name, escaped: [...seen], lines: [...lines, ...warnings], status }
    console.log(JSON.stringify(came))
  }
  process.exit()
}

// other programs may import only the names
if (process.argv[2] === "run") void run(process.argv.slice(3))
