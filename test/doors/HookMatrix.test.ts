/**
 * Every kind of answer against every way in which an exchange can end: the request's scope closes, then the hooks run once each
 * and in order, the outcome is true, one access-log line follows, and nothing stays behind. Over TCP at two doors and over TLS
 * at the plain door, and with RUNS over both at every one.
 */
import type { TlsOptions } from "tsgi"
import { beforeAll, describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { expectReleased, holdings } from "../utils/holdings.js"
import { get } from "../utils/requests.js"
import { thorough } from "../utils/runs.js"
import { type Serve, twoDoors } from "./everyDoor.js"
import { bulk, grace } from "./hookActs.js"
import { open, registered, type Scene } from "./hookScene.js"
import { type Cell, events, finished, table } from "./hookTable.js"

/**
 * The bytes by which the count of bytes handed over may be behind: one write, of the largest size if the client took all until
 * then; over TLS, where Node tells later what the kernel has taken, the two small writes that may be under way.
 */
const uncertain = { tcp: 262_144, tls: 131_072 }

const isKept = ({ connection }: Cell, door: string): boolean =>
  connection === "kept" || (connection === "doors" && door !== "plain TypeScript")

const check = ({ outcomes, served }: Scene, cell: Cell, door: string, received: number, isTls: boolean): void => {
  const [record] = served.records.entries
  const lines = served.lines.join("\n")
  expect(served.journal.entries.slice(0, registered(door).length + 1), lines).toEqual([
    ...registered(door),
    `log ${record.status}`
  ])
  const [outcome] = outcomes
  expect(outcomes).toHaveLength(3)
  if (outcome === undefined) throw new Error("the first hook did not see the outcome")
  for (const other of outcomes) expect(other).toBe(outcome)
  const { bodyBytes, ...expected } = cell.outcome
  expect(outcome).toMatchObject(expected)
  if (outcome._tag === "Failed") expect(outcome.error).toBeInstanceOf(Error)

  if (bodyBytes !== "partial") expect(outcome.bodyBytes).toBe(bodyBytes)
  else {
    expect(outcome.bodyBytes).toBeGreaterThan(0)
    expect(outcome.bodyBytes).toBeLessThan(bulk)
    expect(outcome.wireBytes).toBeGreaterThan(outcome.bodyBytes)
    expect(outcome.wireBytes).toBeGreaterThanOrEqual(received - (isTls ? uncertain.tls : uncertain.tcp))
  }
  // a client that has read everything has received at least the bytes that count as handed over
  if (cell.connection !== "left" || cell.report === finished) {
    expect(outcome.wireBytes).toBeLessThanOrEqual(received)
    if (bodyBytes !== "partial") expect(outcome.wireBytes).toBe(received)
  }

  const { endTime, firstByteTime, startTime } = outcome
  if (firstByteTime === undefined) expect(outcome.status).toBeUndefined()
  expect(startTime).toBeLessThanOrEqual(firstByteTime ?? endTime)
  expect(firstByteTime ?? startTime).toBeLessThanOrEqual(endTime)
  expect(Math.abs(Date.now() - endTime)).toBeLessThan(60_000)

  expect(served.records.entries).toHaveLength(isKept(cell, door) ? 2 : 1)
  expect(record).toMatchObject({
    outcome,
    status: outcome.status ?? (outcome._tag === "Aborted" && outcome.reason === "Stopped" ? 503 : 499),
    bodyBytes: outcome.bodyBytes,
    wireBytes: outcome.wireBytes,
    refused: undefined
  })
}

const play = async (door: string, serve: Serve, cell: Cell, tls?: TlsOptions): Promise<void> => {
  const before = holdings()
  const scene = await open(serve, cell.app, { ...cell.options, ...(tls === undefined ? {} : { tls }) })
  const { served, stage } = scene
  const { client } = served
  client.send(cell.request ?? get())
  const stop = await cell.act(scene)
  await scene.logged()
  const received = client.received

  if (isKept(cell, door)) {
    client.send(get())
    expect((await client.response()).body.toString()).toBe("again")
  } else await client.whenEnded()
  client.close()

  // nothing that is left may delay a stop
  const report = await (stop?.report ?? served.stop({ grace }))
  expect(report).toMatchObject(cell.report ?? { interrupted: 0, cut: 0 })
  await client.whenClosed()
  check(scene, cell, door, received, tls !== undefined)
  expect(stage.closed).toBe(cell.closed ?? 0)
  await expectReleased(before)
}

let certificate: TlsOptions
beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

describe.each(twoDoors)("%s", (door, serve) => {
  const carriers = thorough || door === "plain TypeScript" ? ["TCP", "TLS"] : ["TCP"]
  describe.each(carriers)("post hooks over %s", (carrier) => {
    for (const [shape, cells] of Object.entries(table)) {
      describe(shape, () => {
        for (const event of events) {
          const cell = cells[event]
          // text is the reason why there is no such cell
          if (typeof cell === "string") continue
          it(event, () => play(door, serve, cell, carrier === "TLS" ? certificate : undefined))
        }
      })
    }
  })
})
