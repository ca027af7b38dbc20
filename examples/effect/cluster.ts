/**
 * Effect Cluster on tsgi: runners call each other by HTTP or WebSocket, and share a database. A counter lives on one of
 * them at a time, and every runner reaches it. When its runner stops, another one takes it over.
 *
 *   npx tsx examples/effect/cluster.ts
 *   PORT=8091 RUNNER_PORT=34432 npx tsx examples/effect/cluster.ts       in a second terminal
 *   curl -X POST http://127.0.0.1:8090/counters/apples       apples: 1, by the runner at 34431
 *   curl -X POST http://127.0.0.1:8091/counters/apples       apples: 2, by the runner at 34431
 *   then Ctrl-C in the terminal of the runner that answered, and ask the other:
 *                                                            apples: 3, by the runner at 34432
 *
 * `DATABASE` is the file of the database, /tmp/tsgi-cluster.db by default, `TRANSPORT` is `http` or `websocket`, `PORT` is for
 * clients and `RUNNER_PORT` for the other runners: do not expose that one.
 */
import { ClusterSchema, Entity, RunnerAddress } from "@effect/cluster"
import { Reactivity } from "@effect/experimental"
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Rpc } from "@effect/rpc"
import { SqlClient, Statement } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Config, Effect, Layer, Option, Schema } from "effect"
import { TsgiClusterHttp } from "tsgi/cluster"
import { TsgiHttpServer } from "tsgi/effect"
import { isMain, run } from "./serve.js"

class Count extends Schema.Class<Count>("Count")({
  name: Schema.String,
  count: Schema.Number,
  runner: Schema.Number
}) {}

/** Messages are kept until they are answered, so the successor of a runner that stops answers the rest. */
const Counter = Entity.make("Counter", [
  Rpc.make("Increment", { payload: { id: Schema.String }, success: Count, primaryKey: ({ id }) => id })
]).annotateRpcs(ClusterSchema.Persisted, true)

const CounterLive = Counter.toLayer(Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const { entityId: name } = yield* Entity.CurrentAddress
  const { port: runner } = yield* Entity.CurrentRunnerAddress
  return {
    Increment: () =>
      sql<{ readonly count: number }>`
        INSERT INTO counters (name, count) VALUES (${name}, 1)
        ON CONFLICT (name) DO UPDATE SET count = count + 1 RETURNING count`.pipe(
        Effect.map(([{ count }]) => new Count({ name, count, runner })),
        Effect.orDie
      )
  }
}))

const router = Effect.gen(function*() {
  const counters = yield* Counter.client
  return HttpRouter.empty.pipe(
    HttpRouter.post(
      "/counters/:name",
      Effect.gen(function*() {
        const { name = "" } = yield* HttpRouter.params
        const { count, runner } = yield* counters(name).Increment({ id: crypto.randomUUID() })
        return HttpServerResponse.text(`${name}: ${count}, by the runner at ${runner}\n`)
      })
    )
  )
})

/**
 * SQLite for several programs. A writer waits for the others, and takes the lock when its transaction begins: a transaction that
 * reads first and writes later fails when another one has written meanwhile. PostgreSQL and MySQL do not need this.
 */
const Database = Layer.effect(
  SqlClient.SqlClient,
  Effect.gen(function*() {
    const { reserve } = yield* SqliteClient.SqliteClient
    const sql = yield* SqlClient.make({
      acquirer: reserve,
      beginTransaction: "BEGIN IMMEDIATE",
      compiler: Statement.makeCompilerSqlite(),
      spanAttributes: []
    })
    yield* sql`PRAGMA busy_timeout = 5000`
    yield* sql`CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL)`
    return sql
  })
).pipe(
  Layer.orDie,
  Layer.provide(Reactivity.layer),
  Layer.provide(SqliteClient.layerConfig({
    filename: Config.string("DATABASE").pipe(Config.withDefault("/tmp/tsgi-cluster.db"))
  }))
)

const Runner = Layer.unwrapEffect(Effect.gen(function*() {
  const port = yield* Config.integer("RUNNER_PORT").pipe(Config.withDefault(34431))
  const transport = yield* Config.literal("http", "websocket")("TRANSPORT").pipe(Config.withDefault("http" as const))
  return TsgiClusterHttp.layer({
    transport,
    storage: TsgiClusterHttp.sql,
    shardingConfig: { runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)) }
  })
}))

const app = Layer.unwrapEffect(Effect.map(router, HttpServer.serve())).pipe(
  Layer.merge(CounterLive),
  Layer.provide(Runner),
  Layer.provide(Database)
)

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layerConfig({ port: Config.integer("PORT").pipe(Config.withDefault(8090)) }))
  ))
}
