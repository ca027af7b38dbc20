/**
 * The end of a session's socket, for a session of any protocol. It closes when the session's hooks and finalizers have ended. If
 * they have not within `timeouts.hooks`, it closes without them: they run on, and a stop still waits for them.
 *
 * @since 0.2.0
 */
import type { Alarm } from "./Alarm.js"
import type { Session, SessionHost } from "./Session.js"

type Ending = Pick<Session, "peer">

interface Host<S> extends Pick<SessionHost, "config" | "detach" | "log" | "time"> {
  readonly alarm: Pick<Alarm, "by">
  readonly releasePlace: (session: S) => void
  readonly ended: (session: S) => void
}

/**
 * @since 0.2.0
 * @category models
 */
export class SocketEnd<S extends Ending = Session> {
  private hooksBy = Infinity
  private closed = false
  // set if the socket was closed before the hooks and finalizers had ended
  private freeStop: (() => void) | undefined = undefined

  /** @param close closes the socket */
  constructor(private readonly session: S, private readonly host: Host<S>, private readonly close: () => void) {}

  /** The time by which hooks and finalizers must have ended; `Infinity` if there is none. Then `late` is to be called. */
  get deadline(): number {
    return this.hooksBy
  }

  /** Called when only hooks and finalizers are left of the session. They need no place. A second call gives them no more time. */
  awaitHooks(): void {
    if (this.closed) return
    const { alarm, config, time } = this.host
    if (this.hooksBy === Infinity) {
      this.hooksBy = time.tick() + config.timeouts.hooks
      alarm.by(this.hooksBy)
    }
    this.host.releasePlace(this.session)
  }

  /** Called when they have ended, and the session has yet to. */
  hooksRan(): void {
    this.hooksBy = Infinity
  }

  /** Called when they have not ended in time. Closes the socket without them. */
  late(): void {
    this.hooksBy = Infinity
    if (this.closed) return
    const { config: { timeouts }, log } = this.host
    log(
      "Info",
      `a post hook or finalizer has not ended within ${timeouts.hooks} ms of its connection: ` +
        `the socket is closed without it (${this.session.peer.name})`
    )
    this.freeStop = this.host.detach()
    this.release()
  }

  /** The last step of the session's end. Closes the socket if it is not closed. */
  closeSocket(): void {
    if (this.freeStop === undefined) this.release()
    else this.freeStop()
  }

  private release(): void {
    this.closed = true
    try {
      this.close()
    } finally {
      this.host.ended(this.session)
    }
  }
}
