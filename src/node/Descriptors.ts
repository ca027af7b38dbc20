/**
 * Notices when the process has no descriptors left.
 *
 * libuv then accepts a connection with a descriptor that it keeps for this, and closes it at once, without an event. So this tries to
 * get a descriptor, soon after a connection came whose descriptor is the highest yet, and then once a second until there is one again.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { devNull } from "node:os"
import { descriptorOf } from "./internal.js"

const soon = 50
const pause = 1000

/**
 * @since 0.2.0
 * @category models
 */
export class Descriptors {
  private highest = 0
  private timer: ReturnType<typeof setTimeout> | undefined = undefined
  private lastTold = -Infinity
  private out = false

  /** @param ranOut is called when they have run out, once for each time, and at most once a second */
  constructor(private readonly ranOut: () => void) {}

  accepted(socket: Net.Socket): void {
    if (this.timer !== undefined) return
    const descriptor = descriptorOf(socket)
    if (descriptor < this.highest) return
    this.highest = descriptor
    this.lookIn(soon)
  }

  /** There are none: the system said so. */
  tell(): void {
    const now = performance.now()
    if (now - this.lastTold < pause) return
    this.lastTold = now
    this.ranOut()
  }

  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.highest = Infinity
  }

  private lookIn(milliseconds: number): void {
    this.timer = setTimeout(this.look, milliseconds).unref()
  }

  private readonly look = (): void => {
    this.timer = undefined
    try {
      Fs.closeSync(Fs.openSync(devNull, "r"))
      this.out = false
    } catch (error) {
      if (!isExhaustion(error)) return
      if (!this.out) this.tell()
      this.out = true
      this.lookIn(pause)
    }
  }
}

/**
 * @since 0.2.0
 * @category guards
 */
export const isExhaustion = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE")
