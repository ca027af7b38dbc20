/**
 * All private parts of Effect, the platform and `ws` that the Effect door uses. Any version of them may drop these. Each has a
 * fallback for that case, and a test that fails then (test/platform/Internals.test.ts).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"
import * as Predicate from "effect/Predicate"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scope from "effect/Scope"
import type { WebSocket } from "ws"

/**
 * `_fiberRefs`: a fiber's refs. If it is gone, `getFiberRefs` is used, which copies them to add the fiber's runtime flags.
 *
 * @since 0.1.0
 * @category accessors
 */
export const fiberRefsOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs => {
  const refs = "_fiberRefs" in fiber ? fiber._fiberRefs : undefined
  return isFiberRefs(refs) ? refs : fiber.getFiberRefs()
}

/**
 * `_children`: whether a child of the fiber still runs. A fiber interrupts its children when it ends, and waits for them. If it
 * is gone, the client waits for that too.
 *
 * @since 0.1.0
 * @category predicates
 */
export const hasChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const children = "_children" in fiber ? fiber._children : undefined
  return children instanceof Set && children.size > 0
}

/**
 * `currentRuntimeFlags`: whether the fiber can be interrupted at the moment. If it is gone, the fiber counts as interruptible,
 * and a stop does not let it answer first.
 *
 * @since 0.2.0
 * @category predicates
 */
export const isInterruptible = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const flags = "currentRuntimeFlags" in fiber ? fiber.currentRuntimeFlags : undefined
  return typeof flags !== "number" || (flags & RuntimeFlags.Interruption) !== 0
}

/**
 * A fiber that starts when it is told to.
 *
 * @since 0.2.0
 * @category models
 */
export interface StartableFiber<A, E> extends Fiber.RuntimeFiber<A, E> {
  readonly start: (effect: Effect.Effect<A, E, unknown>) => void
}

/**
 * The constructor of fibers.
 *
 * @since 0.2.0
 * @category models
 */
export type FiberConstructor = new<A, E>(
  id: FiberId.Runtime,
  refs: FiberRefs.FiberRefs,
  flags: RuntimeFlags.RuntimeFlags
) => StartableFiber<A, E>

/**
 * `constructor` and `start` of a fiber: makes fibers that are not in the set of all root fibers (`Fiber.roots`). That `Set` makes
 * a new table for every second or third request, 40 bytes that only a full collection frees. Requests take 3 to 6 % less
 * processor time without it (bench rows effect, router and hook). If these are gone, it is `undefined`, and a runtime starts
 * the fibers.
 *
 * @since 0.2.0
 * @category constructors
 */
export const fiberConstructor = (
  ended: { readonly constructor: unknown } = Effect.runFork(Effect.void)
): FiberConstructor | undefined => {
  const { constructor } = ended
  return isFiberConstructor(constructor) ? constructor : undefined
}

const isFiberConstructor = (constructor: unknown): constructor is FiberConstructor => {
  if (!Predicate.isFunction(constructor) || !Predicate.hasProperty(constructor.prototype, "start")) return false
  try {
    const fiber: unknown = Reflect.construct(constructor, [FiberId.unsafeMake(), FiberRefs.empty(), RuntimeFlags.none])
    return isStartable(fiber) && (fiber.start(Effect.void), fiber.unsafePoll() !== null)
  } catch {
    return false
  }
}

const isStartable = (fiber: unknown): fiber is StartableFiber<void, never> =>
  Fiber.isFiber(fiber) && Fiber.isRuntimeFiber(fiber) && "start" in fiber && Predicate.isFunction(fiber.start)

/**
 * `@effect/platform/HttpApp/ejectedScopes`: scopes of requests that the program closes, see `HttpApp.ejectDefaultScopeClose`. If
 * it is gone there are none, and every scope is closed with its request.
 *
 * @since 0.2.0
 * @category constants
 */
export const ejectedScopes = globalValue("@effect/platform/HttpApp/ejectedScopes", () => new WeakSet<Scope.Scope>())

/**
 * `send` of a WebSocket, through which the platform's Socket sends: calls `sent` after each message, and `taken` when the kernel
 * has taken it. `ws` has no events for these. If `send` is gone, neither is called: writers do not wait, and a stop closes the
 * WebSocket when its grace time is over.
 *
 * @since 0.2.0
 */
export const onSend = (socket: WebSocket, sent: () => void, taken?: () => void): void => {
  const send: unknown = Reflect.get(socket, "send")
  if (!Predicate.isFunction(send)) return
  Reflect.set(socket, "send", (...given: ReadonlyArray<unknown>): void => {
    Reflect.apply(send, socket, taken === undefined ? given : [given[0], taken])
    sent()
  })
}

const isFiberRefs = (refs: unknown): refs is FiberRefs.FiberRefs =>
  Predicate.hasProperty(refs, "locals") && refs.locals instanceof Map
