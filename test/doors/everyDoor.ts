/** One application behind every door: plain TypeScript, and each kind of Effect app. Clients are in memory, or on sockets. */
import { kinds, someKinds } from "../platform/scene.js"
import { thorough } from "../utils/runs.js"
import type { Serve } from "./door.js"
import { effect } from "./effectDoor.js"
import { plain } from "./plainDoor.js"

export type { Body, Call, Fields, Head, Hook, Options, Part, Script, Serve, Served } from "./door.js"

/** The name of a door, and the function that serves there until its result is disposed. */
export type Door = readonly [name: string, serve: Serve]

const doors = (kinds: ReadonlyArray<string>): ReadonlyArray<Door> => [
  ["plain TypeScript", plain],
  ...kinds.map((kind): Door => [kind, effect(kind)])
]

export const everyDoor = doors(Object.keys(kinds))

/** The doors at which services can be replaced. */
export const everyEffectDoor = everyDoor.slice(1)

/** For tests on sockets, which take longer: plain TypeScript and some kinds of Effect app, with RUNS all. */
export const someDoors = doors(someKinds)

/** For the longest tests: plain TypeScript and the simplest kind of Effect app, with RUNS all. */
export const twoDoors = thorough ? someDoors : someDoors.slice(0, 2)

/** The notes of requests' scopes, at the doors that have them. */
export const scoped = (door: string, exit: string): ReadonlyArray<string> =>
  door === "plain TypeScript" ? [] : [`scope ${exit}`]
