/**
 * Notices when the process has no file descriptors left.
 *
 * libuv then accepts each connection with a spare descriptor and closes it at once, without an event. So this module tries to
 * open a descriptor itself: soon after a connection whose descriptor is the highest so far, and then once a second until one is
 * free again.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import type * as Net from "node:net"
import { devNull } from "node:os"
import { descriptorOf } from "./internal.js"

/** Milliseconds from a connection to the first attempt. */
const firstAttemptAfter = 50
/** Milliseconds between two attempts, and the least between two reports. */
const attemptInterval = 1000

/**
 * @since 0.2.0
 * @category models
 */
export class Descriptors {
  private highest = 0
  private timer: ReturnType<typeof setTimeout> | undefined = undefined
  private reportedAt = -Infinity
  private exhausted = false

  /** @param onExhausted called each time that no descriptor is left, at most once a second */
  constructor(private readonly onExhausted: () => void) {}

  accepted(socket: Net.Socket): void {
    if (this.timer !== undefined) return
    const descriptor = descriptorOf(socket)
    if (descriptor < this.highest) return
    this.highest = descriptor
    this.lookIn(firstAttemptAfter)
  }

  /** Reports that no descriptor is left, when the system has said so. */
  report(): void {
    const now = performance.now()
    if (now - this.reportedAt < attemptInterval) return
    this.reportedAt = now
    this.onExhausted()
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
      this.exhausted = false
    } catch (error) {
      if (!isExhaustion(error)) return
      if (!this.exhausted) this.report()
      this.exhausted = true
      this.lookIn(attemptInterval)
    }
  }
}

/**
 * Whether the system has refused a descriptor, because the process or the machine has no more.
 *
 * @since 0.2.0
 * @category guards
 */
export const isExhaustion = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE")
