/** A handler that joins another request's fiber takes over that fiber's services, and must still answer its own client. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type Handler, kinds, nothingSeen, open, someKinds } from "./scene.js"

const requestOf = (who: string): string => get("/", `Who: ${who}`)

const cases = someKinds.flatMap((app) => ["whole", "streamed", "failed"].map((kind) => [app, kind] as const))

it.each(cases)("%s: %s answers reach the client that asked", async (app, kind) => {
  const work = Effect.runSync(Deferred.make<string>())
  let flight: Fiber.Fiber<string> | undefined
  const handler: Handler = Effect.gen(function*() {
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    const first = flight === undefined
    flight ??= yield* Effect.forkDaemon(Deferred.await(work))
    const text = `${yield* Fiber.join(flight)} for ${headers.who}`
    // the first handler still works when the second answers
    if (first) yield* Effect.promise(() => turns(20))
    if (kind === "failed") return yield* Effect.die(text)
    return kind === "whole"
      ? HttpServerResponse.text(text)
      : HttpServerResponse.stream(Stream.encodeText(Stream.make(text)))
  })
  await using scene = await open(kinds[app](handler), nothingSeen())
  await using one = await scene.connect()
  await using two = await scene.connect()
  one.send(requestOf("one"))
  await turns(5)
  two.send(requestOf("two"))
  await turns(5)
  Effect.runSync(Deferred.succeed(work, "done"))
  const answers = await Promise.all([two.response(), one.response()])
  expect(answers.map(({ body, status }) => [status, body.toString()])).toEqual(
    kind === "failed" ? [[500, ""], [500, ""]] : [[200, "done for two"], [200, "done for one"]]
  )
})

class Name extends Context.Tag("Name")<Name, string>() {}

it.each(someKinds)(
  "%s: who joins keeps the services of its own that the other has from the app",
  async (app) => {
    let flight: Fiber.Fiber<string> | undefined
    const handler: Handler = Effect.gen(function*() {
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      if (flight === undefined) {
        flight = yield* Effect.forkDaemon(Effect.succeed("done"))
        return HttpServerResponse.text("first")
      }
      const joined = Effect.zipRight(Fiber.join(flight), Effect.serviceOption(Name))
      const name = yield* Effect.provideService(joined, Name, `${headers.who}'s`)
      return HttpServerResponse.text(Option.getOrElse(name, () => "nobody's"))
    })
    const around = Layer.succeed(Name, "the app's")
    await using scene = await open(kinds[app](handler), nothingSeen(), { around })
    await using client = await scene.connect()
    client.send(requestOf("one"))
    expect((await client.response()).body.toString()).toBe("first")
    client.send(requestOf("two"))
    expect((await client.response()).body.toString()).toBe("two's")
  }
)
