/**
 * Connections that the server closes before they are served: each is counted, and within a second the log has their number, so
 * that a flood of connections is not one of lines.
 *
 * @since 0.2.0
 */
import { type Address, peerName } from "../exchange/Address.js"
import { Alarm, type AlarmOptions } from "../exchange/Alarm.js"
import type { Engine } from "../exchange/Engine.js"
import type { Counters } from "./Counters.js"

/**
 * `NoRoom`: there are more connections than can be served, wait or be refused. `Stopped`: the server has stopped.
 *
 * @since 0.2.0
 * @category models
 */
export type LossReason = "NoRoom" | "Stopped"

/** Milliseconds from the first connection that a line of the log counts to the line. */
const interval = 1000

/**
 * @since 0.2.0
 * @category models
 */
export class Losses {
  private readonly alarm: Alarm
  private readonly untold = new Map<LossReason, { count: number; readonly remote: Address }>()

  constructor(
    private readonly time: AlarmOptions["time"],
    schedule: AlarmOptions["schedule"],
    private readonly counters: Pick<Counters, "connectionLost">,
    private readonly log: Engine["log"]
  ) {
    this.alarm = new Alarm({
      time,
      schedule,
      ring: () => {
        this.tell()
        return Infinity
      },
      interval
    })
  }

  add(remote: Address, reason: LossReason): void {
    this.counters.connectionLost({ reason })
    const lost = this.untold.get(reason)
    if (lost !== undefined) lost.count++
    else this.untold.set(reason, { count: 1, remote })
    this.alarm.by(this.time.now() + interval)
  }

  /** Tells what was not told yet. Nothing is added afterwards. */
  close(): void {
    this.tell()
    this.alarm.close()
  }

  private tell(): void {
    for (const [reason, { count, remote }] of this.untold) {
      const others = count === 1 ? "" : ` and ${count - 1} ${count === 2 ? "other" : "others"}`
      this.log("Info", `lost (${peerName(remote)}${others}) ${reason}: ${why[reason]}`)
    }
    this.untold.clear()
  }
}

const why: { readonly [R in LossReason]: string } = {
  NoRoom: "more connections have come than can wait for a place or be refused: see limits.connections",
  Stopped: "the server has stopped"
}
