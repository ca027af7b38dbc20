/**
 * The peer behind {@link Peer}, which all exchanges of its connection share.
 *
 * @since 0.2.0
 */
import type * as Effect from "effect/Effect"
import type { RequestHead } from "../protocol/requestHead.js"
import * as Address from "./Address.js"
import type { Engine } from "./Engine.js"
import { type Forwarding, forwardingFor } from "./Forwarding.js"
import type { Peer } from "./Peer.js"
import type { PeerFacts } from "./PeerFacts.js"
import type { HookFiberRefs } from "./PostHook.js"
import { requestName } from "./requestName.js"

/**
 * @since 0.2.0
 * @category models
 */
export class AcceptedPeer implements Peer {
  /** Reads what the peer says about its clients; absent if the peer is not believed. */
  readonly forwarding: Forwarding | undefined
  private doorCache: unknown = undefined

  constructor(
    readonly id: number,
    readonly engine: Engine,
    private readonly transport: PeerFacts
  ) {
    this.forwarding = forwardingFor(engine.config, this)
  }

  get local(): Address.Address {
    return this.transport.local
  }

  get remote(): Address.Address {
    return this.transport.remote
  }

  get tls(): PeerFacts["tls"] {
    return this.transport.tls
  }

  get proxy(): PeerFacts["proxy"] {
    return this.transport.proxy
  }

  get name(): string {
    return Address.peerName(this.remote)
  }

  get cached(): unknown {
    return this.doorCache
  }

  cache<A>(value: A): A {
    this.doorCache = value
    return value
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    this.transport.run(callback, first, second)
  }

  /** Logs a message about the connection. */
  log(level: "Debug" | "Info" | "Error", message: string, failure?: unknown, request?: RequestHead): void {
    const text = (): string => {
      const asked = request === undefined
        ? ""
        : `, ${requestName({ request, forwarded: this.forwarding?.of(request) })}`
      return `${message} (${this.name}${asked})`
    }
    this.engine.log(level, text, failure)
  }

  /** Runs an Effect for the connection, and calls back in its async context. */
  runEffect(effect: Effect.Effect<unknown, never, unknown>, done: () => void, fiberRefs: HookFiberRefs): void {
    const ended = (): void => {
      try {
        // the fiber may end in another connection's context
        this.transport.run(callBack, done, undefined)
      } catch (error) {
        // to throw here would end the process
        this.log("Error", "a connection broke", error)
      }
    }
    this.engine.run(effect, ended, fiberRefs)
  }
}

const callBack = (done: () => void): void => done()
